/*
 * tests/fuzz/fuzz_virtio_net.c - no frame and no driver has virtio-net reach
 * past its buffers or guest memory, or stop.
 *
 * The input is a list of steps: chains of any shape for each queue, and what
 * the host has: bytes of a stream (host/net_stream.c), which may be frames.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/loop.h"
#include "devices/virtio/mmio.h"
#include "devices/virtio/net.h"
#include "host/net_stream.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/fake_net.h"
#include "tests/unit/virtq_driver.h"

#define QUEUE 16
#define DATA_SIZE 4096

struct rig {
	struct fake_ram ram;
	struct fake_irq irq;
	struct fake_net fake;
	struct loop *loop;
	struct fake_queue q[3];
	struct virtio *vio;
	struct device *dev;
	gpa_t data;
	int peer; /* of a stream; -1: the network is @fake */
};

static void go_live(struct rig *rig, uint64_t features)
{
	rig->ram.next = RAM_BASE;
	mmio_begin(rig->dev, features);
	for (unsigned i = 0; i < 3; i++) {
		queue_alloc(&rig->q[i], &rig->ram, QUEUE);
		mmio_queue(rig->dev, i, &rig->q[i]);
	}
	rig->data = ram_alloc(&rig->ram, DATA_SIZE, 16);
	mmio_go(rig->dev);
}

/* One descriptor of a chain, in 10 bytes of input. */
struct piece {
	uint16_t offset; /* into the data, or with @where to its end */
	uint16_t len;
	uint8_t flags;
	uint8_t where;
	uint8_t text[4]; /* put at the start of the buffer */
};

static gpa_t place(const struct rig *rig, const struct piece *piece)
{
	switch (piece->where % 4) {
	case 0:
		return RAM_BORDER - piece->offset % 64;
	case 1:
		return RAM_END - piece->offset;
	default:
		return rig->data + piece->offset % DATA_SIZE;
	}
}

static void offer(struct rig *rig, struct fuzz_input *in, unsigned queue,
		  unsigned count)
{
	struct fake_queue *q = &rig->q[queue];
	struct piece piece;

	for (unsigned i = 0; i < count && fuzz_take(in, &piece, sizeof(piece));
	     i++) {
		const gpa_t at = place(rig, &piece);
		uint8_t *p = mem_ptr(&rig->ram.map, at, 4, MEM_WRITE);

		if (p)
			memcpy(p, piece.text, 4);
		desc_write(&rig->ram, q->desc, i,
			   (struct vring_desc){
				   at, piece.len,
				   (uint16_t)((piece.flags & 2) |
					      (i + 1 < count ? 1 : 0)),
				   (uint16_t)(i + 1) });
	}
	queue_offer(q, (uint16_t)(queue == 0 ? q->next_avail % QUEUE : 0));
}

/* What comes from the other side. */
static void host_gives(struct rig *rig, struct fuzz_input *in)
{
	struct {
		uint16_t len;
		uint8_t head[12];
	} frame;
	uint8_t len = 0, bytes[255];

	if (rig->peer >= 0) {
		(void)fuzz_take(in, &len, 1);
		if (fuzz_take(in, bytes, len))
			(void)!send(rig->peer, bytes, len,
				    MSG_DONTWAIT | MSG_NOSIGNAL);
		return;
	}
	if (!fuzz_take(in, &frame, sizeof(frame)) ||
	    rig->fake.count == FAKE_NET_LINE)
		return;
	fake_net_put(&rig->fake, frame.len ? frame.len : NET_FRAME_MAX, 7);
	memcpy(&rig->fake.line[rig->fake.count - 1].head, frame.head,
	       sizeof(frame.head));
}

static void run(struct rig *rig, struct fuzz_input *in)
{
	uint64_t features;
	uint8_t op;

	while (fuzz_take(in, &op, 1)) {
		switch (op % 8) {
		case 0:
			if (fuzz_take(in, &features, sizeof(features)))
				go_live(rig, features);
			break;
		case 1:
		case 2:
			host_gives(rig, in);
			loop_kick(rig->vio, 0);
			break;
		case 3:
			rig->fake.takes = op / 16u + 1;
			rig->fake.net.full = false;
			loop_kick(rig->vio, 1);
			break;
		default:
			offer(rig, in, op % 8u % 3, op / 16 % (QUEUE - 1) + 1);
			loop_kick(rig->vio, op % 8u % 3);
		}
	}
}

static struct net *open_net(struct rig *rig, bool stream)
{
	struct net *net;
	struct err err = { 0 };
	int pair[2];

	rig->peer = -1;
	if (!stream) {
		fake_net_init(&rig->fake,
			      NET_CSUM | NET_TSO4 | NET_TSO6 | NET_ECN);
		return &rig->fake.net;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 ||
	    net_stream_new(&net, rig->loop, pair[0], "fuzz", &err) < 0)
		abort();
	rig->peer = pair[1];
	return net;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct virtio_net_options opt = { .mac = { 2 } };
	static struct rig rig; /* memory is kept: it costs more than a run */
	struct fuzz_input in = { data, size };
	struct err err = { 0 };
	uint8_t kind;

	if (!fuzz_take(&in, &kind, 1))
		return 0;
	log_set_level(LOG_ERROR);
	if (!rig.loop) {
		ram_init(&rig.ram);
		if (loop_new(&rig.loop, &err) < 0)
			abort();
	}
	if (virtio_net_new(&rig.vio, &rig.ram.map, rig.loop,
			   open_net(&rig, kind & 1), &opt, &err) < 0 ||
	    virtio_mmio_new(&rig.dev, rig.vio, fake_irq_line(&rig.irq), &err) <
		    0)
		abort();
	go_live(&rig, kind & 2 ? 0 : UINT64_MAX);
	run(&rig, &in);
	rig.dev->ops->destroy(rig.dev);
	if (rig.peer >= 0)
		(void)close(rig.peer);
	return 0;
}
