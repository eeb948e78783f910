/* arch/arm64/mte.h - memory tagging (MTE) for guests. */
#ifndef ARCH_ARM64_MTE_H
#define ARCH_ARM64_MTE_H

#include "base/err.h"

struct machine;
struct state;
struct state_view;
struct vm;

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

/*
 * Writes the tags of all guest memory to a section of @state, and sets them
 * again in memory that is in place. A guest without MTE has no such section.
 *
 * Memory that was never touched is not looked at. All other is read, whether it
 * has tags or not: KVM does not tell which were changed.
 *
 * Both as arch_vm_save() and arch_vm_load(); a save returns -EFBIG, too, if
 * there are more than a state holds (STATE_MAX_SIZE): those of about 1.8 GiB.
 */
int arm64_mte_save(struct vm *vm, struct state *state, struct err *err);
int arm64_mte_load(struct vm *vm, struct state_view *view, struct err *err);

#endif
