/* tests/unit/test_mem_blocks_choose.c - mem/blocks.c, before there are any. */
#include <errno.h>

#include "mem/blocks.h"
#include "tests/unit/test.h"

#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)
#define PAGE 4096
#define BLOCK (2 * MIB)

static struct err err;

static uint64_t chosen(struct mem_policy policy, uint64_t size, uint64_t page)
{
	uint64_t block = 0;

	if (blocks_choose(&policy, size, page, &block, &err) < 0)
		return 0;
	return block;
}

static void choose__whole_huge_pages_and_not_too_many(void **state)
{
	const struct mem_policy plain = { 0 }, off = { .huge = MEM_HUGE_OFF },
				thp = { .huge = MEM_HUGE_THP },
				tlb = { .huge = MEM_HUGE_TLB,
					.huge_size = GIB };

	(void)state;
	assert_int_equal(chosen(plain, 8 * GIB, PAGE), 2 * MIB);
	assert_int_equal(chosen(plain, 8 * GIB + 4 * MIB, PAGE), 4 * MIB);
	assert_int_equal(chosen(plain, 512 * GIB, PAGE), 128 * MIB);
	assert_int_equal(chosen(plain, 8 * GIB, 16384), 32 * MIB);
	assert_int_equal(chosen(off, 8 * GIB, 16384), 2 * MIB);
	/* Of 64 pages, so that a bitmap of them is whole words. */
	assert_int_equal(chosen(plain, 8 * GIB, 65536), 4 * MIB);
	assert_int_equal(chosen(thp, 8 * GIB, 65536), 512 * MIB);
	assert_int_equal(chosen(tlb, 8 * GIB, PAGE), GIB);
}

static void choose__what_is_left_over_is_refused(void **state)
{
	(void)state;
	assert_int_equal(
		chosen((struct mem_policy){ .max = 3 * MIB }, MIB, PAGE), 0);
	assert_string_equal(err.msg, "max=3M: the 1M it adds are not a "
				     "multiple of its blocks of 2M");
	assert_int_equal(err.code, -EINVAL);
	assert_true(err.input);
}

static void choose__a_users_block_is_judged(void **state)
{
	struct mem_policy p = { .block = MIB };

	(void)state;
	assert_int_equal(chosen(p, GIB, PAGE), MIB);
	p.block = BLOCKS_MOST * MIB;
	assert_int_equal(chosen(p, p.block, PAGE), p.block);
	p.block = MIB;
	assert_int_equal(chosen(p, BLOCKS_MOST * MIB, PAGE), MIB);
	assert_int_equal(chosen(p, (BLOCKS_MOST + 1) * MIB, PAGE), 0);
	assert_string_equal(err.msg, "block=1M: more than 16384 blocks; give a "
				     "larger one");
	p.huge = MEM_HUGE_THP;
	assert_int_equal(chosen(p, GIB, PAGE), 0);
	assert_string_equal(err.msg, "block=1M: less than 2M, the least here");
	p = (struct mem_policy){ .block = 128 << 10 };
	assert_int_equal(chosen(p, GIB, PAGE), 0);
}

static void policy__promises_nothing_before_it_is_plugged(void **state)
{
	struct mem_policy p = { .prealloc = true, .lock = true };

	(void)state;
	assert_true(blocks_policy(&p, BLOCK, PAGE));
	assert_true(p.lock && !p.prealloc && p.huge == MEM_HUGE_AUTO);
	p = (struct mem_policy){ .huge = MEM_HUGE_TLB, .reserve = true };
	assert_true(blocks_policy(&p, BLOCK, PAGE));
	assert_false(p.reserve);
	p = (struct mem_policy){ 0 };
	assert_false(blocks_policy(&p, MIB, PAGE));
	assert_int_equal(p.huge, MEM_HUGE_OFF);
}

static void align__is_a_guests_section_or_a_block(void **state)
{
	(void)state;
	assert_int_equal(blocks_align(BLOCK), GIB);
	assert_int_equal(blocks_align(2 * GIB), 2 * GIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(choose__whole_huge_pages_and_not_too_many),
		cmocka_unit_test(choose__what_is_left_over_is_refused),
		cmocka_unit_test(choose__a_users_block_is_judged),
		cmocka_unit_test(policy__promises_nothing_before_it_is_plugged),
		cmocka_unit_test(align__is_a_guests_section_or_a_block),
	};

	return RUN_TESTS(tests);
}
