/*
 * host/tty_relay.c - keeps a guest's console output and passes it to a client.
 *
 * All is the loop thread's, so that there is no lock.
 */
#include "host/tty_relay.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "host/tty_key.h"

#define TYPED 1024 /* read ahead from a client, in bytes */

struct tty_relay {
	struct loop *loop; /* borrowed */
	void (*brk)(void *ctx);
	void *ctx; /* borrowed */
	int tty_fd; /* owned; the end that is the tty's */

	struct loop_watch guest; /* its fd is owned: our end */
	uint32_t guest_events;
	struct loop_watch client; /* its fd is owned; -1: none */
	uint32_t client_events;
	unsigned how; /* of enum tty_relay_how */
	bool escape; /* state of tty_key() */
	bool silent; /* the client will type no more */
	bool leave; /* it is to be hung up on */

	size_t typed; /* bytes of in, on their way to the guest */
	uint8_t in[TYPED];
	size_t end; /* where the next byte the guest says goes */
	size_t kept; /* bytes before it that are valid; in a circle */
	size_t unseen; /* those of them that the client has not been sent */
	uint8_t out[TTY_RELAY_KEPT];
};

static void keep_output(struct tty_relay *relay, const uint8_t *buf, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		relay->out[relay->end] = buf[i];
		relay->end = (relay->end + 1) % TTY_RELAY_KEPT;
	}
	relay->kept += len;
	relay->unseen += len;
	if (relay->kept > TTY_RELAY_KEPT)
		relay->kept = TTY_RELAY_KEPT;
	if (relay->unseen > TTY_RELAY_KEPT)
		relay->unseen = TTY_RELAY_KEPT;
}

static void hang_up(struct tty_relay *relay)
{
	if (relay->client.fd < 0)
		return;
	loop_remove(relay->loop, &relay->client);
	fd_closep(&relay->client.fd);
	relay->client.fd = -1;
	relay->leave = false;
}

/* Sends what the client takes now. */
static void send_kept_output(struct tty_relay *relay)
{
	while (relay->client.fd >= 0 && relay->unseen > 0) {
		const size_t start = (relay->end + TTY_RELAY_KEPT -
				      relay->unseen) %
				     TTY_RELAY_KEPT;
		const size_t straight = TTY_RELAY_KEPT - start;
		const size_t len = relay->unseen < straight ? relay->unseen
							    : straight;
		const ssize_t n = send(relay->client.fd, relay->out + start,
				       len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0 && errno != EINTR)
			relay->leave = true;
		if (relay->leave)
			return;
		if (n > 0)
			relay->unseen -= (size_t)n;
	}
}

/* Returns false if nothing more is to be had now. */
static bool listen_to_guest(struct tty_relay *relay)
{
	uint8_t buf[4096];
	const ssize_t n = recv(relay->guest.fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n > 0)
		keep_output(relay, buf, (size_t)n);
	return n > 0;
}

/* Passes on the client's input, as far as the tty takes it. */
static void feed_tty(struct tty_relay *relay)
{
	ssize_t n;

	if (relay->typed == 0)
		return;
	n = send(relay->guest.fd, relay->in, relay->typed,
		 MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n <= 0)
		return;
	relay->typed -= (size_t)n;
	memmove(relay->in, relay->in + n, relay->typed);
}

static void take_key(struct tty_relay *relay, uint8_t byte)
{
	static const uint8_t help[] = TTY_KEY_HELP_TEXT;

	const bool keys = relay->how & TTY_RELAY_KEYS;

	switch (keys ? tty_key(&relay->escape, &byte) : TTY_KEY_BYTE) {
	case TTY_KEY_BYTE:
		relay->in[relay->typed++] = byte;
		break;
	case TTY_KEY_BREAK:
		feed_tty(relay); /* as far as it goes */
		relay->brk(relay->ctx);
		break;
	case TTY_KEY_HELP:
		keep_output(relay, help, sizeof(help) - 1);
		break;
	case TTY_KEY_QUIT:
		relay->leave = true;
		break;
	case TTY_KEY_NONE:
		break;
	}
}

static bool listens_to_client(const struct tty_relay *relay)
{
	return relay->client.fd >= 0 && !relay->silent && relay->typed == 0;
}

static void listen_to_client(struct tty_relay *relay)
{
	uint8_t buf[TYPED];
	ssize_t n;

	if (!listens_to_client(relay))
		return;
	n = recv(relay->client.fd, buf, sizeof(buf), MSG_DONTWAIT);
	for (ssize_t i = 0; i < n && !relay->leave; i++)
		take_key(relay, buf[i]);
	if (n == 0)
		relay->silent = true;
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		relay->leave = true;
}

