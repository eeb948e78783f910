/* tests/unit/test_range.c - base/range.h and base/align.h. */
#include "base/align.h"
#include "base/range.h"
#include "tests/unit/test.h"

#define TOP UINT64_MAX

static struct range r(gpa_t start, uint64_t size)
{
	return (struct range){ start, size };
}

static void valid__empty_and_wrapping_are_not(void **state)
{
	(void)state;
	assert_false(range_valid(r(0, 0)));
	assert_false(range_valid(r(TOP, 2)));
	assert_false(range_valid(r(2, TOP)));
	assert_true(range_valid(r(TOP, 1)));
	assert_true(range_valid(r(0, TOP)));
	assert_true(range_valid(r(1, TOP)));
}

static void contains__first_and_last_byte_but_no_other(void **state)
{
	(void)state;
	assert_true(range_contains(r(0x1000, 0x1000), r(0x1000, 0x1000)));
	assert_true(range_contains(r(0x1000, 0x1000), r(0x1fff, 1)));
	assert_false(range_contains(r(0x1000, 0x1000), r(0x1fff, 2)));
	assert_false(range_contains(r(0x1000, 0x1000), r(0xfff, 1)));
	assert_false(range_contains(r(0x1000, 0x1000), r(0x2000, 1)));
	assert_true(range_contains(r(TOP, 1), r(TOP, 1)));
	assert_false(range_contains(r(0x1000, 1), r(0x1000, TOP - 0x1000)));
}

static void overlaps__neighbours_do_not(void **state)
{
	(void)state;
	assert_false(range_overlaps(r(0, 0x1000), r(0x1000, 1)));
	assert_false(range_overlaps(r(0x1000, 1), r(0, 0x1000)));
	assert_true(range_overlaps(r(0, 0x1001), r(0x1000, 1)));
	assert_true(range_overlaps(r(TOP - 1, 2), r(TOP, 1)));
	assert_false(range_overlaps(r(TOP, 1), r(0, 1)));
}

static void align__up_refuses_what_does_not_fit(void **state)
{
	uint64_t x = 7;

	(void)state;
	assert_true(align_up(0x1001, 0x1000, &x) && x == 0x2000);
	assert_true(align_up(0x1000, 0x1000, &x) && x == 0x1000);
	assert_true(align_up(0, 0x1000, &x) && x == 0);
	assert_true(align_up(TOP - 0xfff, 0x1000, &x) && x == TOP - 0xfff);
	x = 7;
	assert_false(align_up(TOP - 0xffe, 0x1000, &x));
	assert_int_equal(x, 7);
	assert_true(align_up(TOP, 1, &x) && x == TOP);
	assert_true(align_down(TOP, 0x1000) == TOP - 0xfff);
	assert_true(is_aligned(0, 0x1000) && !is_aligned(0x1800, 0x1000));
}

static void pow2__zero_is_none(void **state)
{
	(void)state;
	assert_false(is_pow2(0));
	assert_true(is_pow2(1) && is_pow2(1ull << 63));
	assert_false(is_pow2(3) || is_pow2(TOP));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(valid__empty_and_wrapping_are_not),
		cmocka_unit_test(contains__first_and_last_byte_but_no_other),
		cmocka_unit_test(overlaps__neighbours_do_not),
		cmocka_unit_test(align__up_refuses_what_does_not_fit),
		cmocka_unit_test(pow2__zero_is_none),
	};

	return RUN_TESTS(tests);
}
