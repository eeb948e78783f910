/* tests/unit/test_restart.c - vmm/restart.c. */
#include "tests/unit/test.h"
#include "vmm/restart.h"

#define MS UINT64_C(1000000)

/* Ends a cycle that ran for @ran, and begins the next. */
static uint64_t next(struct restart *restart, uint64_t ran)
{
	return restart_next(restart, restart->began + restart->delay + ran);
}

static struct restart restarted(unsigned times, uint64_t ran)
{
	struct restart restart = { .began = 5000 * MS };

	for (unsigned i = 0; i < times; i++)
		(void)next(&restart, ran);
	return restart;
}

static void next__a_few_quick_restarts_are_free(void **state)
{
	struct restart restart = { .began = 5000 * MS };

	(void)state;
	for (unsigned i = 0; i < RESTART_FREE; i++)
		assert_int_equal(next(&restart, 45 * MS), 0);
	assert_int_equal(next(&restart, 45 * MS), RESTART_FIRST_NS);
}

static void next__the_wait_doubles_up_to_a_second(void **state)
{
	struct restart restart = restarted(RESTART_FREE, 45 * MS);

	(void)state;
	assert_int_equal(next(&restart, 45 * MS), 125 * MS);
	assert_int_equal(next(&restart, 0), 250 * MS);
	assert_int_equal(next(&restart, 999 * MS), 500 * MS);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(next(&restart, 45 * MS), 1000 * MS);
}

static void next__a_guest_that_runs_a_second_is_free_again(void **state)
{
	struct restart restart = restarted(RESTART_FREE + 5, 45 * MS);

	(void)state;
	assert_int_equal(next(&restart, RESTART_QUICK_NS), 0);
	for (unsigned i = 0; i < RESTART_FREE; i++)
		assert_int_equal(next(&restart, 45 * MS), 0);
	assert_int_equal(next(&restart, 45 * MS), RESTART_FIRST_NS);
}

static void next__an_end_during_the_wait_is_quick(void **state)
{
	struct restart restart = restarted(RESTART_FREE + 5, 45 * MS);

	(void)state;
	assert_int_equal(restart.delay, RESTART_LONGEST_NS);
	assert_int_equal(restart_next(&restart, restart.began + 1), 1000 * MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(next__a_few_quick_restarts_are_free),
		cmocka_unit_test(next__the_wait_doubles_up_to_a_second),
		cmocka_unit_test(
			next__a_guest_that_runs_a_second_is_free_again),
		cmocka_unit_test(next__an_end_during_the_wait_is_quick),
	};

	return RUN_TESTS(tests);
}
