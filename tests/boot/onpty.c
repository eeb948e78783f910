/*
 * tests/boot/onpty.c - runs a command on a terminal of its own, as a script of
 * steps says, and checks how it ends.
 *
 * Usage: onpty STEP... -- COMMAND...
 *
 *   expect TEXT  waits until the command has written TEXT, after what the
 *                last expect waited for
 *   send TEXT    types TEXT; both know \n, \r, \\ and \xHH
 *   kill N       sends the command signal N
 *   run SHELL    runs SHELL, which finds the command's id in $PID; it must
 *                succeed
 *   size CxR     gives the terminal C columns and R rows
 *   raw          waits until the terminal has been made raw
 *   cook         sets the terminal as it was before, as a shell does when a
 *                command stops
 *   hangup       closes the terminal, as when a connection is lost
 *   limit N      gives each step that follows N seconds, not 120
 *   status N     waits for the end; N is 128 + the number of a signal that
 *                ended it
 *   same         checks that the terminal is set as it was before
 *
 * What the command writes goes to the standard output. The status is 0, or 1
 * with a line that says which step went wrong.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define LIMIT_MS 120000 /* for one step, unless told; for what hangs */
#define MAX_OUTPUT (1 << 20)

struct session {
	int master; /* -1 once hung up */
	int slave; /* held open, so that the master never sees an end */
	pid_t pid; /* 0 once waited for */
	int status; /* as the shell tells it; valid once pid is 0 */
	struct termios before;
	int64_t limit_ms; /* for one step */
	size_t len;
	size_t matched; /* where the next expect looks from */
	char wrong[64]; /* room for a step's complaint */
	char output[MAX_OUTPUT];
};

struct step {
	const char *name;
	bool takes_value;
	/* Returns what is wrong, or NULL. */
	const char *(*run)(struct session *s, const char *value);
};

static int64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000) + ts.tv_nsec / 1000000;
}

/* Makes \n, \r, \\ and \xHH what they mean. Returns the length. */
static size_t unescape(const char *from, char *to, size_t size)
{
	size_t n = 0;

	while (*from && n < size) {
		char c = *from++;

		if (c == '\\' && *from == 'x') {
			char hex[3] = { 0 };

			memcpy(hex, from + 1, strnlen(from + 1, 2));
			c = (char)strtoul(hex, NULL, 16);
			from += 1 + strlen(hex);
		} else if (c == '\\' && *from) {
			c = *from == 'n' ? '\n' : *from == 'r' ? '\r' : *from;
			from++;
		}
		to[n++] = c;
	}
	return n;
}

/* Takes what there is within @ms. Returns false if nothing came. */
static bool take_output(struct session *s, int64_t ms)
{
	struct pollfd poll_fd = { .fd = s->master, .events = POLLIN };
	char buf[4096];
	ssize_t n;

	if (s->master < 0 || poll(&poll_fd, 1, (int)(ms > 0 ? ms : 0)) <= 0)
		return false;
	n = read(s->master, buf, sizeof(buf));
	if (n <= 0)
		return false;
	(void)!write(STDOUT_FILENO, buf, (size_t)n);
	if ((size_t)n > sizeof(s->output) - s->len)
		n = (ssize_t)(sizeof(s->output) - s->len);
	memcpy(s->output + s->len, buf, (size_t)n);
	s->len += (size_t)n;
	return true;
}

/* Sets pid to 0 if the command has ended. */
static void reap(struct session *s)
{
	int status;

	if (!s->pid || waitpid(s->pid, &status, WNOHANG) != s->pid)
		return;
	s->pid = 0;
	s->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status)
					: WEXITSTATUS(status);
}

static const char *step_expect(struct session *s, const char *value)
{
	const int64_t deadline = now_ms() + s->limit_ms;
	char text[256];
	const size_t len = unescape(value, text, sizeof(text));

	for (;;) {
		const char *at = memmem(s->output + s->matched,
					s->len - s->matched, text, len);

		if (at) {
			s->matched = (size_t)(at - s->output) + len;
			return NULL;
		}
		reap(s);
		if (take_output(s, s->pid ? 100 : 0))
			continue;
		if (!s->pid)
			return "the command ended without writing it";
		if (now_ms() > deadline)
			return "it did not come in time";
	}
}

static const char *step_send(struct session *s, const char *value)
{
	char text[256];
	const size_t len = unescape(value, text, sizeof(text));

	return write(s->master, text, len) == (ssize_t)len ? NULL
							   : strerror(errno);
}

static const char *step_kill(struct session *s, const char *value)
{
	if (!s->pid || kill(s->pid, atoi(value)))
		return "there is no such process any more";
	return NULL;
}

static const char *step_run(struct session *s, const char *value)
{
	char pid[16];
	int status;

	(void)snprintf(pid, sizeof(pid), "%d", s->pid);
	if (setenv("PID", pid, 1))
		return strerror(errno);
	(void)fflush(stdout);
	status = system(value);
	return status == 0 ? NULL : "it did not succeed";
}

