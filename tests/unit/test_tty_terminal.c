/* tests/unit/test_tty_terminal.c - host/tty.c: on a terminal. */
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>

#include "host/tty_key.h"
#include "tests/unit/tty_guest.h"

/* A person's keyboard and screen, and the terminal the program sees. */
struct screen {
	int person, program;
	char name[32]; /* of the terminal */
	char text[8192]; /* what the person has seen */
	size_t len;
};

static struct screen screen_new(void)
{
	struct screen s = { 0 };

	s.person = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	assert_true(s.person >= 0);
	assert_int_equal(grantpt(s.person), 0);
	assert_int_equal(unlockpt(s.person), 0);
	assert_int_equal(ptsname_r(s.person, s.name, sizeof(s.name)), 0);
	s.program = open(s.name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(s.program >= 0);
	return s;
}

static void screen_free(struct screen *s)
{
	(void)close(s->program);
	(void)close(s->person);
}

/* True if the person has seen just this. */
static bool seen(struct screen *s, const char *text)
{
	const ssize_t n = read(s->person, s->text + s->len,
			       sizeof(s->text) - s->len);

	if (n > 0)
		s->len += (size_t)n;
	return s->len == strlen(text) && !memcmp(s->text, text, s->len);
}

static struct termios mode_of(int fd)
{
	struct termios mode;

