/*
 * vmm/machine/hotplug.h - guest memory that comes and goes: `--mem
 * SIZE,max=SIZE`.
 *
 * Of each such --mem the part beyond SIZE is a region of its own, in blocks,
 * with a virtio-mem device that has the guest plug and unplug them. A block
 * that is plugged has a slot in KVM, any other has none; so the guest finds a
 * hole there, as everywhere where nothing is (docs/adr/0013).
 *
 * Thread: setup, but for what blocks_ops say.
 */
#ifndef VMM_MACHINE_HOTPLUG_H
#define VMM_MACHINE_HOTPLUG_H

#include "base/err.h"
#include "base/range.h"
#include "mem/blocks.h"

struct machine;
struct mem_spec;
struct virtio;
struct vm;

#define HOTPLUG_ID_MAX 8 /* "mem31", terminated */

struct hotplug {
	char id[HOTPLUG_ID_MAX]; /* by which clients know it */
	struct mem_blocks *blocks; /* owned */
	struct virtio *dev; /* on a bus, which owns it; NULL: not made yet */
	struct machine *machine; /* borrowed */
	struct vm *vm; /* borrowed; NULL: none runs. Set while no vCPU and no
			  loop callback does */
	size_t region; /* in the map, while there is a vm */
};

/*
 * Backs @at, and adds it to the map, with nothing plugged. For arch_layout().
 *
 * @at:  as large as @mem may grow by; a multiple of what blocks_choose() says
 *
 * Returns 0, or what backing_init(), blocks_new() and mem_add() return.
 */
int hotplug_add(struct machine *machine, struct range at,
		const struct mem_spec *mem, struct err *err);

/* Makes the device of machine->hotplug[@index]. Returns 0, or as
 * virtio_mem_new(). */
int hotplug_make(struct virtio **ret, struct machine *machine, size_t index,
		 struct err *err);

/* Says in which VM the slots are; NULL: in none. */
void hotplug_connect(struct machine *machine, struct vm *vm);

/* The machine restarts: nothing is plugged any more. */
void hotplug_restart(struct machine *machine);

/* Frees the blocks. The devices are gone. */
void hotplug_finish(struct machine *machine);

#endif
