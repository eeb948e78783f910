/* tests/unit/test_virtio_blk.c - devices/virtio/blk.c. */
#include <errno.h>
#include <linux/virtio_blk.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "tests/unit/blk_rig.h"
#include "tests/unit/test.h"

static void config__describes_the_disk(void **state)
{
	struct blk_rig rig;

	(void)state;
	blk_begin(&rig);
	assert_int_equal(mmio_read(rig.dev, 0x100), SECTORS);
	assert_int_equal(mmio_read(rig.dev, 0x104), 0);
	assert_int_equal(mmio_read(rig.dev, 0x10c), VIRTQ_MAX_SIZE - 2);
	assert_int_equal(mmio_read(rig.dev, 0x114), 512);
	assert_true(rig.vio->offered & 1ULL << VIRTIO_BLK_F_DISCARD);
	assert_false(rig.vio->offered & 1ULL << VIRTIO_BLK_F_RO);
	blk_end(&rig);
}

static void read__data_then_status(void **state)
{
	struct blk_rig rig;

	(void)state;
	blk_begin(&rig);
	memset(rig.disk.data + 3 * 512, 0xa5, 1024);
	assert_int_equal(
		blk_request(&rig, VIRTIO_BLK_T_IN, 3, blk_data(1024), 1025),
		VIRTIO_BLK_S_OK);
	assert_memory_equal(ram_at(&rig.ram, DATA), rig.disk.data + 3 * 512,
			    1024);
	assert_int_equal(rig.irq.count, 1);
	assert_int_equal(rig.disk.kicks, 1);
	blk_end(&rig);
}

static void read__the_status_may_share_a_segment(void **state)
{
	struct blk_rig rig;
	struct range buf[4];
	uint32_t id, len;

	(void)state;
	blk_begin(&rig);
	for (unsigned i = 0; i < 512; i++)
		rig.disk.data[i] = (uint8_t)i;
	buf[0] = blk_header(&rig, VIRTIO_BLK_T_IN, 0);
	buf[1] = (struct range){ RAM_BORDER - 1, 2 };
	buf[2] = (struct range){ DATA, 509 };
	buf[3] = (struct range){ DATA + 0x1000, 2 }; /* data and status */
	*(uint8_t *)ram_at(&rig.ram, DATA + 0x1001) = NO_STATUS;
	queue_send(&rig.q, buf, 1, 4);
	loop_kick(rig.vio, 0);
	fake_disk_do_all(&rig.disk);
	assert_true(queue_take(&rig.q, &id, &len));
	assert_int_equal(len, 513);
	assert_int_equal(*(uint8_t *)ram_at(&rig.ram, RAM_BORDER - 1), 0);
	assert_int_equal(*(uint8_t *)ram_at(&rig.ram, RAM_BORDER), 1);
	assert_memory_equal(ram_at(&rig.ram, DATA), rig.disk.data + 2, 509);
	assert_int_equal(*(uint8_t *)ram_at(&rig.ram, DATA + 0x1000), 0xff);
	assert_int_equal(*(uint8_t *)ram_at(&rig.ram, DATA + 0x1001),
			 VIRTIO_BLK_S_OK);
	blk_end(&rig);
}

static void write__header_and_data_in_any_pieces(void **state)
{
	struct blk_rig rig;
	struct range buf[4], head;
	uint32_t id, len;

	(void)state;
	blk_begin(&rig);
	memset(ram_at(&rig.ram, DATA), 0x5a, 512);
	head = blk_header(&rig, VIRTIO_BLK_T_OUT, SECTORS - 1);
	buf[0] = (struct range){ head.start, 7 };
	/* The rest of the header, and the first bytes of the data. */
	memcpy(ram_at(&rig.ram, DATA - 9), ram_at(&rig.ram, head.start + 7), 9);
	buf[1] = (struct range){ DATA - 9, 9 + 100 };
	buf[2] = (struct range){ DATA + 100, 412 };
	buf[3] = (struct range){ rig.status, 1 };
	queue_send(&rig.q, buf, 3, 4);
	loop_kick(rig.vio, 0);
	fake_disk_do_all(&rig.disk);
	assert_true(queue_take(&rig.q, &id, &len));
	assert_int_equal(len, 1);
	assert_int_equal(*blk_status(&rig), VIRTIO_BLK_S_OK);
	assert_memory_equal(rig.disk.data + (SECTORS - 1) * 512,
			    ram_at(&rig.ram, DATA), 512);
	blk_end(&rig);
}

