/* tests/unit/test_virtio_balloon.c - devices/virtio/balloon_device.c and
 * balloon_pages.c. */
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include "devices/virtio/balloon_device.h"
#include "tests/unit/balloon_rig.h"
#include "tests/unit/test.h"

#define FRAME RECLAIM_FRAME
#define MIB ((uint64_t)1 << 20)
#define BLOCK (2 * MIB)
#define ALL UINT64_MAX
#define BIT(n) (1ULL << (n))
#define CONFIG 0x100
#define ACTUAL (CONFIG + 4)
#define POISON (CONFIG + 12)
#define GENERATION 0x0fc

static const struct balloon_options usual = { .target = UINT64_MAX,
					      .reporting = true,
					      .deflate_on_oom = true };

static void begin(struct balloon_rig *rig, uint64_t features)
{
	rig_begin(rig, &usual, features);
}

static void new__offers_what_was_asked_for(void **state)
{
	const struct balloon_options bare = { .target = RIG_RAM - BLOCK };
	struct balloon_rig rig;

	(void)state;
	rig_begin(&rig, &bare, ALL);
	assert_int_equal(rig.vio->queues, 4);
	assert_int_equal(rig.vio->offered & 0x3f,
			 BIT(VIRTIO_BALLOON_F_MUST_TELL_HOST) |
				 BIT(VIRTIO_BALLOON_F_STATS_VQ) |
				 BIT(VIRTIO_BALLOON_F_FREE_PAGE_HINT) |
				 BIT(VIRTIO_BALLOON_F_PAGE_POISON));
	assert_int_equal(rig_config(&rig, 0), BLOCK / FRAME);
	rig_end(&rig);

	begin(&rig, ALL);
	assert_int_equal(rig.vio->queues, 5);
	assert_int_equal(rig.vio->offered & 0x3f, 0x3f);
	assert_int_equal(rig_config(&rig, 0), 0);
	rig_end(&rig);
}

static void inflate__gives_whole_blocks_and_waits_for_parts(void **state)
{
	struct balloon_rig rig;

	(void)state;
	begin(&rig, ALL);
	balloon_set_target(rig.vio, 0);
	rig_send_run(&rig, BALLOON_INFLATE, BIG, 256);
	assert_int_equal(rig_used(&rig, BALLOON_INFLATE), 1);
	assert_int_equal(rig_there(&rig, 0, BLOCK), BLOCK);
	assert_int_equal(rig_info(&rig).reclaim.held, MIB);
	rig_send_run(&rig, BALLOON_INFLATE, BIG + MIB, 256 + 10);
	assert_int_equal(rig_there(&rig, 0, BLOCK), 0);
	assert_int_equal(rig_there(&rig, BLOCK, BLOCK), BLOCK);
	assert_int_equal(rig_info(&rig).reclaim.calls, 1);
	rig_end(&rig);
}

static void inflate__what_waits_goes_when_no_more_comes(void **state)
{
	struct balloon_rig rig;

	(void)state;
	begin(&rig, ALL);
	balloon_set_target(rig.vio, 0);
	rig_send_run(&rig, BALLOON_INFLATE, BIG, 10);
	assert_int_equal(rig_there(&rig, 0, BLOCK), BLOCK);
	assert_true(rig_comes_to(&rig, 0, BLOCK, BLOCK - 10 * FRAME));
	rig_end(&rig);
}

static void inflate__a_kick_without_pages_is_not_waited_for(void **state)
{
	struct balloon_rig rig;
	bool gone = false;

	(void)state;
	begin(&rig, ALL);
	balloon_set_target(rig.vio, 0);
	rig_send_run(&rig, BALLOON_INFLATE, BIG, 10);
	for (unsigned i = 0; i < 100 && !gone; i++) {
		loop_kick(rig.vio, BALLOON_INFLATE);
		rig_run(&rig, 20);
		gone = rig_there(&rig, 0, BLOCK) < BLOCK;
	}
	assert_true(gone);
	rig_end(&rig);
}

