/* tests/unit/test_pl031.c - devices/pl031.c. */
#include "devices/pl031.h"
#include "tests/unit/test.h"

#define SECOND 1000000000LL
#define NOW 1796000000LL /* in November 2026 */

enum { DR = 0, MR = 4, LR = 8, CR = 0xc, IMSC = 0x10, RIS = 0x14, MIS = 0x18 };
enum { ICR = 0x1c };

static int64_t host; /* the host's clock */

static int64_t host_now(void)
{
	return host;
}

static struct device *clock_at(int64_t seconds)
{
	struct device *dev;

	host = seconds * SECOND;
	dev = pl031_new(host_now);
	assert_non_null(dev);
	return dev;
}

static uint64_t get(struct device *dev, uint64_t reg)
{
	return dev->ops->read(dev, reg, 4);
}

static void put(struct device *dev, uint64_t reg, uint32_t val)
{
	dev->ops->write(dev, reg, 4, val);
}

static void read__gives_the_host_s_time(void **state)
{
	struct device *dev = clock_at(NOW);

	(void)state;
	assert_int_equal(get(dev, DR), NOW);
	host += SECOND - 1;
	assert_int_equal(get(dev, DR), NOW);
	host += 1;
	assert_int_equal(get(dev, DR), NOW + 1);
	assert_int_equal(get(dev, CR), 1); /* it runs */
	dev->ops->destroy(dev);
}

/* Linux reads eight bytes at the window's end to find a driver. */
static void read__names_the_cell(void **state)
{
	static const unsigned id[] = { 0x31, 0x10, 0x04, 0,
				       0x0d, 0xf0, 0x05, 0xb1 };
	struct device *dev = clock_at(NOW);

	(void)state;
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(get(dev, PL031_SIZE - 0x20 + 4 * i), id[i]);
	dev->ops->destroy(dev);
}

static void set__the_clock_goes_on_from_what_is_set(void **state)
{
	struct device *dev = clock_at(NOW);

	(void)state;
	put(dev, LR, 1000000000);
	assert_int_equal(get(dev, LR), 1000000000);
	host += 5 * SECOND;
	assert_int_equal(get(dev, DR), 1000000005);
	put(dev, LR, 0xffffffff); /* later than the host's */
	assert_int_equal(get(dev, DR), 0xffffffff);
	host += SECOND;
	assert_int_equal(get(dev, DR), 0);
	dev->ops->destroy(dev);
}

static void set__a_reset_keeps_the_time(void **state)
{
	struct device *dev = clock_at(NOW);

	(void)state;
	put(dev, LR, 500);
	put(dev, MR, 700);
	put(dev, IMSC, 1);
	host += 3 * SECOND;
	dev->ops->reset(dev);
	assert_int_equal(get(dev, DR), 503);
	assert_int_equal(get(dev, MR), 0);
	assert_int_equal(get(dev, IMSC), 0);
	dev->ops->destroy(dev);
}

static void set__nothing_else_changes_the_time(void **state)
{
	struct device *dev = clock_at(NOW);

	(void)state;
	for (uint64_t reg = 0; reg < PL031_SIZE; reg += 4) {
		if (reg != LR)
			put(dev, reg, 0xfffffffe);
	}
	assert_int_equal(get(dev, DR), NOW);
	assert_int_equal(get(dev, CR), 1);
	assert_int_equal(get(dev, MR), 0xfffffffe);
	assert_int_equal(get(dev, IMSC), 0);
	assert_int_equal(get(dev, PL031_SIZE - 4), 0xb1);
	dev->ops->destroy(dev);
}

static void alarm__is_never_raised(void **state)
{
	struct device *dev = clock_at(NOW);

	(void)state;
	put(dev, MR, NOW + 1);
	put(dev, IMSC, 1);
	host += 2 * SECOND;
	assert_int_equal(get(dev, RIS), 0);
	assert_int_equal(get(dev, MIS), 0);
	put(dev, ICR, 1);
	assert_int_equal(get(dev, IMSC), 1);
	dev->ops->destroy(dev);
}

static void host__may_have_any_time(void **state)
{
	static const int64_t times[] = { INT64_MIN, -SECOND - 1, -1, 0,
					 INT64_MAX };
	struct device *dev = clock_at(0);

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
		host = times[i];
		put(dev, LR, 7);
		assert_int_equal(get(dev, DR), 7);
	}
	dev->ops->destroy(dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read__gives_the_host_s_time),
		cmocka_unit_test(read__names_the_cell),
		cmocka_unit_test(set__the_clock_goes_on_from_what_is_set),
		cmocka_unit_test(set__a_reset_keeps_the_time),
		cmocka_unit_test(set__nothing_else_changes_the_time),
		cmocka_unit_test(alarm__is_never_raised),
		cmocka_unit_test(host__may_have_any_time),
	};

	return RUN_TESTS(tests);
}
