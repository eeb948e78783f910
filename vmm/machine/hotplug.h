/*
 * vmm/machine/hotplug.h - guest memory that comes and goes: `--mem
 * SIZE,max=SIZE`.
 *
 * The part beyond SIZE of each such --mem is a region of its own, in blocks,
 * with a virtio-mem device through which the guest plugs and unplugs them. A
 * block that is plugged has a slot in KVM, any other has none; so the guest
 * finds a hole there, as everywhere where nothing is (docs/adr/0013).
 *
 * Thread: setup, but for what blocks_ops say.
 */
#ifndef VMM_MACHINE_HOTPLUG_H
#define VMM_MACHINE_HOTPLUG_H

#include <stddef.h>

#include "base/err.h"
#include "base/range.h"
#include "mem/blocks.h"
#include "vmm/config.h"

struct backings;
struct loop;
struct mem_map;
struct slot_view;
struct virtio;

#define HOTPLUG_ID_MAX 8 /* "mem31", terminated */

struct hotplug {
	char id[HOTPLUG_ID_MAX]; /* by which clients know it */
	struct mem_blocks *blocks; /* owned */
	struct virtio *dev; /* on a bus, which owns it; NULL: not made yet */
	const struct hotplugs *all; /* borrowed; of which it is one */
	size_t region; /* in the map, while a VM runs */
};

struct hotplugs {
	struct mem_map *map; /* borrowed */
	uint64_t page_size; /* of the host, in bytes */
	/* The guest has lost what was in @gpa. Thread: the loop's. */
	void (*gone)(void *ctx, struct range gpa);
	void *ctx;
	const struct slot_view *view; /* borrowed; NULL: no VM runs. Set while
					 no vCPU and no loop callback does */
	struct hotplug hotplug[MEM_WORDS_MAX]; /* owned */
	size_t count;
};

/*
 * Backs @at, and adds it to the map, with nothing plugged.
 *
 * @hotplugs: its first four members are set
 * @at:       as large as @mem may grow by; a multiple of what blocks_choose()
 *            says
 *
 * Returns 0, or what backings_make(), blocks_new() and mem_add() return.
 */
int hotplug_add(struct hotplugs *hotplugs, struct backings *backings,
		struct range at, const struct mem_spec *mem, struct err *err);

/* Makes the device of hotplugs->hotplug[@index]. Returns 0, or as
 * virtio_mem_new(). */
int hotplug_make(struct virtio **ret, struct hotplugs *hotplugs, size_t index,
		 struct loop *loop, struct err *err);

/* A VM has come whose slots are those of plugged blocks; NULL: it has gone. */
void hotplug_connect(struct hotplugs *hotplugs, const struct slot_view *view);

/* The machine restarts: nothing is plugged any more. */
void hotplug_restart(struct hotplugs *hotplugs);

/* Frees the blocks. The devices are gone. */
void hotplug_finish(struct hotplugs *hotplugs);

#endif