static void inflate__what_waits_goes_when_the_balloon_is_full(void **state)
{
	struct balloon_rig rig;

	(void)state;
	begin(&rig, ALL);
	balloon_set_target(rig.vio, RIG_RAM - 10 * FRAME);
	rig_send_run(&rig, BALLOON_INFLATE, BIG, 9);
	assert_int_equal(rig_there(&rig, 0, BLOCK), BLOCK);
	rig_send_run(&rig, BALLOON_INFLATE, BIG + MIB, 1);
	assert_int_equal(rig_there(&rig, 0, BLOCK), BLOCK - 10 * FRAME);
	rig_end(&rig);
}

static void inflate__a_driver_that_does_not_tell_is_not_waited_for(void **state)
{
	struct balloon_rig rig;

	(void)state;
	begin(&rig, 0);
	balloon_set_target(rig.vio, 0);
	rig_send_run(&rig, BALLOON_INFLATE, BIG, 200);
	assert_int_equal(rig_there(&rig, 0, BLOCK), BLOCK - 200 * FRAME);
	/* It uses them again, without a word, and gives the block's rest. */
	memset(rig.big.host, 0xbb, 200 * FRAME);
	rig_send_run(&rig, BALLOON_INFLATE, BIG + 200 * FRAME, 312);
	assert_int_equal(rig_there(&rig, 0, BLOCK), 200 * FRAME);
	rig_send_run(&rig, BALLOON_DEFLATE, BIG, 200);
	assert_int_equal(rig.vio->guest_errors.count, 0);
	rig_end(&rig);
}

static void deflate__a_page_that_waited_stays(void **state)
{
	struct balloon_rig rig;

	(void)state;
	begin(&rig, ALL);
	balloon_set_target(rig.vio, 0);
	rig_send_run(&rig, BALLOON_INFLATE, BIG, 16);
	rig_send_run(&rig, BALLOON_DEFLATE, BIG + 4 * FRAME, 4);
	assert_int_equal(rig_used(&rig, BALLOON_DEFLATE), 1);
	assert_true(rig_comes_to(&rig, 0, 16 * FRAME, 4 * FRAME));
	assert_int_equal(rig.big.host[4 * FRAME], 0xaa);
	assert_int_equal(rig_info(&rig).reclaim.held, 12 * FRAME);
	assert_int_equal(rig.vio->guest_errors.count, 0);
	rig_end(&rig);
}

static void deflate__what_is_not_in_the_balloon_is_a_mistake(void **state)
{
	struct balloon_rig rig;

	(void)state;
	begin(&rig, ALL);
	rig_send_run(&rig, BALLOON_DEFLATE, BIG, 300);
	assert_int_equal(rig_used(&rig, BALLOON_DEFLATE), 2);
	assert_int_equal(rig.vio->guest_errors.count, 2);
	assert_int_equal(rig_info(&rig).reclaim.held, 0);
	rig_end(&rig);
}

static void inflate__pages_that_are_no_ram_are_refused(void **state)
{
	const uint32_t pfn[] = {
		htole32(0),
		htole32(UINT32_MAX),
		htole32(ROM_BASE / FRAME),
		htole32(BIG / FRAME - 1),
		htole32((BIG + BIG_SIZE) / FRAME),
		htole32((RAM_END - FRAME) / FRAME), /* RAM; not ours */
		htole32(BIG / FRAME),
		htole32(BIG / FRAME), /* twice */
	};
	struct balloon_rig rig;
	uint8_t rom[FRAME];

	(void)state;
	begin(&rig, ALL);
	memset(ram_at(&rig.ram, ROM_BASE), 0x77, FRAME);
	memset(rom, 0x77, FRAME);
	for (unsigned i = 0; i < 2; i++) {
		rig_send_pfns(&rig, BALLOON_INFLATE, pfn, 8);
		assert_int_equal(rig_used(&rig, BALLOON_INFLATE), 1);
	}
	assert_int_equal(rig.vio->guest_errors.count, 2);
	assert_int_equal(rig_info(&rig).reclaim.held, 2 * FRAME);
	assert_int_equal(rig_there(&rig, 0, BIG_SIZE), BIG_SIZE - FRAME);
	assert_memory_equal(ram_at(&rig.ram, ROM_BASE), rom, FRAME);
	rig_end(&rig);
}

