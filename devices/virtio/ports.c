/* devices/virtio/ports.c - virtio console with several ports. */
#include "devices/virtio/ports.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/state_field.h"

/* Source: section 5.3.2. The first two are port 0's, which there is not. */
enum { CONTROL_RX = 2, CONTROL_TX, FIRST_DATA };

/* How much is copied at a time, in bytes. */
#define PIECE ((size_t)4096)

/* Messages that wait for a buffer, in the order in which they are sent. */
enum notice {
	NOTICE_ADD = 1, /* there is this port */
	NOTICE_OPEN = 2, /* the host has it open, or not */
	NOTICE_NAME = 4, /* by which a program finds it */
	NOTICES = 7,
};

struct ports;

struct line {
	struct ports *dev;
	struct port *port; /* borrowed */
	struct port_user user;
	uint32_t id;
	bool attached; /* to @port */
	bool ended; /* the host has closed it */
	/* The driver's, from a reset on. */
	uint8_t notices; /* enum notice or'ed */
	bool ready; /* the driver knows it */
	bool open; /* a program of the guest has it open */
	bool closing; /* it has closed it; the host is told behind the data */
	uint64_t sent; /* bytes of the next chain that were sent */
};

struct ports {
	struct virtio vio;
	struct virtio_console_config config; /* little-endian */
	struct virtq_chain chain; /* of the queue that is served */
	unsigned lines;
	struct line line[];
};

static struct ports *ports_of(struct virtio *vio)
{
	return container_of(vio, struct ports, vio);
}

static unsigned rx_queue_of(const struct line *line)
{
	return FIRST_DATA + 2 * (line->id - 1);
}

static unsigned tx_queue_of(const struct line *line)
{
	return rx_queue_of(line) + 1;
}

static void notify_driver(struct line *line, unsigned notices)
{
	line->notices |= (uint8_t)notices;
	virtio_kick(&line->dev->vio, CONTROL_RX);
}

static void end_line(struct line *line)
{
	line->ended = true;
	if (line->ready)
		notify_driver(line, NOTICE_OPEN);
}

static void close_line(struct line *line)
{
	line->closing = false;
	if (!line->open)
		return;
	line->open = false;
	line->port->ops->opened(line->port, false);
}

/* Sends the next piece of the chain. Returns false if the host is full. */
static bool send_line_piece(struct line *line)
{
	struct ports *dev = line->dev;
	uint8_t buf[PIECE];
	const size_t len = chain_read(&dev->chain, (size_t)line->sent, buf,
				      sizeof(buf));
	ssize_t n = (ssize_t)len;

	if (!line->ended)
		n = line->port->ops->send(line->port, buf, len);
	if (n < 0) {
		end_line(line);
		n = (ssize_t)len;
	}
	line->sent += (uint64_t)n;
	virtio_spend(&dev->vio, (uint64_t)n);
	return (size_t)n == len;
}

/* Returns false if the chain is to be taken again: the turn is over, or the
 * host is full. */
static bool send_line_chain(struct line *line)
{
	struct ports *dev = line->dev;
	const size_t len = chain_data(&dev->chain);

	while (line->sent < len)
		if (virtio_turn_left(&dev->vio) == 0 || !send_line_piece(line))
			return false;
	line->sent = 0;
	return true;
}

static void transmit_line(struct line *line)
{
	struct ports *dev = line->dev;
	const unsigned queue = tx_queue_of(line);

	while (virtio_pop(&dev->vio, queue, &dev->chain)) {
		if (!send_line_chain(line)) {
			virtio_unpop(&dev->vio, queue, 1);
			return;
		}
		virtio_push(&dev->vio, queue, &dev->chain, 0);
	}
	/* There is nothing more, and not only nothing more this turn. */
	if (line->closing && virtio_turn_left(&dev->vio) > 0)
		close_line(line);
}

/* Fills the chain with what the host has. Returns false if it has nothing. */
static bool fill_line_chain(struct line *line, size_t room)
{
	struct ports *dev = line->dev;
	const unsigned queue = rx_queue_of(line);
	uint8_t buf[PIECE];
	size_t len = room < sizeof(buf) ? room : sizeof(buf);
	const ssize_t n = line->port->ops->receive(line->port, buf, len);

	if (n < 0)
		end_line(line);
	if (n <= 0) {
		virtio_unpop(&dev->vio, queue, 1);
		return false;
	}
	len = chain_write(&dev->chain, 0, buf, (size_t)n);
	virtio_spend(&dev->vio, len);
	virtio_push(&dev->vio, queue, &dev->chain, (uint32_t)len);
	return true;
}

/* A driver drops what comes before a program has the port open. */
static void receive_line(struct line *line)
{
	struct ports *dev = line->dev;
	const unsigned queue = rx_queue_of(line);

	while (line->open && !line->closing && !line->ended &&
	       virtio_pop(&dev->vio, queue, &dev->chain)) {
		const size_t room = chain_room(&dev->chain);

		if (room == 0)
			virtio_push(&dev->vio, queue, &dev->chain, 0);
		else if (!fill_line_chain(line, room))
			return;
	}
}

