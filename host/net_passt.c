/* host/net_passt.c - the host's own network, without privileges. */
#include "host/net_passt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "host/net_stream.h"

/* The child's descriptors. */
enum { FD_ERRORS = STDERR_FILENO, FD_SOCKET, FD_READY };
/* What they are in this process until then: out of the way of those. */
#define FD_FREE 10

#define START_MS 10000 /* how long it may take to be ready */
#define END_MS 2000 /* and to end once its socket is hung up */
#define SAID_MOST 65536 /* bytes of its messages that are kept */
#define WORDS_MAX 64

/* The child. */
struct passt {
	pid_t pid;
	int pidfd; /* owned; -1: this kernel has none */
};

/* What a start needs; all owned. */
struct start {
	int socket[2]; /* ours, and the child's */
	int ready[2]; /* where it writes once it is ready */
	int said; /* its messages */
};

static void close_start(struct start *start)
{
	fd_closep(&start->socket[0]);
	fd_closep(&start->socket[1]);
	fd_closep(&start->ready[0]);
	fd_closep(&start->ready[1]);
	fd_closep(&start->said);
}

/* Moves a descriptor above those that the child's will be. */
static int move_up(int *fd)
{
	const int up = fcntl(*fd, F_DUPFD_CLOEXEC, FD_FREE);

	if (up < 0)
		return -errno;
	(void)close(*fd);
	*fd = up;
	return 0;
}

static int open_start(struct start *start, struct err *err)
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, start->socket) <
	    0)
		return err_sys(err, "passt: socketpair");
	if (pipe2(start->ready, O_CLOEXEC) < 0)
		return err_sys(err, "passt: pipe");
	/* It does not grow: what does not fit is lost. */
	start->said = memfd_create("passt", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (start->said < 0 || ftruncate(start->said, SAID_MOST) < 0 ||
	    fcntl(start->said, F_ADD_SEALS, F_SEAL_GROW) < 0)
		return err_sys(err, "passt: memfd");
	/* passt gives root's rights up before it opens it. */
	(void)fchmod(start->ready[1], 0622);
	if (move_up(&start->socket[1]) < 0 || move_up(&start->ready[1]) < 0 ||
	    move_up(&start->said) < 0)
		return err_sys(err, "passt: descriptor");
	return 0;
}

/* The words of its command line. */
static void fill_passt_words(const struct net_passt_options *opt,
			     const char *words[WORDS_MAX], char mtu[16])
{
	static const char *const first[] = {
		"passt", "--foreground", "--quiet",	   "--fd",
		"3",	 "--pid",	 "/proc/self/fd/4"
	};
	size_t n = sizeof(first) / sizeof(*first);

	memcpy(words, first, sizeof(first));
	if (opt->mtu) {
		(void)snprintf(mtu, 16, "%u", opt->mtu);
		words[n++] = "--mtu";
		words[n++] = mtu;
	}
	for (size_t i = 0; opt->tcp[i] && n + 2 < WORDS_MAX; i++) {
		words[n++] = "--tcp-ports";
		words[n++] = opt->tcp[i];
	}
	for (size_t i = 0; opt->udp[i] && n + 2 < WORDS_MAX; i++) {
		words[n++] = "--udp-ports";
		words[n++] = opt->udp[i];
	}
	words[n] = NULL;
}

/* A session of its own, so that keys of the terminal are not for it; and the
 * signals that this process blocks or ignores are its own again. */
static int spawn_passt(pid_t *ret, const struct start *start,
		       const char *const words[WORDS_MAX])
{
	char *argv[WORDS_MAX]; /* not changed */
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, usual;
	int r;

	memcpy(argv, words, sizeof(argv));
	(void)sigemptyset(&none);
	(void)sigemptyset(&usual);
	(void)sigaddset(&usual, SIGPIPE);
	(void)sigaddset(&usual, SIGXFSZ);
	(void)posix_spawnattr_init(&attr);
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID |
						      POSIX_SPAWN_SETSIGMASK |
						      POSIX_SPAWN_SETSIGDEF);
	(void)posix_spawnattr_setsigmask(&attr, &none);
	(void)posix_spawnattr_setsigdefault(&attr, &usual);
	(void)posix_spawn_file_actions_init(&files);
	r = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null",
					     O_RDONLY, 0);
	if (r == 0)
		r = posix_spawn_file_actions_addopen(&files, STDOUT_FILENO,
						     "/dev/null", O_WRONLY, 0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&files, start->said,
						     FD_ERRORS);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&files, start->socket[1],
						     FD_SOCKET);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&files, start->ready[1],
						     FD_READY);
	if (r == 0)
		r = posix_spawnp(ret, "passt", &files, &attr, argv, environ);
	(void)posix_spawn_file_actions_destroy(&files);
	(void)posix_spawnattr_destroy(&attr);
	return -r;
}