static void inflate__arrays_of_any_length_and_shape_are_read(void **state)
{
	const uint32_t pfn[] = { htole32(BIG / FRAME + 1),
				 htole32(BIG / FRAME + 2),
				 htole32(BIG / FRAME + 3) };
	struct balloon_rig rig;
	gpa_t at;

	(void)state;
	begin(&rig, ALL);
	at = rig_buffer(&rig, pfn, sizeof(pfn));
	/* One number cut in three; a buffer to write to, and an odd rest. */
	queue_send(&rig.q[0],
		   (struct range[]){ { at, 5 },
				     { at + 5, 1 },
				     { at + 6, 5 },
				     { at + 64, 8 } },
		   3, 4);
	loop_kick(rig.vio, 0);
	assert_int_equal(rig_used(&rig, 0), 1);
	assert_int_equal(rig_info(&rig).reclaim.held, 2 * FRAME);
	/* Less than a number; nothing to read. */
	queue_send(&rig.q[0], (struct range[]){ { at, 3 } }, 1, 1);
	queue_send(&rig.q[0], (struct range[]){ { at, 8 } }, 0, 1);
	loop_kick(rig.vio, 0);
	assert_int_equal(rig_used(&rig, 0), 2);
	assert_int_equal(rig_info(&rig).reclaim.held, 2 * FRAME);
	rig_end(&rig);
}

static void inflate__a_giant_array_is_looked_at_in_turns(void **state)
{
	struct balloon_rig rig;
	unsigned turns = 0;

	(void)state;
	begin(&rig, ALL);
	/* 256 KiB of numbers, over and over: 64 Ki pages each, all wrong. */
	queue_send(&rig.q[0],
		   (struct range[]){ { RAM_BORDER, RAM_SIZE },
				     { RAM_BORDER, RAM_SIZE },
				     { RAM_BORDER + 2, RAM_SIZE / 2 } },
		   3, 3);
	while (rig_used(&rig, 0) == 0) {
		assert_in_range(turns++, 0, 100);
		loop_kick(rig.vio, 0);
	}
	assert_int_equal(turns, (2 * RAM_SIZE + RAM_SIZE / 2) / 4 / 16384 + 1);
	rig_end(&rig);
}

static void inflate__a_chain_half_done_is_dropped_by_a_reset(void **state)
{
	struct balloon_rig rig;

	(void)state;
	begin(&rig, ALL);
	queue_send(&rig.q[0], (struct range[]){ { RAM_BORDER, RAM_SIZE } }, 1,
		   1);
	loop_kick(rig.vio, 0);
	assert_int_equal(rig_used(&rig, 0), 0);
	rig_go(&rig, ALL);
	rig_send_run(&rig, BALLOON_INFLATE, BIG, 1);
	assert_int_equal(rig_used(&rig, 0), 1);
	rig_end(&rig);
}

static void reset__nothing_is_in_the_balloon_and_the_wish_stays(void **state)
{
	struct balloon_rig rig;

	(void)state;
	begin(&rig, ALL);
	balloon_set_target(rig.vio, RIG_RAM - BLOCK);
	rig_send_run(&rig, BALLOON_INFLATE, BIG, 100);
	mmio_write(rig.dev, ACTUAL, 100);
	rig_go(&rig, ALL);
	assert_int_equal(rig_info(&rig).reclaim.held, 0);
	assert_int_equal(rig_info(&rig).actual, RIG_RAM);
	assert_int_equal(rig_info(&rig).target, RIG_RAM - BLOCK);
	rig_run(&rig, 250);
	assert_int_equal(rig_there(&rig, 0, BLOCK), BLOCK);
	rig_end(&rig);
}

static void pause__what_waits_goes_before_it_and_nothing_in_it(void **state)
{
	struct balloon_rig rig;

	(void)state;
	begin(&rig, ALL);
	balloon_set_target(rig.vio, 0);
	rig_send_run(&rig, BALLOON_INFLATE, BIG, 10);
	rig.dev->ops->pause(rig.dev);
	assert_int_equal(rig_there(&rig, 0, BLOCK), BLOCK - 10 * FRAME);
	rig_send_run(&rig, BALLOON_INFLATE, BIG + MIB, 10);
	rig_run(&rig, 250);
	assert_int_equal(rig_there(&rig, 0, BLOCK), BLOCK - 10 * FRAME);
	assert_int_equal(balloon_ask_stats(rig.vio), -EBUSY);
	rig.dev->ops->resume(rig.dev);
	assert_true(rig_comes_to(&rig, 0, BLOCK, BLOCK - 20 * FRAME));
	rig_end(&rig);
}

