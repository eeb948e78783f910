/*
 * mem/dirty_rate.h - how many pages change in a second.
 *
 * A reader of mem/dirty.h comes, drops what there was, waits, and counts. The
 * loop does all of it in steps of a few milliseconds, however large the memory
 * is, so that the devices have their turn between them.
 *
 * Thread: the loop's.
 */
#ifndef MEM_DIRTY_RATE_H
#define MEM_DIRTY_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/loop.h"
#include "mem/dirty.h"

enum dirty_rate_state {
	DIRTY_RATE_UNSTARTED,
	DIRTY_RATE_MEASURING,
	DIRTY_RATE_MEASURED, /* begun_ns, took_ns, pages: the last one's */
	DIRTY_RATE_FAILED, /* err says why */
};

/* Callbacks of a measurement. */
struct dirty_rate_user {
	/* The time that is measured begins now; or it ends. */
	void (*sample)(void *ctx, bool end);
	/* It is measured, or failed. It may be started again from in here. */
	void (*done)(void *ctx);
	void *ctx;
};

/* Members not marked "for reading" are private to dirty_rate.c. */
struct dirty_rate {
	enum dirty_rate_state state; /* for reading */
	uint64_t begun_ns; /* for reading: when, by the monotonic clock */
	uint64_t took_ns; /* for reading: how long was measured */
	uint64_t pages[MEM_MAX_REGIONS]; /* for reading: changed in that time */
	struct err err; /* for reading */
	struct dirty_rate_user user;
	struct loop *loop; /* borrowed */
	struct loop_timer timer;
	struct dirty *dirty; /* borrowed */
	struct dirty_reader *reader; /* owned, while measuring */
	unsigned phase;
	uint64_t wanted_ns;
};

/*
 * @rate: stays where it is
 * @loop, @dirty: borrowed; outlive @rate
 *
 * Returns 0, or what loop_timer_add() returns.
 */
int dirty_rate_init(struct dirty_rate *rate, struct loop *loop,
		    struct dirty *dirty, struct dirty_rate_user user,
		    struct err *err);
void dirty_rate_finish(struct dirty_rate *rate); /* zeroed is fine */

/*
 * Begins to measure, for @ns nanoseconds at least: the time starts when all
 * pages are ready to be logged.
 *
 * Returns 0; -EBUSY if it is measured already; or what dirty_reader_add() and
 * dirty_harvest() return, and what was measured before stays.
 */
int dirty_rate_start(struct dirty_rate *rate, uint64_t ns, struct err *err);

/* Pages in a second, of @pages that changed in the time that was measured. */
uint64_t dirty_rate_per_second(const struct dirty_rate *rate, uint64_t pages);

#endif
