/* tests/unit/test_tty_mode.c - host/tty_mode.c: a killed process's terminal. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/tty_mode.h"
#include "tests/unit/test.h"

static int master, slave;
static struct termios before;

static int setup(void **state)
{
	char name[32];

	(void)state;
	master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(master >= 0);
	assert_int_equal(unlockpt(master), 0);
	assert_int_equal(ptsname_r(master, name, sizeof(name)), 0);
	slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(slave >= 0);
	assert_int_equal(tcgetattr(slave, &before), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	(void)close(slave);
	(void)close(master);
	return 0;
}

static bool is_as_before(void)
{
	struct termios now;

	assert_int_equal(tcgetattr(slave, &now), 0);
	return now.c_iflag == before.c_iflag && now.c_oflag == before.c_oflag &&
	       now.c_lflag == before.c_lflag && now.c_cflag == before.c_cflag;
}

/* Makes the terminal raw in another process, which then runs @die. */
static int status_of(void (*die)(int sig), int sig)
{
	const struct rlimit no_core = { 0, 0 };
	struct tty_mode mode = { 0 };
	struct err err = { 0 };
	const pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		(void)setrlimit(RLIMIT_CORE, &no_core);
		/* Handlers of cmocka's, or of a sanitizer's. */
		(void)signal(sig, SIG_DFL);
		if (tty_mode_raw(&mode, slave, &err) == 0 && !is_as_before())
			die(sig);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void is_killed(void (*die)(int sig), int sig)
{
	const int status = status_of(die, sig);

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), sig);
	assert_true(is_as_before());
}

static void die_sent(int sig)
{
	(void)raise(sig);
}

static void die_abort(int sig)
{
	(void)sig;
	abort();
}

static void die_fault(int sig)
{
	(void)sig;
	*(volatile int *)(uintptr_t)getpagesize() = 1;
}

static void killed__terminal_is_as_before(void **state)
{
	static const int sigs[] = { SIGSEGV, SIGBUS,  SIGABRT, SIGSYS, SIGTRAP,
				    SIGXCPU, SIGTERM, SIGUSR2, SIGALRM };

	(void)state;
	for (size_t i = 0; i < sizeof(sigs) / sizeof(*sigs); i++)
		is_killed(die_sent, sigs[i]);
	is_killed(die_abort, SIGABRT);
	is_killed(die_fault, SIGSEGV);
}

static void note_nothing(int sig)
{
	(void)sig;
}

/* The process lives on, and the terminal stays raw. */
static void killed__handler_of_another_stays(void **state)
{
	struct sigaction act = { .sa_handler = note_nothing }, old;
	struct tty_mode mode = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(sigaction(SIGUSR1, &act, &old), 0);
	assert_int_equal(tty_mode_raw(&mode, slave, &err), 0);
	(void)raise(SIGUSR1);
	assert_false(is_as_before());
	tty_mode_restore(&mode, slave);
	assert_int_equal(sigaction(SIGUSR1, NULL, &act), 0);
	assert_ptr_equal(act.sa_handler, note_nothing);
	assert_int_equal(sigaction(SIGUSR1, &old, NULL), 0);
}

/* A mode that was restored is not the killed process's any more. */
static void killed__after_restore_the_terminal_is_another_s(void **state)
{
	struct termios other = before;
	struct tty_mode mode = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(tty_mode_raw(&mode, slave, &err), 0);
	tty_mode_restore(&mode, slave);
	assert_true(is_as_before());
	other.c_lflag &= ~(tcflag_t)ECHO;
	assert_int_equal(tcsetattr(slave, TCSANOW, &other), 0);
	tty_mode_rescue();
	assert_false(is_as_before());
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(killed__terminal_is_as_before),
		TEST(killed__handler_of_another_stays),
		TEST(killed__after_restore_the_terminal_is_another_s),
	};

	return RUN_TESTS(tests);
}
