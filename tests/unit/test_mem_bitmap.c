/* tests/unit/test_mem_bitmap.c - mem/bitmap.c. */
#include <string.h>

#include "mem/bitmap.h"
#include "tests/unit/test.h"

#define BITS 200

/* Runs that begin and end at, before and behind the borders of words. */
static const struct {
	uint64_t from, to;
} run[] = {
	{ 0, 0 },      { 0, 1 },      { 0, 63 },      { 0, 64 },
	{ 0, 65 },     { 0, BITS },   { 1, 2 },	      { 63, 64 },
	{ 63, 65 },    { 64, 64 },    { 64, 128 },    { 65, 127 },
	{ 1, 199 },    { 70, 71 },    { 127, 129 },   { 128, 192 },
	{ 191, BITS }, { 199, BITS }, { BITS, BITS },
};

#define RUNS (sizeof(run) / sizeof(run[0]))

static bool bit(const uint64_t *map, uint64_t i)
{
	return map[i / 64] >> i % 64 & 1;
}

static bool is_in(size_t r, uint64_t i)
{
	return i >= run[r].from && i < run[r].to;
}

static void set__sets_the_run_alone_and_counts_what_was_clear(void **state)
{
	(void)state;
	for (size_t r = 0; r < RUNS; r++) {
		uint64_t map[5] = { 0 };

		assert_int_equal(bitmap_set(map, run[r].from, run[r].to),
				 run[r].to - run[r].from);
		for (uint64_t i = 0; i < BITS; i++)
			assert_int_equal(bit(map, i), is_in(r, i));
		assert_int_equal(map[4], 0);
		assert_int_equal(bitmap_count(map, 0, BITS),
				 run[r].to - run[r].from);
		assert_int_equal(bitmap_set(map, run[r].from, run[r].to), 0);
	}
}

static void clear__clears_the_run_alone_and_counts_what_was_set(void **state)
{
	(void)state;
	for (size_t r = 0; r < RUNS; r++) {
		uint64_t map[5];

		memset(map, 0xff, sizeof(map));
		assert_int_equal(bitmap_clear(map, run[r].from, run[r].to),
				 run[r].to - run[r].from);
		for (uint64_t i = 0; i < BITS; i++)
			assert_int_equal(bit(map, i), !is_in(r, i));
		assert_true(map[4] == UINT64_MAX);
		assert_int_equal(bitmap_clear(map, run[r].from, run[r].to), 0);
	}
}

static void next_clear__finds_the_first_hole_and_looks_no_further(void **state)
{
	(void)state;
	for (size_t r = 0; r < RUNS; r++) {
		uint64_t map[4] = { 0 };

		bitmap_set(map, run[r].from, run[r].to);
		assert_int_equal(bitmap_next_clear(map, run[r].from, BITS),
				 run[r].to);
		assert_int_equal(bitmap_next_clear(map, run[r].from, run[r].to),
				 run[r].to);
		if (run[r].from > 0)
			assert_int_equal(bitmap_next_clear(map, 0, BITS), 0);
	}
}

static void next_only__finds_what_is_in_one_map_and_not_the_other(void **state)
{
	(void)state;
	for (size_t r = 0; r < RUNS; r++) {
		uint64_t map[4], other[4] = { 0 };

		memset(map, 0xff, sizeof(map));
		bitmap_set(other, run[r].from, run[r].to);
		assert_int_equal(
			bitmap_next_only(map, other, run[r].from, BITS),
			run[r].to);
		assert_int_equal(bitmap_next_only(other, map, 0, BITS), BITS);
		assert_int_equal(bitmap_next_only(other, other, 0, BITS), BITS);
		memset(map, 0, sizeof(map));
		assert_int_equal(bitmap_next_only(other, map, 0, BITS),
				 run[r].from < run[r].to ? run[r].from : BITS);
	}
}

static void count__counts_the_run_alone(void **state)
{
	uint64_t map[4];

	(void)state;
	memset(map, 0xff, sizeof(map));
	for (size_t r = 0; r < RUNS; r++)
		assert_int_equal(bitmap_count(map, run[r].from, run[r].to),
				 run[r].to - run[r].from);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			set__sets_the_run_alone_and_counts_what_was_clear),
		cmocka_unit_test(
			clear__clears_the_run_alone_and_counts_what_was_set),
		cmocka_unit_test(
			next_clear__finds_the_first_hole_and_looks_no_further),
		cmocka_unit_test(
			next_only__finds_what_is_in_one_map_and_not_the_other),
		cmocka_unit_test(count__counts_the_run_alone),
	};

	return RUN_TESTS(tests);
}