static void report__ranges_go_whole_and_merged(void **state)
{
	struct balloon_rig rig;

	(void)state;
	begin(&rig, ALL & ~BIT(VIRTIO_BALLOON_F_PAGE_POISON));
	queue_send(&rig.q[BALLOON_REPORTS],
		   (struct range[]){ { BIG + 2 * BLOCK, BLOCK },
				     { BIG + BLOCK, BLOCK },
				     { BIG + 5 * BLOCK + 1, 2 * FRAME } },
		   0, 3);
	loop_kick(rig.vio, BALLOON_REPORTS);
	assert_int_equal(rig_used(&rig, BALLOON_REPORTS), 1);
	assert_int_equal(rig_there(&rig, BLOCK, 2 * BLOCK), 0);
	assert_int_equal(rig_info(&rig).reclaim.calls, 2);
	assert_int_equal(rig_info(&rig).reclaim.bytes, 2 * BLOCK + FRAME);
	assert_int_equal(rig_info(&rig).reclaim.held, 0);
	rig_end(&rig);
}

static void report__what_the_driver_only_reads_is_not_given(void **state)
{
	struct balloon_rig rig;

	(void)state;
	begin(&rig, ALL);
	queue_send(&rig.q[BALLOON_REPORTS],
		   (struct range[]){ { BIG, BLOCK }, { ROM_BASE, FRAME } }, 2,
		   2);
	loop_kick(rig.vio, BALLOON_REPORTS);
	assert_int_equal(rig_used(&rig, BALLOON_REPORTS), 1);
	assert_int_equal(rig_there(&rig, 0, BLOCK), BLOCK);
	rig_end(&rig);
}

static void report__pages_that_must_stay_poisoned_stay(void **state)
{
	const struct range block = { BIG, BLOCK };
	struct balloon_rig rig;

	(void)state;
	begin(&rig, ALL);
	mmio_write(rig.dev, POISON, 0xaaaaaaaa);
	assert_int_equal(rig_config(&rig, 12), 0xaaaaaaaa);
	queue_send(&rig.q[BALLOON_REPORTS], &block, 0, 1);
	loop_kick(rig.vio, BALLOON_REPORTS);
	assert_int_equal(rig_used(&rig, BALLOON_REPORTS), 1);
	assert_int_equal(rig_there(&rig, 0, BLOCK), BLOCK);

	/* Zero is what a page reads that went back... */
	rig_go(&rig, ALL);
	assert_int_equal(rig_config(&rig, 12), 0);
	queue_send(&rig.q[BALLOON_REPORTS], &block, 0, 1);
	loop_kick(rig.vio, BALLOON_REPORTS);
	assert_int_equal(rig_there(&rig, 0, BLOCK), 0);

	/* ...unless a private file is below it. */
	rig_go(&rig, ALL);
	memset(rig.big.host, 0xaa, BLOCK);
	rig.big.policy.source = MEM_FILE;
	queue_send(&rig.q[BALLOON_REPORTS], &block, 0, 1);
	loop_kick(rig.vio, BALLOON_REPORTS);
	assert_int_equal(rig_there(&rig, 0, BLOCK), BLOCK);
	rig.big.policy.source = MEM_ANON;
	rig_end(&rig);
}

static void report__many_ranges_are_looked_at_in_turns(void **state)
{
	struct range range[15];
	struct balloon_rig rig;
	unsigned turns = 0, used = 0;
	gpa_t table;

	(void)state;
	begin(&rig, ALL);
	for (unsigned i = 0; i < 15; i++)
		range[i] = (struct range){ BIG + i * BLOCK / 2, FRAME };
	/* Chains of 256 ranges each, by an indirect table. */
	table = ram_alloc(&rig.ram, 256 * 16, 16);
	for (unsigned i = 0; i < 256; i++)
		desc_write(
			&rig.ram, table, i,
			(struct vring_desc){
				range[i % 15].start, FRAME,
				(uint16_t)(VRING_DESC_F_WRITE |
					   (i < 255 ? VRING_DESC_F_NEXT : 0)),
				(uint16_t)(i + 1) });
	desc_write(&rig.ram, rig.q[BALLOON_REPORTS].desc, 0,
		   (struct vring_desc){ table, 256 * 16, VRING_DESC_F_INDIRECT,
					0 });
	for (unsigned i = 0; i < 8; i++)
		queue_offer(&rig.q[BALLOON_REPORTS], 0);
	while (used < 8) {
		assert_in_range(turns++, 0, 8);
		loop_kick(rig.vio, BALLOON_REPORTS);
		used += rig_used(&rig, BALLOON_REPORTS);
	}
	assert_int_equal(turns, 4);
	rig_end(&rig);
}

