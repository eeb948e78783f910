/* base/aio.c - asynchronous file I/O; its completions arrive on the loop. */
#include "base/aio.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/aio_backend.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"

#define ENTRIES_MOST 4096
#define RETRY_NS 1000000 /* after the kernel was out of memory for requests */
#define RETRY_MS (RETRY_NS / 1000000)
#define NO_DEADLINE UINT64_MAX

struct req_list {
	struct aio_req *head;
	struct aio_req **tail; /* where the next one is linked */
};

/*
 * A request goes: waiting, staged (the backend has it), in flight (the host has
 * it), finished, done().
 */
struct aio {
	struct aio_backend *backend; /* owned */
	struct loop *loop; /* borrowed; NULL: nothing is watched yet */
	struct loop_watch watch; /* on the backend's fd */
	struct loop_timer later; /* look again without a completion */
	unsigned entries;
	int broken; /* 0, or why the host takes no more requests */

	struct req_list waiting, staged, finished;
	unsigned staged_count;
	unsigned in_flight;

	int interrupt_fd; /* borrowed; -1: none */
	uint64_t deadline; /* of clock_ns() */
};

static void list_init(struct req_list *list)
{
	list->head = NULL;
	list->tail = &list->head;
}

static void list_append(struct req_list *list, struct aio_req *req)
{
	req->next = NULL;
	*list->tail = req;
	list->tail = &req->next;
}

/* Takes the first request, of @client if that is not NULL. */
static struct aio_req *list_take(struct req_list *list,
				 const struct aio_client *client)
{
	struct aio_req **link = &list->head;
	struct aio_req *req;

	while (*link && client && (*link)->client != client)
		link = &(*link)->next;
	req = *link;
	if (!req)
		return NULL;
	*link = req->next;
	if (list->tail == &req->next)
		list->tail = link;
	return req;
}

static void finish_aio_request(struct aio *aio, struct aio_req *req, int res)
{
	req->res = res;
	list_append(&aio->finished, req);
}

/* The host takes no more requests: fails all that it has not begun. */
static void fail_requests(struct aio *aio, int why)
{
	struct aio_req *req;

	aio->broken = why;
	while ((req = list_take(&aio->staged, NULL)))
		finish_aio_request(aio, req, why);
	while ((req = list_take(&aio->waiting, NULL)))
		finish_aio_request(aio, req, why);
	aio->staged_count = 0;
}

static bool is_transfer(const struct aio_req *req)
{
	return req->kind == AIO_READV || req->kind == AIO_WRITEV;
}

/*
 * Stages waiting requests for one turn. There are never more in flight than
 * entries, so io_uring's completion queue, twice as large, cannot overflow.
 */
static void stage_turn(struct aio *aio)
{
	uint64_t left = AIO_TURN;
	struct aio_req *req;

	while ((req = aio->waiting.head) &&
	       aio->in_flight + aio->staged_count < aio->entries) {
		const uint64_t len = is_transfer(req) ? req->len : 0;

		if (aio_is_cancelled(req)) {
			finish_aio_request(aio, list_take(&aio->waiting, NULL),
					   -ECANCELED);
			continue;
		}
		if (len > left && left < AIO_TURN)
			break;
		if (!aio->backend->ops->stage(aio->backend, req))
			break;
		left -= len < left ? len : left;
		list_append(&aio->staged, list_take(&aio->waiting, NULL));
		aio->staged_count++;
	}
}

static bool will_pass(int r)
{
	return r == -EAGAIN || r == -EBUSY || r == -EINTR;
}

static void submit_turn(struct aio *aio)
{
	int taken;

	if (aio->broken)
		fail_requests(aio, aio->broken);
	stage_turn(aio);
	if (aio->staged_count == 0)
		return;
	taken = aio->backend->ops->submit(aio->backend);
	if (taken < 0 && !will_pass(taken))
		fail_requests(aio, taken);
	for (; taken > 0 && aio->staged_count > 0; taken--) {
		(void)list_take(&aio->staged, NULL);
		aio->staged_count--;
		aio->in_flight++;
	}
}

static void collect_finished(struct aio *aio)
{
	struct aio_req *req;

	while ((req = aio->backend->ops->collect(aio->backend))) {
		aio->in_flight--;
		finish_aio_request(aio, req, req->res);
	}
}

/* Calls done() for all that this client has finished. Its lock is held. */
static void deliver_client(struct aio *aio, struct aio_client *client)
{
	struct aio_req *req;

	while ((req = list_take(&aio->finished, client))) {
		client->active--;
		req->done(req, req->res);
	}
}

static void deliver_all(struct aio *aio)
{
	while (aio->finished.head) {
		struct aio_client *client = aio->finished.head->client;
		_cleanup_(mutex_unlockp) pthread_mutex_t *held = NULL;

		if (client->lock)
			held = mutex_lock(client->lock);
		deliver_client(aio, client);
	}
}

/* True if requests wait for a turn, and not for the host. */
static bool wants_turn(const struct aio *aio)
{
	return aio->waiting.head &&
	       aio->in_flight + aio->staged_count < aio->entries;
}

/* Has the loop come back for what no completion will tell it of. */
static void look_later(struct aio *aio)
{
	if (aio->finished.head || wants_turn(aio))
		loop_timer_set(&aio->later, 0);
	else if (aio->staged_count > 0)
		loop_timer_set(&aio->later, RETRY_NS);
}

