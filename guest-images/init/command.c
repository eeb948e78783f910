/* guest-images/init/command.c - the command, its streams, and its end. */
#include "guest-images/init/init.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define CHUNK 32768
#define PORT_WAIT_MS 10000

/* Bytes from one descriptor to another. */
struct stream {
	int from, to; /* -1: closed */
	bool port_in; /* @from is a port: two ends in a row are the end */
	bool shared; /* @to is another stream's @from, which closes it */
	unsigned ends;
	size_t start, len; /* of what was read and not written */
	char buf[CHUNK];
};

enum { IN, OUT, ERR, STREAMS };

struct run {
	struct stream stream[STREAMS];
	int signals; /* a pipe's end: a child has ended */
	int terminal; /* the pty's master; -1: none */
	pid_t child;
	bool ended;
	int status; /* wait(2)'s, once @ended */
	char line[LINE_MAX_LEN]; /* of the control port, so far */
	size_t line_len;
};

static struct run run; /* zeroed, and too large for a stack */

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

/* No more bytes go this way. */
static void close_stream(struct stream *s)
{
	close_fd(&s->from);
	if (!s->shared)
		close_fd(&s->to);
	s->to = -1;
	s->len = 0;
}

static void end_stream(struct stream *s)
{
	close_fd(&s->from);
	if (s->len == 0)
		close_stream(s);
}

static void read_stream(struct stream *s)
{
	const ssize_t n = read(s->from, s->buf, sizeof(s->buf));

	if (n > 0) {
		s->start = 0;
		s->len = (size_t)n;
		s->ends = 0;
	} else if (n == 0) {
		/* The bytes may have come between its looks at them and at
		 * whether the host has closed. */
		if (!s->port_in || ++s->ends == 2)
			end_stream(s);
	} else if (errno != EAGAIN && errno != EINTR) {
		end_stream(s); /* a pty without a user: EIO */
	}
}

static void write_stream(struct stream *s)
{
	const ssize_t n = write(s->to, s->buf + s->start, s->len);

	if (n > 0) {
		s->start += (size_t)n;
		s->len -= (size_t)n;
		if (s->len == 0 && s->from < 0)
			close_stream(s);
	} else if (n < 0 && errno != EAGAIN && errno != EINTR) {
		close_stream(s);
	}
}

/* What a stream waits for. */
static struct pollfd stream_poll(const struct stream *s)
{
	if (s->to >= 0 && s->len > 0)
		return (struct pollfd){ .fd = s->to, .events = POLLOUT };
	return (struct pollfd){ .fd = s->from, .events = POLLIN };
}

/* The host's reader may have gone while nothing is written. */
static struct pollfd port_poll(const struct stream *s)
{
	return (struct pollfd){ .fd = s->from >= 0 && s->len == 0 ? s->to
								  : -1 };
}

static void move_bytes(struct stream *s, short events)
{
	if (s->to >= 0 && s->len > 0) {
		if (events & (POLLHUP | POLLERR) && !(events & POLLOUT))
			close_stream(s);
		else
			write_stream(s);
	} else if (s->from >= 0) {
		read_stream(s);
	}
}

static void set_size(unsigned rows, unsigned columns)
{
	const struct winsize size = { .ws_row = (unsigned short)rows,
				      .ws_col = (unsigned short)columns };

	if (run.terminal >= 0)
		(void)ioctl(run.terminal, TIOCSWINSZ, &size);
}

static void obey_control(void)
{
	unsigned rows, columns;
	char c;

	while (read(control, &c, 1) == 1) {
		if (c != '\n') {
			if (run.line_len < sizeof(run.line) - 1)
				run.line[run.line_len++] = c;
			continue;
		}
		run.line[run.line_len] = '\0';
		run.line_len = 0;
		if (sscanf(run.line, "size %u %u", &rows, &columns) == 2)
			set_size(rows, columns);
	}
}

static void reap_children(void)
{
	char bytes[64];
	pid_t pid;
	int status;

	while (read(run.signals, bytes, sizeof(bytes)) > 0)
		;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != run.child)
			continue;
		run.ended = true;
		run.status = status;
		/* What it left running would hold its streams open. */
		(void)kill(-1, SIGKILL);
	}
	if (run.ended)
		close_stream(&run.stream[IN]);
}

static int signals_in; /* the other end of run.signals */

static void child_ended(int signal)
{
	const int kept = errno;

	(void)signal;
	(void)!write(signals_in, "", 1);
	errno = kept;
}

static bool is_done(void)
{
	return run.ended && run.stream[OUT].to < 0 && run.stream[ERR].to < 0;
}

static void relay(void)
{
	while (!is_done()) {
		struct pollfd p[2 * STREAMS + 2];

		for (unsigned i = 0; i < STREAMS; i++) {
			p[i] = stream_poll(&run.stream[i]);
			p[STREAMS + i] = i == IN ? (struct pollfd){ .fd = -1 }
						 : port_poll(&run.stream[i]);
		}
		p[2 * STREAMS] = (struct pollfd){ run.signals, POLLIN, 0 };
		p[2 * STREAMS + 1] = (struct pollfd){ control, POLLIN, 0 };
		if (poll(p, sizeof(p) / sizeof(p[0]), -1) < 0)
			continue;
		if (p[2 * STREAMS + 1].revents & POLLIN)
			obey_control();
		if (p[2 * STREAMS + 1].revents & POLLHUP)
			power_off(); /* vmm does not listen any more */
		for (unsigned i = 0; i < STREAMS; i++) {
			if (p[STREAMS + i].revents & POLLHUP)
				close_stream(&run.stream[i]);
			else if (p[i].revents)
				move_bytes(&run.stream[i], p[i].revents);
		}
		if (p[2 * STREAMS].revents)
			reap_children();
	}
}

