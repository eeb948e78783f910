/*
 * vmm/machine/ram_layout.h - places what --mem asks for in a guest's address
 * space. [pure]
 *
 * A region with an address goes there; the others go, in the order given, to
 * the lowest free place that holds them whole. Memory to grow into (max=) goes
 * behind all of it, in the same way.
 */
#ifndef VMM_MACHINE_RAM_LAYOUT_H
#define VMM_MACHINE_RAM_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/range.h"
#include "mem/map.h"
#include "vmm/config.h"

struct ram_layout {
	struct range at[MEM_WORDS_MAX]; /* by address, disjoint */
	unsigned mem[MEM_WORDS_MAX]; /* of each: which config->mem it is */
	size_t count;
	struct range growth[MEM_WORDS_MAX]; /* of config->mem, what may be
						plugged; empty: none */
};

/* Where an architecture has room for memory. All is borrowed. */
struct ram_space {
	gpa_t start; /* the first address that may be memory */
	struct range devices; /* a window among them that may not; or of size 0
			       */
	uint64_t page; /* memory is made of these; a power of two */
	uint64_t block; /* what has no address begins on one; a power of two */
	bool grows; /* guests here can be told of memory while they run */
	const struct mem_map *taken; /* what has its place already: ROM */
	/*
	 * Says whether the host and its KVM can have memory at @at. Returns 0,
	 * or a negative errno with @err set.
	 */
	int (*check)(void *ctx, const struct mem_spec *mem, struct range at,
		     struct err *err);
	void *ctx;
};

/*
 * Returns 0; what space->check() returns; or, with @err naming the --mem that
 * is wrong: -EINVAL if it is not made of whole pages or reaches below the
 * start, or its blocks are none, -EEXIST if it overlaps another, what is taken,
 * or the devices, -ERANGE if it wraps or there is no place for it, -ENOTSUP if
 * it is to grow and cannot. Thread: any.
 */
int ram_layout_place(struct ram_layout *ret, const struct config *config,
		     const struct ram_space *space, struct err *err);

#endif
