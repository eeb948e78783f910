/* arch/arm64/mte.h - memory tagging (MTE) for guests. */
#ifndef ARCH_ARM64_MTE_H
#define ARCH_ARM64_MTE_H

#include "base/err.h"

struct machine;

/*
 * Gives the guest memory tags where the host's KVM has them, unless the user
 * said --disable-mte. KVM wants to know before there are slots and vCPUs.
 *
 * All guest memory has to carry tags then. Anonymous memory does, memfd and
 * tmpfs files from Linux 6.2 on, pools of huge pages from 6.13 on; other files
 * do not. KVM is asked for each region. Before Linux 6.2 it answers for shared
 * memory alone, and a private file or a huge page ends the run at the first
 * access.
 *
 * Returns 0; -ENOTSUP, a fault of the user's, with the region in @err; or the
 * errno of what KVM refused. Thread: setup.
 */
int arm64_mte_enable(const struct machine *machine, int vm_fd, struct err *err);

#endif