static int open_stream_port(const char *name, int flags)
{
	const int fd = port_open(name, flags, PORT_WAIT_MS);

	if (fd < 0)
		die("no port %s: %s", name, strerror(errno));
	return fd;
}

static void make_pipe(int pair[2])
{
	if (pipe2(pair, O_CLOEXEC) < 0)
		die("pipe: %s", strerror(errno));
}

static void set_nonblocking(int fd)
{
	(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

/* A pipe for one stream. Returns the command's end. */
static int pipe_stream(unsigned which, const char *name)
{
	struct stream *s = &run.stream[which];
	int pair[2];

	make_pipe(pair);
	set_nonblocking(pair[which == IN]);
	if (which == IN) {
		s->from = open_stream_port(name, O_RDONLY);
		s->port_in = true;
		s->to = pair[1];
		return pair[0];
	}
	s->from = pair[0];
	s->to = open_stream_port(name, O_WRONLY);
	return pair[1];
}

/* A terminal for two streams. Returns the command's end. */
static int open_terminal(const struct job *job)
{
	char name[64];
	int slave;

	run.terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (run.terminal < 0 || unlockpt(run.terminal) < 0 ||
	    ptsname_r(run.terminal, name, sizeof(name)) != 0)
		die("no terminal: %s", strerror(errno));
	slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		die("%s: %s", name, strerror(errno));
	(void)fchown(slave, job->uid, (gid_t)-1);
	set_size(job->rows, job->columns);
	run.stream[IN].from = open_stream_port("stdin", O_RDONLY);
	run.stream[IN].port_in = true;
	run.stream[IN].to = run.terminal;
	run.stream[IN].shared = true;
	run.stream[OUT].from = run.terminal;
	run.stream[OUT].to = open_stream_port("stdout", O_WRONLY);
	return slave;
}

static void become_user(const struct job *job)
{
	if (setgroups(job->group_count, job->groups) < 0 ||
	    setgid(job->gid) < 0 || setuid(job->uid) < 0) {
		(void)dprintf(2, "vmm: cannot become user %u: %s\n",
			      (unsigned)job->uid, strerror(errno));
		_exit(126);
	}
}

__attribute__((noreturn)) static void
start_program(const struct job *job, const int fds[3], int report)
{
	extern char **environ;
	int code;

	(void)signal(SIGPIPE, SIG_DFL);
	(void)setsid();
	for (int i = 0; i < 3; i++)
		(void)dup2(fds[i], i);
	if (job->terminal)
		(void)ioctl(0, TIOCSCTTY, 0);
	become_user(job);
	if (chdir(job->pwd ? job->pwd : "/") < 0) {
		code = errno;
		(void)dprintf(report, "%s: %s", job->pwd, strerror(code));
		_exit(126);
	}
	environ = job->env;
	(void)execvp(job->argv[0], job->argv);
	code = errno;
	(void)dprintf(2, "vmm: %s: %s\n", job->argv[0], strerror(code));
	_exit(code == ENOENT ? 127 : 126);
}

/* What the child has to say before it is the command: why it has no folder. */
static void await_start(int report)
{
	char text[LINE_MAX_LEN];
	const ssize_t n = read(report, text, sizeof(text) - 1);

	if (n > 0) {
		text[n] = '\0';
		die("%s", text);
	}
	(void)close(report);
}

static void fork_command(const struct job *job, const int fds[3])
{
	int report[2];

	make_pipe(report);
	run.child = fork();
	if (run.child < 0)
		die("fork: %s", strerror(errno));
	if (run.child == 0)
		start_program(job, fds, report[1]);
	(void)close(report[1]);
	await_start(report[0]);
}

/* By a pipe: a small kernel may have no signalfd(2). */
static void watch_children(void)
{
	const struct sigaction action = {
		.sa_handler = child_ended, .sa_flags = SA_NOCLDSTOP | SA_RESTART
	};
	int pair[2];

	make_pipe(pair);
	set_nonblocking(pair[0]);
	set_nonblocking(pair[1]);
	run.signals = pair[0];
	signals_in = pair[1];
	(void)sigaction(SIGCHLD, &action, NULL);
}

int run_command(const struct job *job)
{
	int fds[3];

	for (unsigned i = 0; i < STREAMS; i++)
		run.stream[i].from = run.stream[i].to = -1;
	run.terminal = -1;
	(void)signal(SIGPIPE, SIG_IGN);
	watch_children();
	if (job->terminal) {
		fds[0] = fds[1] = fds[2] = open_terminal(job);
		if (job->separate)
			fds[2] = pipe_stream(ERR, "stderr");
	} else {
		fds[0] = pipe_stream(IN, "stdin");
		fds[1] = pipe_stream(OUT, "stdout");
		fds[2] = pipe_stream(ERR, "stderr");
	}
	fork_command(job, fds);
	for (int i = 0; i < 3; i++)
		if (i == 0 || fds[i] != fds[i - 1])
			(void)close(fds[i]);
	say("run");
	relay();
	return run.status;
}
