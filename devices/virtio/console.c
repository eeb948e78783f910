/* devices/virtio/console.c - virtio console: one port, no control queues. */
#include "devices/virtio/console.h"

#include <errno.h>
#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "mem/iov.h"

/* Source: section 5.3.2. */
enum { RX, TX, QUEUES };

/* How much one call of notify() sends at most, in bytes. */
#define BURST ((size_t)64 * 1024)

/* The chain a queue is at. */
struct current {
	struct virtq_chain chain;
	bool taken; /* @chain is valid */
	size_t done; /* bytes of it that were sent */
};

struct console {
	struct virtio vio;
	struct virtio_console_config config; /* cols, rows, ports: all 0 */
	struct tty *tty; /* borrowed */
	struct tty_user user;
	struct current rx, tx;
};

static struct console *console_of(struct virtio *vio)
{
	return container_of(vio, struct console, vio);
}

static void give_back(struct console *con, unsigned queue, struct current *cur,
		      size_t written)
{
	cur->taken = false;
	virtio_push(&con->vio, queue, &cur->chain, (uint32_t)written);
}

/* Sends the next @len bytes of a chain. Returns how many the tty took. */
static size_t send(struct console *con, size_t len)
{
	const struct virtq_chain *chain = &con->tx.chain;
	size_t skip = con->tx.done;
	size_t sent = 0;

	for (size_t i = 0; i < chain->readable && sent < len; i++) {
		const struct iovec *iov = &chain->iov[i];
		size_t want, n;

		if (skip >= iov->iov_len) {
			skip -= iov->iov_len;
			continue;
		}
		want = iov->iov_len - skip;
		if (want > len - sent)
			want = len - sent;
		/* The tty would take an EFAULT for the terminal's. */
		iov_touch(iov, 1);
		n = tty_write(con->tty, (const uint8_t *)iov->iov_base + skip,
			      want);
		sent += n;
		if (n < want)
			break;
		skip = 0;
	}
	con->tx.done += sent;
	return sent;
}

/* True if there is a chain to go on with, an old one or the next. */
static bool take(struct console *con, unsigned queue, struct current *cur)
{
	if (!cur->taken) {
		cur->taken = virtio_pop(&con->vio, queue, &cur->chain);
		cur->done = 0;
	}
	return cur->taken;
}

static void transmit(struct console *con)
{
	struct virtio *vio = &con->vio;
	unsigned chains = vio->queue[TX].ring.size;
	size_t bytes = BURST;

	while (chains > 0 && bytes > 0 && take(con, TX, &con->tx)) {
		const struct virtq_chain *chain = &con->tx.chain;
		const size_t left = iov_length(chain->iov, chain->readable) -
				    con->tx.done;
		const size_t want = left < bytes ? left : bytes;
		const size_t sent = send(con, want);

		bytes -= sent;
		if (sent < want)
			break; /* the tty is full: drained() goes on */
		if (sent == left) {
			give_back(con, TX, &con->tx, 0);
			chains--;
		}
	}
	virtio_flush(vio, TX);
	if (chains == 0 || bytes == 0)
		virtio_kick(vio, TX);
}

static size_t console_room(struct tty_user *user)
{
	struct console *con = container_of(user, struct console, user);
	struct virtq_chain *chain = &con->rx.chain;

	/* The kick that ends the pause asks again. */
	if (con->vio.paused)
		return 0;
	for (unsigned n = 0; n < VIRTQ_MAX_SIZE; n++) {
		size_t len;

		if (!take(con, RX, &con->rx))
			return 0;
		len = iov_length(chain->iov + chain->readable,
				 chain->count - chain->readable);
		if (len > 0)
			return len;
		give_back(con, RX, &con->rx, 0); /* nothing to write to */
	}
	virtio_kick(&con->vio, RX);
	return 0;
}

static void console_input(struct tty_user *user, const uint8_t *buf, size_t len)
{
	struct console *con = container_of(user, struct console, user);
	struct virtq_chain *chain = &con->rx.chain;

	len = iov_write(chain->iov + chain->readable,
			chain->count - chain->readable, 0, buf, len);
	give_back(con, RX, &con->rx, len);
	virtio_flush(&con->vio, RX);
}

static void console_drained(struct tty_user *user)
{
	struct console *con = container_of(user, struct console, user);

	if (con->tx.taken && !con->vio.paused)
		transmit(con);
}

static void console_notify(struct virtio *vio, unsigned queue)
{
	struct console *con = console_of(vio);

	if (queue == TX)
		transmit(con);
	else
		tty_room(con->tty);
}

static void console_quiesce(struct virtio *vio, unsigned queue)
{
	struct console *con = console_of(vio);

	if (queue == RX)
		con->rx.taken = false;
	else
		con->tx.taken = false;
}

/* A byte without a queue, for a guest that has nothing else left. */
static void console_config_write(struct virtio *vio, size_t offset,
				 const void *buf, size_t len)
{
	(void)len;
	if (offset == offsetof(struct virtio_console_config, emerg_wr))
		(void)tty_write(console_of(vio)->tty, buf, 1);
}

static void console_destroy(struct virtio *vio)
{
	struct console *con = console_of(vio);

	if (con->tty)
		tty_attach(con->tty, NULL);
	virtio_finish(vio);
	free(con);
}

static const struct virtio_ops console_ops = {
	.name = "virtio-console",
	.id = VIRTIO_ID_CONSOLE,
	.notify = console_notify,
	.quiesce = console_quiesce,
	.config_write = console_config_write,
	.destroy = console_destroy,
};

int virtio_console_new(struct virtio **ret, const struct mem_map *mem,
		       struct loop *loop, struct tty *tty, struct err *err)
{
	struct console *con = calloc(1, sizeof(*con));
	int r;

	if (!con)
		return err_set(err, -ENOMEM, "virtio-console: out of memory");
	r = virtio_init(&con->vio, &console_ops, mem, loop, QUEUES, err);
	if (r < 0) {
		console_destroy(&con->vio);
		return r;
	}
	con->vio.offered |= 1ULL << VIRTIO_CONSOLE_F_EMERG_WRITE;
	con->vio.config = &con->config;
	con->vio.config_len = sizeof(con->config);
	con->user = (struct tty_user){
		.lock = &con->vio.dev.lock,
		.room = console_room,
		.input = console_input,
		.drained = console_drained,
	};
	con->tty = tty;
	tty_attach(tty, &con->user);
	*ret = &con->vio;
	return 0;
}
