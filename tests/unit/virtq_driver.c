/* tests/unit/virtq_driver.c - the other side of a virtqueue: a fake driver. */
#include "tests/unit/virtq_driver.h"

#include <assert.h>
#include <endian.h>
#include <linux/virtio_config.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "devices/virtio/virtio.h"

#define ROM_SIZE 0x1000

void ram_init_with(struct fake_ram *ram, const struct mem_region *more)
{
	const struct mem_region region[] = {
		{ .gpa = { RAM_BASE, RAM_SIZE },
		  .kind = MEM_RAM,
		  .host = NULL,
		  .name = "low" },
		{ .gpa = { RAM_BORDER, RAM_SIZE },
		  .kind = MEM_RAM,
		  .host = NULL,
		  .name = "high" },
		{ .gpa = { ROM_BASE, ROM_SIZE },
		  .kind = MEM_ROM,
		  .host = NULL,
		  .name = "rom" },
	};
	struct err err = { 0 };

	*ram = (struct fake_ram){ .next = RAM_BASE };
	for (unsigned i = 0; i < 3; i++) {
		struct mem_region r = region[i];

		ram->host[i] = aligned_alloc(0x1000, (size_t)r.gpa.size);
		assert(ram->host[i]);
		memset(ram->host[i], 0, (size_t)r.gpa.size);
		r.host = ram->host[i];
		(void)mem_add(&ram->map, r, &err);
	}
	if (more)
		(void)mem_add(&ram->map, *more, &err);
	mem_freeze(&ram->map);
}

void ram_init(struct fake_ram *ram)
{
	ram_init_with(ram, NULL);
}

void ram_finish(struct fake_ram *ram)
{
	for (unsigned i = 0; i < 3; i++)
		free(ram->host[i]);
}

void *ram_at(const struct fake_ram *ram, gpa_t gpa)
{
	void *p = mem_ptr(&ram->map, gpa, 1, MEM_READ);

	assert(p);
	return p;
}

gpa_t ram_alloc(struct fake_ram *ram, size_t len, size_t align)
{
	const gpa_t at = (ram->next + align - 1) & ~(gpa_t)(align - 1);

	assert(at + len <= RAM_BORDER);
	ram->next = at + len;
	memset(ram_at(ram, at), 0, len);
	return at;
}

void queue_alloc(struct fake_queue *q, struct fake_ram *ram, uint16_t size)
{
	*q = (struct fake_queue){ .ram = ram, .size = size };
	q->desc = ram_alloc(ram, (size_t)size * 16, 16);
	q->avail = ram_alloc(ram, 6 + (size_t)size * 2, 2);
	q->used = ram_alloc(ram, 6 + (size_t)size * 8, 4);
}

void desc_write(const struct fake_ram *ram, gpa_t table, unsigned index,
		struct vring_desc desc)
{
	uint8_t *p = ram_at(ram, table + index * 16);

	store_host(p, 8, htole64(desc.addr));
	store_host(p + 8, 4, htole32(desc.len));
	store_host(p + 12, 2, htole16(desc.flags));
	store_host(p + 14, 2, htole16(desc.next));
}

uint16_t queue_word(const struct fake_queue *q, gpa_t at)
{
	const uint16_t *p = ram_at(q->ram, at);

	return le16toh(__atomic_load_n(p, __ATOMIC_ACQUIRE));
}

void queue_set_word(struct fake_queue *q, gpa_t at, uint16_t val)
{
	uint16_t *p = ram_at(q->ram, at);

	__atomic_store_n(p, htole16(val), __ATOMIC_RELEASE);
}

void queue_offer(struct fake_queue *q, uint16_t head)
{
	queue_set_word(q, q->avail + 4 + (q->next_avail % q->size) * 2u, head);
	queue_set_word(q, q->avail + 2, ++q->next_avail);
}

uint16_t queue_send(struct fake_queue *q, const struct range *buf,
		    size_t readable, size_t count)
{
	const uint16_t head = q->next_desc;

	for (size_t i = 0; i < count; i++) {
		const uint16_t at = q->next_desc;
		const uint16_t next = (uint16_t)((at + 1) % q->size);
		unsigned flags = i < readable ? 0 : VRING_DESC_F_WRITE;

		if (i + 1 < count)
			flags |= VRING_DESC_F_NEXT;
		desc_write(q->ram, q->desc, at,
			   (struct vring_desc){ buf[i].start,
						(uint32_t)buf[i].size,
						(uint16_t)flags, next });
		q->next_desc = next;
	}
	queue_offer(q, head);
	return head;
}

bool queue_take(struct fake_queue *q, uint32_t *id, uint32_t *len)
{
	const uint8_t *p;

	if (queue_word(q, q->used + 2) == q->next_used)
		return false;
	p = ram_at(q->ram, q->used + 4 + (q->next_used % q->size) * 8u);
	*id = le32toh((uint32_t)load_host(p, 4));
	*len = le32toh((uint32_t)load_host(p + 4, 4));
	q->next_used++;
	return true;
}

static void count_irq(void *chip, unsigned pin, bool level)
{
	struct fake_irq *irq = chip;

	(void)pin;
	irq->count += level;
	irq->level = level;
}

struct irq_line fake_irq_line(struct fake_irq *irq)
{
	return (struct irq_line){ count_irq, irq, 0 };
}

uint32_t mmio_read(struct device *dev, uint64_t offset)
{
	GUARD(dev->lock);
	return le32toh((uint32_t)dev->ops->read(dev, offset, 4));
}

void mmio_write(struct device *dev, uint64_t offset, uint32_t val)
{
	GUARD(dev->lock);
	dev->ops->write(dev, offset, 4, htole32(val));
}

uint64_t mmio_begin(struct device *dev, uint64_t features)
{
	uint64_t offered;

	mmio_write(dev, 0x070, 0);
	mmio_write(dev, 0x070, 1 | 2);
	mmio_write(dev, 0x014, 0);
	offered = mmio_read(dev, 0x010);
	mmio_write(dev, 0x014, 1);
	offered |= (uint64_t)mmio_read(dev, 0x010) << 32;

	features = offered & (features | 1ULL << VIRTIO_F_VERSION_1);
	mmio_write(dev, 0x024, 0);
	mmio_write(dev, 0x020, (uint32_t)features);
	mmio_write(dev, 0x024, 1);
	mmio_write(dev, 0x020, (uint32_t)(features >> 32));
	mmio_write(dev, 0x070, 1 | 2 | 8);
	return features;
}

void mmio_queue(struct device *dev, unsigned index, const struct fake_queue *q)
{
	mmio_write(dev, 0x030, index);
	mmio_write(dev, 0x038, q->size);
	mmio_write(dev, 0x080, (uint32_t)q->desc);
	mmio_write(dev, 0x084, (uint32_t)(q->desc >> 32));
	mmio_write(dev, 0x090, (uint32_t)q->avail);
	mmio_write(dev, 0x094, (uint32_t)(q->avail >> 32));
	mmio_write(dev, 0x0a0, (uint32_t)q->used);
	mmio_write(dev, 0x0a4, (uint32_t)(q->used >> 32));
	mmio_write(dev, 0x044, 1);
}

void mmio_go(struct device *dev)
{
	mmio_write(dev, 0x070, 1 | 2 | 4 | 8);
}

void loop_kick(struct virtio *vio, unsigned queue)
{
	struct loop_watch *watch = &vio->queue[queue].kick;

	GUARD(watch->lock);
	watch->ready(watch, 0);
}
