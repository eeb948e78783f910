/* tests/unit/test_tty_output.c - host/tty.c: what the guest says. */
#include <stdio.h>

#include "host/tty_mode.h"
#include "tests/unit/tty_guest.h"

static char pattern(size_t i)
{
	return (char)(i % 251);
}

/* Reads what is there, and checks that it is the pattern from @at on. */
static size_t take(int fd, size_t at, size_t max)
{
	char buf[4096];
	size_t done = 0;

	while (done < max) {
		const size_t want = max - done < sizeof(buf) ? max - done
							     : sizeof(buf);
		const ssize_t n = recv(fd, buf, want, MSG_DONTWAIT);
		const ssize_t m = n < 0 && errno == ENOTSOCK
					? read(fd, buf, want)
					: n;

		if (m <= 0)
			break;
		for (ssize_t i = 0; i < m; i++)
			assert_int_equal(buf[i],
					 pattern(at + done + (size_t)i));
		done += (size_t)m;
	}
	return done;
}

/* Sends the pattern from @at on in pieces until it is refused. */
static size_t fill(struct rig *rig, size_t at)
{
	char buf[1000];
	size_t done = 0, n;

	do {
		for (size_t i = 0; i < sizeof(buf); i++)
			buf[i] = pattern(at + done + i);
		n = guest_write(rig, buf, sizeof(buf));
		done += n;
	} while (n == sizeof(buf));
	assert_true(done > 4096);
	return done;
}

/* The guest sends more than fits anywhere; then the reader wakes up. */
static void check_full(int out, int reader)
{
	struct rig *rig = rig_new(-1, out, 0);
	size_t sent, taken = 0;

	sent = fill(rig, 0);
	settle(rig);
	assert_int_equal(rig->guest.drains, 0);
	assert_int_equal(guest_write(rig, "x", 1), 0);
	assert_true(is_quiet(rig));

	taken = take(reader, 0, 4096);
	settle(rig);
	assert_int_equal(rig->guest.drains, 0); /* not for so little */

	for (int round = 1; round <= 3; round++) {
		while (rig->guest.drains < round) {
			const size_t n = take(reader, taken, 8192);

			assert_true(n > 0);
			taken += n;
			settle(rig);
		}
		assert_int_equal(rig->guest.drains, round);
		sent += fill(rig, sent);
	}
	while (taken < sent) {
		taken += take(reader, taken, 8192);
		settle(rig);
	}
	assert_int_equal(taken, sent);
	settle(rig);
	assert_int_equal(rig->guest.drains, 4);
	rig_free(rig);
}

static void write__a_full_pipe_loses_nothing(void **state)
{
	int p[2];

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(fcntl(p[0], F_SETFL, O_NONBLOCK), 0);
	check_full(p[1], p[0]);
	assert_int_equal(fcntl(p[1], F_GETFL) & O_NONBLOCK, 0);
	(void)close(p[0]);
	(void)close(p[1]);
}

