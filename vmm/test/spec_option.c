/* vmm/test/spec_option.c - options of `vmm test` that a file of cases says. */
#include "vmm/test/spec_option.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/closest.h"
#include "vmm/config.h"
#include "vmm/test/words.h"

/* Options that have keys of their own come by them. */
static bool has_own_key(const char *name)
{
	return strcmp(name, "kernel") == 0 || strcmp(name, "cpus") == 0 ||
	       strcmp(name, "mem") == 0;
}

bool option_is_of_suite(const char *name)
{
	static const char *const own[] = { "out",   "repeat", "jobs", "junit",
					   "tap",   "json",   "list", "shard",
					   "times", "merge" };

	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		if (strcmp(own[i], name) == 0)
			return true;
	return false;
}

static const struct cli_option *find_test_option(const char *name)
{
	for (size_t i = 0; i < test_command.option_count; i++) {
		const struct cli_option *option = &test_command.options[i];

		if (option->name && strcmp(option->name, name) == 0)
			return option;
	}
	return NULL;
}

static int refuse_spec_option(const char *name, struct err *err)
{
	struct closest near = { .word = name };

	for (size_t i = 0; i < test_command.option_count; i++) {
		const char *other = test_command.options[i].name;

		if (other && !option_is_of_suite(other) && !has_own_key(other))
			closest_try(&near, other);
	}
	return closest_refuse(&near, "option", err);
}

/* Tries words as those of a command line. */
static int try_test_words(char *word, struct err *err)
{
	const bool kernel = strncmp(word, "--kernel=", 9) == 0;
	char *argv[] = { (char[]){ "test" }, (char[]){ "--kernel=K" },
			 (char[]){ "--out=O" }, word, NULL };
	char *alone[] = { argv[0], word, NULL };
	struct test_words words;
	const int r = kernel ? test_words_parse(&words, 2, alone, err)
			     : test_words_parse(&words, 4, argv, err);

	if (r == 0)
		test_words_finish(&words);
	return r;
}

static int try_run_words(char *word, struct err *err)
{
	_cleanup_(config_finish) struct config config = { 0 };
	char *argv[] = { (char[]){ "run" }, (char[]){ "--kernel=K" }, word,
			 NULL };

	return config_parse(&config, 3, argv, err);
}

/* Options that `vmm test` passes on. */
static bool is_of_run(const char *name)
{
	static const char *const passed[] = { "cpus", "mem", "disk", "net" };

	for (size_t i = 0; i < sizeof(passed) / sizeof(*passed); i++)
		if (strcmp(passed[i], name) == 0)
			return true;
	return false;
}

int option_check(const char *word, bool listed, struct err *err)
{
	_cleanup_(freep) char *copy = strdup(word);
	_cleanup_(freep) char *name = NULL;
	int r;

	if (!copy)
		return err_set(err, -ENOMEM, "out of memory");
	if (strncmp(word, "--", 2) != 0)
		return err_input(err, -EINVAL,
				 "'%s' is no option, as in --net=user", word);
	name = strndup(word + 2, strcspn(word + 2, "="));
	if (!name)
		return err_set(err, -ENOMEM, "out of memory");
	if (!find_test_option(name))
		return refuse_spec_option(name, err);
	if (option_is_of_suite(name))
		return err_input(err, -EINVAL,
				 "--%s is for all cases: give it on the "
				 "command line",
				 name);
	if (listed && has_own_key(name))
		return err_input(err, -EINVAL, "--%s is said by the key '%s'",
				 name, name);
	r = try_test_words(copy, err);
	if (r == 0 && is_of_run(name))
		r = try_run_words(copy, err);
	return r;
}

int option_check_all(const struct strings *words, struct err *err)
{
	_cleanup_(strings_finish) struct strings argv = { 0 };
	struct test_words parsed;
	int r = strings_add(&argv, "test");

	if (r == 0)
		r = strings_add(&argv, "--kernel=K");
	if (r == 0)
		r = strings_add(&argv, "--out=O");
	for (size_t i = 0; r == 0 && i < words->count; i++)
		r = strings_add(&argv, words->item[i]);
	if (r < 0)
		return err_set(err, r, "out of memory");
	r = test_words_parse(&parsed, (int)argv.count, argv.item, err);
	if (r == 0)
		test_words_finish(&parsed);
	return r;
}