/* True if the client has typed all it will, and the tty has taken it. */
static bool ends_once(const struct tty_relay *relay)
{
	return (relay->how & TTY_RELAY_ONCE) && relay->silent &&
	       relay->typed == 0;
}

/* Called after each turn: sets the events to wait for. */
static void arm_relay(struct tty_relay *relay)
{
	uint32_t guest = EPOLLIN, client = 0;

	if (relay->leave || ends_once(relay))
		hang_up(relay);
	if (relay->typed > 0)
		guest |= EPOLLOUT;
	if (listens_to_client(relay))
		client |= EPOLLIN;
	if (relay->unseen > 0)
		client |= EPOLLOUT;
	if (guest != relay->guest_events)
		loop_modify(relay->loop, &relay->guest, guest);
	relay->guest_events = guest;
	if (relay->client.fd >= 0 && client != relay->client_events)
		loop_modify(relay->loop, &relay->client, client);
	relay->client_events = client;
}

static void guest_ready(struct loop_watch *watch, uint32_t events)
{
	struct tty_relay *relay = container_of(watch, struct tty_relay, guest);

	(void)events;
	(void)listen_to_guest(relay);
	send_kept_output(relay);
	feed_tty(relay);
	arm_relay(relay);
}

static void relay_client_ready(struct loop_watch *watch, uint32_t events)
{
	struct tty_relay *relay = container_of(watch, struct tty_relay, client);

	listen_to_client(relay);
	feed_tty(relay);
	send_kept_output(relay);
	/* It has gone. Its input is read as far as the guest takes it. */
	if ((events & (EPOLLHUP | EPOLLERR)) && !listens_to_client(relay))
		relay->leave = true;
	arm_relay(relay);
}

struct tty_relay *tty_relay_free(struct tty_relay *relay)
{
	if (!relay)
		return NULL;
	while (relay->guest.fd >= 0 && listen_to_guest(relay))
		send_kept_output(relay);
	hang_up(relay);
	if (relay->guest.fd >= 0)
		loop_remove(relay->loop, &relay->guest);
	fd_closep(&relay->guest.fd);
	fd_closep(&relay->tty_fd);
	free(relay);
	return NULL;
}

static void tty_relay_freep(struct tty_relay **relay)
{
	*relay = tty_relay_free(*relay);
}

int tty_relay_new(struct tty_relay **ret, struct loop *loop,
		  void (*brk)(void *ctx), void *ctx, struct err *err)
{
	_cleanup_(tty_relay_freep) struct tty_relay *relay = calloc(
		1, sizeof(*relay));
	int pair[2], r;

	if (!relay)
		return err_set(err, -ENOMEM, "console: out of memory");
	relay->loop = loop;
	relay->brk = brk;
	relay->ctx = ctx;
	relay->tty_fd = -1;
	relay->guest = (struct loop_watch){ .fd = -1, .ready = guest_ready };
	relay->client = (struct loop_watch){ .fd = -1,
					     .ready = relay_client_ready };
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
		       pair) < 0)
		return err_sys(err, "console: socketpair");
	relay->tty_fd = pair[0];
	relay->guest.fd = pair[1];
	relay->guest_events = EPOLLIN;
	r = loop_add(loop, &relay->guest, EPOLLIN, err);
	if (r < 0)
		return err_wrap(err, "console");
	*ret = TAKE_PTR(relay);
	return 0;
}

int tty_relay_fd(const struct tty_relay *relay)
{
	return relay->tty_fd;
}

bool tty_relay_taken(const struct tty_relay *relay)
{
	struct pollfd p = { .fd = relay->client.fd };

	return relay->client.fd >= 0 &&
	       (poll(&p, 1, 0) <= 0 || !(p.revents & (POLLHUP | POLLERR)));
}

int tty_relay_attach(struct tty_relay *relay, int fd, unsigned how,
		     struct err *err)
{
	int r;

	hang_up(relay);
	relay->client.fd = fd;
	r = loop_add(relay->loop, &relay->client, EPOLLIN, err);
	if (r < 0) {
		fd_closep(&relay->client.fd);
		relay->client.fd = -1;
		return r;
	}
	relay->client_events = EPOLLIN;
	relay->how = how;
	relay->escape = relay->silent = false;
	relay->unseen = relay->kept;
	send_kept_output(relay);
	arm_relay(relay);
	return 0;
}
