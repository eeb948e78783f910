/* vmm/kvm/kvm.h - the only door to /dev/kvm. */
#ifndef VMM_KVM_KVM_H
#define VMM_KVM_KVM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include <linux/kvm.h>

#include "base/err.h"

/* Newer than the headers of Debian 12, with which the unit tests are built. */
#ifndef KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP
#define KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP 225
#endif
#ifndef KVM_CAP_ARM_EAGER_SPLIT_CHUNK_SIZE
#define KVM_CAP_ARM_EAGER_SPLIT_CHUNK_SIZE 228
#endif
#ifndef KVM_CAP_ARM_SUPPORTED_BLOCK_SIZES
#define KVM_CAP_ARM_SUPPORTED_BLOCK_SIZES 229
#endif

/*
 * ioctl() on a KVM descriptor. Checks the argument's size when compiling, and
 * puts the request's name in the message. A request that a signal interrupts is
 * made again. kvm_ioctl_int() is for requests that take no structure. Both
 * return the ioctl's value, or a negative errno, never -EINTR, with @err set.
 */
#define kvm_ioctl(fd, req, arg, err)                                         \
	({                                                                   \
		_Static_assert(_IOC_SIZE(req) == sizeof(*(arg)),             \
			       #req ": argument of the wrong type");         \
		kvm_ioctl_raw((fd), (req), (unsigned long)(arg), #req, err); \
	})
#define kvm_ioctl_int(fd, req, val, err)                                      \
	({                                                                    \
		_Static_assert(_IOC_SIZE(req) == 0, #req ": takes a struct"); \
		kvm_ioctl_raw((fd), (req), (val), #req, err);                 \
	})

int kvm_ioctl_raw(int fd, unsigned long req, unsigned long arg,
		  const char *name, struct err *err);

/* KVM_RUN. Returns 0 or a negative errno; -EINTR is a kick, not an error. */
int kvm_run(int fd);

/*
 * Opens /dev/kvm and checks its API version.
 *
 * Returns a descriptor the caller owns; -ENOENT, -EACCES or -EPERM with the
 * cure in @err; -EPROTO if the API is not version 12.
 */
int kvm_open(struct err *err);

/* Advice for a /dev/kvm that fails with this negative errno. */
const char *kvm_open_cure(int code);

/* True if KVM has this device for the VM: KVM_DEV_TYPE_*. */
bool kvm_has_device(int vm_fd, uint32_t type);

/* KVM_CHECK_EXTENSION on a /dev/kvm or VM descriptor: 0 means no. */
int kvm_cap(int fd, int cap);

/* One attribute of a KVM device, VM or vCPU descriptor. Returns 0 or -errno. */
int kvm_set_attr(int fd, uint32_t group, uint64_t attr, const void *addr,
		 const char *what, struct err *err);
int kvm_get_attr(int fd, uint32_t group, uint64_t attr, void *addr,
		 const char *what, struct err *err);

/* Reads or writes one register by its ONE_REG id; @val is host memory of the
 * register's size. Returns 0 or -errno with the id in @err. */
int kvm_get_reg(int vcpu_fd, uint64_t id, void *val, struct err *err);
int kvm_set_reg(int vcpu_fd, uint64_t id, const void *val, struct err *err);

#endif
