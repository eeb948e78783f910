/*
 * base/aside.h - a call that may take for ever, on a thread that its caller
 * need not wait for.
 *
 *	struct aside *call = &mine->aside;  (mine: from malloc(3))
 *	r = aside_start(call, err);
 *	if (r == 0)
 *		r = aside_wait(call, stop, deadline, err);
 *	if (r == 0)
 *		... what the work has left in mine ...
 *	aside_leave(call);
 *
 * The work uses nothing but what it is embedded in, which is freed when both,
 * caller and work, are done with it. Work that never ends is left to the end of
 * the process. Thread: any, but one at a time for each.
 */
#ifndef BASE_ASIDE_H
#define BASE_ASIDE_H

#include <pthread.h>
#include <stdint.h>

#include "base/err.h"

struct aside {
	/* What may take long. Thread: one of its own. */
	void (*work)(struct aside *aside);
	/* Frees what this is embedded in. Thread: either. */
	void (*free)(struct aside *aside);
	int over; /* owned eventfd; signalled when the work is done */
	int done; /* atomic: it is */
	unsigned users; /* atomic: of the caller and the thread */
};

/* One that has not started. */
#define ASIDE(work_, free_)                                              \
	{                                                                \
		.work = (work_), .free = (free_), .over = -1, .users = 1 \
	}

/*
 * Starts the work. Its two functions are set, @users is 1 and @over -1: that is
 * ASIDE().
 *
 * Returns 0; the errno of eventfd(2); or what making a thread returned. To be
 * left in any case.
 */
int aside_start(struct aside *aside, struct err *err);

/*
 * Waits for it.
 *
 * @stop:     ends the wait when readable; -1: nothing does
 * @deadline: by clock_ns(); 0: none
 *
 * Returns 0 once the work is done; -ECANCELED; or -ETIMEDOUT.
 */
int aside_wait(const struct aside *aside, int stop, uint64_t deadline,
	       struct err *err);

/* The caller is done with it. */
void aside_leave(struct aside *aside);

#endif
