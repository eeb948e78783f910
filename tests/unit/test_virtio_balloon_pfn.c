/* tests/unit/test_virtio_balloon_pfn.c - devices/virtio/balloon_pfn.c. */
#include <endian.h>
#include <stdlib.h>

#include "devices/virtio/balloon_pfn.h"
#include "tests/unit/test.h"

#define MAX 300
#define PAGE 4096ULL

static struct range run[MAX];

static size_t runs(const uint32_t *pfn, size_t count)
{
	uint32_t le[MAX];

	for (size_t i = 0; i < count; i++)
		le[i] = htole32(pfn[i]);
	return balloon_pfn_runs(le, count, run);
}

static void expect(size_t i, uint64_t first, uint64_t count)
{
	assert_int_equal(run[i].start, first * PAGE);
	assert_int_equal(run[i].size, count * PAGE);
}

static void runs__neighbours_become_one_range_up_and_down(void **state)
{
	uint32_t up[MAX], down[MAX];

	(void)state;
	/* Around the size of what is compared at once. */
	for (size_t n = 1; n <= MAX; n++) {
		for (size_t i = 0; i < n; i++) {
			up[i] = (uint32_t)(1000 + i);
			down[i] = (uint32_t)(1000 - i);
		}
		assert_int_equal(runs(up, n), 1);
		expect(0, 1000, n);
		assert_int_equal(runs(down, n), 1);
		expect(0, 1001 - n, n);
	}
}

static void runs__a_gap_ends_a_run_wherever_it_is(void **state)
{
	uint32_t pfn[64];

	(void)state;
	for (uint32_t gap = 1; gap < 64; gap++) {
		for (uint32_t i = 0; i < 64; i++)
			pfn[i] = 5000 + i + (i >= gap ? 7 : 0);
		assert_int_equal(runs(pfn, 64), 2);
		expect(0, 5000, gap);
		expect(1, 5007 + gap, 64 - gap);
	}
}

static void runs__turns_repeats_and_strays_are_ranges_of_their_own(void **state)
{
	(void)state;
	assert_int_equal(runs((uint32_t[]){ 5, 6, 7, 6, 5, 5, 9 }, 7), 4);
	expect(0, 5, 3);
	expect(1, 5, 2);
	expect(2, 5, 1);
	expect(3, 9, 1);
	assert_int_equal(runs((uint32_t[]){ 3, 3, 3 }, 3), 3);
	assert_int_equal(runs(NULL, 0), 0);
}

static void runs__numbers_do_not_wrap(void **state)
{
	const uint32_t top = UINT32_MAX;

	(void)state;
	assert_int_equal(runs((uint32_t[]){ top - 1, top, 0, 1 }, 4), 2);
	expect(0, top - 1, 2);
	expect(1, 0, 2);
	assert_int_equal(runs((uint32_t[]){ 1, 0, top, top - 1 }, 4), 2);
	expect(0, 0, 2);
	expect(1, top - 1, 2);
}

static void runs__whatever_comes_every_number_is_in_its_place(void **state)
{
	uint32_t pfn[MAX];

	(void)state;
	srand(1);
	for (unsigned turn = 0; turn < 200; turn++) {
		size_t n, at = 0;

		for (size_t i = 0; i < MAX; i++)
			pfn[i] = i > 0 && rand() % 8
				       ? pfn[i - 1] + (turn % 2 ? 1 : -1u)
				       : (uint32_t)rand() % 64;
		n = runs(pfn, MAX);
		for (size_t r = 0; r < n; r++) {
			const uint64_t first = run[r].start / PAGE;
			const uint64_t count = run[r].size / PAGE;
			const bool down = pfn[at] != first;

			for (uint64_t i = 0; i < count; i++)
				assert_int_equal(pfn[at++],
						 down ? first + count - 1 - i
						      : first + i);
		}
		assert_int_equal(at, MAX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs__neighbours_become_one_range_up_and_down),
		cmocka_unit_test(runs__a_gap_ends_a_run_wherever_it_is),
		cmocka_unit_test(
			runs__turns_repeats_and_strays_are_ranges_of_their_own),
		cmocka_unit_test(runs__numbers_do_not_wrap),
		cmocka_unit_test(
			runs__whatever_comes_every_number_is_in_its_place),
	};

	return RUN_TESTS(tests);
}
