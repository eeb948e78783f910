/*
 * tests/kvm/arm64/hostile_balloon.c - a balloon's driver that lies.
 *
 * It gives what is not its own, gives twice, takes what it never gave, tells
 * and does not wait, and asks for work without end. The device goes on, and no
 * page changes that was not given. The last region of RAM, the arena, is what
 * pages are given of; the guest itself lies in the first.
 */
#include "tests/kvm/arm64/lib/dt.h"
#include "tests/kvm/arm64/lib/guest.h"
#include "tests/kvm/arm64/lib/virtio.h"

#define FRAME 4096UL
#define HOST_PAGE 65536UL /* the largest there is */
#define FRAMES 512 /* of the arena: 2 MiB */
#define GIVEN 256 /* the first frames of it: they are given, and may change */
#define PATTERN 0x6a09e667f3bcc908UL
#define CONFIG_ACTUAL (VIRTIO_CONFIG + 4)

enum { INFLATE, DEFLATE, STATS, HINTS, REPORTS, QUEUES };
enum {
	MUST_TELL = 1 << 0,
	STATS_VQ = 1 << 1,
	HINT = 1 << 3,
	POISON = 1 << 4,
	REPORTING = 1 << 5,
};

static struct virtio dev[QUEUES];
static struct ring ring[QUEUES];
static struct desc table[256] __attribute__((aligned(16)));
static uint32_t pfn[1024];
static uint64_t arena; /* its address */

static uint32_t frame(unsigned i)
{
	return (uint32_t)((arena + i * FRAME) / FRAME);
}

static uint64_t *words(unsigned i)
{
	return (uint64_t *)(arena + i * FRAME);
}

static void fill(void)
{
	for (unsigned i = 0; i < FRAMES; i++)
		for (unsigned w = 0; w < FRAME / 8; w++)
			words(i)[w] = PATTERN + i;
}

/* What was not given has not changed. */
static void rest_is_whole(void)
{
	for (unsigned i = GIVEN; i < FRAMES; i++)
		for (unsigned w = 0; w < FRAME / 8; w++)
			CHECK_EQ(words(i)[w], PATTERN + i);
}

/* What was given is memory, whatever it holds. */
static void given_is_memory(void)
{
	for (unsigned i = 0; i < GIVEN; i++) {
		words(i)[1] = PATTERN + i;
		CHECK_EQ(words(i)[1], PATTERN + i);
	}
}

/* All queues of the device, which is reset, with just these features. */
static void start(uint32_t features)
{
	virtio_begin(&dev[0], features);
	for (unsigned q = 0; q < QUEUES; q++) {
		ring[q] = (struct ring){ 0 };
		dev[q].ring = &ring[q];
		barrier();
		virtio_place(&dev[q], (uint64_t)ring[q].desc,
			     (uint64_t)&ring[q].avail, (uint64_t)&ring[q].used,
			     RING_SIZE);
	}
	write32(dev[0].base + VIRTIO_STATUS, STATUS_OK);
}

static int64_t send(unsigned q, uint64_t at, uint32_t len, uint16_t flags)
{
	ring[q].desc[0] = (struct desc){ at, len, flags, 0 };
	virtio_offer(&dev[q], 0);
	return virtio_wait(&dev[q]);
}

static void send_pfns(unsigned q, unsigned count)
{
	CHECK_EQ(send(q, (uint64_t)pfn, (uint32_t)(count * sizeof(*pfn)), 0),
		 0);
}

static void pages_that_are_no_memory(void)
{
	static const uint32_t none[] = {
		0,	 1,	     UART / FRAME, 0x3fff0,
		0x7ffff, 0x80000000, 0xfffffffe,   UINT32_MAX,
	};
	const unsigned count = sizeof(none) / sizeof(*none);

	start(MUST_TELL);
	for (unsigned q = INFLATE; q <= DEFLATE; q++) {
		for (unsigned i = 0; i < count; i++)
			pfn[i] = none[i];
		/* Up to the end of the arena, and beyond. */
		for (unsigned i = 0; i < 64; i++)
			pfn[count + i] = frame(FRAMES + i);
		send_pfns(q, count + 64);
	}
	rest_is_whole();
}

static void pages_given_and_taken_out_of_order(uint32_t features)
{
	start(features);
	for (unsigned i = 0; i < GIVEN; i++)
		pfn[i] = pfn[2 * GIVEN - 1 - i] = frame(i); /* each twice */
	send_pfns(INFLATE, 2 * GIVEN);
	given_is_memory(); /* without a word */
	/* Twice again, and never given. */
	send_pfns(DEFLATE, 2 * GIVEN);
	for (unsigned i = GIVEN; i < FRAMES; i++)
		pfn[i - GIVEN] = frame(i);
	send_pfns(DEFLATE, FRAMES - GIVEN);
	send_pfns(DEFLATE, FRAMES - GIVEN);
	rest_is_whole();
	given_is_memory();
}

/* An array of a few numbers and a bit, in many buffers of odd lengths. */
static void arrays_of_any_shape(void)
{
	start(MUST_TELL | 1U << 28);
	for (unsigned i = 0; i < 1024; i++)
		pfn[i] = frame(i % GIVEN);
	for (uint32_t len = 1; len < 16; len++)
		CHECK_EQ(send(INFLATE, (uint64_t)pfn, len, 0), 0);
	for (unsigned i = 0; i < 256; i++)
		table[i] = (struct desc){ (uint64_t)pfn + i, 1 + i % 7,
					  i < 255 ? DESC_NEXT : 0,
					  (uint16_t)(i + 1) };
	for (unsigned q = INFLATE; q <= DEFLATE; q++)
		CHECK_EQ(send(q, (uint64_t)table, sizeof(table), DESC_INDIRECT),
			 0);
	/* What is given is what the device may read, and no more. */
	CHECK_EQ(send(INFLATE, arena, FRAMES * FRAME, DESC_WRITE), 0);
}

