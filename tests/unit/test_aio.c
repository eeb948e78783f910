/* tests/unit/test_aio.c - base/aio*.c, on files and pipes, by each backend. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/aio.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "tests/unit/sandbox.h"
#include "tests/unit/test.h"

#define ENTRIES 4
#define MANY 64

static struct loop *loop;
static struct aio *aio;
static struct aio_client client;
static struct err err;

struct io {
	struct aio_req req;
	struct iovec iov;
	char buf[8];
	int res;
	unsigned calls;
	bool again; /* start it once more from done() */
	unsigned *left; /* the loop stops when this comes to 0 */
};

static void io_done(struct aio_req *req, int res)
{
	struct io *io = container_of(req, struct io, req);

	if (req->client->lock)
		assert_int_equal(pthread_mutex_trylock(req->client->lock),
				 EBUSY);
	io->res = res;
	io->calls++;
	if (io->again) {
		io->again = false;
		aio_start(req->client, req);
		return;
	}
	if (io->left && --*io->left == 0)
		loop_stop(loop);
}

static struct io io_make(enum aio_kind kind, int fd, unsigned *left)
{
	return (struct io){ .req = { .kind = kind, .fd = fd, .done = io_done },
			    .left = left };
}

static void io_start_for(struct aio_client *who, struct io *io, uint64_t offset)
{
	io->iov = (struct iovec){ io->buf, sizeof(io->buf) };
	io->req.iov = &io->iov;
	io->req.iovs = 1;
	io->req.offset = offset;
	io->req.len = sizeof(io->buf);
	aio_start(who, &io->req);
}

static void io_start(struct io *io, uint64_t offset)
{
	io_start_for(&client, io, offset);
}

static int setup_uring(void **state)
{
	(void)state;
	if (loop_new(&loop, &err) < 0 || aio_new(&aio, loop, ENTRIES, &err) < 0)
		return -1;
	client = (struct aio_client){ .aio = aio };
	return 0;
}

static int setup_threads(void **state)
{
	(void)state;
	if (loop_new(&loop, &err) < 0 ||
	    aio_new_threads(&aio, loop, ENTRIES, &err) < 0)
		return -1;
	client = (struct aio_client){ .aio = aio };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	aio = aio_free(aio);
	loop = loop_free(loop);
	return 0;
}

static void start__more_than_fit_all_end_once(void **state)
{
	_cleanup_(fd_closep) int fd = memfd_create("disk", MFD_CLOEXEC);
	unsigned left = MANY;
	struct io io[MANY];

	(void)state;
	for (unsigned i = 0; i < MANY; i++) {
		io[i] = io_make(AIO_WRITEV, fd, &left);
		memset(io[i].buf, (int)i, sizeof(io[i].buf));
		io_start(&io[i], i * 8ull);
	}
	aio_flush(aio);
	assert_int_equal(loop_run(loop, &err), 0);
	for (unsigned i = 0; i < MANY; i++) {
		char byte = 0;

		assert_int_equal(io[i].calls, 1);
		assert_int_equal(io[i].res, 8);
		assert_int_equal(pread(fd, &byte, 1, i * 8 + 7), 1);
		assert_int_equal(byte, i);
	}
	assert_false(aio_is_busy(aio));
}

static void start__results_are_the_system_calls(void **state)
{
	_cleanup_(fd_closep) int fd = memfd_create("disk", MFD_CLOEXEC);
	unsigned left = 4;
	struct io bad = io_make(AIO_READV, -1, &left);
	struct io end = io_make(AIO_READV, fd, &left);
	struct io sync = io_make(AIO_FDATASYNC, fd, &left);
	struct io alloc = io_make(AIO_FALLOCATE, fd, &left);

	(void)state;
	assert_int_equal(ftruncate(fd, 12), 0);
	io_start(&bad, 0);
	io_start(&end, 8);
	aio_start(&client, &sync.req);
	alloc.req.len = 0x100001000;
	alloc.req.mode = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE;
	aio_start(&client, &alloc.req);
	aio_flush(aio);
	assert_int_equal(loop_run(loop, &err), 0);
	assert_int_equal(bad.res, -EBADF);
	assert_int_equal(end.res, 4);
	assert_int_equal(sync.res, 0);
	assert_int_equal(alloc.res, 0);
}

