/* tests/unit/test_pvpanic.c - devices/pvpanic.c. */
#include "devices/pvpanic.h"
#include "tests/unit/test.h"

struct log {
	int count;
	unsigned last;
};

static void event(void *ctx, unsigned events)
{
	struct log *log = ctx;

	log->count++;
	log->last = events;
}

static void read__tells_the_events_that_are_known(void **state)
{
	struct log log = { 0 };
	struct device *dev = pvpanic_new(event, &log);

	(void)state;
	assert_non_null(dev);
	assert_int_equal(dev->ops->read(dev, 0, 1), 7);
	assert_int_equal(dev->ops->read(dev, 0, 2), 7);
	assert_int_equal(dev->ops->read(dev, 1, 1), 0);
	assert_int_equal(log.count, 0);
	dev->ops->destroy(dev);
}

static void write__reports_known_events_alone(void **state)
{
	struct log log = { 0 };
	struct device *dev = pvpanic_new(event, &log);

	(void)state;
	assert_non_null(dev);
	dev->ops->write(dev, 0, 1, PVPANIC_PANICKED);
	assert_int_equal(log.last, PVPANIC_PANICKED);
	dev->ops->write(dev, 0, 1, 0xf8 | PVPANIC_CRASH_LOADED);
	assert_int_equal(log.last, PVPANIC_CRASH_LOADED);
	dev->ops->write(dev, 0, 2, PVPANIC_SHUTDOWN | PVPANIC_PANICKED);
	assert_int_equal(log.last, PVPANIC_SHUTDOWN | PVPANIC_PANICKED);
	assert_int_equal(log.count, 3);

	dev->ops->write(dev, 0, 1, 0);
	dev->ops->write(dev, 0, 1, 0xf8);
	dev->ops->write(dev, 1, 1, PVPANIC_PANICKED);
	assert_int_equal(log.count, 3);
	dev->ops->reset(dev);
	dev->ops->destroy(dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read__tells_the_events_that_are_known),
		cmocka_unit_test(write__reports_known_events_alone),
	};

	return RUN_TESTS(tests);
}
