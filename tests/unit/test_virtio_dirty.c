/* tests/unit/test_virtio_dirty.c - what devices write to the guest is told. */
#include <errno.h>
#include <linux/virtio_blk.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/loop.h"
#include "devices/virtio/blk.h"
#include "devices/virtio/mmio.h"
#include "devices/virtio/power_button.h"
#include "devices/virtio/rng.h"
#include "mem/dirty.h"
#include "tests/unit/fake_disk.h"
#include "tests/unit/test.h"
#include "tests/unit/virtq_driver.h"

#define PAGE ((size_t)4096)
#define SIZE (2 * RAM_SIZE)
#define SECTORS 64
/* Over the border between the regions, which the host has apart. */
#define DATA (RAM_BORDER - 4 * PAGE + 100)

struct rig {
	struct fake_ram ram;
	struct loop *loop;
	struct fake_irq irq;
	struct fake_disk disk;
	struct virtio *vio;
	struct device *dev;
	struct fake_queue q;
	gpa_t header, status;
	struct dirty dirty;
	struct dirty_reader *reader;
	uint8_t *before; /* all of RAM, as it was at remember() */
};

static void begin(struct rig *rig)
{
	struct err err = { 0 };

	*rig = (struct rig){ .before = malloc(SIZE) };
	assert_non_null(rig->before);
	ram_init(&rig->ram);
	dirty_init(&rig->dirty, &rig->ram.map, PAGE);
	rig->ram.map.watch = &rig->dirty.watch;
	assert_int_equal(loop_new(&rig->loop, &err), 0);
	assert_int_equal(dirty_reader_add(&rig->dirty, DIRTY_FROM_NOW,
					  &rig->reader, &err),
			 0);
}

static void plug(struct rig *rig)
{
	struct err err = { 0 };

	assert_int_equal(virtio_mmio_new(&rig->dev, rig->vio,
					 fake_irq_line(&rig->irq), &err),
			 0);
	queue_alloc(&rig->q, &rig->ram, VIRTQ_MAX_SIZE);
	rig->header = ram_alloc(&rig->ram, 16, 16);
	rig->status = ram_alloc(&rig->ram, 1, PAGE);
	mmio_begin(rig->dev, UINT64_MAX);
	mmio_queue(rig->dev, 0, &rig->q);
	mmio_go(rig->dev);
}

static void begin_disk(struct rig *rig)
{
	struct err err = { 0 };

	begin(rig);
	fake_disk_init(&rig->disk, SECTORS * SECTOR_SIZE);
	for (size_t i = 0; i < (size_t)SECTORS * SECTOR_SIZE; i++)
		rig->disk.data[i] = (uint8_t)(i % 251 + 1);
	assert_int_equal(virtio_blk_new(&rig->vio, &rig->ram.map, rig->loop,
					&rig->disk.disk, "SN-0001", &err),
			 0);
	plug(rig);
}

static void end(struct rig *rig)
{
	rig->dev->ops->destroy(rig->dev);
	if (rig->disk.data)
		fake_disk_finish(&rig->disk);
	rig->loop = loop_free(rig->loop);
	(void)dirty_reader_remove(rig->reader);
	dirty_finish(&rig->dirty);
	ram_finish(&rig->ram);
	free(rig->before);
}

static uint8_t *page_at(const struct rig *rig, size_t page)
{
	return ram_at(&rig->ram, RAM_BASE + page * PAGE);
}

/* What the device does from now on is watched; what the driver did is not. */
static void remember(struct rig *rig)
{
	struct dirty_run run;
	struct err err;

	for (size_t i = 0; i < SIZE / PAGE; i++)
		memcpy(rig->before + i * PAGE, page_at(rig, i), PAGE);
	assert_int_equal(dirty_harvest(rig->reader, &err), 0);
	while (dirty_next(rig->reader, &run, &err) > 0)
		;
}

/*
 * Checks that each page that changed since remember() is told. Returns how many
 * pages were told.
 */
static size_t compare(struct rig *rig)
{
	struct dirty_run run;
	struct err err;
	size_t told = 0;

	assert_int_equal(dirty_harvest(rig->reader, &err), 0);
	while (dirty_next(rig->reader, &run, &err) > 0) {
		memcpy(rig->before + (size_t)(run.gpa.start - RAM_BASE),
		       run.host, (size_t)run.gpa.size);
		told += (size_t)(run.gpa.size / PAGE);
	}
	for (size_t i = 0; i < SIZE / PAGE; i++)
		assert_memory_equal(rig->before + i * PAGE, page_at(rig, i),
				    PAGE);
	return told;
}

static void submit(struct rig *rig, uint32_t type, uint64_t size)
{
	const bool in = type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID;
	const struct range buf[] = { { rig->header, 16 },
				     { DATA, size },
				     { rig->status, 1 } };
	uint8_t *header = ram_at(&rig->ram, rig->header);

	memset(header, 0, 16);
	store_le32(header, type);
	*(uint8_t *)ram_at(&rig->ram, rig->status) = 0xee;
	queue_send(&rig->q, buf, in ? 1 : 2, 3);
}