static void done__may_start_the_request_again(void **state)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	_cleanup_(fd_closep) int fd = memfd_create("disk", MFD_CLOEXEC);
	unsigned left = 1;
	struct io io = io_make(AIO_WRITEV, fd, &left);

	(void)state;
	client.lock = &lock;
	io.again = true;
	io_start(&io, 0);
	aio_flush(aio);
	assert_int_equal(loop_run(loop, &err), 0);
	assert_int_equal(io.calls, 2);
}

/* A large part of the work is left to later turns, and they come. */
static void flush__one_turn_moves_so_much_and_no_more(void **state)
{
	const size_t len = AIO_TURN / 2;
	_cleanup_(fd_closep) int fd = memfd_create("disk", MFD_CLOEXEC);
	_cleanup_(freep) char *buf = calloc(1, len);
	struct iovec iov[2] = { { buf, len }, { buf, len } };
	unsigned left = 4;
	struct io io[4];

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		io[i] = io_make(AIO_WRITEV, fd, &left);
		io[i].req.iov = iov;
		io[i].req.iovs = i == 2 ? 2 : 1;
		io[i].req.len = i == 2 ? 2 * len : len;
		io[i].req.offset = i * AIO_TURN;
		aio_start(&client, &io[i].req);
	}
	aio_flush(aio);
	/* The third would be too much. */
	assert_true((uint64_t)lseek(fd, 0, SEEK_END) <= AIO_TURN + len);
	assert_int_equal(loop_run(loop, &err), 0);
	assert_int_equal(lseek(fd, 0, SEEK_END), 3 * AIO_TURN + len);
	assert_int_equal(io[2].res, 2 * len);
}

static void cancel__takes_back_what_the_host_has_not_begun(void **state)
{
	struct aio_client other = { .aio = aio };
	struct io unseen, others;
	unsigned left = 1;

	(void)state;
	unseen = io_make(AIO_FDATASYNC, -1, NULL);
	others = io_make(AIO_FDATASYNC, -1, &left);
	aio_start(&client, &unseen.req);
	aio_start(&other, &others.req);
	aio_cancel(&client);
	assert_int_equal(unseen.calls, 0);
	assert_true(aio_drain(&client));
	assert_int_equal(unseen.calls, 1);
	assert_int_equal(unseen.res, -ECANCELED);
	/* Another client's request goes on, and ends on the loop. */
	assert_int_equal(others.calls, 0);
	assert_int_equal(loop_run(loop, &err), 0);
	assert_int_equal(others.res, -EBADF);
	assert_true(aio_drain(&client)); /* nothing to do */

	/* What is started afterwards is not cancelled. */
	aio_start(&client, &unseen.req);
	assert_true(aio_drain(&client));
	assert_int_equal(unseen.res, -EBADF);
}

static void *feed(void *arg)
{
	(void)!write(*(int *)arg, "12345678", 8);
	return NULL;
}

