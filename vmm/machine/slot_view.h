/*
 * vmm/machine/slot_view.h - how a machine shows parts of its memory to the
 * guest, and hides them, while a VM runs.
 *
 * vmm/kvm/slot.c does it with slots.
 */
#ifndef VMM_MACHINE_SLOT_VIEW_H
#define VMM_MACHINE_SLOT_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct slot_view {
	/*
	 * Shows map->region[@region], which is ROM, or hides it: then every
	 * guest access there exits as MMIO. Returns 0 or a negative errno, and
	 * nothing has changed then. Thread: any, one at a time for each region.
	 */
	int (*show)(void *ctx, size_t region, bool show, struct err *err);
	/*
	 * The same for a block of a region that has blocks. Thread: any, with
	 * the region's blocks->lock held.
	 */
	int (*show_block)(void *ctx, size_t region, uint64_t block, bool show,
			  struct err *err);
	void *ctx;
};

#endif
