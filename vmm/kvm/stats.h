/* vmm/kvm/stats.h - the numbers KVM keeps of a VM or a vCPU. */
#ifndef VMM_KVM_STATS_H
#define VMM_KVM_STATS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Calls @value for each number, or list of numbers (a histogram), in KVM's
 * order; @name is KVM's, and terminated. It returns a negative number to end
 * this, for want of memory.
 *
 * @fd: of KVM_GET_STATS_FD. A vCPU's is to be had while the vCPU is not in
 *      KVM_RUN: the ioctl waits for it. Reading it does not.
 *
 * Returns 0; -EPROTO if what KVM says cannot be; -ENOMEM; the errno of
 * pread(2). Thread: any.
 * Source: Linux, Documentation/virt/kvm/api.rst, 4.133
 */
int kvm_stats_read(int fd,
		   int (*value)(void *ctx, const char *name,
				const uint64_t *value, size_t count),
		   void *ctx, struct err *err);

#endif
