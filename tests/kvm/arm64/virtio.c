/*
 * tests/kvm/arm64/virtio.c - entropy, disk and console devices do their work,
 * and each interrupts when it is done.
 */
#include "tests/kvm/arm64/lib/virtio.h"

#include "tests/kvm/arm64/lib/dt.h"
#include "tests/kvm/arm64/lib/gic.h"
#include "tests/kvm/arm64/lib/guest.h"

static struct ring *ring; /* both are at the end of the last RAM */
static uint8_t *data; /* DATA_SIZE bytes, up to the very last */
static struct virtio irq_of;

#define DATA_SIZE 512
#define RING_BELOW 0x2000 /* the end */

static void place_buffers(void)
{
	struct dt_node node = { 0 };
	uint64_t end = 0;

	while (dt_find(&node, "device_type", "memory"))
		end = dt_address(&node, 0) + dt_size(&node, 0);
	put("buffers end at ");
	put_hex(end);
	put("\n");
	ring = (struct ring *)(end - RING_BELOW);
	data = (uint8_t *)(end - DATA_SIZE);
	memset(data, 0, DATA_SIZE);
}

static void on_irq(unsigned intid)
{
	(void)intid;
	CHECK(read32(irq_of.base + VIRTIO_IRQ_STATUS) & 1);
	write32(irq_of.base + VIRTIO_IRQ_ACK, 1);
}

/* Offers descriptor 0's chain; returns when its interrupt was taken. */
static int64_t request(struct virtio *dev)
{
	const unsigned before = this_cpu()->irqs;
	int64_t len;

	virtio_offer(dev, 0);
	irq_wait(before + 1);
	len = virtio_wait(dev);
	CHECK(len >= 0);
	CHECK_EQ(this_cpu()->irqs, before + 1);
	return len;
}

static void enable_irq(const struct virtio *dev)
{
	struct dt_node node = { 0 };

	while (dt_find(&node, "compatible", "virtio,mmio"))
		if (dt_address(&node, 0) == dev->base)
			gic_enable_for(&node, 0);
	irq_of = *dev;
	this_cpu()->irq = on_irq;
}

static void entropy(void)
{
	struct virtio dev;
	unsigned zeroes = 0;

	CHECK(virtio_find(&dev, VIRTIO_RNG, 0));
	enable_irq(&dev);
	virtio_begin(&dev, 0);
	virtio_start(&dev, ring);
	for (int i = 0; i < 20; i++) {
		ring->desc[0] = (struct desc){ (uint64_t)data, 64, DESC_WRITE,
					       0 };
		CHECK_EQ(request(&dev), 64);
	}
	for (int i = 0; i < 64; i++)
		zeroes += data[i] == 0;
	CHECK(zeroes < 16);
	for (int i = 64; i < DATA_SIZE; i++)
		CHECK_EQ(data[i], 0);
}

static void disk(void)
{
	static struct {
		uint32_t type, reserved;
		uint64_t sector;
	} head;
	static uint8_t status;
	struct virtio dev;

	CHECK(virtio_find(&dev, VIRTIO_BLK, 0));
	CHECK_EQ(read64(dev.base + VIRTIO_CONFIG), 2048); /* sectors */
	enable_irq(&dev);
	virtio_begin(&dev, 0);
	virtio_start(&dev, ring);
	ring->desc[0] = (struct desc){ (uint64_t)&head, 16, DESC_NEXT, 1 };
	ring->desc[1] = (struct desc){ (uint64_t)data, DATA_SIZE,
				       DESC_NEXT | DESC_WRITE, 2 };
	ring->desc[2] = (struct desc){ (uint64_t)&status, 1, DESC_WRITE, 0 };
	status = 0xff;
	CHECK_EQ(request(&dev), 513);
	CHECK_EQ(status, 0);
	data[11] = 0;
	CHECK(text_equal((const char *)data, "sector zero"));
	head.sector = 2048; /* one past the end */
	CHECK_EQ(request(&dev), 1);
	CHECK_EQ(status, 1); /* VIRTIO_BLK_S_IOERR */
}

static void console(void)
{
	struct virtio dev;

	if (!virtio_find(&dev, VIRTIO_CONSOLE, 0))
		return;
	dev.queue = 1; /* transmit */
	enable_irq(&dev);
	virtio_begin(&dev, 0);
	virtio_start(&dev, ring);
	data[0] = 'o';
	data[1] = 'k';
	data[2] = '\n';
	ring->desc[0] = (struct desc){ (uint64_t)data, 3, 0, 0 };
	CHECK_EQ(request(&dev), 0);
}

int main(void)
{
	place_buffers();
	gic_setup();
	gic_setup_cpu();
	entropy();
	disk();
	console();
	return 0;
}