static void range__the_last_sector_is_in_the_next_not(void **state)
{
	static const struct {
		uint64_t sector;
		size_t len;
		uint8_t status;
	} cases[] = {
		{ SECTORS - 1, 512, VIRTIO_BLK_S_OK },
		{ SECTORS - 1, 1024, VIRTIO_BLK_S_IOERR },
		{ 0, SECTORS * 512, VIRTIO_BLK_S_OK },
		{ 0, SECTORS * 512 + 512, VIRTIO_BLK_S_IOERR },
		{ SECTORS, 0, VIRTIO_BLK_S_OK },
		{ SECTORS, 512, VIRTIO_BLK_S_IOERR },
		{ SECTORS + 1, 0, VIRTIO_BLK_S_IOERR },
		{ UINT64_MAX, 512, VIRTIO_BLK_S_IOERR },
		{ UINT64_MAX / 512 + 1, 512, VIRTIO_BLK_S_IOERR },
		{ 0, 511, VIRTIO_BLK_S_IOERR },
		{ 0, 513, VIRTIO_BLK_S_IOERR },
	};
	struct blk_rig rig;

	(void)state;
	blk_begin(&rig);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const bool ok = cases[i].status == VIRTIO_BLK_S_OK;
		const uint32_t len = ok ? (uint32_t)cases[i].len + 1 : 1;

		assert_int_equal(blk_request(&rig, VIRTIO_BLK_T_IN,
					     cases[i].sector,
					     blk_data(cases[i].len), len),
				 cases[i].status);
		assert_int_equal(blk_request(&rig, VIRTIO_BLK_T_OUT,
					     cases[i].sector,
					     blk_data(cases[i].len), 1),
				 cases[i].status);
	}
	blk_end(&rig);
}

static void range__larger_blocks_are_kept_to(void **state)
{
	struct blk_rig rig;

	(void)state;
	blk_begin_disk(&rig, 0, (struct disk){ .block = 4096 }, NULL);
	assert_int_equal(mmio_read(rig.dev, 0x114), 4096);
	assert_int_equal(
		blk_request(&rig, VIRTIO_BLK_T_IN, 8, blk_data(4096), 4097),
		VIRTIO_BLK_S_OK);
	assert_int_equal(
		blk_request(&rig, VIRTIO_BLK_T_IN, 1, blk_data(4096), 1),
		VIRTIO_BLK_S_IOERR);
	assert_int_equal(
		blk_request(&rig, VIRTIO_BLK_T_IN, 8, blk_data(512), 1),
		VIRTIO_BLK_S_IOERR);
	blk_end(&rig);
}

static void readonly__takes_no_change(void **state)
{
	struct blk_rig rig;

	(void)state;
	blk_begin_disk(&rig, 0, (struct disk){ .block = 512, .ro = true },
		       NULL);
	assert_true(rig.vio->offered & 1ULL << VIRTIO_BLK_F_RO);
	assert_false(rig.vio->offered & 1ULL << VIRTIO_BLK_F_DISCARD);
	assert_int_equal(
		blk_request(&rig, VIRTIO_BLK_T_IN, 0, blk_data(512), 513),
		VIRTIO_BLK_S_OK);
	assert_int_equal(
		blk_request(&rig, VIRTIO_BLK_T_OUT, 0, blk_data(512), 1),
		VIRTIO_BLK_S_IOERR);
	assert_int_equal(
		blk_request(&rig, VIRTIO_BLK_T_DISCARD, 0, blk_data(16), 1),
		VIRTIO_BLK_S_IOERR);
	assert_int_equal(
		blk_request(&rig, VIRTIO_BLK_T_FLUSH, 0, blk_data(0), 1),
		VIRTIO_BLK_S_OK);
	blk_end(&rig);
}

