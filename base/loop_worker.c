/* base/loop_worker.c - a thread that works beside the loop. */
#include "base/loop_worker.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/event_fd.h"
#include "base/loop.h"

#define WORKER_STACK (512UL << 10)

struct loop_worker {
	const struct loop_worker_ops *ops;
	void *ctx;
	struct loop *loop; /* borrowed */
	pthread_t thread;
	struct loop_watch call; /* its eventfd is owned: something is asked */
	bool watched; /* @call is on the loop */
	bool joined; /* the thread was */
	pthread_mutex_t lock; /* of all that follows */
	pthread_cond_t answered;
	void (*what)(void *ctx); /* what is asked for; NULL: nothing */
	bool ended; /* the thread asks for nothing more */
};

void loop_worker_ask(struct loop_worker *worker, void (*what)(void *ctx))
{
	GUARD(&worker->lock);

	worker->what = what;
	event_fd_signal(worker->call.fd);
	while (worker->what)
		(void)pthread_cond_wait(&worker->answered, &worker->lock);
}

static void *run_worker(void *arg)
{
	struct loop_worker *worker = arg;

	worker->ops->work(worker->ctx, worker);
	GUARD(&worker->lock);
	worker->ended = true;
	event_fd_signal(worker->call.fd);
	return NULL;
}

static void answer_worker(struct loop_worker *worker)
{
	GUARD(&worker->lock);
	worker->what = NULL;
	(void)pthread_cond_broadcast(&worker->answered);
}

static void get_request(struct loop_worker *worker, void (**what)(void *ctx),
			bool *ended)
{
	GUARD(&worker->lock);
	*what = worker->what;
	*ended = worker->ended;
}

/* Returns false once the thread has ended; the worker may be freed then. */
static bool serve_worker(struct loop_worker *worker)
{
	void (*what)(void *ctx);
	uint64_t count;
	bool ended;

	(void)!read(worker->call.fd, &count, sizeof(count));
	get_request(worker, &what, &ended);
	if (what) {
		what(worker->ctx);
		answer_worker(worker);
	}
	if (!ended)
		return true;
	(void)pthread_join(worker->thread, NULL);
	worker->joined = true;
	worker->ops->done(worker->ctx);
	return false;
}

static void worker_calls(struct loop_watch *watch, uint32_t events)
{
	(void)events;
	(void)serve_worker(container_of(watch, struct loop_worker, call));
}

static int start_worker(struct loop_worker *worker, struct err *err)
{
	pthread_attr_t attr;
	int r = pthread_attr_init(&attr);

	if (r == 0) {
		(void)pthread_attr_setstacksize(&attr, WORKER_STACK);
		r = pthread_create(&worker->thread, &attr, run_worker, worker);
		(void)pthread_attr_destroy(&attr);
	}
	if (r != 0)
		return err_set(err, -r, "thread: %s", strerrordesc_np(r));
	worker->joined = false;
	return 0;
}

static int watch_worker(struct loop_worker *worker, struct err *err)
{
	int r;

	worker->call.ready = worker_calls;
	worker->call.fd = eventfd(0, EFD_CLOEXEC);
	if (worker->call.fd < 0)
		return err_sys(err, "eventfd");
	r = loop_add(worker->loop, &worker->call, EPOLLIN, err);
	worker->watched = r == 0;
	return r;
}

int loop_worker_new(struct loop_worker **ret, struct loop *loop,
		    const struct loop_worker_ops *ops, void *ctx,
		    struct err *err)
{
	struct loop_worker *worker = calloc(1, sizeof(*worker));
	int r;

	if (!worker)
		return err_set(err, -ENOMEM, "out of memory");
	*worker = (struct loop_worker){
		.ops = ops,
		.ctx = ctx,
		.loop = loop,
		.call.fd = -1,
		.joined = true,
	};
	(void)pthread_mutex_init(&worker->lock, NULL);
	(void)pthread_cond_init(&worker->answered, NULL);
	r = watch_worker(worker, err);
	if (r == 0)
		r = start_worker(worker, err);
	if (r < 0)
		(void)loop_worker_free(worker);
	else
		*ret = worker;
	return r;
}

/* Returns false at @deadline. */
static bool await_call(const struct loop_worker *worker, uint64_t deadline)
{
	struct pollfd call = { .fd = worker->call.fd, .events = POLLIN };
	uint64_t now;

	while ((now = clock_ns()) < deadline) {
		const uint64_t ms = (deadline - now) / NS_PER_MS + 1;

		if (poll(&call, 1, ms < INT_MAX ? (int)ms : INT_MAX) > 0)
			return true;
	}
	return false;
}

int loop_worker_serve(struct loop_worker *worker, uint64_t deadline)
{
	if (worker->joined)
		return 0;
	if (!await_call(worker, deadline))
		return -ETIMEDOUT;
	return serve_worker(worker);
}

void loop_worker_settle(struct loop_worker *worker)
{
	while (!worker->joined && serve_worker(worker))
		;
}

struct loop_worker *loop_worker_free(struct loop_worker *worker)
{
	if (!worker)
		return NULL;
	if (worker->watched)
		loop_remove(worker->loop, &worker->call);
	fd_closep(&worker->call.fd);
	(void)pthread_cond_destroy(&worker->answered);
	(void)pthread_mutex_destroy(&worker->lock);
	free(worker);
	return NULL;
}