static void blk__read_tells_of_data_status_and_ring(void **state)
{
	struct rig rig;

	(void)state;
	begin_disk(&rig);
	submit(&rig, VIRTIO_BLK_T_IN, 8 * PAGE);
	remember(&rig);
	loop_kick(rig.vio, 0);
	(void)compare(&rig); /* the ring: do not kick */
	fake_disk_do_all(&rig.disk);
	/* 9 pages of data, as it is not aligned. */
	assert_int_equal(compare(&rig), 9 + 1 + 1);
	assert_int_equal(compare(&rig), 0);
	end(&rig);
}

static void blk__write_tells_of_status_and_ring_alone(void **state)
{
	struct rig rig;

	(void)state;
	begin_disk(&rig);
	submit(&rig, VIRTIO_BLK_T_OUT, 8 * PAGE);
	remember(&rig);
	loop_kick(rig.vio, 0);
	fake_disk_do_all(&rig.disk);
	assert_int_equal(compare(&rig), 2);
	end(&rig);
}

static void blk__serial_number_is_told(void **state)
{
	struct rig rig;

	(void)state;
	begin_disk(&rig);
	submit(&rig, VIRTIO_BLK_T_GET_ID, VIRTIO_BLK_ID_BYTES);
	remember(&rig);
	loop_kick(rig.vio, 0);
	assert_int_equal(compare(&rig), 3);
	end(&rig);
}

/* A read that fails may have written any of its buffers. */
static void blk__failed_read_tells_of_all(void **state)
{
	struct rig rig;

	(void)state;
	begin_disk(&rig);
	rig.disk.fails = -EIO;
	submit(&rig, VIRTIO_BLK_T_IN, 8 * PAGE);
	remember(&rig);
	loop_kick(rig.vio, 0);
	memset(ram_at(&rig.ram, DATA), 0x5a, 1);
	fake_disk_do_all(&rig.disk);
	assert_int_equal(compare(&rig), 9 + 1 + 1);
	end(&rig);
}

static void blk__read_cut_off_by_a_reset_is_told(void **state)
{
	struct rig rig;

	(void)state;
	begin_disk(&rig);
	submit(&rig, VIRTIO_BLK_T_IN, 8 * PAGE);
	loop_kick(rig.vio, 0);
	remember(&rig);
	memset(ram_at(&rig.ram, DATA), 0x5a, 1); /* got this far */
	rig.dev->ops->reset(rig.dev);
	/* The data; a request that was dropped has no status. */
	assert_int_equal(compare(&rig), 9);
	end(&rig);
}

/* Buffers may be large, and overlap: to tell of all takes seconds. */
static void blk__of_a_large_buffer_only_what_was_written_is_told(void **state)
{
	struct rig rig;

	(void)state;
	begin_disk(&rig);
	submit(&rig, VIRTIO_BLK_T_GET_ID, 64 * PAGE);
	remember(&rig);
	loop_kick(rig.vio, 0);
	assert_int_equal(compare(&rig), 3);
	end(&rig);
}

static void begin_rng(struct rig *rig)
{
	struct err err = { 0 };

	begin(rig);
	assert_int_equal(
		virtio_rng_new(&rig->vio, &rig->ram.map, rig->loop, &err), 0);
	plug(rig);
}

static void rng__of_a_large_buffer_only_what_was_written_is_told(void **state)
{
	const struct range buf = { RAM_BORDER, RAM_SIZE };
	struct rig rig;
	uint32_t id, len;

	(void)state;
	begin_rng(&rig);
	queue_send(&rig.q, &buf, 0, 1);
	remember(&rig);
	loop_kick(rig.vio, 0);
	assert_true(queue_take(&rig.q, &id, &len));
	assert_true(len < RAM_SIZE / 2);
	assert_int_equal(compare(&rig), len / PAGE + 1);
	end(&rig);
}

static void button__of_a_large_buffer_only_the_event_is_told(void **state)
{
	const struct range buf = { RAM_BORDER, RAM_SIZE };
	struct err err = { 0 };
	struct rig rig;

	(void)state;
	begin(&rig);
	assert_int_equal(
		virtio_power_button_new(&rig.vio, &rig.ram.map, rig.loop, &err),
		0);
	plug(&rig);
	queue_send(&rig.q, &buf, 0, 1);
	remember(&rig);
	assert_int_equal(virtio_power_button_press(rig.vio), 0);
	assert_int_equal(compare(&rig), 1 + 1);
	end(&rig);
}

static void rng__buffers_are_told(void **state)
{
	const struct range buf[] = { { DATA, 2 * PAGE } };
	struct rig rig;

	(void)state;
	begin_rng(&rig);
	queue_send(&rig.q, buf, 0, 1);
	remember(&rig);
	loop_kick(rig.vio, 0);
	assert_int_equal(compare(&rig), 3 + 1);
	end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blk__read_tells_of_data_status_and_ring),
		cmocka_unit_test(blk__write_tells_of_status_and_ring_alone),
		cmocka_unit_test(blk__serial_number_is_told),
		cmocka_unit_test(blk__failed_read_tells_of_all),
		cmocka_unit_test(blk__read_cut_off_by_a_reset_is_told),
		cmocka_unit_test(
			blk__of_a_large_buffer_only_what_was_written_is_told),
		cmocka_unit_test(rng__buffers_are_told),
		cmocka_unit_test(
			rng__of_a_large_buffer_only_what_was_written_is_told),
		cmocka_unit_test(
			button__of_a_large_buffer_only_the_event_is_told),
	};

	return RUN_TESTS(tests);
}
