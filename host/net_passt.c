/* host/net_passt.c - the host's own network, without privileges. */
#include "host/net_passt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "host/net_stream.h"

#define START_MS 10000 /* how long it may take to be ready */
#define END_MS 2000 /* and to end once its socket is hung up */
#define SAID_MOST 65536 /* bytes of its messages that are kept */
#define WORDS_MAX 64

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

/* What fill_passt_words() names: 3 is its socket, 4 where it writes once it is
 * ready. */
static int spawn_passt(pid_t *ret, const struct start *start,
		       const char *const words[WORDS_MAX])
{
	const int fds[] = { -1, -1, start->said, start->socket[1],
			    start->ready[1] };
	const struct child_spec spec = {
		.argv = words,
		.fds = fds,
		.count = sizeof(fds) / sizeof(*fds),
		.session = true,
	};

	return child_spawn(ret, &spec);
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
static int await_passt(const struct start *start, int interrupt_fd,
		       struct err *err)
{
	struct pollfd p[] = { { .fd = start->ready[0], .events = POLLIN },
			      { .fd = interrupt_fd, .events = POLLIN } };
	char said[256];
	int n;

	do
		n = poll(p, 2, START_MS);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		return err_set(err, -ETIMEDOUT, "passt: it does not start");
	if (p[0].revents & POLLIN)
		return 0;
	if (!p[0].revents)
		return err_set(err, -EINTR, "passt: its start was interrupted");
	find_last_line(start->said, said, sizeof(said));
	return err_set(err, -ECHILD, "passt: it has ended: %s", said);
}

/* Its socket is closed: it ends, and its ports are free. */
static void end_passt(void *ctx)
{
	pid_t *pid = ctx;

	if (*pid > 0)
		(void)child_end(*pid, END_MS, END_MS);
	free(pid);
}

static int start_passt(pid_t *pid, struct start *start,
		       const struct net_passt_options *opt, struct err *err)
{
	const char *words[WORDS_MAX] = { NULL };
	char mtu[16];
	int r = open_start(start, err);

	if (r < 0)
		return r;
	fill_passt_words(opt, words, mtu);
	r = spawn_passt(pid, start, words);
	if (r == -ENOENT)
		return err_input(err, r,
				 "there is no passt in PATH, which the "
				 "package passt has");
	if (r < 0)
		return err_set(err, r, "passt: %s", strerrordesc_np(-r));
	/* The child's ends are the child's alone: their ends tell. */
	(void)close(TAKE_FD(start->socket[1]));
	(void)close(TAKE_FD(start->ready[1]));
	return await_passt(start, opt->interrupt_fd, err);
}

int net_passt_new(struct net **ret, struct loop *loop,
		  const struct net_passt_options *opt, struct err *err)
{
	_cleanup_(close_start) struct start start = { { -1, -1 },
						      { -1, -1 },
						      -1 };
	pid_t *pid = calloc(1, sizeof(*pid));
	int r;

	if (!pid)
		return err_set(err, -ENOMEM, "passt: out of memory");
	r = start_passt(pid, &start, opt, err);
	if (r == 0)
		r = net_stream_new(ret, loop, TAKE_FD(start.socket[0]),
				   "--net user: passt", err);
	if (r == 0) {
		net_stream_at_close(*ret, end_passt, pid);
		return 0;
	}
	(void)close(TAKE_FD(start.socket[0]));
	end_passt(pid);
	return r;
}
