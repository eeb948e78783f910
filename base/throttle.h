/*
 * base/throttle.h - has something told soon, but at most once a second.
 *
 * For what changes as often as a guest likes, and is of interest to people.
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

/* Takes a zeroed one. Thread: loop or setup. */
void throttle_remove(struct loop *loop, struct throttle *throttle);

/* tell() is called once more, at once or when a second has passed since it last
 * was. With the lock held. */
void throttle_post(struct throttle *throttle);

#endif
