/* tests/unit/test_uring.c - base/uring.c, on files and pipes. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/uring.h"
#include "tests/unit/test.h"

#define ENTRIES 4
#define MANY 64

static struct loop *loop;
static struct uring *ring;
static struct uring_client client;
static struct err err;

struct io {
	struct uring_req req;
	struct iovec iov;
	char buf[8];
	int res;
	unsigned calls;
	bool again; /* start it once more from done() */
	unsigned *left; /* the loop stops when this comes to 0 */
};

static void io_done(struct uring_req *req, int res)
{
	struct io *io = container_of(req, struct io, req);

	if (req->client->lock)
		assert_int_equal(pthread_mutex_trylock(req->client->lock),
				 EBUSY);
	io->res = res;
	io->calls++;
	if (io->again) {
		io->again = false;
		uring_start(req->client, req);
		return;
	}
	if (io->left && --*io->left == 0)
		loop_stop(loop);
}

static struct io io_make(enum uring_kind kind, int fd, unsigned *left)
{
	return (struct io){ .req = { .kind = kind, .fd = fd, .done = io_done },
			    .left = left };
}

static void io_place(struct io *io, uint64_t offset)
{
	io->iov = (struct iovec){ io->buf, sizeof(io->buf) };
	io->req.iov = &io->iov;
	io->req.iovs = 1;
	io->req.offset = offset;
}

static void io_start(struct io *io, uint64_t offset)
{
	io_place(io, offset);
	uring_start(&client, &io->req);
}

static int setup(void **state)
{
	(void)state;
	if (loop_new(&loop, &err) < 0)
		return -1;
	if (uring_new(&ring, loop, ENTRIES, &err) < 0)
		ring = NULL;
	client = (struct uring_client){ .ring = ring };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ring = uring_free(ring);
	loop = loop_free(loop);
	return 0;
}

/* A host may forbid io_uring: that is no fault of ours. */
static void need_ring(void)
{
	if (!ring) {
		print_message("SKIP: %s\n", err.msg);
		skip();
	}
}

static void start__more_than_fit_all_end_once(void **state)
{
	_cleanup_(fd_closep) int fd = memfd_create("disk", MFD_CLOEXEC);
	unsigned left = MANY;
	struct io io[MANY];

	(void)state;
	need_ring();
	for (unsigned i = 0; i < MANY; i++) {
		io[i] = io_make(URING_WRITEV, fd, &left);
		memset(io[i].buf, (int)i, sizeof(io[i].buf));
		io_start(&io[i], i * 8ull);
	}
	assert_int_equal(client.active, MANY);
	uring_flush(ring);
	assert_int_equal(loop_run(loop, &err), 0);
	assert_int_equal(client.active, 0);
	for (unsigned i = 0; i < MANY; i++) {
		char byte = 0;

		assert_int_equal(io[i].calls, 1);
		assert_int_equal(io[i].res, 8);
		assert_int_equal(pread(fd, &byte, 1, i * 8 + 7), 1);
		assert_int_equal(byte, i);
	}
}

static void start__results_are_the_system_calls(void **state)
{
	_cleanup_(fd_closep) int fd = memfd_create("disk", MFD_CLOEXEC);
	unsigned left = 4;
	struct io bad = io_make(URING_READV, -1, &left);
	struct io end = io_make(URING_READV, fd, &left);
	struct io sync = io_make(URING_FDATASYNC, fd, &left);
	struct io alloc = io_make(URING_FALLOCATE, fd, &left);

	(void)state;
	need_ring();
	assert_int_equal(ftruncate(fd, 12), 0);
	io_start(&bad, 0);
	io_start(&end, 8);
	uring_start(&client, &sync.req);
	alloc.req.len = 0x100001000;
	alloc.req.mode = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE;
	uring_start(&client, &alloc.req);
	uring_flush(ring);
	assert_int_equal(loop_run(loop, &err), 0);
	assert_int_equal(bad.res, -EBADF);
	assert_int_equal(end.res, 4);
	assert_int_equal(sync.res, 0);
	assert_int_equal(alloc.res, 0);
}

static void done__may_start_the_request_again(void **state)
{
	_cleanup_(fd_closep) int fd = memfd_create("disk", MFD_CLOEXEC);
	unsigned left = 1;
	struct io io = io_make(URING_WRITEV, fd, &left);

	(void)state;
	need_ring();
	io.again = true;
	io_start(&io, 0);
	uring_flush(ring);
	assert_int_equal(loop_run(loop, &err), 0);
	assert_int_equal(io.calls, 2);
	assert_int_equal(client.active, 0);
}