/* The last line that passt said. */
static void find_last_line(int fd, char *buf, size_t size)
{
	const off_t end = lseek(fd, 0, SEEK_CUR);
	const off_t from = end < (off_t)size ? 0 : end - (off_t)size + 1;
	ssize_t n = pread(fd, buf, (size_t)(end - from), from);
	char *line;

	n = n < 0 ? 0 : n;
	while (n > 0 && buf[n - 1] == '\n')
		n--;
	buf[n] = '\0';
	line = strrchr(buf, '\n');
	if (line)
		memmove(buf, line + 1, strlen(line));
	if (!*buf)
		(void)snprintf(buf, size, "it said nothing");
}

/* Waits for its number, or its end. */
static int await_passt(const struct start *start, struct err *err)
{
	struct pollfd ready = { .fd = start->ready[0], .events = POLLIN };
	char said[256];
	int n;

	do
		n = poll(&ready, 1, START_MS);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		return err_set(err, -ETIMEDOUT, "passt: it does not start");
	if (ready.revents & POLLIN)
		return 0;
	find_last_line(start->said, said, sizeof(said));
	return err_set(err, -ECHILD, "passt: it has ended: %s", said);
}

/* Its socket is closed: it ends, and its ports are free. */
static void end_passt(void *ctx)
{
	struct passt *passt = ctx;
	struct pollfd end = { .fd = passt->pidfd, .events = POLLIN };
	int n;

	do
		n = poll(&end, 1, END_MS);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		(void)kill(passt->pid, SIGKILL);
	while (waitpid(passt->pid, NULL, 0) < 0 && errno == EINTR)
		;
	fd_closep(&passt->pidfd);
	free(passt);
}

static int start_passt(struct passt *passt, struct start *start,
		       const struct net_passt_options *opt, struct err *err)
{
	const char *words[WORDS_MAX] = { NULL };
	char mtu[16];
	int r = open_start(start, err);

	if (r < 0)
		return r;
	fill_passt_words(opt, words, mtu);
	r = spawn_passt(&passt->pid, start, words);
	if (r == -ENOENT)
		return err_input(err, r,
				 "there is no passt in PATH, which the "
				 "package passt has");
	if (r < 0) {
		errno = -r;
		return err_sys(err, "passt");
	}
	passt->pidfd = (int)syscall(SYS_pidfd_open, passt->pid, 0);
	/* The child's ends are the child's alone: their ends tell. */
	fd_closep(&start->socket[1]);
	fd_closep(&start->ready[1]);
	start->socket[1] = start->ready[1] = -1;
	return await_passt(start, err);
}

int net_passt_new(struct net **ret, struct loop *loop,
		  const struct net_passt_options *opt, struct err *err)
{
	_cleanup_(close_start) struct start start = { { -1, -1 },
						      { -1, -1 },
						      -1 };
	struct passt *passt = calloc(1, sizeof(*passt));
	int r;

	if (!passt)
		return err_set(err, -ENOMEM, "passt: out of memory");
	passt->pidfd = -1;
	r = start_passt(passt, &start, opt, err);
	if (r == 0) {
		r = net_stream_new(ret, loop, TAKE_FD(start.socket[0]),
				   "--net user: passt", err);
		if (r == 0) {
			net_stream_at_close(*ret, end_passt, passt);
			return 0;
		}
	}
	fd_closep(&start.socket[0]);
	start.socket[0] = -1;
	if (passt->pid > 0)
		end_passt(passt);
	else
		free(passt);
	return r;
}