	assert_int_equal(tcgetattr(fd, &mode), 0);
	return mode;
}

static bool same_mode(const struct termios *a, const struct termios *b)
{
	return a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag &&
	       a->c_cflag == b->c_cflag && a->c_lflag == b->c_lflag &&
	       !memcmp(a->c_cc, b->c_cc, sizeof(a->c_cc));
}

static void new__sets_raw_mode_and_free_restores_it(void **state)
{
	struct screen s = screen_new();
	const struct termios before = mode_of(s.program);
	struct termios raw, after;
	struct rig *rig;

	(void)state;
	rig = rig_new(s.program, s.program, 100);
	raw = mode_of(s.program);
	assert_int_equal(raw.c_lflag & (ICANON | ECHO | ISIG | IEXTEN), 0);
	assert_int_equal(raw.c_iflag & (ICRNL | IXON | ISTRIP), 0);
	assert_int_equal(raw.c_oflag & OPOST, 0);
	rig_free(rig);
	after = mode_of(s.program);
	assert_true(same_mode(&after, &before));
	assert_int_equal(fcntl(s.program, F_GETFL) & O_NONBLOCK, 0);
	screen_free(&s);
}

static void continued__is_raw_again_as_long_as_it_was(void **state)
{
	struct screen s = screen_new();
	const struct termios shells = mode_of(s.program);
	struct termios raw, now;
	struct rig *rig;

	(void)state;
	rig = rig_new(s.program, s.program, 100);
	raw = mode_of(s.program);
	assert_int_equal(tcsetattr(s.program, TCSANOW, &shells), 0);
	tty_continued(rig->tty);
	now = mode_of(s.program);
	assert_true(same_mode(&now, &raw));
	rig_free(rig);
	now = mode_of(s.program);
	assert_true(same_mode(&now, &shells));

	/* Where the mode was left alone, it still is. */
	rig = rig_new(-1, s.program, 0);
	tty_continued(rig->tty);
	now = mode_of(s.program);
	assert_true(same_mode(&now, &shells));
	rig_free(rig);
	screen_free(&s);
}

static void new__output_alone_leaves_the_mode(void **state)
{
	struct screen s = screen_new();
	const struct termios before = mode_of(s.program);
	struct termios during;
	struct rig *rig = rig_new(-1, s.program, 0);

	(void)state;
	during = mode_of(s.program);
	assert_true(same_mode(&during, &before));
	assert_int_equal(guest_write(rig, "hello\n", 6), 6);
	SETTLE_UNTIL(rig, seen(&s, "hello\r\n")); /* the terminal's own way */
	rig_free(rig);
	screen_free(&s);
}

static void terminal__bytes_go_both_ways_as_they_are(void **state)
{
	struct screen s = screen_new();
	struct rig *rig = rig_new(s.program, s.program, 1000);

	(void)state;
	say(s.person, "root\r\003\004\032\021\377");
	SETTLE_UNTIL(rig, rig->guest.len == 10);
	assert_got(rig, "root\r\003\004\032\021\377");
	assert_int_equal(guest_write(rig, "a\r\nb\n\t", 6), 6);
	SETTLE_UNTIL(rig, seen(&s, "a\r\nb\n\t"));
	rig_free(rig);
	screen_free(&s);
}

static void escape__keys_reach_who_they_are_for(void **state)
{
	struct screen s = screen_new();
	struct rig *rig = rig_new(s.program, s.program, 1000);

	(void)state;
	say(s.person, "a\001bc");
	SETTLE_UNTIL(rig, rig->guest.len == 2);
	assert_got(rig, "ac");
	assert_int_equal(rig->guest.brks, 1);

	say(s.person, "\001"); /* and a while later */
	settle(rig);
	say(s.person, "\001.\001a.\001z.");
	SETTLE_UNTIL(rig, rig->guest.len == 7);
	assert_got(rig, "ac\001.\001..");

	say(s.person, "\001h");
	SETTLE_UNTIL(rig, seen(&s, TTY_KEY_HELP_TEXT));
	assert_int_equal(rig->guest.quits, 0);

	say(s.person, "\001x");
	SETTLE_UNTIL(rig, rig->guest.quits == 1);
	rig_free(rig);
	screen_free(&s);
}

static void escape__quit_works_when_the_guest_takes_nothing(void **state)
{
	struct screen s = screen_new();
	struct rig *rig = rig_new(s.program, s.program, 0);

	(void)state;
	say(s.person, "is there anybody out there?\r");
	settle(rig);
	say(s.person, "\001x");
	SETTLE_UNTIL(rig, rig->guest.quits == 1);
	tty_attach(rig->tty, NULL);
	say(s.person, "\001b\001x");
	SETTLE_UNTIL(rig, rig->guest.quits == 2);
	assert_int_equal(rig->guest.brks, 0);

	/* What was typed is still there for a guest that wakes up. */
	tty_attach(rig->tty, &rig->guest.user);
	guest_takes(rig, 100);
	settle(rig);
	assert_got(rig, "is there anybody out there?\r");
	rig_free(rig);
	screen_free(&s);
}

static void terminal__a_large_paste_waits_in_the_kernel(void **state)
{
	struct screen s = screen_new();
	struct rig *rig = rig_new(s.program, s.program, 0);
	char paste[3000];

	(void)state;
	for (size_t i = 0; i < sizeof(paste); i++)
		paste[i] = (char)('a' + i % 26);
	assert_int_equal(write(s.person, paste, sizeof(paste)), sizeof(paste));
	(void)poll(NULL, 0, 50);
	assert_true(is_quiet(rig));
	guest_takes(rig, 1500);
	SETTLE_UNTIL(rig, rig->guest.len == 1500);
	guest_takes(rig, 5000);
	SETTLE_UNTIL(rig, rig->guest.len == sizeof(paste));
	assert_memory_equal(rig->guest.got, paste, sizeof(paste));
	rig_free(rig);
	screen_free(&s);
}

static void terminal__killed_it_is_quiet(void **state)
{
	struct screen s = screen_new();
	struct rig *rig = rig_new(s.program, s.program, 100);

	(void)state;
	settle(rig);
	(void)close(s.person);
	assert_true(is_quiet(rig));
	assert_int_equal(guest_write(rig, "x", 1), 1);
	assert_int_equal(guest_write(rig, "x", 1), 1);
	assert_true(is_quiet(rig));
	rig_free(rig);
	(void)close(s.program);
}

static void terminal__stopped_it_holds_output_and_then_goes_on(void **state)
{
	struct screen s = screen_new();
	struct rig *rig = rig_new(s.program, s.program, 100);
	size_t n;

	(void)state;
	assert_int_equal(ioctl(s.program, TCXONC, TCOOFF), 0);
	do
		n = guest_write(rig, "12345678", 8);
	while (n == 8);
	assert_true(is_quiet(rig));
	say(s.person, "\001x"); /* input is not stopped */
	SETTLE_UNTIL(rig, rig->guest.quits == 1);
	assert_int_equal(rig->guest.drains, 0);
	assert_int_equal(ioctl(s.program, TCXONC, TCOON), 0);
	SETTLE_UNTIL(rig, (seen(&s, ""), s.len = 0, rig->guest.drains == 1));
	rig_free(rig);
	screen_free(&s);
}

/* Ends the process if the terminal's mode is not @wanted. */
static void require_mode(int fd, const struct termios *wanted, int status)
{
	const struct termios now = mode_of(fd);

	if (!same_mode(&now, wanted))
		_exit(status);
}

static void stay_in_the_background(int fd, int person)
{
	const struct termios before = mode_of(fd);
	struct rig *rig = rig_new(fd, fd, 100);

	(void)person;
	require_mode(fd, &before, 20);
	(void)guest_write(rig, "ok", 2);
	settle(rig);
	rig_free(rig);
	require_mode(fd, &before, 21);
}

/* As a shell does, whose group is that of the session's first process. */
static void give_terminal(int fd, pid_t group)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTTOU);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	if (tcsetpgrp(fd, group) < 0)
		_exit(22);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static bool is_raw(int fd)
{
	return !(mode_of(fd).c_lflag & (ICANON | ECHO | ISIG));
}

