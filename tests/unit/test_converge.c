/* tests/unit/test_converge.c - vmm/migrate/converge.c. */
#include "tests/unit/test.h"
#include "vmm/migrate/converge.h"

#define MIB (UINT64_C(1) << 20)

static struct converge begin(unsigned vcpus)
{
	return (struct converge){ .vcpus = vcpus, .most = CONVERGE_MOST };
}

static void plan__one_that_is_slow_enough_is_left_alone(void **state)
{
	struct converge c = begin(2);

	(void)state;
	converge_plan(&c, NULL, 50 * MIB, 100 * MIB);
	assert_int_equal(converge_worst(&c), 0);
	/* Nothing is known yet. */
	converge_plan(&c, NULL, 5000 * MIB, 0);
	assert_int_equal(converge_worst(&c), 0);
}

static void plan__all_are_slowed_if_nobody_knows_who_writes(void **state)
{
	const uint64_t none[4] = { 0 };
	struct converge c = begin(4);

	(void)state;
	/* 50 of 200 may be written. */
	converge_plan(&c, NULL, 200 * MIB, 100 * MIB);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(c.percent[i], 75);
	c = begin(4);
	converge_plan(&c, none, 200 * MIB, 100 * MIB);
	assert_int_equal(converge_worst(&c), 75);
}

static void plan__only_those_that_write_are_slowed(void **state)
{
	/* 10, 190, 0 and 200 of 400 MiB in a second; 100 are allowed. */
	const uint64_t wrote[4] = { 1, 19, 0, 20 };
	struct converge c = begin(4);

	(void)state;
	converge_plan(&c, wrote, 400 * MIB, 200 * MIB);
	assert_int_equal(c.percent[0], 0);
	assert_int_equal(c.percent[2], 0);
	/* The other two have 45 each. */
	assert_int_equal(c.percent[1], 77);
	assert_int_equal(c.percent[3], 78);
}

/* What a vCPU writes follows from how much of its time it has. */
static void plan__what_is_lost_settles_and_goes_back(void **state)
{
	struct converge c = begin(1);
	uint64_t wish = 1000 * MIB;

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		converge_plan(&c, NULL, wish / 100 * (100 - c.percent[0]),
			      100 * MIB);
		assert_int_equal(c.percent[0], 95);
	}
	/* The guest does something else now. */
	wish = 60 * MIB;
	converge_plan(&c, NULL, wish / 100 * (100 - c.percent[0]), 100 * MIB);
	assert_in_range(c.percent[0], 16, 18);
	wish = 40 * MIB;
	converge_plan(&c, NULL, wish / 100 * (100 - c.percent[0]), 100 * MIB);
	assert_int_equal(c.percent[0], 0);
}

static void plan__no_more_than_the_most_is_lost(void **state)
{
	struct converge c = begin(1);

	(void)state;
	converge_plan(&c, NULL, UINT64_MAX, 1);
	assert_int_equal(c.percent[0], CONVERGE_MOST);
	c.most = 30;
	converge_plan(&c, NULL, 200 * MIB, 100 * MIB);
	assert_int_equal(c.percent[0], 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plan__one_that_is_slow_enough_is_left_alone),
		cmocka_unit_test(
			plan__all_are_slowed_if_nobody_knows_who_writes),
		cmocka_unit_test(plan__only_those_that_write_are_slowed),
		cmocka_unit_test(plan__what_is_lost_settles_and_goes_back),
		cmocka_unit_test(plan__no_more_than_the_most_is_lost),
	};

	return RUN_TESTS(tests);
}
