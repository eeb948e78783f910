/* tests/unit/test_port_fd.c - host/port_fd.c. */
#include "host/port_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tests/unit/test.h"

struct rig {
	struct loop *loop;
	struct port_fd port;
	struct port_user user;
	pthread_mutex_t lock;
	int pipe[2];
	unsigned arrived, drained;
	bool stops; /* the loop, at the next event */
};

static void told_arrived(struct port_user *user)
{
	struct rig *rig = container_of(user, struct rig, user);

	rig->arrived++;
	loop_stop(rig->loop);
}

static void told_drained(struct port_user *user)
{
	struct rig *rig = container_of(user, struct rig, user);

	rig->drained++;
	loop_stop(rig->loop);
}

static void begin(struct rig *rig, int fd, bool in)
{
	struct err err = { 0 };

	(void)signal(SIGPIPE, SIG_IGN);
	(void)pthread_mutex_init(&rig->lock, NULL);
	rig->user = (struct port_user){ &rig->lock, told_arrived,
					told_drained };
	assert_int_equal(loop_new(&rig->loop, &err), 0);
	port_fd_init(&rig->port, "stream", fd, in);
	assert_int_equal(rig->port.port.ops->attach(&rig->port.port, rig->loop,
						    &rig->user, &err),
			 0);
}

static void begin_pipe(struct rig *rig, bool in)
{
	*rig = (struct rig){ 0 };
	assert_int_equal(pipe(rig->pipe), 0);
	begin(rig, rig->pipe[!in], in);
}

static void end(struct rig *rig)
{
	rig->port.port.ops->detach(&rig->port.port);
	rig->loop = loop_free(rig->loop);
}

static void end_pipe(struct rig *rig)
{
	end(rig);
	(void)close(rig->pipe[0]);
	(void)close(rig->pipe[1]);
}

static ssize_t receive(struct rig *rig, void *buf, size_t len)
{
	return rig->port.port.ops->receive(&rig->port.port, buf, len);
}

static ssize_t send_out(struct rig *rig, const void *buf, size_t len)
{
	return rig->port.port.ops->send(&rig->port.port, buf, len);
}

static void wait_for_event(struct rig *rig)
{
	struct err err = { 0 };

	assert_int_equal(loop_run(rig->loop, &err), 0);
}

static void in__tells_of_data_and_of_the_end(void **state)
{
	char buf[8];
	struct rig rig;

	(void)state;
	begin_pipe(&rig, true);
	assert_int_equal(receive(&rig, buf, sizeof(buf)), 0);
	assert_int_equal(write(rig.pipe[1], "abcdefghij", 10), 10);
	wait_for_event(&rig);
	assert_int_equal(receive(&rig, buf, sizeof(buf)), 8);
	assert_int_equal(receive(&rig, buf, sizeof(buf)), 2);
	assert_memory_equal(buf, "ij", 2);
	assert_int_equal(receive(&rig, buf, sizeof(buf)), 0);
	(void)close(rig.pipe[1]);
	wait_for_event(&rig);
	assert_int_equal(receive(&rig, buf, sizeof(buf)), -EPIPE);
	assert_int_equal(rig.drained, 0);
	end_pipe(&rig);
}

static void in__a_file_is_always_ready(void **state)
{
	FILE *file = tmpfile();
	struct rig rig = { 0 };
	char buf[8];

	(void)state;
	assert_non_null(file);
	assert_int_equal(write(fileno(file), "text", 4), 4);
	assert_int_equal(lseek(fileno(file), 0, SEEK_SET), 0);
	begin(&rig, fileno(file), true);
	assert_int_equal(receive(&rig, buf, sizeof(buf)), 4);
	assert_int_equal(receive(&rig, buf, sizeof(buf)), -EPIPE);
	end(&rig);
	(void)fclose(file);
}

static void in__none_is_an_end(void **state)
{
	struct rig rig = { 0 };
	char buf[8];

	(void)state;
	begin(&rig, -1, true);
	assert_int_equal(receive(&rig, buf, sizeof(buf)), -EPIPE);
	end(&rig);
}

static void out__a_full_pipe_is_waited_for(void **state)
{
	static char bytes[1 << 20];
	struct rig rig;
	ssize_t n;

	(void)state;
	begin_pipe(&rig, false);
	n = send_out(&rig, bytes, sizeof(bytes));
	assert_in_range(n, 1, (intmax_t)sizeof(bytes) - 1);
	assert_int_equal(send_out(&rig, bytes, 1), 0);
	/* The first event may be of before it was full. */
	rig.drained = 0;
	assert_int_equal(read(rig.pipe[0], bytes, (size_t)n), n);
	wait_for_event(&rig);
	assert_true(rig.drained > 0);
	assert_int_equal(send_out(&rig, bytes, 1), 1);
	/* The caller's descriptor blocks as it did. */
	assert_false(fcntl(rig.pipe[1], F_GETFL) & O_NONBLOCK);
	end_pipe(&rig);
}

static void out__no_reader_is_an_end(void **state)
{
	struct rig rig;

	(void)state;
	begin_pipe(&rig, false);
	(void)close(rig.pipe[0]);
	assert_int_equal(send_out(&rig, "x", 1), -EPIPE);
	assert_int_equal(rig.port.failed, EPIPE);
	end(&rig);
	(void)close(rig.pipe[1]);
}

static void out__a_full_disk_is_kept_as_its_errno(void **state)
{
	_cleanup_(fd_closep) int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct rig rig = { 0 };

	(void)state;
	if (full < 0)
		SKIP("no /dev/full");
	begin(&rig, full, false);
	assert_int_equal(send_out(&rig, "x", 1), -EPIPE);
	assert_int_equal(rig.port.failed, ENOSPC);
	end(&rig);
}

static void out__none_takes_all(void **state)
{
	struct rig rig = { 0 };

	(void)state;
	begin(&rig, -1, false);
	assert_int_equal(send_out(&rig, "abc", 3), 3);
	rig.port.port.ops->opened(&rig.port.port, true);
	assert_true(rig.port.open);
	end(&rig);
}

static void attach__refuses_the_other_direction(void **st)
{
	struct err err = { 0 };
	struct port_user user = { 0 };
	struct port_fd port;
	struct loop *loop;
	int pair[2];

	(void)st;
	assert_int_equal(pipe(pair), 0);
	assert_int_equal(loop_new(&loop, &err), 0);
	port_fd_init(&port, "stdin", pair[1], true);
	assert_int_equal(port.port.ops->attach(&port.port, loop, &user, &err),
			 -EBADF);
	assert_non_null(strstr(err.msg, "stdin"));
	port.port.ops->detach(&port.port);
	loop = loop_free(loop);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in__tells_of_data_and_of_the_end),
		cmocka_unit_test(in__a_file_is_always_ready),
		cmocka_unit_test(in__none_is_an_end),
		cmocka_unit_test(out__a_full_pipe_is_waited_for),
		cmocka_unit_test(out__no_reader_is_an_end),
		cmocka_unit_test(out__a_full_disk_is_kept_as_its_errno),
		cmocka_unit_test(out__none_takes_all),
		cmocka_unit_test(attach__refuses_the_other_direction),
	};

	return RUN_TESTS(tests);
}
