/* host/net_stream.c - a network over a stream socket, as QEMU has it. */
#include "host/net_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/log.h"

#define LENGTH 4 /* bytes before a frame */
#define IN_SIZE (LENGTH + NET_FRAME_MAX + 65536)
#define OUT_SIZE (LENGTH + NET_FRAME_MAX)

struct net_stream {
	struct net net;
	struct loop *loop; /* borrowed */
	struct net_user *user; /* borrowed; NULL: not attached yet */
	struct loop_watch watch; /* its fd is owned; -1: hung up */
	char *name; /* owned */
	void (*closed)(void *ctx); /* NULL: nothing is to be done */
	void *ctx;
	size_t begin, end; /* bytes of @in that were received and not given */
	size_t sent, unsent; /* bytes of @out that were, and are to be, sent */
	uint8_t in[IN_SIZE];
	uint8_t out[OUT_SIZE];
};

static struct net_stream *stream_of(struct net *net)
{
	return container_of(net, struct net_stream, net);
}

/* The other side is gone, or is no use. */
static void end_stream(struct net_stream *s, const char *why)
{
	log_warn("%s: %s; the guest's network is down", s->name, why);
	loop_remove(s->loop, &s->watch);
	fd_closep(&s->watch.fd);
	s->watch.fd = -1;
	s->begin = s->end = s->unsent = 0;
	s->net.up = s->net.full = false;
	s->user->changed(s->user);
}

/* Makes room at the end of the buffer, and fills it. Returns false if nothing
 * came. */
static bool fill_stream(struct net_stream *s)
{
	ssize_t n;

	if (s->watch.fd < 0)
		return false;
	memmove(s->in, s->in + s->begin, s->end - s->begin);
	s->end -= s->begin;
	s->begin = 0;
	do
		n = recv(s->watch.fd, s->in + s->end, sizeof(s->in) - s->end,
			 MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		s->end += (size_t)n;
		return true;
	}
	if (n == 0)
		end_stream(s, "the other side has hung up");
	else if (errno != EAGAIN)
		end_stream(s, strerrordesc_np(errno));
	return false;
}

static size_t stream_receive(struct net *net, uint8_t *buf)
{
	struct net_stream *s = stream_of(net);
	uint32_t len;

	for (;;) {
		const size_t there = s->end - s->begin;

		if (there >= LENGTH) {
			len = load_be32(s->in + s->begin);
			if (len < ETH_HLEN || len > NET_FRAME_MAX) {
				end_stream(s, "what came is no Ethernet frame");
				return 0;
			}
			if (there - LENGTH >= len)
				break;
		}
		if (!fill_stream(s))
			return 0;
	}
	memset(buf, 0, NET_HEADER);
	memcpy(buf + NET_HEADER, s->in + s->begin + LENGTH, len);
	s->begin += LENGTH + len;
	return NET_HEADER + len;
}

/* Sends what the socket takes of what is left. */
static int flush_stream(struct net_stream *s)
{
	while (s->unsent > 0) {
		const ssize_t n = send(s->watch.fd, s->out + s->sent, s->unsent,
				       MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			const int r = -errno;

			end_stream(s, "the other side has hung up");
			return r;
		}
		s->sent += (size_t)n;
		s->unsent -= (size_t)n;
	}
	s->net.full = s->unsent > 0;
	return 0;
}

static int stream_send(struct net *net, const uint8_t *buf, size_t len)
{
	struct net_stream *s = stream_of(net);

	if (s->watch.fd < 0)
		return -ENOTCONN;
	len -= NET_HEADER;
	store_be32(s->out, (uint32_t)len);
	memcpy(s->out + LENGTH, buf + NET_HEADER, len);
	s->sent = 0;
	s->unsent = LENGTH + len;
	return flush_stream(s);
}

static void stream_ready(struct loop_watch *watch, uint32_t events)
{
	struct net_stream *s = container_of(watch, struct net_stream, watch);

	if (s->net.full && (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) &&
	    flush_stream(s) == 0 && !s->net.full)
		s->user->drained(s->user);
	/* A guest that takes no frames learns of the end, too. */
	if (s->watch.fd >= 0 && (events & (EPOLLHUP | EPOLLERR)) &&
	    s->begin == s->end)
		(void)fill_stream(s);
	if (s->watch.fd >= 0 && (events & (EPOLLIN | EPOLLRDHUP)))
		s->user->arrived(s->user);
}

static int stream_attach(struct net *net, struct net_user *user,
			 struct err *err)
{
	struct net_stream *s = stream_of(net);
	int r;

	s->user = user;
	s->watch.lock = user->lock;
	s->watch.ready = stream_ready;
	/* Edge-triggered: frames that the guest has no room for stay where they
	 * are. */
	r = loop_add(s->loop, &s->watch,
		     EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, err);
	if (r < 0)
		s->user = NULL;
	return r < 0 ? err_wrap(err, "%s", s->name) : 0;
}

static void stream_close(struct net *net)
{
	struct net_stream *s = stream_of(net);

	if (s->user && s->watch.fd >= 0)
		loop_remove(s->loop, &s->watch);
	fd_closep(&s->watch.fd);
	if (s->closed)
		s->closed(s->ctx);
	free(s->name);
	free(s);
}

static const struct net_ops stream_ops = {
	.attach = stream_attach,
	.receive = stream_receive,
	.send = stream_send,
	.close = stream_close,
};

int net_stream_new(struct net **ret, struct loop *loop, int fd,
		   const char *name, struct err *err)
{
	struct net_stream *s = calloc(1, sizeof(*s));

	if (s)
		s->name = strdup(name);
	if (!s || !s->name) {
		(void)close(fd);
		free(s);
		return err_set(err, -ENOMEM, "%s: out of memory", name);
	}
	s->loop = loop;
	s->watch.fd = fd;
	s->net = (struct net){ .ops = &stream_ops, .up = true };
	*ret = &s->net;
	return 0;
}

void net_stream_at_close(struct net *net, void (*closed)(void *ctx), void *ctx)
{
	stream_of(net)->closed = closed;
	stream_of(net)->ctx = ctx;
}

int net_unix_new(struct net **ret, struct loop *loop, const char *path,
		 struct err *err)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	_cleanup_(fd_closep) int fd = -1;

	if (strlen(path) >= sizeof(at.sun_path))
		return err_input(err, -ENAMETOOLONG,
				 "%s: a socket's path has at most %zu "
				 "characters",
				 path, sizeof(at.sun_path) - 1);
	memcpy(at.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_sys(err, "%s: socket", path);
	if (connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0) {
		(void)err_sys(err, "%s", path);
		/* Nobody listens there, or not to this user. */
		err->input = err->code != -EAGAIN;
		return err->code;
	}
	return net_stream_new(ret, loop, TAKE_FD(fd), path, err);
}
