/* vmm/migrate/channel.c - a stream of bytes to the other side, and back. */
#include "vmm/migrate/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "mem/iov.h"

#define CHILD_MS 2000 /* for a command to end, by itself or when told */

static void unblock_fd(int fd)
{
	const int flags = fcntl(fd, F_GETFL);

	if (flags >= 0)
		(void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

void channel_open(struct channel *channel, int in, int out, pid_t child)
{
	*channel = (struct channel)CHANNEL_NONE;
	channel->in = in;
	channel->out = out;
	channel->child = child;
	unblock_fd(in);
	unblock_fd(out);
}

/* True if the process of a pidfd ends by itself. */
static bool ends_soon(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return fd >= 0 && poll(&p, 1, CHILD_MS) > 0;
}

static void reap_child(pid_t child)
{
	_cleanup_(fd_closep) int fd = pidfd_open(child, 0);

	if (!ends_soon(fd)) {
		(void)kill(child, SIGTERM);
		if (!ends_soon(fd))
			(void)kill(child, SIGKILL);
	}
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
}

void channel_close(struct channel *channel)
{
	if (channel->out != channel->in)
		fd_closep(&channel->out);
	fd_closep(&channel->in);
	channel->in = channel->out = -1;
	if (channel->child > 0)
		reap_child(channel->child);
	channel->child = 0;
}

static int fail_interrupted(struct err *err)
{
	return err_set(err, -ECANCELED, "ended by request");
}

/* Waits for @events of @fd. */
static int wait_channel(const struct channel *channel, int fd, short events,
			struct err *err)
{
	struct pollfd p[] = { { .fd = fd, .events = events },
			      { .fd = channel->stop, .events = POLLIN } };
	const int n = poll(p, 2, channel->patience_ms);

	if (n < 0 && errno != EINTR)
		return err_sys(err, "poll");
	if (n == 0)
		return err_set(err, -ETIMEDOUT,
			       "the other side has done nothing for %d seconds",
			       channel->patience_ms / 1000);
	/* What has come already is taken: it may be the guest. */
	return n > 0 && !p[0].revents && p[1].revents ? fail_interrupted(err)
						      : 0;
}

static int fail_closed(struct err *err)
{
	return err_set(err, -ECONNRESET, "the other side has closed");
}

static bool is_closed(int error)
{
	return error == EPIPE || error == ECONNRESET;
}

int channel_wait(const struct channel *channel, struct err *err)
{
	return wait_channel(channel, channel->in, POLLIN, err);
}

int channel_read(struct channel *channel, void *buf, size_t len,
		 struct err *err)
{
	uint8_t *to = buf;

	while (len > 0) {
		const ssize_t n = read(channel->in, to, len);
		int r;

		if (n == 0 || (n < 0 && is_closed(errno)))
			return fail_closed(err);
		if (n > 0) {
			to += n;
			len -= (size_t)n;
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			return err_sys(err, "read");
		r = wait_channel(channel, channel->in, POLLIN, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int channel_write(struct channel *channel, struct iovec *iov, size_t count,
		  struct err *err)
{
	iov_narrow(iov, &count, 0, SIZE_MAX);
	while (count > 0) {
		const ssize_t n = writev(channel->out, iov, (int)count);
		int r;

		if (n >= 0) {
			channel->sent += (uint64_t)n;
			iov_narrow(iov, &count, (size_t)n, SIZE_MAX);
			continue;
		}
		if (is_closed(errno))
			return fail_closed(err);
		if (errno != EAGAIN && errno != EINTR)
			return err_sys(err, "write");
		r = wait_channel(channel, channel->out, POLLOUT, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int channel_sleep(const struct channel *channel, uint64_t ns, struct err *err)
{
	struct pollfd p = { .fd = channel->stop, .events = POLLIN };
	const struct timespec t = {
		.tv_sec = (time_t)(ns / NS_PER_SECOND),
		.tv_nsec = (long)(ns % NS_PER_SECOND),
	};

	return ppoll(&p, 1, &t, NULL) > 0 ? fail_interrupted(err) : 0;
}
