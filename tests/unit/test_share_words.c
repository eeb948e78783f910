/* tests/unit/test_share_words.c - the value of --share. */
#include <errno.h>
#include <stdio.h>

#include "tests/unit/test.h"
#include "vmm/share_words.h"

static void finish(struct share_spec *list, size_t count)
{
	while (count > 0)
		share_words_finish(&list[--count]);
}

static void a_folder_is_read_only_unless_told(void **state)
{
	struct share_spec list[SHARE_MAX] = { 0 };
	struct err err = { 0 };
	size_t count = 0;

	(void)state;
	assert_int_equal(share_words_add(list, &count, "a,,b", &err), 0);
	assert_string_equal(list[0].path, "a,b");
	assert_string_equal(list[0].tag, "share");
	assert_false(list[0].rw);
	assert_int_equal(list[0].owners, FS_OWNERS_MAP);
	assert_int_equal(
		share_words_add(list, &count, "d,rw,tag=x,uid=same", &err), 0);
	assert_true(list[1].rw);
	assert_string_equal(list[1].tag, "x");
	assert_int_equal(list[1].owners, FS_OWNERS_SAME);
	assert_int_equal(share_words_add(list, &count, "e,ro,tag=y", &err), 0);
	assert_false(list[2].rw);
	finish(list, count);
}

static void assert_refused(const char *value, const char *want)
{
	struct share_spec list[SHARE_MAX] = { 0 };
	struct err err = { 0 };
	size_t count = 0;

	assert_int_equal(share_words_add(list, &count, "first,tag=t", &err), 0);
	assert_true(share_words_add(list, &count, value, &err) < 0);
	assert_string_equal(err.msg, want);
	assert_true(err.input);
	finish(list, count);
}

static void nonsense_is_refused_by_name(void **state)
{
	(void)state;
	assert_refused("", "path is missing");
	assert_refused("d,ro,rw", "either ro or rw");
	assert_refused("d,tga=x", "unknown key 'tga' (did you mean 'tag'?)");
	assert_refused("d,tag=t", "tag=t: another folder has it, and each "
				  "needs one of its own");
	assert_refused("d,tag=1234567890123456789012345678901234567",
		       "tag: at most 36 bytes, as the device has no room for "
		       "more");
	assert_refused("d,uid=root", "uid: unknown value 'root'");
}

static void there_is_an_end_to_them(void **state)
{
	struct share_spec list[SHARE_MAX] = { 0 };
	struct err err = { 0 };
	size_t count = 0;

	(void)state;
	while (count < SHARE_MAX) {
		char value[20];

		(void)snprintf(value, sizeof(value), "d,tag=%zu", count);
		assert_int_equal(share_words_add(list, &count, value, &err), 0);
	}
	assert_int_equal(share_words_add(list, &count, "one more", &err),
			 -ENOSPC);
	assert_string_equal(err.msg, "at most 8 shared folders");
	finish(list, count);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_folder_is_read_only_unless_told),
		cmocka_unit_test(nonsense_is_refused_by_name),
		cmocka_unit_test(there_is_an_end_to_them),
	};

	return RUN_TESTS(tests);
}
