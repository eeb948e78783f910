/* tests/unit/test_mem_host.c - mem/host.c, on hosts made of files. */
#include <errno.h>

#include "mem/host.h"
#include "tests/unit/temp_folder.h"
#include "tests/unit/test.h"

#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)

static struct temp_folder root;
static struct err err;

static void put(const char *path, const char *content)
{
	temp_folder_put(&root, path, content);
}

static int setup(void **state)
{
	(void)state;
	err = (struct err){ 0 };
	return temp_folder_make(&root, "/tmp");
}

static int teardown(void **state)
{
	(void)state;
	return temp_folder_remove(&root);
}

#define POOL(kib, file) "/kernel/mm/hugepages/hugepages-" kib "kB/" file

static void huge__a_size_that_is_missing_lists_those_there_are(void **state)
{
	(void)state;
	put(POOL("1048576", "free_hugepages"), "0\n");
	put(POOL("64", "free_hugepages"), "0\n");
	put(POOL("2048", "free_hugepages"), "10\n");
	assert_int_equal(host_check_huge(root.path, 2 * MIB, &err), 0);
	assert_int_equal(host_check_huge(root.path, GIB, &err), 0);
	assert_int_equal(host_check_huge(root.path, 32 * MIB, &err), -ENOTSUP);
	assert_string_equal(err.msg,
			    "huge=32M: this host has pages of 64K, 2M, 1G");
	assert_true(err.input);
}

static void huge__a_kernel_without_pools_says_so(void **state)
{
	(void)state;
	assert_int_equal(host_check_huge(root.path, 2 * MIB, &err), -ENOTSUP);
	assert_string_equal(err.msg, "huge=2M: this host's kernel has no pools "
				     "of huge pages (CONFIG_HUGETLBFS)");
}

static void huge__shortage_counts_what_is_promised_to_others(void **state)
{
	(void)state;
	put(POOL("2048", "free_hugepages"), "10\n");
	put(POOL("2048", "resv_hugepages"), "4\n");
	assert_int_equal(host_huge_shortage(root.path, 2 * MIB, GIB, &err),
			 -ENOMEM);
	assert_string_equal(err.msg,
			    "huge=2M: 512 pages are needed, 6 are free; "
			    "/sys/kernel/mm/hugepages/hugepages-2048kB/"
			    "nr_hugepages makes more");
	assert_false(err.input);
}

static void node__one_that_is_missing_lists_those_there_are(void **state)
{
	static const unsigned there[] = { 0, 1, 4, 6, 7, 8 };
	static const unsigned missing[] = { 2, 3, 5, 9, 1023 };

	(void)state;
	put("/devices/system/node/has_memory", "0-1,4,6-8\n");
	for (size_t i = 0; i < sizeof(there) / sizeof(there[0]); i++)
		assert_int_equal(host_check_node(root.path, there[i], &err), 0);
	for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++)
		assert_int_equal(host_check_node(root.path, missing[i], &err),
				 -ENODEV);
	assert_string_equal(err.msg, "node=1023: the nodes with memory of this "
				     "host are 0-1,4,6-8");
	assert_true(err.input);
}

static void node__a_kernel_without_nodes_says_so(void **state)
{
	(void)state;
	assert_int_equal(host_check_node(root.path, 0, &err), -ENOTSUP);
	assert_string_equal(err.msg, "node=0: this host's kernel knows no "
				     "nodes (CONFIG_NUMA)");
	put("/devices/system/node/has_memory", "junk\n");
	assert_int_equal(host_check_node(root.path, 0, &err), -ENODEV);
}

static void thp__what_is_turned_off_is_named(void **state)
{
	(void)state;
	assert_int_equal(host_check_thp(root.path, false, &err), -ENOTSUP);
	assert_string_equal(err.msg, "huge=thp: this host's kernel has no "
				     "transparent huge pages "
				     "(CONFIG_TRANSPARENT_HUGEPAGE)");
	put("/kernel/mm/transparent_hugepage/enabled",
	    "always [madvise] never\n");
	assert_int_equal(host_check_thp(root.path, false, &err), 0);
	put("/kernel/mm/transparent_hugepage/shmem_enabled",
	    "always within_size advise [never] deny force\n");
	assert_int_equal(host_check_thp(root.path, true, &err), -ENOTSUP);
	assert_string_equal(err.msg,
			    "huge=thp: turned off on this host; 'advise' or "
			    "'madvise' in /sys/kernel/mm/transparent_hugepage/"
			    "shmem_enabled turns it on");
	put("/kernel/mm/transparent_hugepage/shmem_enabled",
	    "always within_size [advise] never deny force\n");
	assert_int_equal(host_check_thp(root.path, true, &err), 0);
}

static void ksm__runs_if_it_says_so(void **state)
{
	(void)state;
	assert_false(host_ksm_runs(root.path));
	put("/kernel/mm/ksm/run", "0\n");
	assert_false(host_ksm_runs(root.path));
	put("/kernel/mm/ksm/run", "1\n");
	assert_true(host_ksm_runs(root.path));
}

static void available__adds_what_could_be_swapped_out(void **state)
{
	uint64_t bytes = 1;

	(void)state;
	assert_false(host_available(root.path, &bytes));
	put("/meminfo", "MemTotal: 9 kB\nMemFree: 8 kB\n"
			"MemAvailable:    1024 kB\nBuffers:  7 kB\n");
	assert_true(host_available(root.path, &bytes));
	assert_int_equal(bytes, MIB);
	put("/meminfo", "MemAvailable:    1024 kB\nSwapFree: 2048 kB\n");
	assert_true(host_available(root.path, &bytes));
	assert_int_equal(bytes, 3 * MIB);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(huge__a_size_that_is_missing_lists_those_there_are),
		TEST(huge__a_kernel_without_pools_says_so),
		TEST(huge__shortage_counts_what_is_promised_to_others),
		TEST(node__one_that_is_missing_lists_those_there_are),
		TEST(node__a_kernel_without_nodes_says_so),
		TEST(thp__what_is_turned_off_is_named),
		TEST(available__adds_what_could_be_swapped_out),
		TEST(ksm__runs_if_it_says_so),
	};

	return RUN_TESTS(tests);
}
