/* tests/unit/test_test_shard.c - vmm/test/shard.c. */
#include "vmm/test/shard.h"

#include "tests/unit/test.h"

static void divide(const uint64_t *ns, size_t count, uint64_t shards,
		   uint64_t *ret)
{
	struct err err = { 0 };

	assert_int_equal(shard_divide(ns, count, shards, ret, &err), 0);
}

static void longest__is_placed_first(void **state)
{
	const uint64_t ns[] = { 1, 2, 3, 10, 4 };
	uint64_t part[5];

	(void)state;
	divide(ns, 5, 2, part);
	assert_int_equal(part[3], 1);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(part[i], i == 3 ? 1 : 2);
}

static void unknown_time__is_the_mean(void **state)
{
	/* 6, 6 (unknown), 10, 2 */
	const uint64_t ns[] = { 6, 0, 10, 2 };
	uint64_t part[4];

	(void)state;
	divide(ns, 4, 2, part);
	assert_int_equal(part[2], 1);
	assert_int_equal(part[0], 2);
	assert_int_equal(part[1], 2);
	assert_int_equal(part[3], 1);
}

static void no_times__are_divided_by_number(void **state)
{
	const uint64_t ns[7] = { 0 };
	uint64_t part[7];

	(void)state;
	divide(ns, 7, 3, part);
	for (size_t i = 0; i < 7; i++)
		assert_int_equal(part[i], i % 3 + 1);
	divide(ns, 0, 3, part);
	divide(ns, 7, 1, part);
	assert_int_equal(part[6], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(longest__is_placed_first),
		cmocka_unit_test(unknown_time__is_the_mean),
		cmocka_unit_test(no_times__are_divided_by_number),
	};

	return RUN_TESTS(tests);
}
