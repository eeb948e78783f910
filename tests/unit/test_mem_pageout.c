/* tests/unit/test_mem_pageout.c - mem/pageout.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mem/pageout.h"
#include "tests/unit/test.h"

#define MIB ((uint64_t)1 << 20)

static struct err err;

/* A list of swap spaces with this in it, as a path to open. */
static const char *swaps(const char *text)
{
	static char path[64];
	const int fd = memfd_create("swaps", 0);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return path;
}

static const char *some(void)
{
	return swaps("Filename\tType\tSize\tUsed\tPriority\n"
		     "/dev/zram0\tpartition\t524284\t0\t-2\n");
}

static void check__memory_that_stays_is_refused_with_the_reason(void **state)
{
	struct backing b = { 0 };

	(void)state;
	assert_int_equal(backing_check_pageout(&b, some(), &err), 0);
	assert_int_equal(
		backing_check_pageout(&b, swaps("Filename\tType\n"), &err),
		-ENOTSUP);
	assert_non_null(strstr(err.msg, "no swap space"));
	assert_int_equal(backing_check_pageout(&b, "/nonexistent", &err),
			 -ENOTSUP);
	b.policy.lock = true;
	assert_int_equal(backing_check_pageout(&b, some(), &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "lock=on"));
	b.policy.huge = MEM_HUGE_TLB;
	assert_int_equal(backing_check_pageout(&b, some(), &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "pool"));
}

static void check__a_shared_file_needs_no_swap(void **state)
{
	struct backing b = { .policy = { .source = MEM_FILE, .share = true } };

	(void)state;
	assert_int_equal(backing_check_pageout(&b, "/nonexistent", &err), 0);
	b.policy.share = false;
	assert_int_equal(backing_check_pageout(&b, "/nonexistent", &err),
			 -ENOTSUP);
}

static void pageout__keeps_the_content(void **state)
{
	struct backing b;

	(void)state;
	assert_int_equal(backing_init(&b, (struct range){ 0, 4 * MIB }, 2 * MIB,
				      NULL, &err),
			 0);
	memset(b.host, 0x5a, 4 * MIB);
	assert_int_equal(backing_pageout(&b, MIB, 2 * MIB), 0);
	for (uint64_t i = 0; i < 4 * MIB; i++)
		assert_int_equal(b.host[i], 0x5a);
	backing_finish(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			check__memory_that_stays_is_refused_with_the_reason),
		cmocka_unit_test(check__a_shared_file_needs_no_swap),
		cmocka_unit_test(pageout__keeps_the_content),
	};

	return RUN_TESTS(tests);
}