static void drain__waits_for_all_and_what_they_start(void **state)
{
	struct io running, unseen;
	pthread_t thread;
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	running = io_make(AIO_READV, fds[0], NULL);
	unseen = io_make(AIO_FDATASYNC, -1, NULL);
	unseen.again = true; /* started once more by its own done() */
	io_start(&running, UINT64_MAX);
	aio_flush(aio);
	io_start(&unseen, 0);
	assert_int_equal(pthread_create(&thread, NULL, feed, &fds[1]), 0);
	assert_true(aio_drain(&client));
	assert_int_equal(running.res, 8);
	assert_int_equal(unseen.res, -EBADF);
	assert_int_equal(unseen.calls, 2);
	(void)pthread_join(thread, NULL);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

/* A disk that does not answer is a pipe that nobody writes to. */
static void drain__is_given_up_when_told_to(void **state)
{
	_cleanup_(fd_closep) int event = eventfd(1, EFD_CLOEXEC);
	struct io stuck;
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	stuck = io_make(AIO_READV, fds[0], NULL);
	io_start(&stuck, UINT64_MAX);
	aio_interrupt_by(aio, event);
	assert_false(aio_drain(&client));
	assert_int_equal(stuck.calls, 0);
	assert_true(aio_is_busy(aio));

	aio_interrupt_by(aio, -1);
	aio_set_deadline(aio, 30);
	assert_false(aio_drain(&client));
	assert_false(aio_drain(&client));

	/* What it does then is still told. */
	assert_int_equal(write(fds[1], "12345678", 8), 8);
	aio_set_deadline(aio, 60000);
	assert_true(aio_drain(&client));
	assert_int_equal(stuck.res, 8);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void flush__never_more_in_flight_than_entries(void **state)
{
	struct io io[3 * ENTRIES];
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	for (unsigned i = 0; i < 3 * ENTRIES; i++) {
		io[i] = io_make(AIO_READV, fds[0], NULL);
		io_start(&io[i], UINT64_MAX);
		aio_flush(aio);
	}
	aio_cancel(&client);
	/* There cannot be more takers: a wait for more would hang. */
	for (unsigned i = 0; i < ENTRIES; i++)
		assert_int_equal(write(fds[1], "12345678", 8), 8);
	assert_true(aio_drain(&client));
	for (unsigned i = 0; i < 3 * ENTRIES; i++) {
		assert_int_equal(io[i].calls, 1);
		assert_true(io[i].res == 8 || io[i].res == -ECANCELED);
		if (i >= ENTRIES)
			assert_int_equal(io[i].res, -ECANCELED);
	}
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void new__impossible_size_is_an_error(void **state)
{
	struct aio *none = NULL;

	(void)state;
	assert_int_equal(aio_new(&none, loop, 0, &err), -EINVAL);
	assert_null(none);
	assert_null(aio_free(NULL));
}

/* Writes by an aio made in a sandbox. The child's stderr is @log. */
static void write_without_io_uring(int error, int log)
{
	_cleanup_(fd_closep) int fd = memfd_create("disk", MFD_CLOEXEC);
	unsigned left = 1;
	struct io io = io_make(AIO_WRITEV, fd, &left);

	(void)dup2(log, STDERR_FILENO);
	log_set_level(LOG_INFO);
	if (sandbox_forbid(SYS_io_uring_setup, error) < 0)
		_exit(77);
	if (loop_new(&loop, &err) < 0 || aio_new(&aio, loop, 64, &err) < 0)
		_exit(1);
	client = (struct aio_client){ .aio = aio };
	io_start(&io, 0);
	aio_flush(aio);
	if (loop_run(loop, &err) < 0)
		_exit(2);
	_exit(io.res == 8 ? 0 : 3);
}

static void in_sandbox(int error, const char *why)
{
	char text[512] = "";
	int fds[2], status = -1;
	pid_t child;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	child = fork();
	if (child == 0)
		write_without_io_uring(error, fds[1]);
	(void)close(fds[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		SKIP("no seccomp filters here");
	assert_int_equal(status, 0);
	assert_true(read(fds[0], text, sizeof(text) - 1) > 0);
	assert_non_null(strstr(text, "disks are served by 8 threads"));
	assert_non_null(strstr(text, why));
	(void)close(fds[0]);
}

static void new__threads_stand_in_where_io_uring_is_forbidden(void **state)
{
	(void)state;
	in_sandbox(EPERM, "forbidden by a sandbox");
	in_sandbox(ENOSYS, "this kernel has none");
}

#define EACH(f)                                                    \
	cmocka_unit_test_setup_teardown(f, setup_uring, teardown), \
	{                                                          \
#f "_by_threads", f, setup_threads, teardown, NULL \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(start__more_than_fit_all_end_once),
		EACH(start__results_are_the_system_calls),
		EACH(done__may_start_the_request_again),
		EACH(flush__one_turn_moves_so_much_and_no_more),
		EACH(cancel__takes_back_what_the_host_has_not_begun),
		EACH(drain__waits_for_all_and_what_they_start),
		EACH(drain__is_given_up_when_told_to),
		EACH(flush__never_more_in_flight_than_entries),
		EACH(new__impossible_size_is_an_error),
		cmocka_unit_test(
			new__threads_stand_in_where_io_uring_is_forbidden),
	};

	return RUN_TESTS(tests);
}
