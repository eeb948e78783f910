/* tests/unit/test_mem_cgroup.c - mem/cgroup.c, on hosts made of files. */
#include <string.h>

#include "mem/cgroup.h"
#include "tests/unit/temp_folder.h"
#include "tests/unit/test.h"

static struct temp_folder root;

static void put(const char *path, const char *content)
{
	temp_folder_put(&root, path, content);
}

static int setup(void **state)
{
	(void)state;
	return temp_folder_make(&root, "/tmp");
}

static int teardown(void **state)
{
	(void)state;
	return temp_folder_remove(&root);
}

/* The procfs and the cgroup file system are one tree here. */
static bool room(uint64_t swap, struct cgroup_room *ret)
{
	return cgroup_room(root.path, root.path, swap, ret);
}

static void room__without_a_limit_is_not_known(void **state)
{
	struct cgroup_room r = { .left = 7 };

	(void)state;
	assert_false(room(0, &r));
	put("/self/cgroup", "0::/a/b\n");
	assert_false(room(0, &r));
	put("/a/memory.max", "max\n");
	put("/a/b/memory.max", "max\n");
	assert_false(room(0, &r));
	put("/a/b/memory.max", "junk\n");
	assert_false(room(0, &r));
	assert_int_equal(r.left, 7);
}

static void room__is_what_is_not_used(void **state)
{
	struct cgroup_room r;

	(void)state;
	put("/self/cgroup", "4:memory:/old\n0::/a\n");
	put("/a/memory.max", "1000\n");
	assert_true(room(0, &r));
	assert_int_equal(r.left, 1000);
	put("/a/memory.current", "400\n");
	assert_true(room(0, &r));
	assert_int_equal(r.max, 1000);
	assert_int_equal(r.left, 600);
	assert_string_equal(r.path, "/a");
	put("/a/memory.current", "1001\n");
	assert_true(room(0, &r));
	assert_int_equal(r.left, 0);
}

static void room__page_cache_counts_as_free(void **state)
{
	struct cgroup_room r;

	(void)state;
	put("/self/cgroup", "0::/a\n");
	put("/a/memory.max", "1000\n");
	put("/a/memory.current", "900\n");
	put("/a/memory.stat", "anon 500\nfile 300\ninactive_anon 1\n"
			      "workingset_inactive_file 7000\n"
			      "inactive_file 100\nactive_file 50\n");
	assert_true(room(0, &r));
	assert_int_equal(r.left, 250);
	put("/a/memory.stat", "inactive_file 100000");
	assert_true(room(0, &r));
	assert_int_equal(r.left, 1000);
}

static void room__is_that_of_the_tightest_group_above(void **state)
{
	struct cgroup_room r;

	(void)state;
	put("/self/cgroup", "0::/a/b/c\n");
	put("/a/b/c/memory.max", "3000\n");
	put("/a/memory.max", "2500\n");
	put("/a/memory.current", "1000\n");
	assert_true(room(0, &r));
	assert_int_equal(r.left, 1500);
	assert_string_equal(r.path, "/a");
	put("/a/b/c/memory.current", "2000\n");
	assert_true(room(0, &r));
	assert_int_equal(r.left, 1000);
	assert_string_equal(r.path, "/a/b/c");
}

static void room__the_top_of_a_namespace_has_a_limit_too(void **state)
{
	struct cgroup_room r;

	(void)state;
	put("/memory.max", "100\n");
	put("/self/cgroup", "0::/\n");
	assert_true(room(0, &r));
	assert_int_equal(r.left, 100);
	assert_string_equal(r.path, "/");
	put("/self/cgroup", "0::/a\n");
	put("/a/memory.max", "200\n");
	assert_true(room(0, &r));
	assert_int_equal(r.left, 100);
	/* Ours is not below it. */
	put("/self/cgroup", "0::/../other\n");
	assert_false(room(0, &r));
}

static void room__swap_counts_as_far_as_the_group_may(void **state)
{
	struct cgroup_room r;

	(void)state;
	put("/self/cgroup", "0::/a\n");
	put("/a/memory.max", "1000\n");
	assert_true(room(500, &r)); /* a kernel that swaps no groups */
	assert_int_equal(r.left, 1000);
	put("/a/memory.swap.max", "max\n");
	assert_true(room(500, &r));
	assert_int_equal(r.left, 1500);
	put("/a/memory.swap.max", "300\n");
	put("/a/memory.swap.current", "100\n");
	assert_true(room(500, &r));
	assert_int_equal(r.left, 1200);
	put("/a/memory.swap.current", "301\n");
	assert_true(room(500, &r));
	assert_int_equal(r.left, 1000);
	put("/a/memory.max", "18446744073709551614\n");
	put("/a/memory.swap.max", "max\n");
	assert_true(room(500, &r));
	assert_true(r.left == UINT64_MAX);
}

static void room__a_path_too_long_is_not_looked_at(void **state)
{
	char line[2 * CGROUP_PATH] = "0::/";
	struct cgroup_room r;

	(void)state;
	memset(line + 4, 'x', CGROUP_PATH - 2);
	put("/memory.max", "100\n");
	put("/self/cgroup", line);
	assert_true(room(0, &r));
	line[4 + CGROUP_PATH - 2] = 'x';
	put("/self/cgroup", line);
	assert_false(room(0, &r));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(room__without_a_limit_is_not_known),
		TEST(room__is_what_is_not_used),
		TEST(room__page_cache_counts_as_free),
		TEST(room__is_that_of_the_tightest_group_above),
		TEST(room__the_top_of_a_namespace_has_a_limit_too),
		TEST(room__swap_counts_as_far_as_the_group_may),
		TEST(room__a_path_too_long_is_not_looked_at),
	};

	return RUN_TESTS(tests);
}
