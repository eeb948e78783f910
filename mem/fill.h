/*
 * mem/fill.h - what untouched memory of a guest that goes on from a snapshot
 * holds.
 *
 * Elsewhere a page that nobody has touched is zero. Here it may hold what the
 * snapshot says, and come when it is touched: from a file that is mapped
 * (mem/image_map.h), or from a thread that fetches it (vmm/snapshot/lazy.h).
 * Code that looks at pages without touching them, or discards them, asks here.
 */
#ifndef MEM_FILL_H
#define MEM_FILL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct backing;
struct mem_fill;

/* All offsets and sizes are bytes of the backing. Thread: any. */
struct mem_fill_ops {
	/*
	 * Finds, at or behind *from, the first part of what is before @end in
	 * which pages that are not there may hold something. Asked before one
	 * looks which pages are there: what is not in such a part, and not
	 * there afterwards, is zero. Returns false if there is none.
	 */
	bool (*next)(struct mem_fill *fill, uint64_t *from, uint64_t end,
		     uint64_t *ret_end);
	/* Does backing_discard(), after which the pages are zero. Returns what
	 * that returns. */
	int (*discard)(struct mem_fill *fill, const struct backing *backing,
		       uint64_t offset, uint64_t size);
	/* Finds a page that cannot be had any more. Returns false if all can.
	 * Reads files, which takes as long as it takes. */
	bool (*find_lost)(struct mem_fill *fill, uint64_t *ret_offset);
	/* Sets @err to why the page at @offset cannot be had. */
	void (*explain)(struct mem_fill *fill, uint64_t offset,
			struct err *err);
};

struct mem_fill {
	const struct mem_fill_ops *ops;
};

#endif