static void config__the_drivers_fields_alone_can_be_written(void **state)
{
	struct balloon_rig rig;

	(void)state;
	begin(&rig, ALL);
	for (unsigned at = 0; at < 16; at += 4)
		mmio_write(rig.dev, CONFIG + at, 0x01020304 + at);
	assert_int_equal(rig_config(&rig, 0), 0);
	assert_int_equal(rig_config(&rig, 4), 0x01020308);
	assert_int_equal(rig_config(&rig, 8), 0);
	assert_int_equal(rig_config(&rig, 12), 0x01020310);
	/* A byte, and eight across two fields. */
	virtio_config_write(rig.vio, 5, "\xee", 1);
	assert_int_equal(rig_config(&rig, 4), 0x0102ee08);
	virtio_config_write(rig.vio, 0, "\1\2\3\4\5\6\7\10", 8);
	assert_int_equal(rig_config(&rig, 0), 0);
	assert_int_equal(rig_config(&rig, 4), 0x08070605);
	rig_end(&rig);
}

static void query__a_count_larger_than_the_memory_is_no_underflow(void **state)
{
	struct balloon_rig rig;

	(void)state;
	begin(&rig, ALL);
	assert_int_equal(rig_info(&rig).ram, RIG_RAM);
	assert_int_equal(rig_info(&rig).actual, RIG_RAM);
	mmio_write(rig.dev, ACTUAL, 1);
	assert_int_equal(rig_info(&rig).actual, RIG_RAM - FRAME);
	mmio_write(rig.dev, ACTUAL, RIG_RAM / FRAME);
	assert_int_equal(rig_info(&rig).actual, 0);
	mmio_write(rig.dev, ACTUAL, UINT32_MAX);
	assert_int_equal(rig_info(&rig).actual, 0);
	rig_end(&rig);
}

static void target__is_told_once_and_in_pages(void **state)
{
	struct balloon_rig rig;
	unsigned irqs;

	(void)state;
	begin(&rig, ALL);
	irqs = rig.irq.count;
	balloon_set_target(rig.vio, RIG_RAM - 3 * FRAME - 1);
	assert_int_equal(rig_config(&rig, 0), 3);
	assert_int_equal(rig.irq.count, irqs + 1);
	balloon_set_target(rig.vio, RIG_RAM - 3 * FRAME - 1);
	assert_int_equal(rig.irq.count, irqs + 1);
	balloon_set_target(rig.vio, RIG_RAM + 1);
	assert_int_equal(rig_config(&rig, 0), 0);
	balloon_set_target(rig.vio, 0);
	assert_int_equal(rig_config(&rig, 0), RIG_RAM / FRAME);
	assert_int_equal(rig_info(&rig).target, 0);
	rig_end(&rig);
}

static void target__set_during_a_pause_is_told_after_it(void **state)
{
	struct balloon_rig rig;
	uint32_t generation;
	unsigned irqs;

	(void)state;
	begin(&rig, ALL);
	irqs = rig.irq.count;
	generation = mmio_read(rig.dev, GENERATION);
	rig.dev->ops->pause(rig.dev);
	balloon_set_target(rig.vio, RIG_RAM - FRAME);
	balloon_set_target(rig.vio, RIG_RAM - 2 * FRAME);
	assert_int_equal(rig.irq.count, irqs);
	assert_int_equal(mmio_read(rig.dev, GENERATION), generation);
	rig.dev->ops->resume(rig.dev);
	assert_int_equal(rig.irq.count, irqs + 1);
	assert_int_equal(mmio_read(rig.dev, GENERATION), generation + 1);
	rig.dev->ops->pause(rig.dev);
	rig.dev->ops->resume(rig.dev);
	assert_int_equal(rig.irq.count, irqs + 1);
	rig_end(&rig);
}

