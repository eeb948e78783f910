/* mem/dirty_rate.c - how many pages change in a second. */
#include "mem/dirty_rate.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define STEP_NS 4000000u /* how long the loop is away at a time */
/* Between two looks at the clock; the pages may have to be protected. */
#define STEP_RUNS 256u
#define STEP_PAGES BITS_CHUNK_PAGES

/*
 * The first harvest makes all pages ready to be logged, which may take long;
 * what changes meanwhile is dropped by the second, with which the time begins.
 */
enum { PREPARE, BEGIN, WAIT, COUNT };

static void end_rate(struct dirty_rate *rate, enum dirty_rate_state state)
{
	rate->reader = dirty_reader_remove(rate->reader);
	rate->state = state;
	rate->user.done(rate->user.ctx);
}

/* Begins a harvest, of which the time counts. */
static int begin_harvest(struct dirty_rate *rate, unsigned phase)
{
	const int r = dirty_harvest(rate->reader, &rate->err);

	rate->phase = phase;
	if (phase == BEGIN)
		rate->begun_ns = clock_ns();
	else if (phase == COUNT)
		rate->took_ns = clock_ns() - rate->begun_ns;
	if (r == 0 && phase != PREPARE)
		rate->user.sample(rate->user.ctx, phase == COUNT);
	return r;
}

/* Returns 1 if there is more to do, 0 at the end of the harvest, or -errno. */
static int step_harvest(struct dirty_rate *rate)
{
	const uint64_t deadline = clock_ns() + STEP_NS;
	const unsigned shift = rate->dirty->page_shift;
	struct dirty_run run;

	do {
		uint64_t pages = 0;

		for (unsigned i = 0; i < STEP_RUNS && pages < STEP_PAGES; i++) {
			const int r = dirty_next(rate->reader, &run,
						 &rate->err);
			uint64_t n;

			if (r <= 0)
				return r;
			n = ((run.gpa.size - 1) >> shift) + 1;
			pages += n;
			if (rate->phase == COUNT)
				rate->pages[run.region] += n;
		}
	} while (clock_ns() < deadline);
	return 1;
}

/* A harvest has ended. */
static int next_phase(struct dirty_rate *rate)
{
	uint64_t gone;
	int r;

	switch (rate->phase) {
	case PREPARE:
		r = begin_harvest(rate, BEGIN);
		if (r == 0)
			loop_timer_set(&rate->timer, 1);
		return r;
	case BEGIN:
		rate->phase = WAIT;
		gone = clock_ns() - rate->begun_ns;
		loop_timer_set(&rate->timer, gone < rate->wanted_ns
						     ? rate->wanted_ns - gone
						     : 1);
		return 0;
	default:
		end_rate(rate, DIRTY_RATE_MEASURED);
		return 0;
	}
}

static void rate_timer_expired(struct loop_timer *timer)
{
	struct dirty_rate *rate = container_of(timer, struct dirty_rate, timer);
	int r = 0;

	if (rate->phase == WAIT)
		r = begin_harvest(rate, COUNT);
	if (r == 0)
		r = step_harvest(rate);
	if (r > 0)
		loop_timer_set(&rate->timer, 1);
	else if (r == 0)
		r = next_phase(rate);
	if (r < 0)
		end_rate(rate, DIRTY_RATE_FAILED);
}

int dirty_rate_init(struct dirty_rate *rate, struct loop *loop,
		    struct dirty *dirty, struct dirty_rate_user user,
		    struct err *err)
{
	int r;

	*rate = (struct dirty_rate){ .user = user,
				     .dirty = dirty,
				     .timer.expired = rate_timer_expired };
	r = loop_timer_add(loop, &rate->timer, err);
	if (r == 0)
		rate->loop = loop;
	return r;
}

void dirty_rate_finish(struct dirty_rate *rate)
{
	if (!rate->loop)
		return;
	rate->reader = dirty_reader_remove(rate->reader);
	loop_timer_remove(rate->loop, &rate->timer);
	rate->loop = NULL;
}

int dirty_rate_start(struct dirty_rate *rate, uint64_t ns, struct err *err)
{
	int r;

	if (rate->state == DIRTY_RATE_MEASURING)
		return err_set(err, -EBUSY,
			       "the dirty rate is being measured already");
	r = dirty_reader_add(rate->dirty, DIRTY_FROM_NOW, &rate->reader, err);
	if (r < 0)
		return r;
	r = begin_harvest(rate, PREPARE);
	if (r < 0) {
		rate->reader = dirty_reader_remove(rate->reader);
		*err = rate->err;
		return r;
	}
	rate->wanted_ns = ns;
	rate->took_ns = 0;
	memset(rate->pages, 0, sizeof(rate->pages));
	rate->state = DIRTY_RATE_MEASURING;
	loop_timer_set(&rate->timer, 1);
	return 0;
}

uint64_t dirty_rate_per_second(const struct dirty_rate *rate, uint64_t pages)
{
	if (rate->took_ns == 0)
		return 0;
	return (uint64_t)((double)pages * (double)NS_PER_SECOND /
				  (double)rate->took_ns +
			  0.5);
}