/* No signal tells that the job has come to the foreground. */
static void come_to_the_foreground(int fd, int person)
{
	const struct termios before = mode_of(fd);
	struct rig *rig = rig_new(fd, fd, 100);

	require_mode(fd, &before, 20);
	give_terminal(fd, getpgrp());
	SETTLE_UNTIL(rig, is_raw(fd));
	say(person, "a");
	SETTLE_UNTIL(rig, rig->guest.len == 1);
	rig_free(rig);
	require_mode(fd, &before, 21);
}

/* What is typed for another job is not read, and does not stop the process. */
static void leave_and_return(int fd, int person)
{
	struct termios shells = mode_of(fd);
	struct rig *rig;

	give_terminal(fd, getpgrp());
	rig = rig_new(fd, fd, 100);
	if (!is_raw(fd))
		_exit(23);
	give_terminal(fd, getsid(0));
	shells.c_lflag &= ~(tcflag_t)ECHO;
	(void)signal(SIGTTOU, SIG_IGN);
	if (tcsetattr(fd, TCSANOW, &shells) < 0)
		_exit(24);
	(void)signal(SIGTTOU, SIG_DFL);
	say(person, "shells\n");
	settle(rig);
	settle(rig);
	tty_continued(rig->tty);
	settle(rig);
	require_mode(fd, &shells, 25);
	if (rig->guest.len != 0 || tcflush(person, TCIOFLUSH) < 0)
		_exit(26);
	give_terminal(fd, getpgrp());
	tty_continued(rig->tty);
	if (!is_raw(fd))
		_exit(27);
	rig_free(rig);
	require_mode(fd, &shells, 28);
}

/* A session with the terminal, and a job in its background that does @job. */
static void start_session(const char *terminal, int person,
			  void (*job)(int fd, int person))
{
	int fd, status;

	(void)signal(SIGHUP, SIG_IGN);
	(void)setsid();
	fd = open(terminal, O_RDWR);
	if (fd < 0 || ioctl(fd, TIOCSCTTY, 0) < 0)
		_exit(10);
	switch (fork()) {
	case -1:
		_exit(11);
	case 0:
		(void)setpgid(0, 0);
		job(fd, person);
		_exit(0);
	default:
		break;
	}
	if (wait3(&status, WUNTRACED, NULL) < 0)
		_exit(13);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 14);
}