static void write__a_full_socket_loses_nothing(void **state)
{
	int s[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	check_full(s[1], s[0]);
	assert_int_equal(fcntl(s[1], F_GETFL) & O_NONBLOCK, 0);
	(void)close(s[0]);
	(void)close(s[1]);
}

static void write__a_broken_pipe_swallows_output(void **state)
{
	struct rig *rig;
	int p[2];

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	rig = rig_new(-1, p[1], 0);
	assert_int_equal(guest_write(rig, "heard", 5), 5);
	(void)close(p[0]);
	assert_int_equal(guest_write(rig, "not heard", 9), 9);
	assert_int_equal(guest_write(rig, "not heard", 9), 9);
	settle(rig);
	assert_int_equal(rig->guest.drains, 0);
	rig_free(rig);
	(void)close(p[1]);
}

static void write__a_pipe_broken_before_it_starts_is_no_error(void **state)
{
	struct rig *rig;
	int p[2];

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	(void)close(p[0]);
	rig = rig_new(-1, p[1], 0);
	assert_int_equal(guest_write(rig, "x", 1), 1);
	rig_free(rig);
	(void)close(p[1]);
}

static void write__who_was_refused_hears_when_the_reader_dies(void **state)
{
	struct rig *rig;
	int p[2];

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	rig = rig_new(-1, p[1], 0);
	(void)fill(rig, 0);
	(void)close(p[0]);
	settle(rig);
	assert_int_equal(rig->guest.drains, 1);
	assert_int_equal(guest_write(rig, "x", 1), 1);
	assert_true(is_quiet(rig));
	rig_free(rig);
	(void)close(p[1]);
}

static void write__a_file_is_appended_at_the_shared_offset(void **state)
{
	FILE *file = tmpfile();
	char buf[32] = { 0 };
	struct rig *rig;

	(void)state;
	assert_non_null(file);
	say(fileno(file), "before ");
	rig = rig_new(-1, fileno(file), 0);
	assert_int_equal(guest_write(rig, "guest ", 6), 6);
	say(fileno(file), "after");
	rig_free(rig);
	assert_int_equal(pread(fileno(file), buf, sizeof(buf), 0), 18);
	assert_string_equal(buf, "before guest after");
	(void)fclose(file);
}

static void write__a_full_disk_swallows_output(void **state)
{
	const int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct rig *rig;

	(void)state;
	assert_true(fd >= 0);
	rig = rig_new(-1, fd, 0);
	assert_int_equal(guest_write(rig, "x", 1), 1);
	assert_int_equal(guest_write(rig, "x", 1), 1);
	rig_free(rig);
	(void)close(fd);
}

static void write__nowhere_and_dev_null_take_all(void **state)
{
	const int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	char buf[65536] = { 0 };
	struct rig *rig;

	(void)state;
	rig = rig_new(-1, -1, 0);
	assert_int_equal(guest_write(rig, buf, sizeof(buf)), sizeof(buf));
	rig_free(rig);
	rig = rig_new(-1, fd, 0);
	assert_int_equal(guest_write(rig, buf, sizeof(buf)), sizeof(buf));
	assert_int_equal(guest_write(rig, buf, 0), 0);
	rig_free(rig);
	(void)close(fd);
}

/* A pty's master cannot be opened anew: the way without a file description of
 * our own. */
static void write__a_descriptor_that_only_polls_loses_nothing(void **state)
{
	const int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct tty_mode mode = { 0 };
	struct err err = { 0 };
	struct rig *rig;
	size_t sent, taken = 0;
	char name[32];
	int slave;

	(void)state;
	assert_true(master >= 0);
	assert_int_equal(unlockpt(master), 0);
	assert_int_equal(ptsname_r(master, name, sizeof(name)), 0);
	slave = open(name, O_RDWR | O_NOCTTY | O_NONBLOCK);
	assert_int_equal(tty_mode_raw(&mode, slave, &err), 0);
	rig = rig_new(-1, master, 0);
	sent = fill(rig, 0);
	while (taken < sent) {
		taken += take(slave, taken, 8192);
		settle(rig);
	}
	assert_int_equal(rig->guest.drains, 1);
	rig_free(rig);
	tty_mode_restore(&mode, slave);
	(void)close(slave);
	(void)close(master);
}

struct late {
	int fd;
	size_t taken;
};

static void *read_late(void *arg)
{
	struct late *late = arg;
	char c;

	(void)poll(NULL, 0, 50);
	while (read(late->fd, &c, 1) == 1)
		late->taken++;
	return NULL;
}

static void free__a_slow_reader_gets_the_last_words(void **state)
{
	struct late late = { 0 };
	pthread_t thread;
	struct rig *rig;
	size_t sent;
	int p[2];

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	rig = rig_new(-1, p[1], 0);
	sent = fill(rig, 0);
	late.fd = p[0];
	assert_int_equal(pthread_create(&thread, NULL, read_late, &late), 0);
	rig_free(rig);
	(void)close(p[1]);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(late.taken, sent);
	(void)close(p[0]);
}

static void free__does_not_wait_for_ever(void **state)
{
	struct timespec a, b;
	struct rig *rig;
	int p[2];

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	rig = rig_new(-1, p[1], 0);
	(void)fill(rig, 0);
	(void)clock_gettime(CLOCK_MONOTONIC, &a);
	rig_free(rig);
	(void)clock_gettime(CLOCK_MONOTONIC, &b);
	assert_in_range(b.tv_sec - a.tv_sec, 0, 60);
	(void)close(p[0]);
	(void)close(p[1]);
}

/* A vCPU that sends while the loop thread drains: for the thread sanitizer. */
struct vcpu {
	struct rig *rig;
	size_t total;
};

static void *vcpu_run(void *arg)
{
	struct vcpu *v = arg;

	for (size_t sent = 0; sent < v->total;) {
		char c = pattern(sent);
		const size_t n = guest_write(v->rig, &c, 1);

		sent += n;
		guest_takes(v->rig, 100);
		if (n == 0)
			(void)sched_yield();
	}
	loop_stop(v->rig->loop);
	return NULL;
}

static void *reader_run(void *arg)
{
	struct late *late = arg;
	char buf[4096];
	ssize_t n;

	while ((n = read(late->fd, buf, sizeof(buf))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			if (buf[i] != pattern(late->taken + (size_t)i))
				return NULL;
		late->taken += (size_t)n;
	}
	return NULL;
}

static void write__threads_keep_the_order(void **state)
{
	pthread_t vcpu, reader;
	struct vcpu v = { .total = 300000 };
	struct late late = { 0 };
	struct err err = { 0 };
	int out[2], in[2];

	(void)state;
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	v.rig = rig_new(in[0], out[1], 10);
	loop_modify(v.rig->loop, &v.rig->idle, 0);
	late.fd = out[0];
	say(in[1], "typed meanwhile");
	assert_int_equal(pthread_create(&vcpu, NULL, vcpu_run, &v), 0);
	assert_int_equal(pthread_create(&reader, NULL, reader_run, &late), 0);
	assert_int_equal(loop_run(v.rig->loop, &err), 0);
	assert_int_equal(pthread_join(vcpu, NULL), 0);
	loop_modify(v.rig->loop, &v.rig->idle, EPOLLIN);
	settle(v.rig);
	assert_got(v.rig, "typed meanwhile");
	rig_free(v.rig);
	(void)close(out[1]);
	assert_int_equal(pthread_join(reader, NULL), 0);
	assert_int_equal(late.taken, v.total);
	(void)close(out[0]);
	(void)close(in[0]);
	(void)close(in[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(write__a_full_pipe_loses_nothing),
		cmocka_unit_test(write__a_full_socket_loses_nothing),
		cmocka_unit_test(write__a_broken_pipe_swallows_output),
		cmocka_unit_test(
			write__a_pipe_broken_before_it_starts_is_no_error),
		cmocka_unit_test(
			write__who_was_refused_hears_when_the_reader_dies),
		cmocka_unit_test(
			write__a_file_is_appended_at_the_shared_offset),
		cmocka_unit_test(write__a_full_disk_swallows_output),
		cmocka_unit_test(write__nowhere_and_dev_null_take_all),
		cmocka_unit_test(
			write__a_descriptor_that_only_polls_loses_nothing),
		cmocka_unit_test(free__a_slow_reader_gets_the_last_words),
		cmocka_unit_test(free__does_not_wait_for_ever),
		cmocka_unit_test(write__threads_keep_the_order),
	};

	return RUN_TESTS(tests);
}
