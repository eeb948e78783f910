/* tests/unit/test_child.c - base/child.c. */
#include "base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/test.h"

#define PATIENCE_MS 60000 /* for what ends soon, on any machine */

/* Runs a shell's command to its end. Returns what it wrote to @out. */
static int run_shell(const char *command, const int *fds, size_t count,
		     bool session)
{
	const char *const argv[] = { "sh", "-c", command, NULL };
	const struct child_spec spec = { argv, fds, count, session };
	pid_t pid;

	assert_int_equal(child_spawn(&pid, &spec), 0);
	return child_end(pid, PATIENCE_MS, PATIENCE_MS);
}

static void read_pipe(int fd, char *buf, size_t size)
{
	const ssize_t n = read(fd, buf, size - 1);

	assert_true(n >= 0);
	buf[n] = '\0';
}

static void spawn__gives_the_descriptors_it_was_told(void **state)
{
	/* Each is where the child's other one goes. */
	int pipes[2], swapped[2], end;
	char said[64];

	(void)state;
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	assert_int_equal(pipe2(swapped, O_CLOEXEC), 0);
	end = fcntl(swapped[1], F_DUPFD_CLOEXEC, 3);
	{
		const int fds[] = { -1, pipes[1], -1, end, swapped[1] };

		assert_int_equal(run_shell("cat; echo one; echo three >&3; "
					   "echo four >&4; echo none >&2",
					   fds, 5, false),
				 0);
	}
	read_pipe(pipes[0], said, sizeof(said));
	assert_string_equal(said, "one\n");
	read_pipe(swapped[0], said, sizeof(said));
	assert_string_equal(said, "three\nfour\n");
	for (unsigned i = 0; i < 2; i++) {
		(void)close(pipes[i]);
		(void)close(swapped[i]);
	}
	(void)close(end);
}

static void spawn__leaves_no_other_descriptor_open(void **state)
{
	static const int fds[] = { -1, -1, -1 };
	int pipes[2];
	char c;

	(void)state;
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	assert_int_equal(run_shell("for f in /proc/self/fd/*; do case $f in "
				   "*/[012]) ;; *) [ ! -e $f ] || exit 1 ;; "
				   "esac; done",
				   fds, 3, false),
			 0);
	(void)close(pipes[1]);
	assert_int_equal(read(pipes[0], &c, 1), 0);
	(void)close(pipes[0]);
}

/* The caller blocks and ignores signals; the child has them as usual. */
static void spawn__gives_signals_their_usual_meaning(void **state)
{
	static const int fds[] = { -1, -1, -1 };
	sigset_t all, before;
	int status;

	(void)state;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_BLOCK, &all, &before);
	(void)signal(SIGPIPE, SIG_IGN);
	status = run_shell("kill -PIPE $$", fds, 3, false);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGPIPE);
}

static void spawn__makes_a_session_if_told(void **state)
{
	static const int fds[] = { -1, -1, -1 };
	static const char command[] =
		"read -r pid comm st ppid pgrp session rest </proc/$$/stat; "
		"[ $session = $$ ]";

	(void)state;
	assert_int_equal(run_shell(command, fds, 3, true), 0);
	assert_int_not_equal(run_shell(command, fds, 3, false), 0);
}

static void spawn__of_no_program_is_an_error(void **state)
{
	static const char *const argv[] = { "no-such-program-is-there", NULL };
	static const int fds[] = { -1, -1, -1 };
	const struct child_spec spec = { argv, fds, 3, false };
	pid_t pid;

	(void)state;
	assert_int_equal(child_spawn(&pid, &spec), -ENOENT);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

/* Starts one that says when it is there. */
static pid_t spawn_stubborn(const char *command)
{
	const char *const argv[] = { "sh", "-c", command, NULL };
	struct child_spec spec = { .argv = argv, .count = 3 };
	int fds[3] = { -1, -1, -1 }, pipes[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	fds[1] = pipes[1];
	spec.fds = fds;
	assert_int_equal(child_spawn(&pid, &spec), 0);
	assert_int_equal(read(pipes[0], &c, 1), 1);
	(void)close(pipes[0]);
	(void)close(pipes[1]);
	return pid;
}

static void end__tells_a_child_to_end(void **state)
{
	const pid_t pid = spawn_stubborn("trap 'exit 3' TERM; echo; "
					 "while :; do sleep 0.1; done");
	const int status = child_end(pid, 0, PATIENCE_MS);

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 3);
}

static void end__kills_a_child_that_does_not_end(void **state)
{
	const pid_t pid = spawn_stubborn("trap '' TERM; echo; "
					 "while :; do sleep 0.1; done");
	const int status = child_end(pid, 0, 10);

	(void)state;
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spawn__gives_the_descriptors_it_was_told),
		cmocka_unit_test(spawn__leaves_no_other_descriptor_open),
		cmocka_unit_test(spawn__gives_signals_their_usual_meaning),
		cmocka_unit_test(spawn__makes_a_session_if_told),
		cmocka_unit_test(spawn__of_no_program_is_an_error),
		cmocka_unit_test(end__tells_a_child_to_end),
		cmocka_unit_test(end__kills_a_child_that_does_not_end),
	};

	return RUN_TESTS(tests);
}
