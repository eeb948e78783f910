/* base/uring.c - asynchronous disk I/O; its completions are a loop watch. */
#include "base/uring.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>

#include <liburing.h>

#include "base/cleanup.h"

#define RETRY_NS 1000000 /* after the kernel was out of memory for requests */
#define RETRY_MS (RETRY_NS / 1000000)

struct req_list {
	struct uring_req *head;
	struct uring_req **tail; /* where the next one is linked */
};

/*
 * A request goes: waiting, staged (it has an entry in the submission queue),
 * in flight (the kernel has taken the entry), finished, done().
 */
struct uring {
	struct io_uring io;
	struct loop *loop; /* borrowed */
	struct loop_watch watch; /* on io.ring_fd */
	struct loop_timer later; /* look again without a completion */
	unsigned entries;
	int broken; /* 0, or why the kernel takes no more requests */

	pthread_mutex_t lock; /* over io, broken and what follows */
	struct req_list waiting, staged, finished;
	unsigned staged_count;
	unsigned in_flight;
	bool polled; /* a thread waits for the kernel, and is to collect */
	pthread_cond_t collected; /* that thread has */
};

static void list_init(struct req_list *list)
{
	list->head = NULL;
	list->tail = &list->head;
}

static void list_append(struct req_list *list, struct uring_req *req)
{
	req->next = NULL;
	*list->tail = req;
	list->tail = &req->next;
}

/* Where the first request is linked, of this client if one is given. */
static struct uring_req **list_find(struct req_list *list,
				    const struct uring_client *client)
{
	struct uring_req **link = &list->head;

	while (*link && client && (*link)->client != client)
		link = &(*link)->next;
	return link;
}

static bool list_has(struct req_list *list, const struct uring_client *client)
{
	return *list_find(list, client) != NULL;
}

static struct uring_req *list_take(struct req_list *list,
				   const struct uring_client *client)
{
	struct uring_req **link = list_find(list, client);
	struct uring_req *req = *link;

	if (!req)
		return NULL;
	*link = req->next;
	if (list->tail == &req->next)
		list->tail = link;
	return req;
}

static void finish(struct uring *ring, struct uring_req *req, int res)
{
	req->res = res;
	list_append(&ring->finished, req);
}

static void prepare(struct io_uring_sqe *sqe, struct uring_req *req)
{
	switch (req->kind) {
	case URING_READV:
		io_uring_prep_readv(sqe, req->fd, req->iov, req->iovs,
				    req->offset);
		break;
	case URING_WRITEV:
		io_uring_prep_writev(sqe, req->fd, req->iov, req->iovs,
				     req->offset);
		break;
	case URING_FDATASYNC:
		io_uring_prep_fsync(sqe, req->fd, IORING_FSYNC_DATASYNC);
		break;
	case URING_FALLOCATE:
		/* liburing 2.3 has an off_t here that a 32-bit host cuts. */
		io_uring_prep_rw(IORING_OP_FALLOCATE, sqe, req->fd, NULL,
				 (unsigned)req->mode, req->offset);
		sqe->addr = req->len;
		break;
	}
	io_uring_sqe_set_data(sqe, req);
}

/* The kernel takes no more requests: all that it has not seen fail. */
static void fail(struct uring *ring, int why)
{
	struct uring_req *req;

	ring->broken = why;
	while ((req = list_take(&ring->staged, NULL)))
		finish(ring, req, why);
	while ((req = list_take(&ring->waiting, NULL)))
		finish(ring, req, why);
	ring->staged_count = 0;
}

static bool passes(int r)
{
	return r == -EAGAIN || r == -EBUSY || r == -EINTR;
}

/*
 * Hands over what there is room for, of this client if one is given. Never more
 * in flight than entries, so the completion queue, twice as large, cannot
 * overflow. Lock held.
 */