static uint64_t now_ms(void)
{
	struct timespec t;

	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &t), 0);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

struct heard {
	unsigned count;
	uint64_t actual;
	uint64_t at; /* in ms */
};

static void changed(void *ctx, uint64_t actual)
{
	struct heard *heard = ctx;

	heard->count++;
	heard->actual = actual;
	heard->at = now_ms();
}

static void changed__is_called_on_the_loop_and_not_too_often(void **state)
{
	const uint64_t begun = now_ms();
	struct heard heard = { 0 };
	struct balloon_rig rig;

	(void)state;
	begin(&rig, ALL);
	balloon_listen(rig.vio, (struct balloon_listener){ .changed = changed,
							   .ctx = &heard });
	mmio_write(rig.dev, ACTUAL, 5);
	assert_int_equal(heard.count, 0);
	while (heard.count == 0)
		rig_run(&rig, 20);
	assert_int_equal(heard.count, 1);
	assert_int_equal(heard.actual, RIG_RAM - 5 * FRAME);
	for (unsigned i = 0; i < 100; i++)
		mmio_write(rig.dev, ACTUAL, i);
	mmio_write(rig.dev, ACTUAL, 99);
	while (heard.count == 1)
		rig_run(&rig, 20);
	assert_true(heard.at - begun >= 1000);
	rig_run(&rig, 20);
	assert_int_equal(heard.count, 2);
	assert_int_equal(heard.actual, RIG_RAM - 99 * FRAME);
	rig_end(&rig);
}

static void held__says_what_of_a_range_is_in_the_balloon(void **state)
{
	struct balloon_rig rig;

	(void)state;
	begin(&rig, ALL);
	rig_send_run(&rig, BALLOON_INFLATE, BIG + FRAME, 3);
	assert_int_equal(balloon_held(rig.vio, (struct range){ BIG, BIG_SIZE }),
			 3 * FRAME);
	assert_int_equal(
		balloon_held(rig.vio, (struct range){ BIG, 2 * FRAME }), FRAME);
	rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new__offers_what_was_asked_for),
		cmocka_unit_test(
			inflate__gives_whole_blocks_and_waits_for_parts),
		cmocka_unit_test(inflate__what_waits_goes_when_no_more_comes),
		cmocka_unit_test(
			inflate__a_kick_without_pages_is_not_waited_for),
		cmocka_unit_test(
			inflate__what_waits_goes_when_the_balloon_is_full),
		cmocka_unit_test(
			inflate__a_driver_that_does_not_tell_is_not_waited_for),
		cmocka_unit_test(deflate__a_page_that_waited_stays),
		cmocka_unit_test(
			deflate__what_is_not_in_the_balloon_is_a_mistake),
		cmocka_unit_test(inflate__pages_that_are_no_ram_are_refused),
		cmocka_unit_test(
			inflate__arrays_of_any_length_and_shape_are_read),
		cmocka_unit_test(inflate__a_giant_array_is_looked_at_in_turns),
		cmocka_unit_test(
			inflate__a_chain_half_done_is_dropped_by_a_reset),
		cmocka_unit_test(
			reset__nothing_is_in_the_balloon_and_the_wish_stays),
		cmocka_unit_test(
			pause__what_waits_goes_before_it_and_nothing_in_it),
		cmocka_unit_test(report__ranges_go_whole_and_merged),
		cmocka_unit_test(
			report__what_the_driver_only_reads_is_not_given),
		cmocka_unit_test(report__pages_that_must_stay_poisoned_stay),
		cmocka_unit_test(report__many_ranges_are_looked_at_in_turns),
		cmocka_unit_test(
			config__the_drivers_fields_alone_can_be_written),
		cmocka_unit_test(
			query__a_count_larger_than_the_memory_is_no_underflow),
		cmocka_unit_test(target__is_told_once_and_in_pages),
		cmocka_unit_test(target__set_during_a_pause_is_told_after_it),
		cmocka_unit_test(
			changed__is_called_on_the_loop_and_not_too_often),
		cmocka_unit_test(held__says_what_of_a_range_is_in_the_balloon),
	};

	return RUN_TESTS(tests);
}