static void flush__reaches_the_disk(void **state)
{
	struct blk_rig rig;

	(void)state;
	blk_begin(&rig);
	assert_int_equal(
		blk_request(&rig, VIRTIO_BLK_T_OUT, 0, blk_data(512), 1),
		VIRTIO_BLK_S_OK);
	assert_int_equal(rig.disk.flushes, 0);
	assert_int_equal(
		blk_request(&rig, VIRTIO_BLK_T_FLUSH, 0, blk_data(0), 1),
		VIRTIO_BLK_S_OK);
	assert_int_equal(rig.disk.flushes, 1);
	blk_end(&rig);
}

static void flush__who_cannot_has_each_write_flushed(void **state)
{
	struct blk_rig rig;

	(void)state;
	blk_begin_with(&rig, 0);
	(void)blk_request(&rig, VIRTIO_BLK_T_OUT, 0, blk_data(512), 1);
	assert_int_equal(rig.disk.flushes, 1);
	blk_end(&rig);
}

static void flush__the_driver_chooses_the_cache(void **state)
{
	const uint64_t wce = 0x100 + offsetof(struct virtio_blk_config, wce);
	struct blk_rig rig;

	(void)state;
	blk_begin_with(&rig, 1ULL << VIRTIO_BLK_F_FLUSH |
				     1ULL << VIRTIO_BLK_F_CONFIG_WCE);
	assert_int_equal(rig.dev->ops->read(rig.dev, wce, 1), 1);
	(void)blk_request(&rig, VIRTIO_BLK_T_OUT, 0, blk_data(512), 1);
	assert_int_equal(rig.disk.flushes, 0);

	rig.dev->ops->write(rig.dev, wce, 1, 0);
	assert_int_equal(rig.dev->ops->read(rig.dev, wce, 1), 0);
	(void)blk_request(&rig, VIRTIO_BLK_T_OUT, 0, blk_data(512), 1);
	assert_int_equal(rig.disk.flushes, 1);

	mmio_write(rig.dev, 0x070, 0);
	assert_int_equal(rig.dev->ops->read(rig.dev, wce, 1), 1);
	blk_end(&rig);
}

static void get_id__is_padded_and_cut(void **state)
{
	struct blk_rig rig;
	uint8_t *p;

	(void)state;
	blk_begin(&rig);
	p = memset(ram_at(&rig.ram, DATA), 0xff, 32);
	assert_int_equal(
		blk_request(&rig, VIRTIO_BLK_T_GET_ID, 0, blk_data(20), 21),
		VIRTIO_BLK_S_OK);
	assert_memory_equal(p, "SN-0001\0\0\0\0\0\0\0\0\0\0\0\0", 20);
	assert_int_equal(p[20], 0xff);
	assert_int_equal(
		blk_request(&rig, VIRTIO_BLK_T_GET_ID, 0, blk_data(2), 3),
		VIRTIO_BLK_S_OK);
	assert_int_equal(
		blk_request(&rig, VIRTIO_BLK_T_GET_ID, 0, blk_data(30), 21),
		VIRTIO_BLK_S_OK);
	assert_int_equal(p[20], 0xff);
	blk_end(&rig);
}

static uint8_t zero(struct blk_rig *rig, uint32_t type, uint64_t sector,
		    uint32_t sectors, uint32_t flags)
{
	uint8_t *p = ram_at(&rig->ram, DATA);

	store_le64(p, sector);
	store_le32(p + 8, sectors);
	store_le32(p + 12, flags);
	return blk_request(rig, type, 0, blk_data(16), 1);
}

static void zero__clears_its_sectors_and_no_others(void **state)
{
	const uint32_t wz = VIRTIO_BLK_T_WRITE_ZEROES;
	struct blk_rig rig;

	(void)state;
	blk_begin(&rig);
	memset(rig.disk.data, 0xff, SECTORS * 512);
	assert_int_equal(zero(&rig, wz, 2, 3, 0), VIRTIO_BLK_S_OK);
	assert_int_equal(rig.disk.data[2 * 512 - 1], 0xff);
	assert_int_equal(rig.disk.data[2 * 512], 0);
	assert_int_equal(rig.disk.data[5 * 512 - 1], 0);
	assert_int_equal(rig.disk.data[5 * 512], 0xff);
	assert_int_equal(zero(&rig, VIRTIO_BLK_T_DISCARD, 63, 1, 0),
			 VIRTIO_BLK_S_OK);
	assert_int_equal(rig.disk.data[63 * 512], 0);
	blk_end(&rig);
}

