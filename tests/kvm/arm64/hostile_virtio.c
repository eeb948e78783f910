/*
 * tests/kvm/arm64/hostile_virtio.c - drivers that break every rule of the
 * rings. The device may refuse to go on until it is reset; after a reset it
 * works as if nothing had been.
 */
#include "tests/kvm/arm64/lib/guest.h"
#include "tests/kvm/arm64/lib/virtio.h"

#define FEATURE_INDIRECT (1u << 28)
#define FEATURE_EVENT (1u << 29)
#define BALLOON_STATS 2 /* the queue whose buffer is kept */

static struct ring ring;
static struct desc table[RING_SIZE] __attribute__((aligned(16)));
static uint8_t data[512];
static struct {
	uint32_t type, reserved;
	uint64_t sector;
} head;
static uint8_t status;
static uint64_t seed = 0x123456789abcdef1;
static uint32_t needed; /* features the device does not do without */

/* A buffer can be there, of a page at most; a ring cannot: it is not aligned.
 */
static uint8_t torn[1 + 0x1000] __attribute__((aligned(16)));

/* Addresses where no ring and mostly no buffer can be. */
static uint64_t bad_address(unsigned i)
{
	const uint64_t ram_end = (boot.image & ~0x3fffffffUL) + (8UL << 20);
	const uint64_t bad[] = {
		0,
		UART,
		0x3fff0000,
		0x7fffffff,
		0x7ffffff0,
		ram_end - 1,
		ram_end,
		ram_end + 0x1000,
		0x7fffffffffffffff,
		0x8000000000000000,
		0xfffffffffffffff0,
		UINT64_MAX,
		(uint64_t)&torn[1],
	};

	return bad[i % (sizeof(bad) / sizeof(bad[0]))];
}
#define BAD_ADDRESSES 13

static void start(struct virtio *dev)
{
	virtio_begin(dev, needed | FEATURE_INDIRECT);
	virtio_start(dev, &ring);
}

static void go(struct virtio *dev)
{
	virtio_offer(dev, 0);
	virtio_linger(dev);
}

static void rings_in_bad_places(struct virtio *dev)
{
	for (unsigned i = 0; i < BAD_ADDRESSES * 3; i++) {
		const uint64_t bad = bad_address(i / 3);

		ring = (struct ring){ .avail.index = 3 };
		virtio_begin(dev, needed | FEATURE_EVENT);
		virtio_place(dev, i % 3 == 0 ? bad : (uint64_t)ring.desc,
			     i % 3 == 1 ? bad : (uint64_t)&ring.avail,
			     i % 3 == 2 ? bad : (uint64_t)&ring.used,
			     RING_SIZE);
		write32(dev->base + VIRTIO_STATUS, STATUS_OK);
		write32(dev->base + VIRTIO_NOTIFY, dev->queue);
		virtio_linger(dev);
	}
}

static void rings_of_bad_sizes(struct virtio *dev)
{
	const uint32_t size[] = { 0,	 1,	 3,	  7,	   0x100,
				  0x101, 0x8000, 0x10000, 0x10008, UINT32_MAX };

	for (unsigned i = 0; i < sizeof(size) / sizeof(size[0]); i++) {
		ring = (struct ring){ .avail.index = 1 };
		virtio_begin(dev, needed);
		virtio_place(dev, (uint64_t)ring.desc, (uint64_t)&ring.avail,
			     (uint64_t)&ring.used, size[i]);
		write32(dev->base + VIRTIO_STATUS, STATUS_OK);
		write32(dev->base + VIRTIO_NOTIFY, dev->queue);
		virtio_linger(dev);
	}
}

static void buffers_in_bad_places(struct virtio *dev)
{
	const uint32_t len[] = { 0, 16, 0x1000, UINT32_MAX };

	for (unsigned i = 0; i < BAD_ADDRESSES; i++) {
		for (unsigned j = 0; j < sizeof(len) / sizeof(len[0]); j++) {
			start(dev);
			ring.desc[0] = (struct desc){ bad_address(i), len[j],
						      DESC_WRITE, 0 };
			go(dev);
			start(dev);
			ring.desc[0] = (struct desc){ bad_address(i), len[j],
						      DESC_NEXT, 1 };
			ring.desc[1] = (struct desc){ bad_address(i + 1),
						      len[j], DESC_WRITE, 0 };
			go(dev);
		}
	}
}

static void chains_without_end(struct virtio *dev)
{
	for (uint16_t loop = 0; loop < 3; loop++) {
		start(dev);
		for (uint16_t i = 0; i < RING_SIZE; i++)
			ring.desc[i] = (struct desc){
				(uint64_t)data, 16, DESC_NEXT | DESC_WRITE,
				loop == 0 ? i
					  : (uint16_t)((i + loop) % RING_SIZE)
			};
		go(dev);
	}
	for (uint32_t next = RING_SIZE; next < 0x10000; next = next * 2 + 1) {
		start(dev);
		ring.desc[0] = (struct desc){ (uint64_t)data, 16,
					      DESC_NEXT | DESC_WRITE,
					      (uint16_t)next };
		go(dev);
	}
}