static size_t write_notice(const struct line *line, unsigned notice,
			   uint8_t buf[static PIECE])
{
	struct virtio_console_control head = { .id = htole32(line->id) };
	const size_t name = strnlen(line->port->name, PORT_NAME_MAX);

	switch (notice) {
	case NOTICE_ADD:
		head.event = htole16(VIRTIO_CONSOLE_PORT_ADD);
		break;
	case NOTICE_NAME:
		head.event = htole16(VIRTIO_CONSOLE_PORT_NAME);
		head.value = htole16(1);
		memcpy(buf + sizeof(head), line->port->name, name);
		break;
	default:
		head.event = htole16(VIRTIO_CONSOLE_PORT_OPEN);
		head.value = htole16(!line->ended);
		break;
	}
	memcpy(buf, &head, sizeof(head));
	return sizeof(head) + (notice == NOTICE_NAME ? name : 0);
}

/* Returns false if the driver gives no buffer now. */
static bool send_notice(struct line *line)
{
	struct ports *dev = line->dev;
	const unsigned notice = line->notices & -(unsigned)line->notices;
	uint8_t buf[PIECE];
	size_t len;

	if (!virtio_pop(&dev->vio, CONTROL_RX, &dev->chain))
		return false;
	len = write_notice(line, notice, buf);
	if (chain_write(&dev->chain, 0, buf, len) < len) {
		virtio_break(&dev->vio, "buffer too small for a message");
		return false;
	}
	line->notices &= (uint8_t)~notice;
	virtio_push(&dev->vio, CONTROL_RX, &dev->chain, (uint32_t)len);
	return true;
}

static void send_notices(struct ports *dev)
{
	for (unsigned i = 0; i < dev->lines; i++)
		while (dev->line[i].notices)
			if (!send_notice(&dev->line[i]))
				return;
}

static void driver_opens(struct line *line, bool open)
{
	if (!open) {
		line->closing = line->open;
		virtio_kick(&line->dev->vio, tx_queue_of(line));
		return;
	}
	/* It may have been closed and opened before its data went. */
	line->closing = false;
	if (!line->open)
		line->port->ops->opened(line->port, true);
	line->open = true;
	virtio_kick(&line->dev->vio, rx_queue_of(line));
}

/* The driver has taken note of a port, or could not. */
static void driver_knows(struct line *line, bool ready)
{
	line->ready = ready;
	line->notices = 0;
	if (ready)
		notify_driver(line, NOTICE_NAME | NOTICE_OPEN);
}

static void obey_message(struct ports *dev,
			 const struct virtio_console_control *head)
{
	const uint32_t id = le32toh(head->id);
	const bool yes = le16toh(head->value) == 1;
	const unsigned event = le16toh(head->event);

	if (event == VIRTIO_CONSOLE_DEVICE_READY) {
		for (unsigned i = 0; yes && i < dev->lines; i++)
			notify_driver(&dev->line[i], NOTICE_ADD);
		return;
	}
	if (id == 0 || id > dev->lines)
		log_guest(&dev->vio.guest_errors,
			  "virtio-console: a message for a port that is not "
			  "there");
	else if (event == VIRTIO_CONSOLE_PORT_READY)
		driver_knows(&dev->line[id - 1], yes);
	else if (event == VIRTIO_CONSOLE_PORT_OPEN)
		driver_opens(&dev->line[id - 1], yes);
	else
		log_guest(&dev->vio.guest_errors,
			  "virtio-console: a message of no known kind");
}

static void obey_messages(struct ports *dev)
{
	struct virtio_console_control head;

	while (virtio_pop(&dev->vio, CONTROL_TX, &dev->chain)) {
		if (chain_read(&dev->chain, 0, &head, sizeof(head)) ==
		    sizeof(head))
			obey_message(dev, &head);
		else
			log_guest(&dev->vio.guest_errors,
				  "virtio-console: a message cut short");
		virtio_push(&dev->vio, CONTROL_TX, &dev->chain, 0);
	}
}

static void ports_notify(struct virtio *vio, unsigned queue)
{
	struct ports *dev = ports_of(vio);

	if (queue == CONTROL_RX)
		send_notices(dev);
	else if (queue == CONTROL_TX)
		obey_messages(dev);
	else if (queue >= FIRST_DATA && queue % 2 == 0)
		receive_line(&dev->line[(queue - FIRST_DATA) / 2]);
	else if (queue >= FIRST_DATA)
		transmit_line(&dev->line[(queue - FIRST_DATA) / 2]);
}

static void port_arrived(struct port_user *user)
{
	struct line *line = container_of(user, struct line, user);

	virtio_kick(&line->dev->vio, rx_queue_of(line));
}

static void port_drained(struct port_user *user)
{
	struct line *line = container_of(user, struct line, user);

	virtio_kick(&line->dev->vio, tx_queue_of(line));
}