void aio_flush(struct aio *aio)
{
	submit_turn(aio);
	look_later(aio);
}

static void take_aio_turn(struct aio *aio)
{
	collect_finished(aio);
	deliver_all(aio);
	aio_flush(aio);
}

static void backend_ready(struct loop_watch *watch, uint32_t events)
{
	(void)events;
	take_aio_turn(container_of(watch, struct aio, watch));
}

static void later_expired(struct loop_timer *timer)
{
	take_aio_turn(container_of(timer, struct aio, later));
}

static void aio_freep(struct aio **aio)
{
	*aio = aio_free(*aio);
}

static int watch_backend(struct aio *aio, struct loop *loop, struct err *err)
{
	int r = loop_timer_add(loop, &aio->later, err);

	if (r < 0)
		return r;
	aio->watch = (struct loop_watch){ .fd = aio->backend->fd,
					  .ready = backend_ready };
	/* Edge: completions that aio_drain() collects do not keep it busy. */
	r = loop_add(loop, &aio->watch, EPOLLIN | EPOLLET, err);
	if (r < 0)
		loop_timer_remove(loop, &aio->later);
	else
		aio->loop = loop;
	return r;
}

static int make_aio(struct aio **ret, struct loop *loop, unsigned entries,
		    bool threads, struct err *err)
{
	_cleanup_(aio_freep) struct aio *aio = calloc(1, sizeof(*aio));
	int r;

	if (!aio)
		return err_set(err, -ENOMEM, "disk I/O: out of memory");
	list_init(&aio->waiting);
	list_init(&aio->staged);
	list_init(&aio->finished);
	aio->entries = entries;
	aio->interrupt_fd = -1;
	aio->deadline = NO_DEADLINE;
	aio->later.expired = later_expired;
	r = threads ? aio_threads_new(&aio->backend, err)
		    : aio_uring_new(&aio->backend, entries, err);
	if (r == 0)
		r = watch_backend(aio, loop, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(aio);
	return 0;
}

int aio_new(struct aio **ret, struct loop *loop, unsigned entries,
	    struct err *err)
{
	struct err why = { 0 };

	if (entries == 0 || entries > ENTRIES_MOST)
		return err_set(err, -EINVAL, "disk I/O: %u entries", entries);
	if (make_aio(ret, loop, entries, false, &why) == 0)
		return 0;
	log_info("disks are served by %d threads: %s", AIO_THREADS, why.msg);
	return aio_new_threads(ret, loop, entries, err);
}

int aio_new_threads(struct aio **ret, struct loop *loop, unsigned entries,
		    struct err *err)
{
	return make_aio(ret, loop, entries, true, err);
}

struct aio *aio_free(struct aio *aio)
{
	bool busy;

	if (!aio)
		return NULL;
	busy = aio->in_flight > 0;
	if (aio->loop) {
		loop_remove(aio->loop, &aio->watch);
		loop_timer_remove(aio->loop, &aio->later);
	}
	if (aio->backend)
		aio->backend->ops->free(aio->backend, busy);
	free(aio);
	return NULL;
}

bool aio_is_busy(const struct aio *aio)
{
	return aio->in_flight > 0;
}

void aio_start(struct aio_client *client, struct aio_req *req)
{
	req->client = client;
	req->cancels = __atomic_load_n(&client->cancels, __ATOMIC_RELAXED);
	client->active++;
	list_append(&client->aio->waiting, req);
}

void aio_cancel(struct aio_client *client)
{
	(void)__atomic_add_fetch(&client->cancels, 1, __ATOMIC_RELAXED);
}

/* How long poll(2) may wait, in milliseconds; 0: the deadline has passed. */
static int wait_limit(const struct aio *aio)
{
	uint64_t now, ms;

	if (aio->in_flight == 0)
		return RETRY_MS;
	if (aio->deadline == NO_DEADLINE)
		return -1;
	now = clock_ns();
	if (now >= aio->deadline)
		return 0;
	ms = (aio->deadline - now) / NS_PER_MS + 1;
	return ms < INT_MAX ? (int)ms : INT_MAX;
}

/* Waits until the host has done something. False: it is to be given up. */
static bool wait_host(struct aio *aio)
{
	struct pollfd p[] = { { .fd = aio->backend->fd, .events = POLLIN },
			      { .fd = aio->interrupt_fd, .events = POLLIN } };
	const int ms = wait_limit(aio);

	if (poll(p, 2, ms) < 0)
		return true; /* a signal */
	if (p[0].revents)
		return true;
	return ms != 0 && !p[1].revents;
}

bool aio_drain(struct aio_client *client)
{
	struct aio *aio = client->aio;
	bool going = true;

	while (going && client->active > 0) {
		submit_turn(aio);
		collect_finished(aio);
		deliver_client(aio, client);
		if (client->active > 0 && !wants_turn(aio))
			going = wait_host(aio);
	}
	look_later(aio);
	return client->active == 0;
}

void aio_interrupt_by(struct aio *aio, int fd)
{
	aio->interrupt_fd = fd;
}

void aio_set_deadline(struct aio *aio, unsigned ms)
{
	aio->deadline = clock_ns() + ms * NS_PER_MS;
}
