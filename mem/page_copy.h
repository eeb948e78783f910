/*
 * mem/page_copy.h - brings guest memory somewhere else, while the guest runs
 * and then while it is paused.
 *
 * A copy is made in passes. Each takes what a reader (mem/dirty.h) says has
 * changed since the pass before, and hands it to a sink: a snapshot's files, a
 * migration's stream. After a pass while the guest is paused, the sink has the
 * guest's memory of that moment. Pages that were never touched are not read,
 * and the sink is not told of them.
 *
 * Regions are told by their index in the map; those of MEM_RESERVED are left
 * out. Thread: one at a time for each copy.
 */
#ifndef MEM_PAGE_COPY_H
#define MEM_PAGE_COPY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "mem/dirty.h"
#include "mem/image_state.h"
#include "mem/map.h"

/* All return 0 or a negative errno with @err set, which ends the pass. */
struct page_sink {
	/*
	 * Takes the content of pages.
	 *
	 * @offset, @size: in the region; whole pages of IMAGE_PAGE
	 * @host:          their content, which may change meanwhile; some may
	 *                 be zeroes; good for the call
	 */
	int (*put)(void *ctx, size_t region, uint64_t offset,
		   const uint8_t *host, uint64_t size, struct err *err);
	/* Pages that hold nothing: IMAGE_ZERO, or IMAGE_GONE. */
	int (*clear)(void *ctx, size_t region, uint64_t offset, uint64_t size,
		     enum image_state state, struct err *err);
	/* A pass while the guest runs has ended. Not called for the last one.
	 * NULL: nothing is to be done then. */
	int (*passed)(void *ctx, struct err *err);
};

/* Passes while the guest runs: when they end. */
struct page_copy_limits {
	uint64_t downtime; /* what is left may take this long, in ns */
	uint64_t until; /* by clock_ns(); 0: no limit */
	unsigned passes; /* 0: no limit */
};

struct page_copy;

/*
 * Begins a copy.
 *
 * @map:   frozen; borrowed, outlives the copy
 * @sink:  borrowed
 * @fresh: what the sink was not told of is zero there
 *
 * Returns 0, -ENOMEM, or what residency_open() returns.
 */
int page_copy_new(struct page_copy **ret, const struct mem_map *map,
		  const struct page_sink *sink, void *ctx, bool fresh,
		  struct err *err);
struct page_copy *page_copy_free(struct page_copy *copy); /* NULL is fine */

/*
 * Harvests a reader and copies the pages it gives.
 *
 * @reader: for a fresh sink a DIRTY_ALL one that has not been harvested yet, or
 *          what it has become since
 *
 * Returns 0; what dirty_harvest() or dirty_next() returns; -ECANCELED after
 * page_copy_stop(); or what the sink returns. Thread: any.
 */
int page_copy_pass(struct page_copy *copy, struct dirty_reader *reader,
		   struct err *err);

/* What passes have found so far. Thread: any, while one is under way. */
struct page_copy_rates {
	unsigned passes; /* that have begun */
	unsigned ended; /* of those while the guest runs, with what they left */
	uint64_t copied; /* bytes handed to put() */
	uint64_t left; /* bytes that had changed when the last pass ended */
	uint64_t dirty_rate; /* bytes in a second that the guest changed during
				the last pass */
	uint64_t pause; /* how long it would take to copy what is left, in ns;
			   0: not known */
};

/*
 * Makes passes until what is left can be copied within limits->downtime at the
 * speed at which the last pass went.
 *
 * Returns 0 then; 1 if a limit was reached before; or what page_copy_pass()
 * returns. Thread: any.
 */
int page_copy_live(struct page_copy *copy, struct dirty_reader *reader,
		   const struct page_copy_limits *limits, struct err *err);

void page_copy_rates(struct page_copy *copy, struct page_copy_rates *ret);

/* Has the pass that is under way, and all later calls, end soon: with
 * -ECANCELED. Thread: any. */
void page_copy_stop(struct page_copy *copy);

/*
 * Tells the sink of guest memory that the guest gave up. For the time while the
 * guest is paused, after the last pass.
 *
 * @gpa: whole pages of IMAGE_PAGE; what is no memory of a region is ignored
 *
 * Returns 0, -ECANCELED after page_copy_stop(), or what the sink returns.
 */
int page_copy_drop(struct page_copy *copy, struct range gpa, struct err *err);

/*
 * Tells it of what is not plugged. For the time while the guest is paused,
 * after the last pass. Returns 0 or what the sink returns.
 */
int page_copy_drop_unplugged(struct page_copy *copy, struct err *err);

#endif
