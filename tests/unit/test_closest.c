/* tests/unit/test_closest.c - base/closest.c. */
#include <errno.h>
#include <string.h>

#include "base/closest.h"
#include "tests/unit/test.h"

static const char *nearest(const char *word)
{
	static const char *const words[] = { "run",    "restore", "snapshot",
					     "doctor", "stop",	  "gicv2",
					     "gicv3" };
	struct closest near = { .word = word };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		closest_try(&near, words[i]);
	return near.best ? near.best : "";
}

static void try__finds_one_edit_of_each_kind(void **state)
{
	(void)state;
	assert_string_equal(nearest("rn"), "run");
	assert_string_equal(nearest("rum"), "run");
	assert_string_equal(nearest("runn"), "run");
	assert_string_equal(nearest("rnu"), "run");
	assert_string_equal(nearest("sotp"), "stop");
	assert_string_equal(nearest("snapshoot"), "snapshot");
	assert_string_equal(nearest("docter"), "doctor");
}

static void try__a_beginning_is_close(void **state)
{
	(void)state;
	assert_string_equal(nearest("snap"), "snapshot");
	assert_string_equal(nearest("re"), "restore");
	assert_string_equal(nearest("gicv"), "gicv2");
}

static void try__what_is_far_is_not_guessed(void **state)
{
	(void)state;
	assert_string_equal(nearest(""), "");
	assert_string_equal(nearest("x"), "");
	assert_string_equal(nearest("frobnicate"), "");
	assert_string_equal(nearest("xyz"), "");
}

static void try__the_first_of_equals_wins(void **state)
{
	(void)state;
	assert_string_equal(nearest("gicv4"), "gicv2");
	assert_string_equal(nearest("gicv3"), "gicv3");
}

static void try__longest_words_are_compared_longer_ones_not(void **state)
{
	const char *w31 = "abcdefghijklmnopqrstuvwxyz01234";
	const char *w31x = "abcdefghijklmnopqrstuvwxyz0123x";
	const char *w32 = "abcdefghijklmnopqrstuvwxyz012345";
	struct closest near = { .word = w31 };

	(void)state;
	assert_int_equal(strlen(w31), CLOSEST_MAX_LEN);
	closest_try(&near, w32);
	assert_null(near.best);
	closest_try(&near, w31x);
	assert_ptr_equal(near.best, w31x);
	near = (struct closest){ .word = w32 };
	closest_try(&near, w31);
	assert_null(near.best);
}

static void refuse__names_the_word_and_the_guess(void **state)
{
	struct closest near = { .word = "rnu" };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(closest_refuse(&near, "command", &err), -EINVAL);
	assert_string_equal(err.msg, "unknown command 'rnu'");
	closest_try(&near, "run");
	assert_int_equal(closest_refuse(&near, "command", &err), -EINVAL);
	assert_string_equal(err.msg,
			    "unknown command 'rnu' (did you mean 'run'?)");
	assert_true(err.input);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(try__finds_one_edit_of_each_kind),
		cmocka_unit_test(try__a_beginning_is_close),
		cmocka_unit_test(try__what_is_far_is_not_guessed),
		cmocka_unit_test(try__the_first_of_equals_wins),
		cmocka_unit_test(
			try__longest_words_are_compared_longer_ones_not),
		cmocka_unit_test(refuse__names_the_word_and_the_guess),
	};

	return RUN_TESTS(tests);
}
