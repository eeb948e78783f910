/*
 * tests/unit/test_virtio_unplug.c - the guest unplugs memory that a device
 * holds a buffer in: nothing of it is allocated when the device has done.
 *
 * The memory is a memfd, of which a page that is only read is allocated, too.
 */
#include <linux/virtio_balloon.h>
#include <linux/virtio_blk.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/loop.h"
#include "devices/virtio/balloon.h"
#include "devices/virtio/blk.h"
#include "devices/virtio/console.h"
#include "devices/virtio/mmio.h"
#include "mem/backing.h"
#include "mem/blocks.h"
#include "tests/unit/fake_disk.h"
#include "tests/unit/test.h"
#include "tests/unit/virtq_driver.h"

#define AT ((gpa_t)4 << 30)
#define BLOCK ((uint64_t)2 << 20)
#define COUNT 4
#define SECTORS 512

/* Stands in for host/tty.c: takes so many bytes before it is full. */
struct tty {
	struct tty_user *user;
	size_t takes;
};

void tty_attach(struct tty *tty, struct tty_user *user)
{
	tty->user = user;
}

size_t tty_write(struct tty *tty, const uint8_t *buf, size_t len)
{
	(void)buf;
	if (len > tty->takes)
		len = tty->takes;
	tty->takes -= len;
	return len;
}

void tty_room(struct tty *tty)
{
	(void)tty;
}

struct rig {
	struct fake_ram ram;
	struct backing backing;
	struct mem_blocks *blocks;
	struct loop *loop;
	struct fake_irq irq;
	struct tty tty;
	struct fake_disk disk;
	struct virtio *vio;
	struct device *dev;
	struct fake_queue q[4];
};

static void begin(struct rig *rig)
{
	const struct range gpa = { AT, BLOCK * COUNT };
	const struct mem_policy policy = { .source = MEM_MEMFD,
					   .share = true,
					   .huge = MEM_HUGE_OFF };
	struct mem_region region = { .gpa = gpa, .kind = MEM_RAM };
	struct err err = { 0 };

	*rig = (struct rig){ 0 };
	assert_int_equal(backing_init(&rig->backing, gpa, BLOCK, &policy, &err),
			 0);
	assert_int_equal(blocks_new(&rig->blocks, gpa, &rig->backing, BLOCK,
				    false, &err),
			 0);
	region.host = rig->backing.host;
	region.backing = &rig->backing;
	region.blocks = rig->blocks;
	ram_init_with(&rig->ram, &region);
	assert_int_equal(loop_new(&rig->loop, &err), 0);
	assert_int_equal(mem_plug(&rig->ram.map, rig->blocks, 0, COUNT, &err),
			 COUNT);
}

/* The driver of rig->vio comes up. */
static void start(struct rig *rig, uint64_t features)
{
	struct err err = { 0 };

	assert_int_equal(virtio_mmio_new(&rig->dev, rig->vio,
					 fake_irq_line(&rig->irq), &err),
			 0);
	mmio_begin(rig->dev, features);
	for (unsigned i = 0; i < rig->vio->queues; i++) {
		queue_alloc(&rig->q[i], &rig->ram, 8);
		mmio_queue(rig->dev, i, &rig->q[i]);
	}
	mmio_go(rig->dev);
}

static void end(struct rig *rig)
{
	rig->dev->ops->destroy(rig->dev);
	if (rig->disk.data)
		fake_disk_finish(&rig->disk);
	rig->loop = loop_free(rig->loop);
	ram_finish(&rig->ram);
	rig->blocks = blocks_free(rig->blocks);
	backing_finish(&rig->backing);
}

static void unplug(struct rig *rig)
{
	struct err err = { 0 };

	assert_int_equal(blocks_unplug(rig->blocks, 0, COUNT, &err), COUNT);
}

