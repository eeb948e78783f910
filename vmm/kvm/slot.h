/* vmm/kvm/slot.h - hands the memory map's regions to KVM. */
#ifndef VMM_KVM_SLOT_H
#define VMM_KVM_SLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "mem/map.h"

/* The slots of one VM: those of mem/slots.h. */
struct slots {
	int fd; /* of the VM; borrowed */
	const struct mem_map *map; /* frozen; borrowed */
	bool logged; /* atomic: KVM logs what the guest writes */
};

/*
 * Installs every region of the map in a new VM, in address order.
 *
 * @align: of guest address, host address and size, in bytes
 * @max:   how many slots KVM has
 *
 * Returns 0; -ENOSPC if KVM has too few slots; -EINVAL if a region is not
 * aligned; -ENOTSUP for ROM if KVM has no read-only slots;
 * KVM_SET_USER_MEMORY_REGION's errno. Thread: setup.
 */
int slots_install(struct slots *slots, uint64_t align, uint32_t max,
		  struct err *err);

/*
 * Whether KVM logs what the guest writes to map->region[@region] while logging
 * is on: to RAM, that is, and not to what it cannot write.
 */
bool slot_is_logged(const struct slots *slots, size_t region);

/*
 * Switches logging on or off in all slots. On failure it is off, as far as KVM
 * has it.
 *
 * Returns 0 or KVM_SET_USER_MEMORY_REGION's errno. Thread: any, one at a time.
 */
int slots_log(struct slots *slots, bool on, struct err *err);

/*
 * Takes the slot of map->region[@region], which is ROM, away from a VM that
 * runs, or gives it back. Without it every guest access there exits as MMIO.
 * What the guest had mapped of it is gone when this returns, on all vCPUs.
 *
 * Returns 0, or KVM_SET_USER_MEMORY_REGION's errno: then nothing has changed.
 * Thread: any, one at a time for each region.
 */
int slot_show(const struct slots *slots, size_t region, bool show,
	      struct err *err);

/*
 * Gives the block @block of map->region[@region], which has blocks, its slot in
 * a VM that runs, or takes it away: then a guest access there exits as MMIO,
 * and on no vCPU is anything of it left. The slot is logged if others are.
 *
 * Returns 0, or KVM_SET_USER_MEMORY_REGION's errno: then nothing has changed.
 * Thread: any, with the region's blocks->lock held.
 */
int slot_show_block(const struct slots *slots, size_t region, uint64_t block,
		    bool show, struct err *err);

#endif