static void indirect_tables(struct virtio *dev)
{
	const uint32_t len[] = { 0, 8, 16, 16 * 8, 0xfffffff0, UINT32_MAX };

	for (unsigned j = 0; j < sizeof(len) / sizeof(len[0]); j++) {
		for (unsigned i = 0; i < BAD_ADDRESSES + 1; i++) {
			const uint64_t at = i == BAD_ADDRESSES ? (uint64_t)table
							       : bad_address(i);

			start(dev);
			for (uint16_t k = 0; k < RING_SIZE; k++)
				table[k] = (struct desc){
					i & 1 ? (uint64_t)table
					      : (uint64_t)data,
					16,
					DESC_NEXT | (i & 2 ? DESC_INDIRECT
							   : DESC_WRITE),
					(uint16_t)(k + (i & 4 ? 0 : 1))
				};
			ring.desc[0] = (struct desc){ at, len[j], DESC_INDIRECT,
						      0 };
			if (i % 4 == 3)
				ring.desc[0].flags |= DESC_NEXT | DESC_WRITE;
			go(dev);
		}
	}
}

static void indices_that_jump(struct virtio *dev)
{
	for (uint32_t jump = RING_SIZE; jump < 0x10000; jump = jump * 2 + 1) {
		start(dev);
		ring.desc[0] = (struct desc){ (uint64_t)data, 16, DESC_WRITE,
					      0 };
		ring.avail.index = (uint16_t)jump;
		go(dev);
		start(dev);
		virtio_offer(dev, (uint16_t)jump); /* no such descriptor */
		virtio_linger(dev);
	}
}

static void kicks_that_are_not_due(struct virtio *dev)
{
	static const uint32_t queue[] = {
		0, 1, 2, 3, 0xff, 0x10000, 0x80000000, UINT32_MAX
	};

	for (unsigned step = 0; step < 4; step++) {
		if (step == 0)
			write32(dev->base + VIRTIO_STATUS, 0);
		if (step == 1)
			virtio_begin(dev, needed);
		if (step == 2)
			virtio_place(dev, (uint64_t)ring.desc,
				     (uint64_t)&ring.avail,
				     (uint64_t)&ring.used, RING_SIZE);
		if (step == 3)
			start(dev);
		for (unsigned i = 0; i < sizeof(queue) / sizeof(queue[0]); i++)
			for (unsigned size = 1; size <= 8; size *= 2)
				write_sized(dev->base + VIRTIO_NOTIFY, size,
					    queue[i]);
		virtio_linger(dev);
	}
}

/* The size and the place of a queue that is in use. */
static void changes_while_it_runs(struct virtio *dev)
{
	start(dev);
	ring.desc[0] = (struct desc){ (uint64_t)data, 16, DESC_WRITE, 0 };
	for (unsigned i = 0; i < 50; i++) {
		virtio_offer(dev, 0);
		write32(dev->base + VIRTIO_QUEUE_SIZE, i % 2 ? 0 : 0xffff);
		write32(dev->base + VIRTIO_DESC, (uint32_t)bad_address(i));
		write32(dev->base + VIRTIO_USED + 4, i);
		write32(dev->base + VIRTIO_QUEUE_READY, i & 1);
		write32(dev->base + VIRTIO_ACCEPT, i);
		write32(dev->base + VIRTIO_STATUS, STATUS_OK | i);
	}
	virtio_linger(dev);
}

/* A reset while requests are on their way. */
static void resets_at_any_time(struct virtio *dev)
{
	for (unsigned i = 0; i < 40; i++) {
		start(dev);
		head.type = 0;
		ring.desc[0] = (struct desc){ (uint64_t)&head, 16, DESC_NEXT,
					      1 };
		ring.desc[1] = (struct desc){ (uint64_t)data, 512,
					      DESC_NEXT | DESC_WRITE, 2 };
		ring.desc[2] = (struct desc){ (uint64_t)&status, 1, DESC_WRITE,
					      0 };
		virtio_offer(dev, 0);
		for (unsigned j = 0; j < i % 5; j++)
			(void)read32(dev->base + VIRTIO_STATUS);
	}
}

/* Whole rings of noise, with addresses that are often right. */
static void noise(struct virtio *dev)
{
	for (unsigned i = 0; i < 80; i++) {
		start(dev);
		for (unsigned k = 0; k < RING_SIZE; k++) {
			const uint64_t r = random_next(&seed);
			const uint64_t at = r & 1 ? (uint64_t)data
						  : bad_address(r >> 8 & 15);

			ring.desc[k] = (struct desc){
				at, (uint32_t)(r >> 32) & 0x1ff,
				(uint16_t)(r >> 1 & 7), (uint16_t)(r >> 4 & 7)
			};
			ring.avail.ring[k] = (uint16_t)(r >> 16 & 7);
		}
		ring.avail.flags = (uint16_t)random_next(&seed);
		ring.avail.index = random_next(&seed) & 15;
		virtio_offer(dev, 0);
		virtio_linger(dev);
	}
}