/* The numbers are the arena itself, 256 times over; then a reset in between. */
static void work_without_end(void)
{
	start(MUST_TELL | 1U << 28);
	for (unsigned i = 0; i < FRAMES; i++)
		for (unsigned w = 0; w < FRAME / 8; w++)
			words(i)[w] = frame((i + w) % GIVEN) * 0x100000001UL;
	for (unsigned i = 0; i < 256; i++)
		table[i] = (struct desc){ arena, FRAMES * FRAME,
					  i < 255 ? DESC_NEXT : 0,
					  (uint16_t)(i + 1) };
	ring[DEFLATE].desc[0] = (struct desc){ (uint64_t)table, sizeof(table),
					       DESC_INDIRECT, 0 };
	for (unsigned i = 0; i < RING_SIZE; i++)
		virtio_offer(&dev[DEFLATE], 0);
	virtio_linger(&dev[DEFLATE]);
	CHECK_EQ(read32(dev[0].base + VIRTIO_STATUS) & STATUS_NEEDS_RESET, 0);
	start(MUST_TELL);
	fill();
	rest_is_whole();
}

/* Only whole pages of what the device may write may be dropped. */
static void reports_that_lie(void)
{
	const uint64_t rest = arena + GIVEN * FRAME;

	start(MUST_TELL | REPORTING);
	CHECK_EQ(send(REPORTS, rest, FRAME * GIVEN, 0), 0);
	CHECK_EQ(send(REPORTS, rest + 1, FRAME - 1, DESC_WRITE), 0);
	CHECK_EQ(send(REPORTS, rest + FRAME - 1, 2, DESC_WRITE), 0);
	CHECK_EQ(send(REPORTS, arena, GIVEN * FRAME, DESC_WRITE), 0);
	CHECK_EQ(send(REPORTS, arena + 5, (GIVEN - 1) * FRAME, DESC_WRITE), 0);
	rest_is_whole();
	given_is_memory();
	/* Pages that must keep what they hold. */
	start(MUST_TELL | REPORTING | POISON);
	write32(dev[0].base + VIRTIO_CONFIG + 12, 0xaaaaaaaa);
	CHECK_EQ(send(REPORTS, rest, GIVEN * FRAME, DESC_WRITE), 0);
	rest_is_whole();
}

/* Nobody asked. */
static void hints_and_statistics(void)
{
	static uint8_t noise[700];

	for (unsigned i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)(i * 7);
	start(MUST_TELL | STATS_VQ | HINT);
	for (uint32_t len = 1; len < 9; len++) {
		CHECK_EQ(send(HINTS, (uint64_t)noise, len, 0), 0);
		CHECK_EQ(send(HINTS, arena, FRAMES * FRAME, DESC_WRITE), 0);
	}
	/* The device keeps one buffer of statistics, and gives back the rest.
	 */
	ring[STATS].desc[0] = (struct desc){ (uint64_t)noise, 700, 0, 0 };
	ring[STATS].desc[1] = (struct desc){ (uint64_t)noise, 11, 0, 0 };
	for (uint16_t i = 0; i < 64; i++) {
		virtio_offer(&dev[STATS], i % 2);
		while (__atomic_load_n(&ring[STATS].used.index,
				       __ATOMIC_ACQUIRE) != i)
			CHECK_EQ(read32(dev[0].base + VIRTIO_STATUS) &
					 STATUS_NEEDS_RESET,
				 0);
	}
	rest_is_whole();
}

/* Any number, while pages come and go. */
static void numbers_that_are_wrong(void)
{
	start(MUST_TELL);
	for (unsigned i = 0; i < 32; i++)
		pfn[i] = frame(i);
	for (unsigned i = 0; i < 64; i++) {
		write32(dev[0].base + CONFIG_ACTUAL, UINT32_MAX >> i % 32);
		write32(dev[0].base + VIRTIO_CONFIG, i); /* the host's */
		send_pfns(i % 2 ? DEFLATE : INFLATE, 32);
	}
	rest_is_whole();
}

int main(void)
{
	struct dt_node node = { 0 };

	while (dt_find(&node, "device_type", "memory"))
		arena = dt_address(&node, 0);
	CHECK_EQ(arena % HOST_PAGE, 0);
	CHECK(arena > boot.image);
	CHECK(virtio_find(&dev[0], VIRTIO_BALLOON, 0));
	for (unsigned q = 0; q < QUEUES; q++) {
		dev[q] = dev[0];
		dev[q].queue = q;
	}
	fill();
	pages_that_are_no_memory();
	pages_given_and_taken_out_of_order(MUST_TELL);
	pages_given_and_taken_out_of_order(0);
	arrays_of_any_shape();
	reports_that_lie();
	hints_and_statistics();
	numbers_that_are_wrong();
	work_without_end();
	/* A driver that behaves finds a device that works. */
	pages_given_and_taken_out_of_order(MUST_TELL | REPORTING);
	return 0;
}
