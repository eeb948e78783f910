/* vmm/kvm/slot.h - hands the memory map's regions to KVM. */
#ifndef VMM_KVM_SLOT_H
#define VMM_KVM_SLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/*
 * Whether KVM logs what the guest writes to map->region[@region] while logging
 * is on: to RAM, that is, and not to what it cannot write.
 */
bool slot_is_logged(const struct vm *vm, size_t region);

/*
 * Switches logging on or off in all slots. On failure it is off, as far as KVM
 * has it.
 *
 * Returns 0 or KVM_SET_USER_MEMORY_REGION's errno. Thread: any, one at a time.
 */
int slots_log(struct vm *vm, bool on, struct err *err);

/*
 * Takes the slot of map->region[@region], which is ROM, away from a VM that
 * runs, or gives it back. Without it every guest access there exits as MMIO.
 * What the guest had mapped of it is gone when this returns, on all vCPUs.
 *
 * Returns 0, or KVM_SET_USER_MEMORY_REGION's errno: then nothing has changed.
 * Thread: any, one at a time for each region.
 */
int slot_show(const struct vm *vm, size_t region, bool show, struct err *err);

/*
 * Gives the block @block of map->region[@region], which has blocks, its slot in
 * a VM that runs, or takes it away: then a guest access there exits as MMIO,
 * and on no vCPU is anything of it left. The slot is logged if others are.
 *
 * Returns 0, or KVM_SET_USER_MEMORY_REGION's errno: then nothing has changed.
 * Thread: any, with the region's blocks->lock held.
 */
int slot_show_block(const struct vm *vm, size_t region, uint64_t block,
		    bool show, struct err *err);

#endif