static void *feed(void *arg)
{
	(void)!write(*(int *)arg, "12345678", 8);
	return NULL;
}

static void cancel__takes_back_the_unseen_and_waits_for_the_rest(void **state)
{
	struct uring_client other = { .ring = ring };
	unsigned left = 1;
	struct io running;
	struct io unseen;
	struct io others;
	pthread_t thread;
	int fds[2];

	(void)state;
	need_ring();
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	running = io_make(URING_READV, fds[0], NULL);
	unseen = io_make(URING_READV, fds[0], NULL);
	others = io_make(URING_FDATASYNC, -1, &left);
	io_start(&running, UINT64_MAX);
	uring_start(&other, &others.req);
	uring_flush(ring);
	io_start(&unseen, UINT64_MAX);

	assert_int_equal(pthread_create(&thread, NULL, feed, &fds[1]), 0);
	uring_cancel(&client);
	assert_int_equal(running.res, 8);
	assert_int_equal(running.calls, 1);
	assert_int_equal(unseen.res, -ECANCELED);
	assert_int_equal(unseen.calls, 1);
	assert_int_equal(client.active, 0);
	/* Another client's request ends on the loop, under its own lock. */
	assert_int_equal(others.calls, 0);
	assert_int_equal(loop_run(loop, &err), 0);
	assert_int_equal(others.res, -EBADF);
	uring_cancel(&client); /* nothing to do */

	(void)pthread_join(thread, NULL);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void drain__takes_nothing_back(void **state)
{
	struct io running, unseen;
	pthread_t thread;
	int fds[2];

	(void)state;
	need_ring();
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	running = io_make(URING_READV, fds[0], NULL);
	unseen = io_make(URING_FDATASYNC, -1, NULL);
	unseen.again = true; /* started once more by its own done() */
	io_start(&running, UINT64_MAX);
	uring_flush(ring);
	io_start(&unseen, 0);

	assert_int_equal(pthread_create(&thread, NULL, feed, &fds[1]), 0);
	uring_drain(&client);
	assert_int_equal(running.res, 8);
	assert_int_equal(running.calls, 1);
	assert_int_equal(unseen.res, -EBADF);
	assert_int_equal(unseen.calls, 2);
	assert_int_equal(client.active, 0);
	uring_drain(&client); /* nothing to do */

	(void)pthread_join(thread, NULL);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

/* What a vCPU does that resets the disk, with the disk's lock held. */
static void *cancel_locked(void *arg)
{
	GUARD(client.lock);
	*(int *)arg = 1;
	uring_cancel(&client);
	return NULL;
}

static void cancel__does_not_hold_up_the_loop(void **state)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct uring_client other = { .ring = ring };
	unsigned left = 1;
	struct io slow, quick;
	pthread_t thread;
	int fds[2], began = 0;

	(void)state;
	need_ring();
	client.lock = &lock;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	slow = io_make(URING_READV, fds[0], NULL);
	quick = io_make(URING_FDATASYNC, -1, &left);
	io_start(&slow, UINT64_MAX);
	uring_flush(ring);
	assert_int_equal(pthread_create(&thread, NULL, cancel_locked, &began),
			 0);
	(void)poll(NULL, 0, 50); /* it has begun to wait */

	for (unsigned i = 0; i < 3; i++, left = 1) {
		uring_start(&other, &quick.req);
		uring_flush(ring);
		assert_int_equal(loop_run(loop, &err), 0);
		assert_int_equal(quick.res, -EBADF);
		assert_int_equal(quick.calls, i + 1);
	}
	(void)feed(&fds[1]);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(began, 1);
	assert_int_equal(slow.res, 8);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void *drain_once(void *arg)
{
	uring_start(&client, arg);
	uring_drain(&client);
	return NULL;
}

static void drain__leaves_others_requests_to_a_thread_that_stays(void **state)
{
	struct uring_client other = { .ring = ring };
	unsigned left = 1;
	struct io own, others;
	pthread_t thread;
	int fds[2];

	(void)state;
	need_ring();
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	own = io_make(URING_FDATASYNC, -1, NULL);
	others = io_make(URING_READV, fds[0], &left);
	io_place(&others, UINT64_MAX);
	uring_start(&other, &others.req);
	assert_int_equal(pthread_create(&thread, NULL, drain_once, &own.req),
			 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(own.res, -EBADF);

	(void)feed(&fds[1]);
	assert_int_equal(loop_run(loop, &err), 0);
	assert_int_equal(others.res, 8); /* not -ECANCELED */
	(void)close(fds[0]);
	(void)close(fds[1]);
}

/* Two vCPUs that reset a disk each, and one of the disks is quicker. */
static void drain__of_two_clients_at_once_ends_for_each(void **state)
{
	struct uring_client other = { .ring = ring };
	struct io slow, quick;
	pthread_t thread;
	int fds[2], more[2];

	(void)state;
	need_ring();
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(pipe2(more, O_CLOEXEC), 0);
	slow = io_make(URING_READV, fds[0], NULL);
	quick = io_make(URING_READV, more[0], NULL);
	io_place(&quick, UINT64_MAX);
	io_place(&slow, UINT64_MAX);
	assert_int_equal(pthread_create(&thread, NULL, drain_once, &slow.req),
			 0);
	(void)poll(NULL, 0, 50); /* it has begun to wait */
	uring_start(&other, &quick.req);
	(void)feed(&more[1]);
	uring_drain(&other);
	assert_int_equal(quick.res, 8);
	(void)feed(&fds[1]);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(slow.res, 8);
	(void)close(fds[0]);
	(void)close(fds[1]);
	(void)close(more[0]);
	(void)close(more[1]);
}

static void flush__never_more_in_flight_than_entries(void **state)
{
	struct io io[3 * ENTRIES];
	unsigned read = 0;
	int fds[2];

	(void)state;
	need_ring();
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	for (unsigned i = 0; i < 3 * ENTRIES; i++) {
		io[i] = io_make(URING_READV, fds[0], NULL);
		io_start(&io[i], UINT64_MAX);
		uring_flush(ring);
	}
	/* As much as there can be takers for: a wait for more
	 * hangs. */
	for (unsigned i = 0; i < ENTRIES; i++)
		assert_int_equal(write(fds[1], "12345678", 8), 8);
	uring_cancel(&client);
	for (unsigned i = 0; i < 3 * ENTRIES; i++) {
		assert_int_equal(io[i].calls, 1);
		assert_true(io[i].res == 8 || io[i].res == -ECANCELED);
		read += io[i].res == 8;
	}
	assert_int_equal(read, ENTRIES);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

struct storm {
	pthread_mutex_t lock;
	struct io io[MANY];
	int fd;
};

/* What a vCPU does that resets the disk again and again. */
static void *reset_often(void *arg)
{
	struct storm *s = arg;

	for (int round = 0; round < 200; round++) {
		GUARD(&s->lock);
		for (unsigned i = 0; i < MANY; i++)
			io_start(&s->io[i], i * 8ull);
		uring_flush(ring);
		if (round % 2)
			uring_cancel(&client);
		else
			while (client.active > 0) {
				(void)pthread_mutex_unlock(&s->lock);
				(void)sched_yield();
				(void)pthread_mutex_lock(&s->lock);
			}
		assert_int_equal(client.active, 0);
	}
	loop_stop(loop);
	return NULL;
}

static void cancel__from_another_thread_loses_nothing(void **state)
{
	static struct storm s = { .lock = PTHREAD_MUTEX_INITIALIZER };
	pthread_t thread;

	(void)state;
	need_ring();
	s.fd = memfd_create("disk", MFD_CLOEXEC);
	client.lock = &s.lock;
	for (unsigned i = 0; i < MANY; i++)
		s.io[i] = io_make(URING_WRITEV, s.fd, NULL);
	assert_int_equal(pthread_create(&thread, NULL, reset_often, &s), 0);
	assert_int_equal(loop_run(loop, &err), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(s.io[i].calls, 200);
	(void)close(s.fd);
}

static void new__impossible_size_is_an_error(void **state)
{
	struct uring *none = NULL;

	(void)state;
	need_ring();
	assert_int_equal(uring_new(&none, loop, 0, &err), -EINVAL);
	assert_string_equal(err.msg, "io_uring: Invalid argument");
	assert_null(none);
	assert_null(uring_free(NULL));
}

#define RING_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RING_TEST(start__more_than_fit_all_end_once),
		RING_TEST(start__results_are_the_system_calls),
		RING_TEST(done__may_start_the_request_again),
		RING_TEST(cancel__takes_back_the_unseen_and_waits_for_the_rest),
		RING_TEST(drain__takes_nothing_back),
		RING_TEST(cancel__does_not_hold_up_the_loop),
		RING_TEST(drain__leaves_others_requests_to_a_thread_that_stays),
		RING_TEST(drain__of_two_clients_at_once_ends_for_each),
		RING_TEST(flush__never_more_in_flight_than_entries),
		RING_TEST(cancel__from_another_thread_loses_nothing),
		RING_TEST(new__impossible_size_is_an_error),
	};

	return RUN_TESTS(tests);
}
