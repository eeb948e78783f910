/* vmm/kvm/slot.h - hands the memory map's regions to KVM. */
#ifndef VMM_KVM_SLOT_H
#define VMM_KVM_SLOT_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "mem/map.h"
#include "vmm/machine/slot_view.h"

/* The slots of one VM: those of mem/slots.h. */
struct slots {
	int fd; /* of the VM; borrowed */
	const struct mem_map *map; /* frozen; borrowed */
	bool logged; /* atomic: KVM logs what the guest writes */
	pthread_mutex_t lock; /* no slot changes while it is held; the last to
				 be taken */
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
 * Shows memory of @slots, and hides it, in a VM that runs, by giving it slots
 * and taking them away: on return of the latter no vCPU has mapped anything of
 * it. A block's slot is logged if others are. The functions return
 * KVM_SET_USER_MEMORY_REGION's errno.
 */
struct slot_view slots_view(struct slots *slots);

#endif
