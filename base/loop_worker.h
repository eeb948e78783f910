/*
 * base/loop_worker.h - a thread that works beside the loop, and has the loop's
 * thread do what only that may do.
 *
 *	thread   work ........ loop_worker_ask()       work ends
 *	loop                   does what is asked                 done()
 *
 * Thread: the loop's, if nothing else is said.
 */
#ifndef BASE_LOOP_WORKER_H
#define BASE_LOOP_WORKER_H

#include <stdint.h>

#include "base/err.h"

struct loop;
struct loop_worker;

struct loop_worker_ops {
	/* The work. It may call loop_worker_ask(). Thread: the worker's. */
	void (*work)(void *ctx, struct loop_worker *worker);
	/* The thread has ended. Called once; the worker may be freed in it. */
	void (*done)(void *ctx);
};

/*
 * Starts a thread. It has a stack of 512 KiB.
 *
 * @loop: borrowed; outlives the worker
 *
 * Returns 0; -ENOMEM; the errno of eventfd(2); or what loop_add() or making a
 * thread returned.
 */
int loop_worker_new(struct loop_worker **ret, struct loop *loop,
		    const struct loop_worker_ops *ops, void *ctx,
		    struct err *err);

/* Has the loop's thread call @what with the worker's ctx, and waits for that.
 * Thread: the worker's. */
void loop_worker_ask(struct loop_worker *worker, void (*what)(void *ctx));

/*
 * Does what the thread still asks for, and returns once done() has been called.
 * The caller has told the thread to end soon.
 */
void loop_worker_settle(struct loop_worker *worker);

/*
 * Does what the thread asks for next.
 *
 * @deadline: how long to wait for that, by clock_ns()
 *
 * Returns 1; 0 once done() has been called; or -ETIMEDOUT.
 */
int loop_worker_serve(struct loop_worker *worker, uint64_t deadline);

/* After done(). NULL is fine; returns NULL. */
struct loop_worker *loop_worker_free(struct loop_worker *worker);

#endif
