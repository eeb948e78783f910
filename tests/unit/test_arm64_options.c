/* tests/unit/test_arm64_options.c - arch/arm64/options.c. */
#include <errno.h>
#include <string.h>

#include "arch/arm64/options.h"
#include "tests/unit/stderr_capture.h"
#include "tests/unit/test.h"
#include "vmm/config.h"

static void irqchip__every_word_has_its_kind(void **state)
{
	static const struct {
		const char *word;
		enum arm64_irqchip want;
	} all[] = {
		{ "auto", ARM64_GIC_AUTO },
		{ "gicv2", ARM64_GIC_V2 },
		{ "gicv3", ARM64_GIC_V3 },
		{ "gicv3-its", ARM64_GIC_V3_ITS },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		struct err err = { 0 };
		enum arm64_irqchip got = ARM64_GIC_AUTO;

		assert_int_equal(arm64_irqchip_parse(all[i].word, &got, &err),
				 0);
		assert_int_equal(got, all[i].want);
	}
}

static void irqchip__another_word_is_refused(void **state)
{
	enum arm64_irqchip got;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(arm64_irqchip_parse("gcv3", &got, &err), -EINVAL);
	assert_string_equal(err.msg, "--irqchip gcv3: not one of gicv2, gicv3, "
				     "gicv3-its, auto (did you mean 'gicv3'?)");
	assert_true(err.input);
	assert_int_equal(arm64_irqchip_parse("", &got, &err), -EINVAL);
	assert_string_equal(err.msg, "--irqchip : not one of gicv2, gicv3, "
				     "gicv3-its, auto");
}

static void check__gicv2_has_room_for_8(void **state)
{
	struct config config = { .irqchip = "gicv2", .cpus = 8, .cmdline = "" };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(arm64_check_config(&config, &err), 0);
	config.cpus = 9;
	assert_int_equal(arm64_check_config(&config, &err), -EINVAL);
	assert_string_equal(err.msg, "--cpus 9: a gicv2 serves at most 8");
	assert_true(err.input);
	config.irqchip = "gicv3";
	assert_int_equal(arm64_check_config(&config, &err), 0);
}

/* Returns what the check of a command line of @len bytes warns of. */
static const char *warning(size_t len)
{
	static char text[4096], said[256];
	const struct config config = { .irqchip = "auto",
				       .cpus = 1,
				       .cmdline = text };
	struct stderr_capture capture;
	struct err err = { 0 };
	int r;

	memset(text, 'x', len);
	text[len] = '\0';
	capture = stderr_capture_begin();
	r = arm64_check_config(&config, &err);
	(void)stderr_capture_end(&capture, said, sizeof(said));
	assert_int_equal(r, 0);
	return said;
}

static void check__command_line_that_linux_cuts_is_told_of(void **state)
{
	(void)state;
	assert_string_equal(warning(2047), "");
	assert_string_equal(warning(2048),
			    "vmm: warning: --cmdline: a Linux guest sees 2047 "
			    "of its 2048 bytes\n");
}

static void check__a_tree_brings_its_own_command_line(void **state)
{
	struct config config = {
		.irqchip = "auto", .cpus = 1, .dtb = "D", .cmdline = ""
	};
	struct err err = { 0 };

	(void)state;
	assert_int_equal(arm64_check_config(&config, &err), 0);
	config.cmdline = "x";
	assert_int_equal(arm64_check_config(&config, &err), -EINVAL);
	assert_true(err.input);
	assert_string_equal(err.msg,
			    "--cmdline: the device tree of --dtb D brings a "
			    "command line of its own");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(irqchip__every_word_has_its_kind),
		cmocka_unit_test(irqchip__another_word_is_refused),
		cmocka_unit_test(check__gicv2_has_room_for_8),
		cmocka_unit_test(
			check__command_line_that_linux_cuts_is_told_of),
		cmocka_unit_test(check__a_tree_brings_its_own_command_line),
	};

	return RUN_TESTS(tests);
}