static void run_job(struct screen *s, void (*job)(int fd, int person))
{
	int status;
	const pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		start_session(s->name, s->person, job);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void new__in_the_background_the_terminal_is_left_alone(void **state)
{
	struct screen s = screen_new();

	(void)state;
	run_job(&s, stay_in_the_background);
	assert_true(seen(&s, "ok"));
	screen_free(&s);
}

static void background__then_foreground_makes_the_terminal_raw(void **state)
{
	struct screen s = screen_new();

	(void)state;
	run_job(&s, come_to_the_foreground);
	screen_free(&s);
}

static void foreground__then_background_leaves_the_input_alone(void **state)
{
	struct screen s = screen_new();

	(void)state;
	run_job(&s, leave_and_return);
	screen_free(&s);
}

static void set_size(const struct screen *s, uint16_t columns, uint16_t rows)
{
	const struct winsize size = { .ws_col = columns, .ws_row = rows };

	assert_int_equal(ioctl(s->person, TIOCSWINSZ, &size), 0);
}

static void size__is_told_at_first_and_when_it_changes(void **state)
{
	struct screen s = screen_new();
	struct rig *rig;

	(void)state;
	set_size(&s, 132, 43);
	rig = rig_new(s.program, s.program, 100);
	assert_int_equal(rig->guest.sizes, 1);
	assert_int_equal(rig->guest.size.columns, 132);
	assert_int_equal(rig->guest.size.rows, 43);
	tty_window_changed(rig->tty);
	assert_int_equal(rig->guest.sizes, 1); /* it has not */
	set_size(&s, 80, 25);
	tty_window_changed(rig->tty);
	assert_int_equal(rig->guest.sizes, 2);
	assert_int_equal(rig->guest.size.columns, 80);
	/* In the background no signal tells. */
	set_size(&s, 81, 26);
	tty_continued(rig->tty);
	assert_int_equal(rig->guest.size.rows, 26);
	rig_free(rig);
	screen_free(&s);
}

static void size__without_a_terminal_is_what_a_client_says(void **state)
{
	struct rig *rig = rig_new(-1, -1, 0);

	(void)state;
	tty_window_changed(rig->tty);
	assert_int_equal(rig->guest.size.columns, 0);
	tty_set_size(rig->tty, (struct tty_size){ 100, 30 });
	assert_int_equal(rig->guest.size.columns, 100);
	assert_int_equal(rig->guest.size.rows, 30);
	rig_free(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new__sets_raw_mode_and_free_restores_it),
		cmocka_unit_test(continued__is_raw_again_as_long_as_it_was),
		cmocka_unit_test(new__output_alone_leaves_the_mode),
		cmocka_unit_test(terminal__bytes_go_both_ways_as_they_are),
		cmocka_unit_test(escape__keys_reach_who_they_are_for),
		cmocka_unit_test(
			escape__quit_works_when_the_guest_takes_nothing),
		cmocka_unit_test(terminal__a_large_paste_waits_in_the_kernel),
		cmocka_unit_test(terminal__killed_it_is_quiet),
		cmocka_unit_test(
			terminal__stopped_it_holds_output_and_then_goes_on),
		cmocka_unit_test(
			new__in_the_background_the_terminal_is_left_alone),
		cmocka_unit_test(
			background__then_foreground_makes_the_terminal_raw),
		cmocka_unit_test(
			foreground__then_background_leaves_the_input_alone),
		cmocka_unit_test(size__is_told_at_first_and_when_it_changes),
		cmocka_unit_test(
			size__without_a_terminal_is_what_a_client_says),
	};

	return RUN_TESTS(tests);
}