/* Bytes of the region that the host has allocated. */
static uint64_t allocated(const struct rig *rig)
{
	struct stat st;

	assert_int_equal(fstat(rig->backing.fd, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

static void console__a_chain_it_goes_on_sending(void **state)
{
	const struct range buf = { AT, BLOCK * COUNT };
	struct err err = { 0 };
	struct rig rig;

	(void)state;
	begin(&rig);
	assert_int_equal(virtio_console_new(&rig.vio, &rig.ram.map, rig.loop,
					    &rig.tty, &err),
			 0);
	start(&rig, 0);
	rig.tty.takes = 10;
	queue_send(&rig.q[1], &buf, 1, 1);
	loop_kick(rig.vio, 1);
	/* Of the buffer just what is sent next was read. */
	assert_in_range(allocated(&rig), 1, 64 * 1024);
	unplug(&rig);
	assert_int_equal(allocated(&rig), 0);
	rig.tty.takes = 10;
	loop_kick(rig.vio, 1);
	assert_int_equal(rig.tty.takes, 0);
	assert_int_equal(allocated(&rig), 0);
	mmio_write(rig.dev, 0x070, 0);
	assert_int_equal(allocated(&rig), 0);
	end(&rig);
}

static void console__a_chain_that_input_comes_into(void **state)
{
	const struct range buf = { AT, BLOCK * COUNT };
	struct err err = { 0 };
	struct rig rig;
	uint32_t id, len;

	(void)state;
	begin(&rig);
	assert_int_equal(virtio_console_new(&rig.vio, &rig.ram.map, rig.loop,
					    &rig.tty, &err),
			 0);
	start(&rig, 0);
	queue_send(&rig.q[0], &buf, 0, 1);
	{
		GUARD(rig.tty.user->lock);
		assert_true(rig.tty.user->room(rig.tty.user) > 0);
	}
	unplug(&rig);
	{
		GUARD(rig.tty.user->lock);
		rig.tty.user->input(rig.tty.user, (const uint8_t *)"key", 3);
	}
	assert_true(queue_take(&rig.q[0], &id, &len));
	assert_int_equal(len, 3);
	assert_int_equal(allocated(&rig), 0);
	end(&rig);
}

static void balloon__an_array_it_goes_on_reading(void **state)
{
	const struct balloon_options opt = { .target = UINT64_MAX };
	const struct range buf = { AT, BLOCK };
	struct err err = { 0 };
	struct rig rig;

	(void)state;
	begin(&rig);
	assert_int_equal(virtio_balloon_new(&rig.vio, &rig.ram.map, rig.loop,
					    &opt, &err),
			 0);
	start(&rig, UINT64_MAX);
	queue_send(&rig.q[0], &buf, 1, 1);
	loop_kick(rig.vio, 0);
	unplug(&rig);
	loop_kick(rig.vio, 0);
	assert_int_equal(allocated(&rig), 0);
	mmio_write(rig.dev, 0x070, 0);
	assert_int_equal(allocated(&rig), 0);
	end(&rig);
}

static void begin_disk(struct rig *rig)
{
	struct err err = { 0 };

	begin(rig);
	fake_disk_init(&rig->disk, SECTORS * SECTOR_SIZE);
	assert_int_equal(virtio_blk_new(&rig->vio, &rig->ram.map, rig->loop,
					&rig->disk.disk, NULL, &err),
			 0);
	start(rig, 0);
}

static void blk__a_read_and_its_status(void **state)
{
	/* The status is the last byte of a block of its own. */
	struct range buf[] = { { 0, 16 },
			       { AT + 1, SECTORS * SECTOR_SIZE },
			       { AT + BLOCK + 9, 1 } };
	struct rig rig;
	uint32_t id, len;

	(void)state;
	begin_disk(&rig);
	buf[0].start = ram_alloc(&rig.ram, 16, 8);
	store_le32(ram_at(&rig.ram, buf[0].start), VIRTIO_BLK_T_IN);
	queue_send(&rig.q[0], buf, 1, 3);
	loop_kick(rig.vio, 0);
	unplug(&rig);
	fake_disk_do_all(&rig.disk);
	assert_true(queue_take(&rig.q[0], &id, &len));
	assert_int_equal(len, SECTORS * SECTOR_SIZE + 1);
	assert_int_equal(allocated(&rig), 0);
	end(&rig);
}

static void blk__a_write(void **state)
{
	struct range buf[] = { { 0, 16 },
			       { AT + 1, SECTORS * SECTOR_SIZE },
			       { 0, 1 } };
	struct rig rig;
	uint32_t id, len;

	(void)state;
	begin_disk(&rig);
	buf[0].start = ram_alloc(&rig.ram, 16, 8);
	buf[2].start = ram_alloc(&rig.ram, 1, 1);
	store_le32(ram_at(&rig.ram, buf[0].start), VIRTIO_BLK_T_OUT);
	queue_send(&rig.q[0], buf, 2, 3);
	loop_kick(rig.vio, 0);
	unplug(&rig);
	fake_disk_do_all(&rig.disk);
	assert_true(queue_take(&rig.q[0], &id, &len));
	assert_int_equal(allocated(&rig), 0);
	end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(console__a_chain_it_goes_on_sending),
		cmocka_unit_test(console__a_chain_that_input_comes_into),
		cmocka_unit_test(balloon__an_array_it_goes_on_reading),
		cmocka_unit_test(blk__a_read_and_its_status),
		cmocka_unit_test(blk__a_write),
	};

	return RUN_TESTS(tests);
}
