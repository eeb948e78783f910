/* tests/unit/test.h - cmocka with the headers it wants, and our TAP main. */
#ifndef TESTS_UNIT_TEST_H
#define TESTS_UNIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/*
 * Runs an array of tests of this program, with a setup before the first and a
 * teardown behind the last; each may be NULL. Returns main()'s status. meson
 * reads TAP, and counts a program that writes anything else as skipped.
 */
#define RUN_TESTS_IN(tests, setup, teardown)       \
	(cmocka_set_message_output(CM_OUTPUT_TAP), \
	 cmocka_run_group_tests((tests), (setup), (teardown)))

/* The same without setup and teardown. */
#define RUN_TESTS(tests) RUN_TESTS_IN((tests), NULL, NULL)

/*
 * Ends a test that this host cannot run. Not cmocka's skip(), for which its TAP
 * says "not ok".
 */
#define SKIP(reason)                                      \
	do {                                              \
		print_message("# skipped: " reason "\n"); \
		return;                                   \
	} while (0)

/* The thread sanitizer leaves a program no room for gigantic mappings. */
#if defined(__SANITIZE_THREAD__)
#define SMALL_ADDRESS_SPACE 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SMALL_ADDRESS_SPACE 1
#endif
#endif
#ifndef SMALL_ADDRESS_SPACE
#define SMALL_ADDRESS_SPACE 0
#endif

#endif