static const char *step_size(struct session *s, const char *value)
{
	struct winsize size = { 0 };

	if (sscanf(value, "%hux%hu", &size.ws_col, &size.ws_row) != 2)
		return "it is not COLUMNSxROWS";
	return ioctl(s->master, TIOCSWINSZ, &size) ? strerror(errno) : NULL;
}

static const char *step_raw(struct session *s, const char *value)
{
	const int64_t deadline = now_ms() + s->limit_ms;
	struct termios now;

	(void)value;
	for (;;) {
		if (tcgetattr(s->slave, &now))
			return strerror(errno);
		if (!(now.c_lflag & (ICANON | ECHO)))
			return NULL;
		if (now_ms() > deadline)
			return "the terminal is not raw";
		(void)poll(NULL, 0, 20);
	}
}

static const char *step_cook(struct session *s, const char *value)
{
	(void)value;
	return tcsetattr(s->slave, TCSANOW, &s->before) ? strerror(errno)
							: NULL;
}

static const char *step_hangup(struct session *s, const char *value)
{
	(void)value;
	(void)close(s->slave);
	(void)close(s->master);
	s->slave = -1;
	s->master = -1;
	return NULL;
}

static const char *step_status(struct session *s, const char *value)
{
	const int64_t deadline = now_ms() + s->limit_ms;

	for (reap(s); s->pid; reap(s)) {
		if (now_ms() > deadline)
			return "the command did not end in time";
		if (!take_output(s, 20) && s->master < 0)
			(void)poll(NULL, 0, 20);
	}
	while (take_output(s, 0))
		;
	if (s->status == atoi(value))
		return NULL;
	(void)snprintf(s->wrong, sizeof(s->wrong), "the status is %d",
		       s->status);
	return s->wrong;
}

static const char *step_same(struct session *s, const char *value)
{
	struct termios now;

	(void)value;
	if (tcgetattr(s->slave, &now))
		return strerror(errno);
	if (now.c_iflag != s->before.c_iflag ||
	    now.c_oflag != s->before.c_oflag ||
	    now.c_cflag != s->before.c_cflag ||
	    now.c_lflag != s->before.c_lflag ||
	    memcmp(now.c_cc, s->before.c_cc, sizeof(now.c_cc)) != 0)
		return "the terminal is set otherwise than before";
	return NULL;
}

static const char *step_limit(struct session *s, const char *value)
{
	s->limit_ms = atoi(value) * INT64_C(1000);
	return s->limit_ms > 0 ? NULL : "no number of seconds";
}

static const struct step steps[] = {
	{ "expect", true, step_expect }, { "send", true, step_send },
	{ "kill", true, step_kill },	 { "run", true, step_run },
	{ "raw", false, step_raw },	 { "hangup", false, step_hangup },
	{ "status", true, step_status }, { "same", false, step_same },
	{ "cook", false, step_cook },	 { "size", true, step_size },
	{ "limit", true, step_limit },
};

static const struct step *find_step(const char *name)
{
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++)
		if (!strcmp(steps[i].name, name))
			return &steps[i];
	return NULL;
}

static int usage(const char *why)
{
	(void)fprintf(stderr, "onpty: %s\n", why);
	return 2;
}

/* The command, with the terminal as its own. Does not return. */
static void run_command(const struct session *s, char *argv[])
{
	(void)setsid();
	(void)ioctl(s->slave, TIOCSCTTY, 0);
	for (int fd = 0; fd <= 2; fd++)
		(void)dup2(s->slave, fd);
	/* A script's background job ignores these; a terminal's does not. */
	(void)signal(SIGINT, SIG_DFL);
	(void)signal(SIGQUIT, SIG_DFL);
	(void)execvp(argv[0], argv);
	(void)fprintf(stderr, "onpty: %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static int start(struct session *s, char *argv[])
{
	s->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (s->master < 0 || grantpt(s->master) || unlockpt(s->master))
		return -1;
	s->slave = open(ptsname(s->master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (s->slave < 0 || tcgetattr(s->slave, &s->before))
		return -1;
	s->pid = fork();
	if (s->pid == 0)
		run_command(s, argv);
	return s->pid < 0 ? -1 : 0;
}

int main(int argc, char *argv[])
{
	struct session *s = calloc(1, sizeof(*s));
	const char *wrong = NULL;
	int last = 1;
	int i = 1;

	while (last < argc && strcmp(argv[last], "--") != 0)
		last++;
	if (!s || last + 1 >= argc)
		return usage("STEP... -- COMMAND...");
	s->limit_ms = LIMIT_MS;
	if (start(s, argv + last + 1))
		return usage(strerror(errno));
	while (i < last && !wrong) {
		const struct step *step = find_step(argv[i]);

		if (!step || i + step->takes_value >= last) {
			wrong = "no such step, or it lacks its value";
			break;
		}
		wrong = step->run(s, argv[i + step->takes_value]);
		if (!wrong)
			i += 1 + step->takes_value;
	}
	if (s->pid)
		(void)kill(s->pid, SIGKILL);
	if (wrong)
		(void)printf("\nonpty: %s %s: %s\n", argv[i],
			     i + 1 < last ? argv[i + 1] : "", wrong);
	free(s);
	return wrong ? 1 : 0;
}
