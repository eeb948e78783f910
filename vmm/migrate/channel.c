/* vmm/migrate/channel.c - a stream of bytes to the other side, and back. */
#include "vmm/migrate/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/aside.h"
#include "base/child.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "mem/iov.h"

#define CHILD_MS 2000 /* for a command to end, by itself or when told */

/* Returns the flags that it had; -1: not known. */
static int unblock_fd(int fd)
{
	const int flags = fcntl(fd, F_GETFL);

	if (flags >= 0)
		(void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	return flags;
}

void channel_open(struct channel *channel, int in, int out, pid_t child)
{
	*channel = (struct channel)CHANNEL_NONE;
	channel->in = in;
	channel->out = out;
	channel->child = child;
	channel->in_flags = unblock_fd(in);
	if (out != in)
		channel->out_flags = unblock_fd(out);
}

static void close_blocking(int *fd, int flags)
{
	if (*fd >= 0 && flags >= 0)
		(void)fcntl(*fd, F_SETFL, flags);
	fd_closep(fd);
	*fd = -1;
}

static void close_ends(struct channel *channel)
{
	if (channel->out != channel->in)
		close_blocking(&channel->out, channel->out_flags);
	close_blocking(&channel->in, channel->in_flags);
	channel->out = -1;
}

void channel_close(struct channel *channel)
{
	close_ends(channel);
	if (channel->child > 0)
		(void)child_end(channel->child, CHILD_MS, CHILD_MS);
	channel->child = 0;
}

struct reaping {
	struct aside aside;
	pid_t child;
};

static void reap_aside(struct aside *aside)
{
	(void)child_end(container_of(aside, struct reaping, aside)->child,
			CHILD_MS, CHILD_MS);
}

static void free_reaping(struct aside *aside)
{
	free(container_of(aside, struct reaping, aside));
}

void channel_close_aside(struct channel *channel)
{
	struct reaping *reaping = NULL;
	struct err unused = { 0 };

	close_ends(channel);
	if (channel->child > 0)
		reaping = calloc(1, sizeof(*reaping));
	if (reaping) {
		*reaping = (struct reaping){ .aside = ASIDE(reap_aside,
							    free_reaping),
					     .child = channel->child };
		/* One that is not waited for is init's in the end. */
		(void)aside_start(&reaping->aside, &unused);
		aside_leave(&reaping->aside);
	}
	channel->child = 0;
}

static int fail_interrupted(struct err *err)
{
	return err_set(err, -ECANCELED, "ended by request");
}

/* How long a wait may take, in ms. @limit: when the call is to end, by
 * clock_ns(); 0: no limit */
static int longest_wait(const struct channel *channel, uint64_t limit)
{
	const uint64_t now = clock_ns();
	uint64_t end = channel->deadline, ms;

	if (limit && (!end || limit < end))
		end = limit;
	if (!end)
		return channel->patience_ms;
	ms = end > now ? (end - now) / NS_PER_MS + 1 : 0;
	if (channel->patience_ms >= 0 && ms > (uint64_t)channel->patience_ms)
		return channel->patience_ms;
	return ms < INT_MAX ? (int)ms : INT_MAX;
}

void channel_limit(struct channel *channel, int ms)
{
	channel->deadline = clock_ns() + (uint64_t)ms * NS_PER_MS;
}

int channel_wait_ms(const struct channel *channel)
{
	return longest_wait(channel, 0);
}

static int fail_late(const struct channel *channel, int waited_ms,
		     struct err *err)
{
	if (waited_ms == channel->patience_ms)
		return err_set(err, -ETIMEDOUT,
			       "the other side has done nothing for %d seconds",
			       waited_ms / 1000);
	return err_set(err, -ETIMEDOUT, "the other side takes too long");
}

/* Waits for @events of @fd. */
static int wait_channel(const struct channel *channel, int fd, short events,
			uint64_t limit, struct err *err)
{
	struct pollfd p[] = { { .fd = fd, .events = events },
			      { .fd = channel->stop, .events = POLLIN } };
	const int ms = longest_wait(channel, limit);
	const int n = poll(p, 2, ms);

	if (n < 0 && errno != EINTR)
		return err_sys(err, "poll");
	if (n == 0)
		return fail_late(channel, ms, err);
	/* What has come already is taken: it may be the guest. */
	return n > 0 && !p[0].revents && p[1].revents ? fail_interrupted(err)
						      : 0;
}

/* One that moves a byte before each wait ends is to end, too. Looked at before
 * a wait: what has come already is taken. */
static int check_limit(const struct channel *channel, uint64_t limit,
		       struct err *err)
{
	const uint64_t now = clock_ns();

	if ((limit && now >= limit) ||
	    (channel->deadline && now >= channel->deadline))
		return fail_late(channel, INT_MAX, err);
	return 0;
}

static uint64_t call_limit(void)
{
	return clock_ns() + CHANNEL_CALL_MS * NS_PER_MS;
}

static int fail_closed(struct err *err)
{
	return err_set(err, -ECONNRESET, "the other side has closed");
}

static bool is_closed(int error)
{
	return error == EPIPE || error == ECONNRESET;
}

int channel_read(struct channel *channel, void *buf, size_t len,
		 struct err *err)
{
	uint64_t limit = 0;
	uint8_t *to = buf;

	while (len > 0) {
		const ssize_t n = read(channel->in, to, len);
		int r;

		if (n == 0 || (n < 0 && is_closed(errno)))
			return fail_closed(err);
		if (n > 0) {
			to += n;
			len -= (size_t)n;
			if (!limit && len > 0)
				limit = call_limit();
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			return err_sys(err, "read");
		r = check_limit(channel, limit, err);
		if (r == 0)
			r = wait_channel(channel, channel->in, POLLIN, limit,
					 err);
		if (r < 0)
			return r;
	}
	return 0;
}

int channel_write(struct channel *channel, struct iovec *iov, size_t count,
		  struct err *err)
{
	uint64_t limit = 0;

	iov_narrow(iov, &count, 0, SIZE_MAX);
	while (count > 0) {
		const ssize_t n = writev(channel->out, iov, (int)count);
		int r;

		if (n >= 0) {
			channel->sent += (uint64_t)n;
			iov_narrow(iov, &count, (size_t)n, SIZE_MAX);
			if (!limit && count > 0)
				limit = call_limit();
			continue;
		}
		if (is_closed(errno))
			return fail_closed(err);
		if (errno != EAGAIN && errno != EINTR)
			return err_sys(err, "write");
		r = check_limit(channel, limit, err);
		if (r == 0)
			r = wait_channel(channel, channel->out, POLLOUT, limit,
					 err);
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
