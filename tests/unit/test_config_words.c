/* tests/unit/test_config_words.c - vmm/config_words.c. */
#include <errno.h>

#include "tests/unit/config_words.h"
#include "vmm/cli.h"
#include "vmm/config_words.h"

/* The words that a configuration gives, in a folder. */
static struct config_words words_in(const struct config *config,
				    const char *here)
{
	struct config_words words = { 0 };
	struct err err = { 0 };

	assert_int_equal(config_words_of(&words, config, here, &err), 0);
	return words;
}

static void expect_words(const struct config_words *words,
			 const char *const *want)
{
	for (size_t i = 0; want[i]; i++) {
		assert_true(i < words->count);
		assert_string_equal(words->word[i], want[i]);
	}
	assert_null(words->word[words->count]);
}

static void words__say_what_was_said_with_absolute_paths(void **unused)
{
	static const char *const want[] = {
		"--kernel=/srv/vm/Image",
		"--initrd=/srv/vm/sub/initrd",
		"--mem=256M",
		"--mem=1G@0x900000000,backing=file:/srv/vm/ram,share",
		"--mem=64M,backing=file:/tmp/x",
		"--disk=/srv/vm/a.img,ro",
		"--disk=path=/srv/vm/b.img",
		"--disk=/dev/vda",
		"--rom=/srv/vm/r@bin@0x10000",
		"--share=/srv/vm/src,rw",
		"--balloon",
		"--balloon=1G",
		"--no-rng",
		"--cmdline=a=b c",
		NULL,
	};
	struct config_words words;
	struct config config;
	struct err err;

	(void)unused;
	assert_int_equal(PARSE(&config, &err, "Image", "-i", "sub/initrd",
			       "--name=web", "-m256M", "--mem",
			       "1G@0x900000000,backing=file:ram,share", "--mem",
			       "64M,backing=file:/tmp/x", "-d", "a.img,ro",
			       "-d", "path=b.img", "-d/dev/vda", "--rom",
			       "r@bin@0x10000", "--share", "src,rw",
			       "--timeout", "5s", "--balloon", "--balloon=1G",
			       "--no-rng", "--cmdline", "a=b c"),
			 0);
	words = words_in(&config, "/srv/vm");
	expect_words(&words, want);
	config_words_finish(&words);
	config_finish(&config);
}

static void words__a_comma_of_the_folder_is_doubled_in_a_list(void **unused)
{
	struct config_words words;
	struct config config;
	struct err err;

	(void)unused;
	assert_int_equal(PARSE(&config, &err, "K", "-d", "a,,b.img,ro"), 0);
	words = words_in(&config, "/a,b");
	assert_string_equal(words.word[0], "--kernel=/a,b/K");
	assert_string_equal(words.word[1], "--disk=/a,,b/a,,b.img,ro");
	config_words_finish(&words);
	config_finish(&config);
}

static void words__make_the_same_configuration_again(void **unused)
{
	char *argv[WORDS] = { (char[]){ "run" } };
	struct config_words words, again;
	struct config config, copy;
	struct err err;

	(void)unused;
	assert_int_equal(PARSE(&config, &err, "K", "-c", "4", "--mem",
			       "1G,max=2G", "-d", "x,serial=s", "--console",
			       "virtio", "--irqchip", "gicv3", "--no-pvtime",
			       "--dirty-log", "ring", "--power-button"),
			 0);
	words = words_in(&config, "/f");
	memcpy(&argv[1], words.word, words.count * sizeof(*argv));
	assert_int_equal(config_parse(&copy, (int)words.count + 1, argv, &err),
			 0);
	assert_int_equal(copy.cpus, 4);
	assert_int_equal(copy.mem[0].policy.max, 2 * GIB);
	assert_int_equal(copy.console, CONSOLE_VIRTIO);
	assert_int_equal(copy.dirty_log, DIRTY_LOG_RING);
	assert_true(copy.power_button && copy.kvmtool.no_pvtime);
	assert_string_equal(copy.disk[0].serial, "s");
	again = words_in(&copy, "/elsewhere");
	expect_words(&again, (const char *const *)words.word);
	assert_int_equal(again.count, words.count);
	config_words_finish(&again);
	config_finish(&copy);
	config_words_finish(&words);
	config_finish(&config);
}

/* Every option that takes a file is known as one here: this list is to be
 * looked at when an option is added. */
static void words__options_with_files_are_known(void **unused)
{
	static const char *const file[] = { "FILE", "PATH", "DIR" };
	size_t found = 0;

	(void)unused;
	for (size_t i = 0; i < config_command.option_count; i++) {
		const char *arg = config_command.options[i].arg;

		for (size_t j = 0; arg && j < 3; j++)
			found += strstr(arg, file[j]) == arg;
	}
	/* kernel, initrd, firmware, dtb, dump-dtb, rom, disk, flash, share,
	 * control, console-log, gdb */
	assert_int_equal(found, 12);
}

static void words__more_options_than_are_kept_are_told(void **unused)
{
	struct config_words words;
	struct config config = { .givens.count = CLI_MAX_GIVEN + 1 };
	struct err err = { 0 };

	(void)unused;
	assert_int_equal(config_words_of(&words, &config, "/", &err), -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words__say_what_was_said_with_absolute_paths),
		cmocka_unit_test(
			words__a_comma_of_the_folder_is_doubled_in_a_list),
		cmocka_unit_test(words__make_the_same_configuration_again),
		cmocka_unit_test(words__options_with_files_are_known),
		cmocka_unit_test(words__more_options_than_are_kept_are_told),
	};

	return RUN_TESTS(tests);
}
