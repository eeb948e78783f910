/*
 * base/throttle.h - reports a change soon, but at most once a second.
 *
 * For values that the guest may change at any rate and that people watch.
 */
#ifndef BASE_THROTTLE_H
#define BASE_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"

/* The members are throttle.c's own. */
struct throttle {
	struct loop_timer timer;
	void (*tell)(struct throttle *throttle);
	uint64_t told_at; /* in ns */
	bool due; /* tell() will be called */
};

/*
 * @lock: held while tell() runs on the loop thread; NULL: none
 *
 * Returns 0, or what loop_timer_add() returns. Thread: any.
 */
int throttle_add(struct loop *loop, struct throttle *throttle,
		 pthread_mutex_t *lock, void (*tell)(struct throttle *throttle),
		 struct err *err);

/* A zeroed throttle is fine. Thread: loop or setup. */
void throttle_remove(struct loop *loop, struct throttle *throttle);

/*
 * Schedules one more call of tell(): at once, or one second after the last. The
 * caller holds the lock.
 */
void throttle_post(struct throttle *throttle);

#endif
