/* tests/unit/test_test_report.c - vmm/test/report.c. */
#include "vmm/test/report.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/cleanup.h"
#include "tests/unit/test.h"

#define SECOND UINT64_C(1000000000)

static const struct report_case cases[] = {
	{ .name = "001-Image",
	  .kernel = "a/Image",
	  .end = REPORT_PASSED,
	  .tries = 1,
	  .ns = 1500 * SECOND / 1000 },
	{ .name = "002-Image",
	  .kernel = "a/<I>&\"mage\033",
	  .cpus = "2",
	  .mem = "1G",
	  .end = REPORT_FAILED,
	  .tries = 2,
	  .status = 121,
	  .ns = 2 * SECOND,
	  .why = "the kernel\npanicked \"<&>\"\001",
	  .err = "one\n]]>\033[2J\xff\n" },
	{ .name = "003-Image", .kernel = "a/Image" },
	{ .name = "004-Image",
	  .kernel = "a/Image",
	  .cmdline = "a b",
	  .end = REPORT_SKIPPED,
	  .why = "it needs 4 processors" },
	{ .name = "005-Image", .end = REPORT_PASSED, .tries = 3, .ns = SECOND },
};

#define CASES (sizeof(cases) / sizeof(*cases))

/* What is told in a form; freed by the caller. */
static char *tell(enum report_form form)
{
	char *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);

	assert_non_null(to);
	report_begin(to, form, CASES);
	for (size_t i = 0; i < CASES; i++)
		if (cases[i].end != REPORT_NOT_RUN)
			report_one(to, form, &cases[i], i + (i < 2));
	report_end(to, form, cases, CASES);
	(void)fclose(to);
	return text;
}

static void lines__are_for_people(void **state)
{
	_cleanup_(freep) char *text = tell(REPORT_LINES);

	(void)state;
	assert_string_equal(text, "pass 001-Image (1.500 s)\n"
				  "FAIL 002-Image (2.000 s, try 2, status "
				  "121: the kernel?panicked \"<&>\"?)\n"
				  "skip 004-Image (it needs 4 processors)\n"
				  "pass 005-Image (1.000 s, try 3)\n"
				  "2 passed, 1 failed, 1 not run, 1 skipped; 1 "
				  "passed after a failure\n");
}

static void tap__is_told_as_it_goes(void **state)
{
	_cleanup_(freep) char *text = tell(REPORT_TAP);

	(void)state;
	assert_string_equal(text,
			    "TAP version 13\n1..5\n"
			    "ok 1 - 001-Image\n# 1.500 s, status 0\n"
			    "not ok 2 - 002-Image\n# 2.000 s, try 2, status "
			    "121: the kernel?panicked \"<&>\"?\n"
			    "ok 3 - 004-Image # SKIP it needs 4 processors\n"
			    "ok 4 - 005-Image\n# 1.000 s, try 3, status 0\n"
			    "Bail out! interrupted\n"
			    "# 2 passed, 1 failed, 1 not run, 1 skipped; 1 "
			    "passed after a failure\n");
}

static void json__is_an_object_to_a_line(void **state)
{
	_cleanup_(freep) char *text = tell(REPORT_JSON);
	char *second = strchr(text, '\n') + 1;
	json_t *one;

	(void)state;
	one = json_loads(second, JSON_DISABLE_EOF_CHECK, NULL);
	assert_non_null(one);
	assert_int_equal(json_integer_value(json_object_get(one, "status")),
			 121);
	assert_true(json_is_false(json_object_get(one, "passed")));
	assert_string_equal(json_string_value(json_object_get(one, "cpus")),
			    "2");
	assert_int_equal(json_integer_value(json_object_get(one, "tries")), 2);
	json_decref(one);
}

static void junit__has_no_byte_that_xml_forbids(void **state)
{
	char *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);

	(void)state;
	report_junit(to, cases, CASES);
	(void)fclose(to);
	assert_non_null(strstr(text, "tests=\"5\" failures=\"1\" errors=\"0\" "
				     "skipped=\"2\" time=\"4.500\""));
	assert_non_null(strstr(text, "<skipped message=\"not run\"/>"));
	assert_non_null(strstr(text, "<skipped message=\"it needs 4 processors"
				     "\"/>"));
	assert_non_null(strstr(text, "name=\"tries\" value=\"3\""));
	assert_non_null(strstr(text, "value=\"a/&lt;I&gt;&amp;&quot;mage?\""));
	assert_non_null(strstr(text, "<failure type=\"status-121\" message="
				     "\"the kernel\npanicked &quot;&lt;&amp;"
				     "&gt;&quot;?\"/>"));
	assert_non_null(strstr(text, "<system-err>one\n]]&gt;?[2J?\n<"));
	for (size_t i = 0; i < size; i++)
		assert_true(text[i] == '\n' ||
			    (text[i] >= ' ' && text[i] < 0x7f));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines__are_for_people),
		cmocka_unit_test(tap__is_told_as_it_goes),
		cmocka_unit_test(json__is_an_object_to_a_line),
		cmocka_unit_test(junit__has_no_byte_that_xml_forbids),
	};

	return RUN_TESTS(tests);
}
