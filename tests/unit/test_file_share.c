/* tests/unit/test_file_share.c - base/file_share.c: a lock changes hands. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/file_share.h"
#include "tests/unit/temp_folder.h"
#include "tests/unit/test.h"

static struct temp_folder dir;
static char path[TEMP_PATH_SIZE];
static struct err err;
static int owner, heir, third;

static int open_again(void)
{
	return open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

static int setup(void **state)
{
	(void)state;
	if (temp_folder_make(&dir, "/tmp") < 0)
		return -1;
	temp_folder_path(&dir, "image", path);
	owner = open_again();
	heir = open_again();
	third = open_again();
	return owner < 0 || heir < 0 || third < 0 ||
			       file_lock(owner, path, true, &err) < 0
		     ? -1
		     : 0;
}

static int teardown(void **state)
{
	(void)state;
	(void)close(owner);
	(void)close(heir);
	(void)close(third);
	return temp_folder_remove(&dir);
}

static bool third_is_refused(void)
{
	return file_lock(third, path, true, &err) == -EBUSY &&
	       file_lock(third, path, false, &err) == -EBUSY;
}

static void share__no_third_gets_in_between(void **state)
{
	uint32_t mark;

	(void)state;
	assert_int_equal(file_inherit(heir, path, true, &err), -EBUSY);
	assert_int_equal(file_share(owner, &mark), 0);
	assert_true(third_is_refused());
	assert_int_equal(file_inherit(heir, path, true, &err), 0);
	assert_true(third_is_refused());
	assert_int_equal(file_own(heir), -EAGAIN);
	file_yield(owner);
	assert_true(third_is_refused());
	assert_int_equal(file_own(heir), 0);
	assert_true(third_is_refused());
	assert_int_equal(file_inherit(third, path, true, &err), -EBUSY);
}

static void share__the_mark_tells_the_file(void **state)
{
	uint32_t mark;

	(void)state;
	assert_int_equal(file_share(owner, &mark), 0);
	assert_true(file_is_shared(heir, mark));
	assert_false(file_is_shared(heir, mark ^ 1));
	/* The owner's whole lock is not a mark. */
	assert_int_equal(file_unshare(owner), 0);
	assert_false(file_is_shared(heir, mark));
	file_yield(owner);
	assert_false(file_is_shared(heir, mark));
}

static void unshare__gives_all_back(void **state)
{
	uint32_t mark;

	(void)state;
	assert_int_equal(file_share(owner, &mark), 0);
	assert_int_equal(file_inherit(heir, path, true, &err), 0);
	/* An heir that is still there keeps its part; the owner its own. */
	assert_int_equal(file_unshare(owner), 0);
	assert_true(third_is_refused());
	assert_int_equal(close(heir), 0);
	assert_int_equal(file_unshare(owner), 0);
	heir = open_again();
	assert_int_equal(file_inherit(heir, path, true, &err), -EBUSY);
}

static void take_back__after_a_yield(void **state)
{
	uint32_t mark;

	(void)state;
	assert_int_equal(file_share(owner, &mark), 0);
	file_yield(owner);
	assert_int_equal(file_unshare(owner), 0);
	assert_true(third_is_refused());
	assert_int_equal(file_inherit(heir, path, true, &err), -EBUSY);
}

static void take_back__while_the_heir_is_there(void **state)
{
	uint32_t mark;

	(void)state;
	assert_int_equal(file_share(owner, &mark), 0);
	assert_int_equal(file_inherit(heir, path, true, &err), 0);
	file_yield(owner);
	assert_int_equal(file_unshare(owner), 0);
	assert_false(file_is_shared(heir, mark));
	assert_int_equal(file_own(heir), -EAGAIN);
	/* The owner's part holds when the heir has gone. */
	assert_int_equal(close(heir), 0);
	assert_true(third_is_refused());
	heir = open_again();
	assert_int_equal(file_unshare(owner), 0);
	assert_int_equal(file_inherit(heir, path, true, &err), -EBUSY);
}

static void take_back__what_another_has_taken_is_told(void **state)
{
	uint32_t mark;

	(void)state;
	assert_int_equal(file_share(owner, &mark), 0);
	assert_int_equal(file_inherit(heir, path, true, &err), 0);
	file_yield(owner);
	assert_int_equal(file_own(heir), 0);
	assert_int_equal(file_unshare(owner), -EAGAIN);
}

/* Two that only read need not hand anything over. */
static void inherit__a_file_that_is_read_is_locked_as_ever(void **state)
{
	(void)state;
	file_yield(owner);
	assert_int_equal(file_lock(owner, path, false, &err), 0);
	assert_int_equal(file_inherit(heir, path, false, &err), 0);
	assert_int_equal(file_lock(third, path, true, &err), -EBUSY);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(share__no_third_gets_in_between),
		TEST(share__the_mark_tells_the_file),
		TEST(unshare__gives_all_back),
		TEST(take_back__after_a_yield),
		TEST(take_back__while_the_heir_is_there),
		TEST(take_back__what_another_has_taken_is_told),
		TEST(inherit__a_file_that_is_read_is_locked_as_ever),
	};

	return RUN_TESTS(tests);
}
