/* tests/unit/test_mem_host.c - mem/host.c, on hosts made of files. */
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mem/host.h"
#include "tests/unit/test.h"

#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)

static char root[] = "/tmp/vmm-test-host-XXXXXX";
static struct err err;

/* Makes the file @path below root, and the folders above it. */
static void put(const char *path, const char *content)
{
	char full[256];
	FILE *file;

	(void)snprintf(full, sizeof(full), "%s%s", root, path);
	for (char *p = full + strlen(root) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		(void)mkdir(full, 0700);
		*p = '/';
	}
	file = fopen(full, "w");
	assert_non_null(file);
	assert_true(fputs(content, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static int drop(const char *path, const struct stat *st, int type,
		struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int setup(void **state)
{
	(void)state;
	err = (struct err){ 0 };
	(void)strcpy(root + strlen(root) - 6, "XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return nftw(root, drop, 8, FTW_DEPTH | FTW_PHYS);
}

#define POOL(kib, file) "/kernel/mm/hugepages/hugepages-" kib "kB/" file

static void huge__a_size_that_is_missing_lists_those_there_are(void **state)
{
	(void)state;
	put(POOL("1048576", "free_hugepages"), "0\n");
	put(POOL("64", "free_hugepages"), "0\n");
	put(POOL("2048", "free_hugepages"), "10\n");
	assert_int_equal(host_check_huge(root, 2 * MIB, &err), 0);
	assert_int_equal(host_check_huge(root, GIB, &err), 0);
	assert_int_equal(host_check_huge(root, 32 * MIB, &err), -ENOTSUP);
	assert_string_equal(err.msg,
			    "huge=32M: this host has pages of 64K, 2M, 1G");
	assert_true(err.input);
}

static void huge__a_kernel_without_pools_says_so(void **state)
{
	(void)state;
	assert_int_equal(host_check_huge(root, 2 * MIB, &err), -ENOTSUP);
	assert_string_equal(err.msg, "huge=2M: this host's kernel has no pools "
				     "of huge pages (CONFIG_HUGETLBFS)");
}

static void huge__shortage_counts_what_is_promised_to_others(void **state)
{
	(void)state;
	put(POOL("2048", "free_hugepages"), "10\n");
	put(POOL("2048", "resv_hugepages"), "4\n");
	assert_int_equal(host_huge_shortage(root, 2 * MIB, GIB, &err), -ENOMEM);
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
		assert_int_equal(host_check_node(root, there[i], &err), 0);
	for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++)
		assert_int_equal(host_check_node(root, missing[i], &err),
				 -ENODEV);
	assert_string_equal(err.msg, "node=1023: the nodes with memory of this "
				     "host are 0-1,4,6-8");
	assert_true(err.input);
}

static void node__a_kernel_without_nodes_says_so(void **state)
{
	(void)state;
	assert_int_equal(host_check_node(root, 0, &err), -ENOTSUP);
	assert_string_equal(err.msg, "node=0: this host's kernel knows no "
				     "nodes (CONFIG_NUMA)");
	put("/devices/system/node/has_memory", "junk\n");
	assert_int_equal(host_check_node(root, 0, &err), -ENODEV);
}

static void thp__what_is_turned_off_is_named(void **state)
{
	(void)state;
	assert_int_equal(host_check_thp(root, false, &err), -ENOTSUP);
	assert_string_equal(err.msg, "huge=thp: this host's kernel has no "
				     "transparent huge pages "
				     "(CONFIG_TRANSPARENT_HUGEPAGE)");
	put("/kernel/mm/transparent_hugepage/enabled",
	    "always [madvise] never\n");
	assert_int_equal(host_check_thp(root, false, &err), 0);
	put("/kernel/mm/transparent_hugepage/shmem_enabled",
	    "always within_size advise [never] deny force\n");
	assert_int_equal(host_check_thp(root, true, &err), -ENOTSUP);
	assert_string_equal(err.msg,
			    "huge=thp: turned off on this host; 'advise' or "
			    "'madvise' in /sys/kernel/mm/transparent_hugepage/"
			    "shmem_enabled turns it on");
	put("/kernel/mm/transparent_hugepage/shmem_enabled",
	    "always within_size [advise] never deny force\n");
	assert_int_equal(host_check_thp(root, true, &err), 0);
}

static void ksm__runs_if_it_says_so(void **state)
{
	(void)state;
	assert_false(host_ksm_runs(root));
	put("/kernel/mm/ksm/run", "0\n");
	assert_false(host_ksm_runs(root));
	put("/kernel/mm/ksm/run", "1\n");
	assert_true(host_ksm_runs(root));
}

static void available__adds_what_could_be_swapped_out(void **state)
{
	uint64_t bytes = 1;

	(void)state;
	assert_false(host_available(root, &bytes));
	put("/meminfo", "MemTotal: 9 kB\nMemFree: 8 kB\n"
			"MemAvailable:    1024 kB\nBuffers:  7 kB\n");
	assert_true(host_available(root, &bytes));
	assert_int_equal(bytes, MIB);
	put("/meminfo", "MemAvailable:    1024 kB\nSwapFree: 2048 kB\n");
	assert_true(host_available(root, &bytes));
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
