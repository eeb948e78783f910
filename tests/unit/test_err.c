/* tests/unit/test_err.c - base/err.c. */
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "tests/unit/test.h"

static void sys__says_what_and_why(void **state)
{
	struct err err = { 0 };

	(void)state;
	errno = ENOENT;
	assert_int_equal(err_sys(&err, "open %s", "/dev/kvm"), -ENOENT);
	assert_int_equal(err_wrap(&err, "create vm"), -ENOENT);
	assert_string_equal(err.msg, "create vm: open /dev/kvm: "
				     "No such file or directory");
}

static void sys__is_never_success(void **state)
{
	struct err err = { 0 };

	(void)state;
	errno = 0;
	assert_int_equal(err_sys(&err, "standard output"), -EIO);
	assert_int_equal(err.code, -EIO);
	assert_string_equal(err.msg, "standard output: Input/output error");
}

static void wrap__long_messages_are_cut_not_overrun(void **state)
{
	struct err err = { 0 };

	(void)state;
	(void)err_set(&err, -EINVAL, "cause");
	for (int i = 0; i < 200; i++)
		(void)err_wrap(&err, "layer %d", i);
	assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
}

static void input__is_kept_by_wrap_and_cleared_by_set(void **state)
{
	struct err err = { 0 };

	(void)state;
	assert_int_equal(err_input(&err, -EINVAL, "--mem 0"), -EINVAL);
	(void)err_wrap(&err, "config");
	assert_true(err.input);
	(void)err_set(&err, -EIO, "disk");
	assert_false(err.input);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sys__says_what_and_why),
		cmocka_unit_test(sys__is_never_success),
		cmocka_unit_test(input__is_kept_by_wrap_and_cleared_by_set),
		cmocka_unit_test(wrap__long_messages_are_cut_not_overrun),
	};

	return RUN_TESTS(tests);
}