static void submit(struct uring *ring, const struct uring_client *client)
{
	int taken;

	if (ring->broken)
		fail(ring, ring->broken);
	while (list_has(&ring->waiting, client) &&
	       ring->in_flight + ring->staged_count < ring->entries) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->io);
		struct uring_req *req;

		if (!sqe)
			break;
		req = list_take(&ring->waiting, client);
		prepare(sqe, req);
		list_append(&ring->staged, req);
		ring->staged_count++;
	}
	if (ring->staged_count == 0)
		return;
	taken = io_uring_submit(&ring->io);
	if (taken < 0 && !passes(taken))
		fail(ring, taken);
	for (; taken > 0 && ring->staged_count > 0; taken--) {
		(void)list_take(&ring->staged, NULL);
		ring->staged_count--;
		ring->in_flight++;
	}
}

/* Moves what the kernel has completed to the finished ones. Lock held. */
static void collect(struct uring *ring)
{
	struct io_uring_cqe *cqe;

	for (unsigned n = io_uring_cq_ready(&ring->io); n > 0; n--) {
		if (io_uring_peek_cqe(&ring->io, &cqe) < 0)
			break;
		finish(ring, io_uring_cqe_get_data(cqe), cqe->res);
		io_uring_cqe_seen(&ring->io, cqe);
		ring->in_flight--;
	}
}

/* Whose request is the loop's to deliver; NULL: none is. Lock held. */
static struct uring_client *deliverable(const struct uring *ring)
{
	const struct uring_req *req = ring->finished.head;

	while (req && req->client->waited)
		req = req->next;
	return req ? req->client : NULL;
}

static struct uring_client *finished_client(struct uring *ring)
{
	GUARD(&ring->lock);
	return deliverable(ring);
}

static struct uring_req *take_finished(struct uring *ring,
				       struct uring_client *client)
{
	struct uring_req *req;

	GUARD(&ring->lock);
	req = list_take(&ring->finished, client);
	if (req)
		client->active--;
	return req;
}

/* Calls done() for all that this client has finished. Its lock is held. */
static void deliver(struct uring *ring, struct uring_client *client)
{
	struct uring_req *req;

	while ((req = take_finished(ring, client)))
		req->done(req, req->res);
}

/*
 * Which client is looked up before its lock is taken, as a client's lock comes
 * before the ring's. Where it has drained in between, there is none to deliver.
 */
static void deliver_all(struct uring *ring)
{
	struct uring_client *client;

	while ((client = finished_client(ring))) {
		_cleanup_(mutex_unlockp) pthread_mutex_t *held = NULL;

		if (client->lock)
			held = mutex_lock(client->lock);
		deliver(ring, client);
	}
}

static void look(struct uring *ring)
{
	(void)pthread_mutex_lock(&ring->lock);
	/* What another thread polls for must not be taken away under it. */
	if (!ring->polled)
		collect(ring);
	(void)pthread_mutex_unlock(&ring->lock);
	deliver_all(ring);
	uring_flush(ring);
}

static void ring_ready(struct loop_watch *watch, uint32_t events)
{
	(void)events;
	look(container_of(watch, struct uring, watch));
}

static void later_expired(struct loop_timer *timer)
{
	look(container_of(timer, struct uring, later));
}

static int setup_failed(int r, struct err *err)
{
	if (r == -ENOSYS)
		return err_set(err, r, "io_uring: this kernel has none");
	if (r == -EPERM)
		return err_set(err, r,
			       "io_uring: forbidden here, see "
			       "/proc/sys/kernel/io_uring_disabled");
	if (r == -ENOMEM)
		return err_set(err, r,
			       "io_uring: no memory, or the limit of "
			       "locked memory (ulimit -l) is too low");
	errno = -r;
	return err_sys(err, "io_uring");
}

static void uring_freep(struct uring **ring)
{
	*ring = uring_free(*ring);
}

int uring_new(struct uring **ret, struct loop *loop, unsigned entries,
	      struct err *err)
{
	_cleanup_(uring_freep) struct uring *ring = calloc(1, sizeof(*ring));
	int r;

	if (!ring)
		return err_set(err, -ENOMEM, "io_uring: out of memory");
	(void)pthread_mutex_init(&ring->lock, NULL);
	(void)pthread_cond_init(&ring->collected, NULL);
	list_init(&ring->waiting);
	list_init(&ring->staged);
	list_init(&ring->finished);
	ring->entries = entries;
	ring->io.ring_fd = -1;
	ring->later.expired = later_expired;
	ring->later.watch.fd = -1;

