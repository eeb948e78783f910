/* devices/virtio/console.c - virtio console: one port, no control queues. */
#include "devices/virtio/console.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/state_field.h"

/* Source: section 5.3.2. */
enum { RX, TX, QUEUES };

/* How much is sent at a time, in bytes. */
#define PIECE ((size_t)4096)

/* The chain a queue is at. */
struct current {
	struct virtq_chain chain;
	bool taken; /* @chain is valid */
	size_t done; /* bytes of it that were sent */
	uint64_t skip; /* bytes of the next chain that were sent: it was taken
			  before this device was saved */
};

struct console {
	struct virtio vio;
	struct virtio_console_config config; /* little-endian */
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

/* Sends the next piece of the chain. Returns false if the tty is full. */
static bool send_piece(struct console *con)
{
	struct current *tx = &con->tx;
	uint8_t buf[PIECE];
	const size_t len = chain_read(&tx->chain, tx->done, buf, sizeof(buf));
	const size_t sent = tty_write(con->tty, buf, len);

	tx->done += sent;
	virtio_spend(&con->vio, sent);
	return sent == len;
}

/* True if there is a chain to go on with, an old one or the next. */
static bool take_console_chain(struct console *con, unsigned queue,
			       struct current *cur)
{
	if (!cur->taken) {
		cur->taken = virtio_pop(&con->vio, queue, &cur->chain);
		cur->done = (size_t)cur->skip;
		if (cur->taken)
			cur->skip = 0;
	}
	return cur->taken;
}

static void transmit_console(struct console *con)
{
	while (take_console_chain(con, TX, &con->tx)) {
		const size_t len = chain_data(&con->tx.chain);

		while (con->tx.done < len) {
			if (virtio_turn_left(&con->vio) == 0)
				return;
			if (!send_piece(con))
				return; /* console_drained() goes on */
		}
		give_back(con, TX, &con->tx, 0);
	}
}

static size_t console_room(struct tty_user *user)
{
	struct console *con = container_of(user, struct console, user);
	size_t len;

	/* The kick that ends the pause asks again. */
	if (con->vio.paused || !take_console_chain(con, RX, &con->rx))
		return 0;
	len = chain_room(&con->rx.chain);
	if (len == 0) {
		give_back(con, RX, &con->rx, 0);
		virtio_flush(&con->vio, RX);
		/* The next chain has its turn: console_notify(). */
		virtio_kick(&con->vio, RX);
	}
	return len;
}

static void console_input(struct tty_user *user, const uint8_t *buf, size_t len)
{
	struct console *con = container_of(user, struct console, user);

	len = chain_write(&con->rx.chain, 0, buf, len);
	give_back(con, RX, &con->rx, len);
	virtio_flush(&con->vio, RX);
}

static void console_drained(struct tty_user *user)
{
	struct console *con = container_of(user, struct console, user);

	/* During a pause this is ignored, and the end of it kicks again. */
	if (con->tx.taken)
		virtio_kick(&con->vio, TX);
}

static void console_resized(struct tty_user *user, struct tty_size size)
{
	struct console *con = container_of(user, struct console, user);

	con->config.cols = htole16(size.columns);
	con->config.rows = htole16(size.rows);
	virtio_config_changed(&con->vio);
}

static void console_notify(struct virtio *vio, unsigned queue)
{
	struct console *con = console_of(vio);

	if (queue == TX)
		transmit_console(con);
	else
		tty_room(con->tty);
}

static void console_quiesce(struct virtio *vio, unsigned queue)
{
	struct console *con = console_of(vio);

	struct current *cur = queue == RX ? &con->rx : &con->tx;

	cur->taken = false;
	cur->skip = 0;
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

static unsigned console_kept(struct virtio *vio, unsigned queue)
{
	const struct console *con = console_of(vio);

	return queue == RX ? con->rx.taken : con->tx.taken;
}

enum {
	CONSOLE_SENT = VIRTIO_STATE_DEVICE + 1,
	CONSOLE_SIZE, /* columns in the low half, rows in the high one */
};

/* The size that the driver reads. */
static uint32_t console_size(const struct console *con)
{
	return le16toh(con->config.cols) | (uint32_t)le16toh(con->config.rows)
						   << 16;
}

static void console_save(struct virtio *vio, struct state *state)
{
	const struct console *con = console_of(vio);
	const struct current *tx = &con->tx;

	state_put_int(state, CONSOLE_SENT, tx->taken ? tx->done : tx->skip, 8);
	state_put_int(state, CONSOLE_SIZE, console_size(con), 4);
}

static int console_load(struct virtio *vio, struct state_records *from,
			struct err *err)
{
	struct console *con = console_of(vio);
	uint64_t size;
	int r = state_get(from, CONSOLE_SENT, 8, &con->tx.skip, err);

	if (r < 0)
		return r;
	r = state_get(from, CONSOLE_SIZE, 4, &size, err);
	if (r < 0)
		return r;
	if (con->tx.skip > SIZE_MAX)
		return err_input(err, -EBADMSG,
				 "virtio-console: has sent more than there is");
	/* This terminal is another one. */
	if (size != console_size(con))
		vio->config_news = true;
	return 0;
}

static const struct virtio_ops console_ops = {
	.name = "virtio-console",
	.id = VIRTIO_ID_CONSOLE,
	VIRTIO_OPS(console),
	.quiesce = console_quiesce,
	.kept = console_kept,
	.config_write = console_config_write,
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
	con->vio.offered |= 1ULL << VIRTIO_CONSOLE_F_EMERG_WRITE |
			    1ULL << VIRTIO_CONSOLE_F_SIZE;
	con->vio.config = &con->config;
	con->vio.config_len = sizeof(con->config);
	con->user = (struct tty_user){
		.lock = &con->vio.lock,
		.room = console_room,
		.input = console_input,
		.drained = console_drained,
		.resized = console_resized,
	};
	con->tty = tty;
	tty_attach(tty, &con->user);
	*ret = &con->vio;
	return 0;
}
