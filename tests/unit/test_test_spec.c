/* tests/unit/test_test_spec.c - vmm/test/spec.c, spec_keys.c and runs.c. */
#include "vmm/test/spec.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/test.h"
#include "vmm/test/runs.h"

static int parse(struct spec *spec, const char *text, struct err *err)
{
	*spec = (struct spec){ 0 };
	*err = (struct err){ 0 };
	return spec_parse(spec, "F", text, strlen(text), err);
}

static void case__has_what_its_keys_say(void **state)
{
	struct spec spec;
	struct err err;
	const struct spec_case *one;

	(void)state;
	assert_int_equal(parse(&spec,
			       "cases:\n"
			       "- name: a\n"
			       "  kernel: K\n"
			       "  command: [x, '']\n"
			       "  user: 1:2\n"
			       "  env: {A: 1, B: }\n"
			       "  ignore-warnings: true\n"
			       "  status: 7\n"
			       "  retries: 2\n"
			       "  stderr: {lacks: b}\n"
			       "  needs: {cpus: 2, mem: 1G, file: f}\n"
			       "  matrix: {cpus: [1, 2], options: [[], "
			       "--net=none]}\n",
			       &err),
			 0);
	one = &spec.item[0];
	assert_int_equal(spec.count, 1);
	assert_int_equal(one->line, 2);
	assert_string_equal(one->kernel.item[0], "K");
	assert_int_equal(one->command.count, 2);
	assert_string_equal(one->command.item[1], "");
	assert_int_equal(one->options.count, 4);
	assert_string_equal(one->options.item[0], "--user=1:2");
	assert_string_equal(one->options.item[1], "--env=A=1");
	assert_string_equal(one->options.item[2], "--env=B");
	assert_string_equal(one->options.item[3], "--ignore-warnings");
	assert_int_equal(one->status, 7);
	assert_int_equal(one->retries, 2);
	assert_int_equal(one->repeat, 1);
	assert_int_equal(one->outputs.count, 1);
	assert_true(one->outputs.pattern[0].lacks);
	assert_int_equal(one->outputs.pattern[0].output, OUTPUT_STDERR);
	assert_int_equal(one->needs.cpus, 2);
	assert_int_equal(one->needs.mem, 1 << 30);
	assert_int_equal(one->cpus.count, 2);
	assert_int_equal(one->choices, 2);
	assert_int_equal(one->choice[0].count, 0);
	assert_string_equal(one->choice[1].item[0], "--net=none");
	spec_finish(&spec);
}

static void default__is_taken_back_by_a_case(void **state)
{
	struct spec spec;
	struct err err;

	(void)state;
	assert_int_equal(parse(&spec,
			       "cases:\n"
			       "- {name: a}\n"
			       "- {name: b, ignore-warnings: false,\n"
			       "   command: y}\n"
			       "defaults: {command: [x], ignore-warnings: "
			       "true}\n",
			       &err),
			 0);
	assert_int_equal(spec.item[0].options.count, 1);
	assert_string_equal(spec.item[0].command.item[0], "x");
	assert_int_equal(spec.item[1].options.count, 0);
	assert_string_equal(spec.item[1].command.item[0], "sh");
	assert_string_equal(spec.item[1].command.item[2], "y");
	spec_finish(&spec);
}

static void nul__ends_no_text(void **state)
{
	struct spec spec;
	struct err err;

	(void)state;
	assert_int_equal(parse(&spec, "cases: [{name: \"a\\0b\"}]", &err),
			 -EINVAL);
	assert_string_equal(err.msg, "F:1: name: there is a NUL in it");
	spec_finish(&spec);
	assert_int_equal(parse(&spec, "\"cases\\0\": []", &err), -EINVAL);
	spec_finish(&spec);
}

static void lists__are_not_without_end(void **state)
{
	char text[8192] = "cases: [{name: a, command: [";
	struct spec spec;
	struct err err;

	(void)state;
	for (int i = 0; i < 256; i++)
		strcat(text, "x, ");
	strcat(text, "]}]");
	assert_int_equal(parse(&spec, text, &err), 0);
	spec_finish(&spec);
	text[strlen(text) - 3] = '\0';
	strcat(text, "x]}]");
	assert_int_equal(parse(&spec, text, &err), -EINVAL);
	assert_string_equal(err.msg, "F:1: command: at most 256");
	spec_finish(&spec);
}

static void run__says_the_words_of_all(void **state)
{
	static const char *const expected[] = {
		"P",	      "test",	  "--user=1",	 "--net=none",
		"--kernel=K", "--cpus=4", "--cmdline=q", "--out=O",
		"--",	      "x",
	};
	const struct test_words words = { 0 };
	struct strings argv = { 0 };
	struct spec spec;
	struct err err;
	struct run run;

	(void)state;
	assert_int_equal(parse(&spec,
			       "cases: [{name: a, user: 1, command: [x], "
			       "matrix: {options: [--net=none]}}]",
			       &err),
			 0);
	run = (struct run){ .one = &spec.item[0],
			    .kernel = "K",
			    .cpus = "4",
			    .cmdline = "q",
			    .choice = &spec.item[0].choice[0] };
	assert_int_equal(run_list_words(&run, &words, "P", "O", &argv), 0);
	assert_int_equal(argv.count, 10);
	for (size_t i = 0; i < argv.count; i++)
		assert_string_equal(argv.item[i], expected[i]);
	assert_null(argv.item[argv.count]);
	strings_finish(&argv);
	spec_finish(&spec);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(case__has_what_its_keys_say),
		cmocka_unit_test(default__is_taken_back_by_a_case),
		cmocka_unit_test(nul__ends_no_text),
		cmocka_unit_test(lists__are_not_without_end),
		cmocka_unit_test(run__says_the_words_of_all),
	};

	return RUN_TESTS(tests);
}
