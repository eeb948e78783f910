/* tests/unit/test_mips_options.c - arch/mips/options.c. */
#include <errno.h>

#include "arch/mips/options.h"
#include "tests/unit/test.h"
#include "vmm/config.h"

static struct config config;
static struct err err;

static int setup(void **state)
{
	(void)state;
	log_set_level(LOG_ERROR);
	config = (struct config){ .cpus = 1, .irqchip = "auto", .cmdline = "" };
	err = (struct err){ 0 };
	return 0;
}

static int check(void)
{
	return mips_check_config(&config, &err);
}

static void check__knows_its_one_irqchip(void **state)
{
	(void)state;
	assert_int_equal(check(), 0);
	config.irqchip = "goldfish-pic";
	assert_int_equal(check(), 0);
	config.irqchip = "gicv3";
	assert_int_equal(check(), -EINVAL);
	assert_true(err.input);
	assert_string_equal(err.msg, "--irqchip gicv3: not one of "
				     "goldfish-pic, auto");
}

static void check__takes_8_cpus(void **state)
{
	(void)state;
	config.cpus = 8;
	assert_int_equal(check(), 0);
	config.cpus = 9;
	assert_int_equal(check(), -EINVAL);
	assert_string_equal(err.msg, "--cpus 9: a MIPS guest has at most 8");
}

static void check__what_there_is_not_is_named(void **state)
{
	(void)state;
	config.pmu = true;
	assert_int_equal(check(), -EINVAL);
	assert_true(err.input);
	(void)setup(state);
	config.firmware = "fw";
	assert_int_equal(check(), -EINVAL);
	assert_true(err.input);
}

static void check__a_tree_brings_its_own_command_line(void **state)
{
	(void)state;
	config.dtb = "D";
	assert_int_equal(check(), 0);
	config.cmdline = "x";
	assert_int_equal(check(), -EINVAL);
	assert_true(err.input);
	assert_string_equal(err.msg,
			    "--cmdline: the device tree of --dtb D brings a "
			    "command line of its own");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(check__knows_its_one_irqchip, setup),
		cmocka_unit_test_setup(check__takes_8_cpus, setup),
		cmocka_unit_test_setup(check__what_there_is_not_is_named,
				       setup),
		cmocka_unit_test_setup(
			check__a_tree_brings_its_own_command_line, setup),
	};

	return RUN_TESTS(tests);
}
