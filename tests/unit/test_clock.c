/* tests/unit/test_clock.c - host/clock.c. */
#include <time.h>

#include "host/clock.h"
#include "tests/unit/test.h"

static void clock__is_the_time_of_day_in_nanoseconds(void **state)
{
	const time_t before = time(NULL);
	const int64_t now = host_clock();
	const time_t after = time(NULL);

	(void)state;
	/* time(2) is a tick behind. */
	assert_in_range(now / 1000000000, before, after + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clock__is_the_time_of_day_in_nanoseconds),
	};

	return RUN_TESTS(tests);
}
