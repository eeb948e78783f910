/* tests/unit/balloon_rig.c - a balloon, its fake driver, and its memory. */
#include "tests/unit/balloon_rig.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "devices/virtio/mmio.h"

#define FRAME RECLAIM_FRAME
#define CONFIG 0x100

void rig_go(struct balloon_rig *rig, uint64_t features)
{
	mmio_begin(rig->dev, features);
	rig->ram.next = RAM_BASE;
	rig->buffer = RAM_BASE + RIG_BUFFERS;
	for (unsigned i = 0; i < rig->vio->queues; i++) {
		queue_alloc(&rig->q[i], &rig->ram, RIG_QUEUE);
		mmio_queue(rig->dev, i, &rig->q[i]);
	}
	mmio_go(rig->dev);
}

void rig_begin(struct balloon_rig *rig, const struct balloon_options *opt,
	       uint64_t features)
{
	/* A huge page that khugepaged makes whole again would look as if
	 * memory were still there. */
	const struct mem_policy small_pages = { .huge = MEM_HUGE_OFF };
	const struct range gpa = { BIG, BIG_SIZE };
	struct mem_region region = {
		.gpa = gpa, .kind = MEM_RAM, .backing = &rig->big, .name = "big"
	};
	struct err err = { 0 };
	int r;

	memset(rig, 0, sizeof(*rig));
	r = backing_init(&rig->big, gpa, 0x200000, &small_pages, &err);
	memset(rig->big.host, 0xaa, BIG_SIZE);
	region.host = rig->big.host;
	ram_init_with(&rig->ram, &region);
	if (r == 0)
		r = loop_new(&rig->loop, &err);
	if (r == 0)
		r = virtio_balloon_new(&rig->vio, &rig->ram.map, rig->loop, opt,
				       &err);
	if (r == 0)
		r = virtio_mmio_new(&rig->dev, rig->vio,
				    fake_irq_line(&rig->irq), &err);
	if (r < 0)
		abort();
	rig_go(rig, features);
}

void rig_end(struct balloon_rig *rig)
{
	rig->dev->ops->destroy(rig->dev);
	rig->loop = loop_free(rig->loop);
	ram_finish(&rig->ram);
	backing_finish(&rig->big);
}

gpa_t rig_buffer(struct balloon_rig *rig, const void *buf, size_t len)
{
	const gpa_t at = rig->buffer;

	assert(len <= RAM_BORDER - at);
	memcpy(ram_at(&rig->ram, at), buf, len);
	rig->buffer += len;
	if (rig->buffer > RAM_BORDER - 0x20000)
		rig->buffer = RAM_BASE + RIG_BUFFERS;
	return at;
}

void rig_send_pfns(struct balloon_rig *rig, unsigned queue, const uint32_t *pfn,
		   size_t count)
{
	const struct range buf = { rig_buffer(rig, pfn, count * 4), count * 4 };

	queue_send(&rig->q[queue], &buf, 1, 1);
	loop_kick(rig->vio, queue);
}

void rig_send_run(struct balloon_rig *rig, unsigned queue, gpa_t at,
		  size_t count)
{
	uint32_t pfn[256];

	while (count > 0) {
		const size_t n = count < 256 ? count : 256;

		for (size_t i = 0; i < n; i++, at += FRAME)
			pfn[i] = htole32((uint32_t)(at / FRAME));
		rig_send_pfns(rig, queue, pfn, n);
		count -= n;
	}
}

unsigned rig_used(struct balloon_rig *rig, unsigned queue)
{
	unsigned n = 0;
	uint32_t id, len;

	while (queue_take(&rig->q[queue], &id, &len))
		n++;
	return n;
}

uint64_t rig_there(const struct balloon_rig *rig, uint64_t offset,
		   uint64_t size)
{
	unsigned char in[BIG_SIZE / FRAME];
	uint64_t count = 0;

	if (mincore(rig->big.host + offset, (size_t)size, in) < 0)
		abort();
	for (size_t i = 0; i < size / FRAME; i++)
		count += in[i] & 1 ? FRAME : 0;
	return count;
}

struct balloon_info rig_info(const struct balloon_rig *rig)
{
	struct balloon_info info;

	balloon_query(rig->vio, &info);
	return info;
}

uint32_t rig_config(const struct balloon_rig *rig, size_t offset)
{
	return mmio_read(rig->dev, CONFIG + offset);
}

struct rig_end {
	struct loop_timer timer;
	struct loop *loop;
};

static void ended(struct loop_timer *timer)
{
	loop_stop(container_of(timer, struct rig_end, timer)->loop);
}

void rig_run(struct balloon_rig *rig, unsigned ms)
{
	struct rig_end end = { .timer.expired = ended, .loop = rig->loop };
	struct err err = { 0 };

	if (loop_timer_add(rig->loop, &end.timer, &err) < 0)
		abort();
	loop_timer_set(&end.timer, (uint64_t)ms * 1000000);
	if (loop_run(rig->loop, &err) < 0)
		abort();
	loop_timer_remove(rig->loop, &end.timer);
}

bool rig_comes_to(struct balloon_rig *rig, uint64_t offset, uint64_t size,
		  uint64_t want)
{
	/* So many that no host is too slow. */
	for (unsigned i = 0; i < 1000; i++) {
		if (rig_there(rig, offset, size) == want)
			return true;
		rig_run(rig, 20);
	}
	return false;
}