static void zero__bad_segments_are_refused(void **state)
{
	const uint32_t wz = VIRTIO_BLK_T_WRITE_ZEROES;
	const uint32_t discard = VIRTIO_BLK_T_DISCARD;
	struct blk_rig rig;

	(void)state;
	blk_begin(&rig);
	memset(rig.disk.data, 0xff, SECTORS * 512);
	assert_int_equal(zero(&rig, wz, 63, 2, 0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(zero(&rig, wz, UINT64_MAX, 1, 0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(zero(&rig, wz, 0, UINT32_MAX, 0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(zero(&rig, wz, 0, 1, 2), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(zero(&rig, discard, 0, 1, 1), VIRTIO_BLK_S_UNSUPP);
	/* Two segments, and half of one. */
	assert_int_equal(blk_request(&rig, wz, 0, blk_data(32), 1),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(blk_request(&rig, wz, 0, blk_data(8), 1),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(blk_request(&rig, wz, 0, blk_data(0), 1),
			 VIRTIO_BLK_S_IOERR);
	for (unsigned i = 0; i < SECTORS * 512; i++)
		assert_int_equal(rig.disk.data[i], 0xff);
	assert_int_equal(zero(&rig, wz, 0, 0, 1), VIRTIO_BLK_S_OK);
	blk_end(&rig);
}

static void request__unknown_types_are_unsupported(void **state)
{
	struct blk_rig rig;

	(void)state;
	blk_begin(&rig);
	assert_int_equal(blk_request(&rig, 2, 0, blk_data(512), 1),
			 VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(blk_request(&rig, UINT32_MAX, 0, blk_data(0), 1),
			 VIRTIO_BLK_S_UNSUPP);
	blk_end(&rig);
}

static void request__malformed_ones_come_back(void **state)
{
	struct blk_rig rig;
	struct range buf[2];
	uint32_t id, len;

	(void)state;
	blk_begin(&rig);
	/* No byte for the status. */
	buf[0] = blk_header(&rig, VIRTIO_BLK_T_FLUSH, 0);
	queue_send(&rig.q, buf, 1, 1);
	/* A header that is too short. */
	buf[0].size = 15;
	buf[1] = (struct range){ rig.status, 1 };
	queue_send(&rig.q, buf, 1, 2);
	/* None. */
	*blk_status(&rig) = NO_STATUS;
	queue_send(&rig.q, buf + 1, 0, 1);
	loop_kick(rig.vio, 0);
	assert_int_equal(rig.disk.count, 0);
	assert_true(queue_take(&rig.q, &id, &len));
	assert_int_equal(len, 0);
	assert_true(queue_take(&rig.q, &id, &len));
	assert_int_equal(len, 1);
	assert_true(queue_take(&rig.q, &id, &len));
	assert_int_equal(len, 1);
	assert_int_equal(*blk_status(&rig), VIRTIO_BLK_S_IOERR);
	/* It goes on working. */
	assert_int_equal(
		blk_request(&rig, VIRTIO_BLK_T_IN, 0, blk_data(512), 513),
		VIRTIO_BLK_S_OK);
	blk_end(&rig);
}

static void request__host_errors_are_io_errors(void **state)
{
	struct blk_rig rig;

	(void)state;
	blk_begin(&rig);
	rig.disk.fails = -ENOSPC;
	assert_int_equal(
		blk_request(&rig, VIRTIO_BLK_T_OUT, 0, blk_data(512), 1),
		VIRTIO_BLK_S_IOERR);
	rig.disk.fails = -EIO;
	assert_int_equal(
		blk_request(&rig, VIRTIO_BLK_T_IN, 0, blk_data(512), 1),
		VIRTIO_BLK_S_IOERR);
	rig.disk.start_fails = -ENOMEM;
	assert_int_equal(
		blk_request(&rig, VIRTIO_BLK_T_IN, 0, blk_data(512), 1),
		VIRTIO_BLK_S_IOERR);
	rig.disk.fails = rig.disk.start_fails = 0;
	assert_int_equal(
		blk_request(&rig, VIRTIO_BLK_T_IN, 0, blk_data(512), 513),
		VIRTIO_BLK_S_OK);
	blk_end(&rig);
}

static void request__a_batch_is_one_kick_in_any_order(void **state)
{
	struct blk_rig rig;
	uint32_t id, len;

	(void)state;
	blk_begin(&rig);
	for (unsigned i = 0; i < 8; i++)
		blk_submit(&rig, VIRTIO_BLK_T_OUT, i, blk_data(512));
	loop_kick(rig.vio, 0);
	assert_int_equal(rig.disk.count, 8);
	assert_int_equal(rig.disk.kicks, 1);
	fake_disk_do_all(&rig.disk);
	for (unsigned i = 8; i-- > 0;) {
		assert_true(queue_take(&rig.q, &id, &len));
		assert_int_equal(id, i * 3);
	}
	blk_end(&rig);
}

/* More in flight than there are entries: only a driver that lies does that. */
static void request__too_many_in_flight_wait(void **state)
{
	struct blk_rig rig;
	uint32_t id, len;
	unsigned done = 0;

	(void)state;
	blk_begin(&rig);
	blk_submit(&rig, VIRTIO_BLK_T_FLUSH, 0, blk_data(0));
	for (unsigned i = 1; i < VIRTQ_MAX_SIZE; i++)
		queue_offer(&rig.q, 0);
	loop_kick(rig.vio, 0);
	loop_kick(rig.vio, 0);
	assert_int_equal(rig.disk.count, VIRTQ_MAX_SIZE);
	queue_offer(&rig.q, 0);
	loop_kick(rig.vio, 0);
	assert_int_equal(rig.disk.count, VIRTQ_MAX_SIZE);

	fake_disk_do(&rig.disk, 0);
	loop_kick(rig.vio, 0);
	assert_int_equal(rig.disk.count, VIRTQ_MAX_SIZE);
	fake_disk_do_all(&rig.disk);
	while (queue_take(&rig.q, &id, &len))
		done++;
	assert_int_equal(done, VIRTQ_MAX_SIZE + 1);
	blk_end(&rig);
}

static void count_settled(void *ctx)
{
	++*(unsigned *)ctx;
}

static void reset__leaves_nothing_in_flight(void **state)
{
	struct blk_rig rig;
	unsigned cancels, settled = 0;
	uint32_t id, len;

	(void)state;
	blk_begin(&rig);
	blk_submit(&rig, VIRTIO_BLK_T_IN, 0, blk_data(512));
	blk_submit(&rig, VIRTIO_BLK_T_IN, 0, blk_data(512));
	loop_kick(rig.vio, 0);
	assert_int_equal(rig.disk.count, 2);
	cancels = rig.disk.cancels;
	rig.dev->settled = count_settled;
	rig.dev->settled_ctx = &settled;
	*blk_status(&rig) = NO_STATUS;
	mmio_write(rig.dev, 0x070, 0);
	assert_int_equal(rig.disk.cancels, cancels + 1);
	assert_true(device_is_busy(rig.dev));
	fake_disk_do(&rig.disk, 0);
	assert_true(device_is_busy(rig.dev));
	assert_int_equal(settled, 0);
	fake_disk_do(&rig.disk, 0);
	assert_false(device_is_busy(rig.dev));
	assert_int_equal(settled, 1);
	assert_false(queue_take(&rig.q, &id, &len));
	assert_int_equal(*blk_status(&rig), NO_STATUS);
	assert_int_equal(rig.irq.count, 0);

	/* All requests are there again. */
	queue_alloc(&rig.q, &rig.ram, VIRTQ_MAX_SIZE);
	blk_drive(&rig, 1ULL << VIRTIO_BLK_F_FLUSH);
	for (unsigned i = 0; i < VIRTQ_MAX_SIZE / 2; i++)
		blk_submit(&rig, VIRTIO_BLK_T_FLUSH, 0, blk_data(0));
	loop_kick(rig.vio, 0);
	assert_int_equal(rig.disk.count, VIRTQ_MAX_SIZE / 2);
	blk_end(&rig);
}

/* Another vCPU does not wait: only a driver that lies does that. */
static void reset__what_it_dropped_is_in_no_queue_again(void **state)
{
	struct blk_rig rig;
	uint32_t id, len;

	(void)state;
	blk_begin(&rig);
	blk_submit(&rig, VIRTIO_BLK_T_IN, 0, blk_data(512));
	loop_kick(rig.vio, 0);
	mmio_write(rig.dev, 0x070, 0);
	queue_alloc(&rig.q, &rig.ram, VIRTQ_MAX_SIZE);
	blk_drive(&rig, 0);
	blk_submit(&rig, VIRTIO_BLK_T_IN, 0, blk_data(512));
	loop_kick(rig.vio, 0);
	assert_int_equal(rig.disk.count, 2);
	fake_disk_do(&rig.disk, 0); /* the old one */
	assert_false(device_is_busy(rig.dev));
	assert_false(queue_take(&rig.q, &id, &len));
	fake_disk_do(&rig.disk, 0);
	assert_true(queue_take(&rig.q, &id, &len));
	assert_int_equal(len, 513);
	blk_end(&rig);
}

static void reset__by_the_machine_waits_as_long_as_it_may(void **state)
{
	struct blk_rig rig;

	(void)state;
	blk_begin(&rig);
	blk_submit(&rig, VIRTIO_BLK_T_IN, 0, blk_data(512));
	loop_kick(rig.vio, 0);
	rig.disk.hangs = true;
	{
		GUARD(rig.dev->lock);
		rig.dev->ops->reset(rig.dev);
	}
	assert_true(device_is_busy(rig.dev));
	rig.disk.hangs = false;
	{
		GUARD(rig.dev->lock);
		rig.dev->ops->reset(rig.dev);
	}
	assert_false(device_is_busy(rig.dev));
	blk_end(&rig);
}

static void break__requests_in_flight_end_unseen(void **state)
{
	struct blk_rig rig;
	uint32_t id, len;

	(void)state;
	blk_begin(&rig);
	blk_submit(&rig, VIRTIO_BLK_T_IN, 0, blk_data(512));
	queue_offer(&rig.q, 0xffff);
	loop_kick(rig.vio, 0);
	assert_int_equal(rig.disk.count, 1);
	assert_true(mmio_read(rig.dev, 0x070) & VIRTIO_NEEDS_RESET);
	fake_disk_do_all(&rig.disk);
	assert_false(queue_take(&rig.q, &id, &len));
	assert_int_equal(rig.irq.count, 1); /* of the configuration */
	blk_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(config__describes_the_disk),
		cmocka_unit_test(read__data_then_status),
		cmocka_unit_test(read__the_status_may_share_a_segment),
		cmocka_unit_test(write__header_and_data_in_any_pieces),
		cmocka_unit_test(range__the_last_sector_is_in_the_next_not),
		cmocka_unit_test(range__larger_blocks_are_kept_to),
		cmocka_unit_test(readonly__takes_no_change),
		cmocka_unit_test(flush__reaches_the_disk),
		cmocka_unit_test(flush__who_cannot_has_each_write_flushed),
		cmocka_unit_test(flush__the_driver_chooses_the_cache),
		cmocka_unit_test(get_id__is_padded_and_cut),
		cmocka_unit_test(zero__clears_its_sectors_and_no_others),
		cmocka_unit_test(zero__bad_segments_are_refused),
		cmocka_unit_test(request__unknown_types_are_unsupported),
		cmocka_unit_test(request__malformed_ones_come_back),
		cmocka_unit_test(request__host_errors_are_io_errors),
		cmocka_unit_test(request__a_batch_is_one_kick_in_any_order),
		cmocka_unit_test(request__too_many_in_flight_wait),
		cmocka_unit_test(reset__leaves_nothing_in_flight),
		cmocka_unit_test(reset__what_it_dropped_is_in_no_queue_again),
		cmocka_unit_test(reset__by_the_machine_waits_as_long_as_it_may),
		cmocka_unit_test(break__requests_in_flight_end_unseen),
	};

	return RUN_TESTS(tests);
}
