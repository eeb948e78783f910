/* tests/kvm/arm64/lib/virtio.c - a virtio-mmio driver that can be made to lie.
 */
#include "tests/kvm/arm64/lib/virtio.h"

#include "tests/kvm/arm64/lib/dt.h"
#include "tests/kvm/arm64/lib/guest.h"

#define MAGIC 0x74726976
#define LINGER_READS 40

bool virtio_find(struct virtio *dev, unsigned kind, unsigned i)
{
	struct dt_node node = { 0 };

	while (dt_find(&node, "compatible", "virtio,mmio")) {
		*dev = (struct virtio){ .base = dt_address(&node, 0) };
		CHECK_EQ(read32(dev->base + VIRTIO_MAGIC), MAGIC);
		if (read32(dev->base + VIRTIO_DEVICE) == kind && i-- == 0)
			return true;
	}
	return false;
}

void virtio_begin(const struct virtio *dev, uint32_t features)
{
	const uint64_t at = dev->base;

	write32(at + VIRTIO_STATUS, 0);
	CHECK_EQ(read32(at + VIRTIO_STATUS), 0);
	write32(at + VIRTIO_STATUS, 3);
	write32(at + VIRTIO_ACCEPT_SEL, 0);
	write32(at + VIRTIO_ACCEPT, features);
	write32(at + VIRTIO_ACCEPT_SEL, 1);
	write32(at + VIRTIO_ACCEPT, 1); /* VIRTIO_F_VERSION_1 */
	write32(at + VIRTIO_STATUS, 0x0b);
}

static void write_address(uint64_t at, uint64_t val)
{
	write32(at, (uint32_t)val);
	write32(at + 4, val >> 32);
}

void virtio_place(const struct virtio *dev, uint64_t desc, uint64_t avail,
		  uint64_t used, uint32_t size)
{
	const uint64_t at = dev->base;

	write32(at + VIRTIO_QUEUE_SEL, dev->queue);
	write32(at + VIRTIO_QUEUE_SIZE, size);
	write_address(at + VIRTIO_DESC, desc);
	write_address(at + VIRTIO_AVAIL, avail);
	write_address(at + VIRTIO_USED, used);
	write32(at + VIRTIO_QUEUE_READY, 1);
}

void virtio_start(struct virtio *dev, struct ring *ring)
{
	*ring = (struct ring){ 0 };
	barrier();
	dev->ring = ring;
	virtio_place(dev, (uint64_t)ring->desc, (uint64_t)&ring->avail,
		     (uint64_t)&ring->used, RING_SIZE);
	write32(dev->base + VIRTIO_STATUS, STATUS_OK);
}

void virtio_offer(const struct virtio *dev, uint16_t head)
{
	struct ring *ring = dev->ring;

	ring->avail.ring[ring->avail.index % RING_SIZE] = head;
	barrier();
	ring->avail.index++;
	barrier();
	write32(dev->base + VIRTIO_NOTIFY, dev->queue);
}

int64_t virtio_wait(const struct virtio *dev)
{
	const struct ring *ring = dev->ring;
	const uint16_t want = ring->avail.index;

	while (__atomic_load_n(&ring->used.index, __ATOMIC_ACQUIRE) != want)
		if (read32(dev->base + VIRTIO_STATUS) & STATUS_NEEDS_RESET)
			return -1;
	return ring->used.ring[(uint16_t)(want - 1) % RING_SIZE].len;
}

void virtio_linger(const struct virtio *dev)
{
	for (int i = 0; i < LINGER_READS; i++)
		if (read32(dev->base + VIRTIO_STATUS) & STATUS_NEEDS_RESET)
			return;
}

static uint64_t config64(const struct virtio *dev, unsigned offset)
{
	const uint64_t at = dev->base + VIRTIO_CONFIG + offset;

	return read32(at) | read32(at + 4) << 32;
}

struct virtio_mem virtio_mem_config(const struct virtio *dev)
{
	return (struct virtio_mem){ .block = config64(dev, 0),
				    .addr = config64(dev, 16),
				    .plugged = config64(dev, 40),
				    .requested = config64(dev, 48) };
}

unsigned virtio_mem_ask(const struct virtio *dev, unsigned type,
			uint64_t address, unsigned count)
{
	static struct {
		uint16_t type, padding[3];
		uint64_t address;
		uint16_t count, padding2[3];
	} req;
	static uint16_t resp[5];

	req.type = (uint16_t)type;
	req.address = address;
	req.count = (uint16_t)count;
	dev->ring->desc[0] = (struct desc){ (uint64_t)&req, 24, DESC_NEXT, 1 };
	dev->ring->desc[1] = (struct desc){ (uint64_t)resp, 10, DESC_WRITE, 0 };
	virtio_offer(dev, 0);
	CHECK_EQ(virtio_wait(dev), 10);
	return resp[0];
}
