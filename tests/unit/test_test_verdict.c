/* tests/unit/test_test_verdict.c - vmm/test/verdict.c. */
#include "vmm/test/verdict.h"

#include <string.h>

#include "tests/unit/test.h"

static const struct console quiet = { .lines = 3 };
static const struct console silent;
static const struct console warned = { .reports = 2 };
static const struct console panicked = { .reports = 1, .panicked = true };
static const struct console refused = { .init.text = "no virtio console" };

static const struct {
	struct test_facts facts;
	int status;
	const char *text; /* in the sentence; "": there is none */
} ends[] = {
	{ { .booted = true, .ran = true, .told = true, .console = &quiet },
	  0,
	  "" },
	{ { .booted = true,
	    .ran = true,
	    .told = true,
	    .code = 7,
	    .console = &quiet },
	  7,
	  "" },
	{ { .booted = true,
	    .ran = true,
	    .told = true,
	    .code = 9,
	    .signaled = true,
	    .console = &quiet },
	  137,
	  "" },
	/* A passed command in a kernel that did not pass. */
	{ { .booted = true, .ran = true, .told = true, .console = &warned },
	  TEST_REPORTED,
	  "2 faults" },
	{ { .booted = true,
	    .ran = true,
	    .told = true,
	    .code = 1,
	    .console = &warned },
	  1,
	  "" },
	{ { .booted = true,
	    .ran = true,
	    .told = true,
	    .ignore_reports = true,
	    .console = &warned },
	  0,
	  "" },
	/* A panic counts, whatever else is known. */
	{ { .booted = true,
	    .ran = true,
	    .told = true,
	    .run_status = 3,
	    .ignore_reports = true,
	    .console = &panicked },
	  TEST_PANIC,
	  "panicked" },
	{ { .run_status = 4, .console = &quiet }, TEST_PANIC, "panicked" },
	{ { .booted = true, .ran = true, .console = &quiet },
	  TEST_GONE,
	  "ended without" },
	{ { .booted = true, .ran = true, .run_status = 3, .console = &quiet },
	  TEST_GONE,
	  "restarted without" },
	{ { .run_status = 124, .console = &quiet },
	  TEST_TIMEOUT,
	  "before the command" },
	{ { .booted = true, .ran = true, .run_status = 124, .console = &quiet },
	  TEST_TIMEOUT,
	  "--timeout passed" },
	{ { .boot_late = true, .console = &quiet },
	  TEST_NO_BOOT,
	  "--boot-timeout" },
	{ { .boot_late = true, .console = &silent },
	  TEST_NO_BOOT,
	  "said nothing" },
	{ { .console = &refused }, TEST_NO_BOOT, "no virtio console" },
	{ { .booted = true, .refusal = "no virtiofs", .console = &quiet },
	  TEST_NO_BOOT,
	  "no virtiofs" },
	{ { .console = &quiet }, TEST_NO_BOOT, "ended before" },
	{ { .left = true, .console = &quiet }, 130, "" },
	{ { .run_status = 143, .console = &quiet }, 143, "" },
};

static void judge__each_end_has_its_status(void **state)
{
	char text[VERDICT_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		assert_int_equal(test_judge(&ends[i].facts, text),
				 ends[i].status);
		if (*ends[i].text)
			assert_non_null(strstr(text, ends[i].text));
		else
			assert_string_equal(text, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(judge__each_end_has_its_status),
	};

	return RUN_TESTS(tests);
}
