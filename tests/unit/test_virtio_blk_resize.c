/* tests/unit/test_virtio_blk_resize.c - disks that grow under their driver. */
#include <errno.h>
#include <linux/virtio_blk.h>

#include "tests/unit/blk_rig.h"
#include "tests/unit/test.h"

#define MORE (SECTORS + 8)
#define GENERATION 0x0fc
#define CAPACITY 0x100

static void resize__tells_the_driver_once(void **state)
{
	struct blk_rig rig;
	struct err err = { 0 };
	uint32_t generation;

	(void)state;
	blk_begin(&rig);
	generation = mmio_read(rig.dev, GENERATION);
	assert_int_equal(virtio_blk_resize(rig.vio, MORE * 512, &err), 0);
	assert_int_equal(mmio_read(rig.dev, CAPACITY), MORE);
	assert_int_equal(mmio_read(rig.dev, CAPACITY + 4), 0);
	assert_int_equal(mmio_read(rig.dev, GENERATION), generation + 1);
	assert_int_equal(rig.irq.count, 1);
	assert_int_equal(virtio_blk_resize(rig.vio, MORE * 512, &err), 0);
	assert_int_equal(mmio_read(rig.dev, GENERATION), generation + 1);
	assert_int_equal(rig.irq.count, 1);
	blk_end(&rig);
}

static void resize__the_new_sectors_are_served_and_no_more(void **state)
{
	struct blk_rig rig;
	struct err err = { 0 };

	(void)state;
	blk_begin(&rig);
	assert_int_equal(
		blk_request(&rig, VIRTIO_BLK_T_IN, SECTORS, blk_data(512), 1),
		VIRTIO_BLK_S_IOERR);
	assert_int_equal(virtio_blk_resize(rig.vio, MORE * 512, &err), 0);
	assert_int_equal(blk_request(&rig, VIRTIO_BLK_T_IN, MORE - 1,
				     blk_data(512), 513),
			 VIRTIO_BLK_S_OK);
	assert_int_equal(
		blk_request(&rig, VIRTIO_BLK_T_IN, MORE, blk_data(512), 1),
		VIRTIO_BLK_S_IOERR);
	blk_end(&rig);
}

static void resize__a_paused_driver_is_told_when_it_goes_on(void **state)
{
	struct blk_rig rig;
	struct err err = { 0 };

	(void)state;
	blk_begin(&rig);
	rig.dev->ops->pause(rig.dev);
	assert_int_equal(virtio_blk_resize(rig.vio, DISK_SIZE_OF_IMAGE, &err),
			 0);
	assert_int_equal(rig.irq.count, 0);
	rig.dev->ops->resume(rig.dev);
	assert_int_equal(rig.irq.count, 1);
	assert_int_equal(mmio_read(rig.dev, CAPACITY), 2 * SECTORS);
	blk_end(&rig);
}

static void resize__one_that_fails_changes_nothing(void **state)
{
	struct blk_rig rig;
	struct err err = { 0 };
	struct virtio_blk_info info;
	uint32_t generation;

	(void)state;
	blk_begin(&rig);
	generation = mmio_read(rig.dev, GENERATION);
	rig.disk.resize_fails = -ENOSPC;
	assert_int_equal(virtio_blk_resize(rig.vio, MORE * 512, &err), -ENOSPC);
	assert_int_equal(mmio_read(rig.dev, CAPACITY), SECTORS);
	assert_int_equal(mmio_read(rig.dev, GENERATION), generation);
	assert_int_equal(rig.irq.count, 0);
	virtio_blk_query(rig.vio, &info);
	assert_int_equal(info.size, SECTORS * 512);
	blk_end(&rig);
}

static void query__tells_what_the_driver_chose(void **state)
{
	const struct disk disk = { .block = 4096, .ro = true };
	struct blk_rig rig;
	struct virtio_blk_info info;

	(void)state;
	blk_begin_disk(&rig, 0, disk, NULL);
	virtio_blk_query(rig.vio, &info);
	assert_int_equal(info.size, SECTORS * 512);
	assert_int_equal(info.block, 4096);
	assert_true(info.ro);
	assert_false(info.write_back);
	blk_end(&rig);
	blk_begin(&rig);
	virtio_blk_query(rig.vio, &info);
	assert_false(info.ro);
	assert_true(info.write_back);
	blk_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(resize__tells_the_driver_once),
		cmocka_unit_test(
			resize__the_new_sectors_are_served_and_no_more),
		cmocka_unit_test(
			resize__a_paused_driver_is_told_when_it_goes_on),
		cmocka_unit_test(resize__one_that_fails_changes_nothing),
		cmocka_unit_test(query__tells_what_the_driver_chose),
	};

	return RUN_TESTS(tests);
}
