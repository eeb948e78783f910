/* tests/unit/test_tty_input.c - host/tty.c: what the guest hears. */
#include <stdio.h>
#include <sys/ioctl.h>

#include "tests/unit/tty_guest.h"

static size_t open_fds(void)
{
	size_t n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static int refused(int in, int out, const char *why)
{
	const size_t fds = open_fds();
	struct tty *tty = NULL;
	struct loop *loop;
	struct err err = { 0 };
	int r;

	assert_int_equal(loop_new(&loop, &err), 0);
	r = tty_new(&tty, loop, in, out, (struct tty_escape){ 0 }, &err);
	assert_null(tty);
	assert_string_equal(err.msg, why);
	(void)loop_free(loop);
	assert_int_equal(open_fds(), fds);
	return r;
}

static void new__a_bad_descriptor_is_named(void **state)
{
	const int dir = open("/", O_RDONLY | O_CLOEXEC | O_DIRECTORY);
	char why[128];
	int p[2];

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(refused(999, -1,
				 "console input: descriptor 999: "
				 "Bad file descriptor"),
			 -EBADF);
	assert_int_equal(refused(-1, 999,
				 "console output: descriptor 999: "
				 "Bad file descriptor"),
			 -EBADF);
	(void)snprintf(why, sizeof(why),
		       "console input: descriptor %d is not for reading", p[1]);
	assert_int_equal(refused(p[1], -1, why), -EBADF);
	(void)snprintf(why, sizeof(why),
		       "console output: descriptor %d is not for writing",
		       p[0]);
	assert_int_equal(refused(p[0], p[0], why), -EBADF);
	(void)snprintf(why, sizeof(why),
		       "console input: descriptor %d is a directory", dir);
	assert_int_equal(refused(dir, p[1], why), -EISDIR);
	(void)close(dir);
	(void)close(p[0]);
	(void)close(p[1]);
}

static void free__gives_all_descriptors_back(void **state)
{
	const size_t fds = open_fds();
	int p[2];

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	rig_free(rig_new(p[0], p[1], 0));
	rig_free(rig_new(-1, -1, 0));
	(void)close(p[0]);
	(void)close(p[1]);
	assert_int_equal(open_fds(), fds);
	assert_null(tty_free(NULL));
}

static void input__bytes_of_a_pipe_are_not_special(void **state)
{
	struct rig *rig;
	int p[2];

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	rig = rig_new(p[0], -1, 100);
	say(p[1], "ls\001x\003\004\n");
	settle(rig);
	assert_got(rig, "ls\001x\003\004\n");
	assert_int_equal(rig->guest.quits, 0);
	assert_int_equal(fcntl(p[0], F_GETFL) & O_NONBLOCK, 0);
	rig_free(rig);
	(void)close(p[0]);
	(void)close(p[1]);
}

static void input__waits_for_room(void **state)
{
	struct rig *rig;
	int p[2];

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	rig = rig_new(p[0], -1, 0);
	say(p[1], "abcdefgh");
	settle(rig);
	assert_got(rig, "");
	say(p[1], "ij");
	assert_true(is_quiet(rig));
	guest_takes(rig, 1);
	settle(rig);
	assert_got(rig, "a");
	guest_takes(rig, 2);
	settle(rig);
	assert_got(rig, "abc");
	guest_takes(rig, 6);
	settle(rig);
	assert_got(rig, "abcdefghi");
	guest_takes(rig, 100);
	settle(rig);
	assert_got(rig, "abcdefghij");
	guest_takes(rig, 100); /* which nobody waits for */
	settle(rig);
	rig_free(rig);
	(void)close(p[0]);
	(void)close(p[1]);
}

/* It is for whoever reads the pipe when the guest has moved. */
static void input__without_room_stays_in_the_pipe(void **state)
{
	struct rig *rig;
	int p[2], left = 0;

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	rig = rig_new(p[0], -1, 3);
	say(p[1], "abcdefgh");
	settle(rig);
	assert_got(rig, "abc");
	assert_int_equal(ioctl(p[0], FIONREAD, &left), 0);
	assert_int_equal(left, 5);
	rig_free(rig);
	assert_int_equal(ioctl(p[0], FIONREAD, &left), 0);
	assert_int_equal(left, 5);
	(void)close(p[0]);
	(void)close(p[1]);
}

static void input__waits_for_a_user(void **state)
{
	struct rig *rig;
	int p[2];

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	rig = rig_alone(p[0], -1, 2);
	say(p[1], "abcd");
	settle(rig);
	tty_attach(rig->tty, &rig->guest.user);
	settle(rig);
	assert_got(rig, "ab");
	tty_attach(rig->tty, NULL);
	settle(rig);
	rig->guest.room = 100;
	tty_attach(rig->tty, &rig->guest.user);
	settle(rig);
	assert_got(rig, "abcd");
	rig_free(rig);
	(void)close(p[0]);
	(void)close(p[1]);
}

static void input__end_of_file_is_quiet(void **state)
{
	struct rig *rig;
	int p[2];

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	rig = rig_new(p[0], -1, 2);
	say(p[1], "last");
	(void)close(p[1]); /* hung up, with bytes that wait */
	assert_true(is_quiet(rig));
	assert_got(rig, "la");
	guest_takes(rig, 100);
	settle(rig);
	assert_got(rig, "last");
	assert_true(is_quiet(rig));
	rig_free(rig);
	(void)close(p[0]);
}

static void input__a_pipe_without_user_hung_up_is_quiet(void **state)
{
	struct rig *rig;
	int p[2];

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	rig = rig_alone(p[0], -1, 100);
	say(p[1], "bye");
	(void)close(p[1]);
	assert_true(is_quiet(rig));
	tty_attach(rig->tty, &rig->guest.user);
	settle(rig);
	assert_got(rig, "bye");
	rig_free(rig);
	(void)close(p[0]);
}

static void input__a_file_is_read_to_its_end(void **state)
{
	FILE *file = tmpfile();
	struct rig *rig;

	(void)state;
	assert_non_null(file);
	for (int i = 0; i < 6000; i++)
		assert_int_equal(fputc('a' + i % 26, file), 'a' + i % 26);
	rewind(file);
	rig = rig_new(fileno(file), -1, 2000);
	settle(rig);
	assert_int_equal(rig->guest.len, 2000);
	assert_true(is_quiet(rig));
	while (rig->guest.len < 6000) {
		const size_t before = rig->guest.len;

		guest_takes(rig, 7);
		settle(rig);
		assert_int_equal(rig->guest.len,
				 before + 7 < 6000 ? before + 7 : 6000);
	}
	for (int i = 0; i < 6000; i++)
		assert_int_equal(rig->guest.got[i], 'a' + i % 26);
	assert_true(is_quiet(rig));
	rig_free(rig);
	(void)fclose(file);
}

static void input__dev_null_is_the_end(void **state)
{
	const int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct rig *rig = rig_new(fd, fd, 100);

	(void)state;
	settle(rig);
	assert_got(rig, "");
	assert_true(is_quiet(rig));
	rig_free(rig);
	(void)close(fd);
}

/* One descriptor for both ways, as inetd gives. */
static void input__a_socket_goes_both_ways(void **state)
{
	struct rig *rig;
	char buf[16];
	int s[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	rig = rig_new(s[0], s[0], 100);
	say(s[1], "ping");
	settle(rig);
	assert_got(rig, "ping");
	assert_int_equal(guest_write(rig, "pong", 4), 4);
	assert_int_equal(recv(s[1], buf, sizeof(buf), MSG_DONTWAIT), 4);
	assert_memory_equal(buf, "pong", 4);
	assert_int_equal(fcntl(s[0], F_GETFL) & O_NONBLOCK, 0);
	(void)close(s[1]);
	assert_int_equal(guest_write(rig, "pong", 4), 4);
	assert_true(is_quiet(rig));
	rig_free(rig);
	(void)close(s[0]);
}

static void break__comes_behind_what_was_said_before(void **state)
{
	struct rig *rig;
	int p[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p),
			 0);
	rig = rig_new(p[0], -1, 100);
	settle(rig);
	say(p[1], "abc");
	tty_break(rig->tty);
	assert_int_equal(rig->guest.brks, 1);
	assert_int_equal(rig->guest.len_at_brk, 3);
	say(p[1], "d");
	settle(rig);
	assert_got(rig, "abcd");
	rig_free(rig);
	(void)close(p[0]);
	(void)close(p[1]);
}

static void room__before_any_input_does_nothing(void **state)
{
	struct rig *rig = rig_new(-1, -1, 0);

	(void)state;
	guest_takes(rig, 100);
	settle(rig);
	rig_free(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new__a_bad_descriptor_is_named),
		cmocka_unit_test(free__gives_all_descriptors_back),
		cmocka_unit_test(input__bytes_of_a_pipe_are_not_special),
		cmocka_unit_test(input__waits_for_room),
		cmocka_unit_test(input__without_room_stays_in_the_pipe),
		cmocka_unit_test(input__waits_for_a_user),
		cmocka_unit_test(input__end_of_file_is_quiet),
		cmocka_unit_test(input__a_pipe_without_user_hung_up_is_quiet),
		cmocka_unit_test(input__a_file_is_read_to_its_end),
		cmocka_unit_test(input__dev_null_is_the_end),
		cmocka_unit_test(input__a_socket_goes_both_ways),
		cmocka_unit_test(break__comes_behind_what_was_said_before),
		cmocka_unit_test(room__before_any_input_does_nothing),
	};

	return RUN_TESTS(tests);
}
