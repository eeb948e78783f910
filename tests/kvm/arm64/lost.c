/*
 * tests/kvm/arm64/lost.c - a device is handed memory that is not there any
 * more: the file behind it was truncated. No vCPU touches it.
 *
 * It says "ready", and goes on when it is sent a byte; the word on its command
 * line is the device. It does not end by itself.
 */
#include "tests/kvm/arm64/lib/dt.h"
#include "tests/kvm/arm64/lib/guest.h"
#include "tests/kvm/arm64/lib/virtio.h"

#define LOST 0x90000000UL /* the test list puts the file's memory here */
#define LEN 512

static struct ring ring;

static void read_disk(void)
{
	static struct {
		uint32_t type, reserved;
		uint64_t sector;
	} head;
	static uint8_t status;
	struct virtio dev;

	CHECK(virtio_find(&dev, VIRTIO_BLK, 0));
	virtio_begin(&dev, 0);
	virtio_start(&dev, &ring);
	ring.desc[0] = (struct desc){ (uint64_t)&head, 16, DESC_NEXT, 1 };
	ring.desc[1] = (struct desc){ LOST, LEN, DESC_NEXT | DESC_WRITE, 2 };
	ring.desc[2] = (struct desc){ (uint64_t)&status, 1, DESC_WRITE, 0 };
	virtio_offer(&dev, 0);
}

static void read_entropy(void)
{
	struct virtio dev;

	CHECK(virtio_find(&dev, VIRTIO_RNG, 0));
	virtio_begin(&dev, 0);
	virtio_start(&dev, &ring);
	ring.desc[0] = (struct desc){ LOST, LEN, DESC_WRITE, 0 };
	virtio_offer(&dev, 0);
}

/* The device itself looks at what is in the ring. */
static void lose_ring(void)
{
	struct virtio dev;

	CHECK(virtio_find(&dev, VIRTIO_RNG, 0));
	virtio_begin(&dev, 0);
	dev.queue = 0;
	virtio_place(&dev, LOST, LOST + 0x1000, LOST + 0x2000, RING_SIZE);
	write32(dev.base + VIRTIO_STATUS, STATUS_OK);
	write32(dev.base + VIRTIO_NOTIFY, 0);
}

int main(void)
{
	struct dt_node node = { 0 };
	const char *what = NULL;
	uint32_t len;

	while (!what && dt_next(&node))
		what = dt_prop(&node, "bootargs", &len);
	CHECK(what);
	put("ready\n");
	get_char();
	if (text_equal(what, "disk"))
		read_disk();
	else if (text_equal(what, "rng"))
		read_entropy();
	else
		lose_ring();
	for (;;)
		wait_for_interrupt();
}
