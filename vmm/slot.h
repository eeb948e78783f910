/* vmm/slot.h - hands the memory map's regions to KVM. */
#ifndef VMM_SLOT_H
#define VMM_SLOT_H

#include "base/err.h"

struct vm;

/*
 * Installs every region of the machine's map in a new VM, in address order.
 *
 * Returns 0; -ENOSPC if KVM has too few slots; -EINVAL if a region is not
 * aligned as this host needs; KVM_SET_USER_MEMORY_REGION's errno.
 * Thread: setup.
 */
int slots_install(struct vm *vm, struct err *err);

#endif