static void ports_quiesce(struct virtio *vio, unsigned queue)
{
	if (queue >= FIRST_DATA && queue % 2 == 1)
		ports_of(vio)->line[(queue - FIRST_DATA) / 2].sent = 0;
}

static void ports_reset(struct virtio *vio)
{
	struct ports *dev = ports_of(vio);

	for (unsigned i = 0; i < dev->lines; i++) {
		dev->line[i].notices = 0;
		dev->line[i].ready = false;
		close_line(&dev->line[i]);
	}
}

static void ports_destroy(struct virtio *vio)
{
	struct ports *dev = ports_of(vio);

	for (unsigned i = 0; i < dev->lines; i++)
		if (dev->line[i].attached)
			dev->line[i].port->ops->detach(dev->line[i].port);
	virtio_finish(vio);
	free(dev);
}

#define LINE_RECORDS 16 /* ids of one port */

static const struct state_field line_fields[] = {
	STATE_FIELD(1, struct line, notices, NOTICES),
	STATE_FIELD(2, struct line, ready, 1),
	STATE_FIELD(3, struct line, open, 1),
	STATE_FIELD(4, struct line, closing, 1),
	STATE_FIELD(5, struct line, sent, SIZE_MAX),
};

static void
number_line_fields(const struct line *line,
		   struct state_field ret[static STATE_COUNT(line_fields)])
{
	for (size_t i = 0; i < STATE_COUNT(line_fields); i++) {
		ret[i] = line_fields[i];
		ret[i].id += VIRTIO_STATE_DEVICE + line->id * LINE_RECORDS;
	}
}

static void ports_save(struct virtio *vio, struct state *state)
{
	struct state_field fields[STATE_COUNT(line_fields)];
	const struct ports *dev = ports_of(vio);

	for (unsigned i = 0; i < dev->lines; i++) {
		number_line_fields(&dev->line[i], fields);
		state_put_fields(state, &dev->line[i], fields,
				 STATE_COUNT(fields));
	}
}

/* The host's end is another one: the driver is told how that stands. */
static void rejoin_line(struct line *line)
{
	line->closing = line->closing && line->open;
	if (line->ready)
		line->notices |= NOTICE_OPEN;
	if (line->open)
		line->port->ops->opened(line->port, true);
}

static int ports_load(struct virtio *vio, struct state_records *from,
		      struct err *err)
{
	struct state_field fields[STATE_COUNT(line_fields)];
	struct ports *dev = ports_of(vio);
	int r = 0;

	for (unsigned i = 0; r == 0 && i < dev->lines; i++) {
		number_line_fields(&dev->line[i], fields);
		r = state_get_fields(from, &dev->line[i], fields,
				     STATE_COUNT(fields), err);
		if (r == 0)
			rejoin_line(&dev->line[i]);
	}
	return r;
}

static const struct virtio_ops ports_ops = {
	.name = "virtio-console",
	.id = VIRTIO_ID_CONSOLE,
	VIRTIO_OPS(ports),
	.quiesce = ports_quiesce,
	.reset = ports_reset,
};

static int attach_lines(struct ports *dev, struct port *const *port,
			size_t count, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		struct line *line = &dev->line[dev->lines++];
		int r;

		*line = (struct line){
			.dev = dev,
			.port = port[i],
			.id = dev->lines,
			.attached = true,
			.user = { .lock = &dev->vio.lock,
				  .arrived = port_arrived,
				  .drained = port_drained },
		};
		r = port[i]->ops->attach(port[i], dev->vio.loop, &line->user,
					 err);
		if (r < 0)
			return r;
	}
	return 0;
}

int virtio_ports_new(struct virtio **ret, const struct mem_map *mem,
		     struct loop *loop, struct port *const *port, size_t count,
		     struct err *err)
{
	struct ports *dev = calloc(1,
				   sizeof(*dev) + count * sizeof(dev->line[0]));
	const unsigned queues = FIRST_DATA + 2 * (unsigned)count;
	int r;

	if (!dev)
		return err_set(err, -ENOMEM, "virtio-console: out of memory");
	r = virtio_init(&dev->vio, &ports_ops, mem, loop, queues, err);
	for (unsigned i = 0; i < dev->vio.queues; i++)
		dev->vio.queue[i].ring.max = VIRTIO_PORTS_RING;
	dev->vio.offered |= 1ULL << VIRTIO_CONSOLE_F_MULTIPORT;
	dev->vio.required |= 1ULL << VIRTIO_CONSOLE_F_MULTIPORT;
	dev->config.max_nr_ports = htole32((uint32_t)count + 1);
	dev->vio.config = &dev->config;
	dev->vio.config_len = sizeof(dev->config);
	if (r == 0)
		r = attach_lines(dev, port, count, err);
	if (r < 0) {
		ports_destroy(&dev->vio);
		return r;
	}
	*ret = &dev->vio;
	return 0;
}
