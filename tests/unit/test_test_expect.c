/* tests/unit/test_test_expect.c - vmm/test/expect.c. */
#include "vmm/test/expect.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/test.h"

static bool is_met(struct expect *expect, const char *text)
{
	struct err err = { 0 };
	regex_t regex;
	bool met;

	assert_int_equal(expect_compile(&regex, text, &err), 0);
	met = expect_met(expect, &regex);
	regfree(&regex);
	return met;
}

static void say_text(struct expect *expect, const char *text)
{
	expect_read(expect, text, strlen(text));
}

static void text__is_seen_once(void **state)
{
	static struct expect expect;

	(void)state;
	assert_false(is_met(&expect, "a"));
	say_text(&expect, "one\r\nlo");
	assert_false(is_met(&expect, "^login: $"));
	say_text(&expect, "gin: ");
	assert_true(is_met(&expect, "^one$"));
	assert_false(is_met(&expect, "one"));
	assert_true(is_met(&expect, "^login: $"));
	assert_false(is_met(&expect, "login"));
	assert_int_equal(expect.len, 0);
}

static void nul__ends_nothing(void **state)
{
	static struct expect expect;

	(void)state;
	expect_read(&expect, "a\0b", 3);
	assert_true(is_met(&expect, "a b"));
}

static void end__of_much_is_kept(void **state)
{
	static struct expect expect;
	char line[32];

	(void)state;
	for (int i = 0; i < 10000; i++) {
		(void)snprintf(line, sizeof(line), "line %d\n", i);
		say_text(&expect, line);
	}
	assert_in_range(expect.len, EXPECT_KEPT, 2 * EXPECT_KEPT);
	assert_false(is_met(&expect, "^line 1$"));
	assert_true(is_met(&expect, "^line 9000$"));
	assert_true(is_met(&expect, "^line 9999$"));
}

static void expression__is_checked(void **state)
{
	struct err err = { 0 };
	regex_t regex;

	(void)state;
	assert_int_equal(expect_compile(&regex, "", &err), -EINVAL);
	assert_string_equal(err.msg, "an empty expression is everywhere");
	assert_int_equal(expect_compile(&regex, "a(", &err), -EINVAL);
	assert_true(err.input);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text__is_seen_once),
		cmocka_unit_test(nul__ends_nothing),
		cmocka_unit_test(end__of_much_is_kept),
		cmocka_unit_test(expression__is_checked),
	};

	return RUN_TESTS(tests);
}