/* A request as it should be, after a reset. */
static void still_works(struct virtio *dev, unsigned kind)
{
	virtio_begin(dev, needed);
	virtio_start(dev, &ring);
	memset(data, 0, sizeof(data));
	head.type = 0;
	head.sector = 0;
	status = 0xff;
	if (kind == VIRTIO_RNG) {
		ring.desc[0] = (struct desc){ (uint64_t)data, 32, DESC_WRITE,
					      0 };
		virtio_offer(dev, 0);
		CHECK_EQ(virtio_wait(dev), 32);
	} else if (kind == VIRTIO_BLK) {
		ring.desc[0] = (struct desc){ (uint64_t)&head, 16, DESC_NEXT,
					      1 };
		ring.desc[1] = (struct desc){ (uint64_t)data, 512,
					      DESC_NEXT | DESC_WRITE, 2 };
		ring.desc[2] = (struct desc){ (uint64_t)&status, 1, DESC_WRITE,
					      0 };
		virtio_offer(dev, 0);
		CHECK_EQ(virtio_wait(dev), 513);
		CHECK_EQ(status, 0);
		CHECK_EQ(data[0], 's');
	} else if (kind == VIRTIO_MEM) {
		/* Nothing is usable: the host wants nothing plugged. */
		CHECK_EQ(virtio_mem_ask(dev, MEM_STATE, 0, 1), MEM_ERROR);
	} else if (kind == VIRTIO_BALLOON) {
		/* No page, and room without a whole one. */
		ring.desc[0] = (struct desc){ (uint64_t)data, 4,
					      dev->queue < 2 ? 0 : DESC_WRITE,
					      0 };
		virtio_offer(dev, 0);
		if (dev->queue != BALLOON_STATS)
			CHECK_EQ(virtio_wait(dev), 0);
	} else if (dev->queue == 1) {
		data[0] = '\n';
		ring.desc[0] = (struct desc){ (uint64_t)data, 1, 0, 0 };
		virtio_offer(dev, 0);
		CHECK_EQ(virtio_wait(dev), 0);
	}
}

/* A bit for each queue that is served in a way of its own. */
static unsigned queues_of(unsigned kind)
{
	switch (kind) {
	case VIRTIO_CONSOLE:
		return 1 << 0 | 1 << 1;
	case VIRTIO_BALLOON:
		return 1 << 0 | 1 << BALLOON_STATS | 1 << 4;
	default:
		return 1;
	}
}

static void torment(struct virtio *dev, unsigned kind)
{
	still_works(dev, kind);
	rings_in_bad_places(dev);
	still_works(dev, kind);
	rings_of_bad_sizes(dev);
	still_works(dev, kind);
	buffers_in_bad_places(dev);
	still_works(dev, kind);
	chains_without_end(dev);
	still_works(dev, kind);
	indirect_tables(dev);
	still_works(dev, kind);
	indices_that_jump(dev);
	still_works(dev, kind);
	kicks_that_are_not_due(dev);
	still_works(dev, kind);
	changes_while_it_runs(dev);
	still_works(dev, kind);
	resets_at_any_time(dev);
	still_works(dev, kind);
	noise(dev);
	still_works(dev, kind);
}

/* Where the terminal is a virtio console, what the library prints is lost. */
static void say_ok(void)
{
	struct virtio dev;

	if (!virtio_find(&dev, VIRTIO_CONSOLE, 0))
		return;
	dev.queue = 1;
	virtio_begin(&dev, 0);
	virtio_start(&dev, &ring);
	memcpy(data, "ok\n", 3);
	ring.desc[0] = (struct desc){ (uint64_t)data, 3, 0, 0 };
	virtio_offer(&dev, 0);
	CHECK_EQ(virtio_wait(&dev), 0);
}

int main(void)
{
	unsigned found = 0;

	for (unsigned kind = 0; kind < 64; kind++) {
		struct virtio dev;

		for (unsigned i = 0; virtio_find(&dev, kind, i); i++) {
			found++;
			needed = kind == VIRTIO_MEM ? VIRTIO_MEM_FEATURES : 0;
			put("device ");
			put_hex(kind);
			put("\n");
			for (; queues_of(kind) >> dev.queue; dev.queue++)
				if (queues_of(kind) >> dev.queue & 1)
					torment(&dev, kind);
			write32(dev.base + VIRTIO_STATUS, 0);
		}
	}
	put("devices: ");
	put_hex(found);
	put("\n");
	CHECK(found > 0);
	say_ok();
	return 0;
}
