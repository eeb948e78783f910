/* tests/unit/test_syscon.c - devices/syscon.c. */
#include <string.h>

#include "devices/syscon.h"
#include "tests/unit/test.h"

static struct {
	int off, reset, started;
	unsigned cpu;
	uint32_t pc;
} seen;

static void poweroff(void *ctx)
{
	(void)ctx;
	seen.off++;
}

static void reset(void *ctx)
{
	(void)ctx;
	seen.reset++;
}

static void start(void *ctx, unsigned cpu, uint32_t pc)
{
	(void)ctx;
	seen.started++;
	seen.cpu = cpu;
	seen.pc = pc;
}

static const struct syscon_ops ops = { poweroff, reset, start };
static struct device *dev;

static int setup(void **state)
{
	(void)state;
	memset(&seen, 0, sizeof(seen));
	dev = syscon_new(&ops, NULL);
	return dev ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	dev->ops->destroy(dev);
	return 0;
}

static void put(uint64_t offset, uint32_t val)
{
	dev->ops->write(dev, offset, 4, val);
}

static void power__takes_its_two_values_alone(void **state)
{
	(void)state;
	put(SYSCON_POWER, SYSCON_POWEROFF);
	assert_int_equal(seen.off, 1);
	put(SYSCON_POWER, SYSCON_RESET);
	assert_int_equal(seen.reset, 1);
	put(SYSCON_POWER, 0);
	put(SYSCON_POWER, UINT32_MAX);
	assert_int_equal(seen.off + seen.reset, 2);
}

static void cpu__of_each_register_is_told(void **state)
{
	(void)state;
	put(SYSCON_CPU + 4, 0x40100000);
	assert_int_equal(seen.cpu, 1);
	assert_int_equal(seen.pc, 0x40100000);
	put(SYSCON_SIZE - 4, 4);
	assert_int_equal(seen.cpu, SYSCON_MAX_CPUS - 1);
	assert_int_equal(seen.started, 2);
}

static void cpu__0_runs_already(void **state)
{
	(void)state;
	put(SYSCON_CPU, 0x40100000);
	put(SYSCON_CPU - 4, 0x40100000);
	assert_int_equal(seen.started, 0);
}

static void read__is_0(void **state)
{
	(void)state;
	put(SYSCON_CPU + 4, 0x40100000);
	for (uint64_t at = 0; at < SYSCON_SIZE; at += 4)
		assert_int_equal(dev->ops->read(dev, at, 4), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			power__takes_its_two_values_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(cpu__of_each_register_is_told,
						setup, teardown),
		cmocka_unit_test_setup_teardown(cpu__0_runs_already, setup,
						teardown),
		cmocka_unit_test_setup_teardown(read__is_0, setup, teardown),
	};

	return RUN_TESTS(tests);
}