	r = io_uring_queue_init(entries, &ring->io, 0);
	if (r < 0) {
		ring->io.ring_fd = -1;
		return setup_failed(r, err);
	}
	r = loop_timer_add(loop, &ring->later, err);
	if (r < 0) {
		ring->later.watch.fd = -1;
		return err_wrap(err, "io_uring");
	}
	ring->watch = (struct loop_watch){ .fd = ring->io.ring_fd,
					   .ready = ring_ready };
	/* Edge: completions that another thread collects do not keep it busy.
	 */
	r = loop_add(loop, &ring->watch, EPOLLIN | EPOLLET, err);
	if (r < 0)
		return err_wrap(err, "io_uring");
	ring->loop = loop;
	*ret = TAKE_PTR(ring);
	return 0;
}

struct uring *uring_free(struct uring *ring)
{
	if (!ring)
		return NULL;
	assert(!ring->waiting.head && !ring->staged.head &&
	       !ring->finished.head && ring->in_flight == 0);
	if (ring->loop)
		loop_remove(ring->loop, &ring->watch);
	if (ring->later.watch.fd >= 0)
		fd_closep(&ring->later.watch.fd);
	if (ring->io.ring_fd >= 0)
		io_uring_queue_exit(&ring->io);
	(void)pthread_cond_destroy(&ring->collected);
	(void)pthread_mutex_destroy(&ring->lock);
	free(ring);
	return NULL;
}

void uring_start(struct uring_client *client, struct uring_req *req)
{
	struct uring *ring = client->ring;

	req->client = client;
	GUARD(&ring->lock);
	list_append(&ring->waiting, req);
	client->active++;
}

void uring_flush(struct uring *ring)
{
	GUARD(&ring->lock);
	submit(ring, NULL);
	/* The loop does not see these; a completion shows it all others. */
	if (deliverable(ring))
		loop_timer_set(&ring->later, 0);
	else if (ring->staged_count > 0)
		loop_timer_set(&ring->later, RETRY_NS);
}

/* Leaves the loop what is others': to deliver, and to hand to the kernel. */
static void leave_to_loop(struct uring *ring)
{
	if (deliverable(ring) || ring->waiting.head)
		loop_timer_set(&ring->later, 0);
}

/*
 * Waits until the kernel completes a request, whosever it is. One thread polls
 * and collects for all that wait. Lock held, but not while waiting.
 */
static void wait_any(struct uring *ring)
{
	struct pollfd p = { .fd = ring->io.ring_fd, .events = POLLIN };
	const int ms = ring->in_flight > 0 ? -1 : RETRY_MS;

	if (ring->polled) {
		(void)pthread_cond_wait(&ring->collected, &ring->lock);
		return;
	}
	ring->polled = true;
	(void)pthread_mutex_unlock(&ring->lock);
	(void)poll(&p, 1, ms);
	(void)pthread_mutex_lock(&ring->lock);
	ring->polled = false;
	collect(ring);
	(void)pthread_cond_broadcast(&ring->collected);
	leave_to_loop(ring);
}

/* False once the client has no request left. */
static bool wait_some(struct uring *ring, struct uring_client *client)
{
	GUARD(&ring->lock);
	client->waited = client->active > 0;
	if (!client->waited) {
		leave_to_loop(ring);
		return false;
	}
	/* Its own alone: others' would be cancelled when this thread ends. */
	submit(ring, client);
	if (!list_has(&ring->finished, client))
		wait_any(ring);
	return true;
}

void uring_drain(struct uring_client *client)
{
	do
		deliver(client->ring, client);
	while (wait_some(client->ring, client));
}

void uring_cancel(struct uring_client *client)
{
	struct uring *ring = client->ring;
	struct uring_req *req;

	(void)pthread_mutex_lock(&ring->lock);
	while ((req = list_take(&ring->waiting, client)))
		finish(ring, req, -ECANCELED);
	(void)pthread_mutex_unlock(&ring->lock);
	uring_drain(client);
}
