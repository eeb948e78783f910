/* tests/unit/test_mem_discard.c - mem/discard.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "mem/discard.h"
#include "tests/unit/temp_folder.h"
#include "tests/unit/test.h"

#define MIB ((uint64_t)1 << 20)
#define SIZE (4 * MIB)

static struct temp_folder folder;
static char path[TEMP_PATH_SIZE];
static struct err err;

/* The policy of these words; "@" stands for the test's file. */
static int init(struct backing *b, const char *words)
{
	const char *at = strchr(words, '@');
	const char *place = NULL;
	struct mem_policy p;
	char text[TEMP_PATH_SIZE + 64];

	if (at)
		(void)snprintf(text, sizeof(text), "4M,%.*s%s%s",
			       (int)(at - words), words, path, at + 1);
	else
		(void)snprintf(text, sizeof(text), "4M,%s", words);
	assert_int_equal(mem_policy_parse(&p, text, &place, &err), 0);
	return backing_init(b, (struct range){ 0, SIZE }, 2 * MIB, &p, &err);
}

static bool all(const uint8_t *p, size_t len, uint8_t val)
{
	while (len > 0 && *p == val)
		p++, len--;
	return len == 0;
}

/* Discards the second and third page, and looks at all. */
static void check(struct backing *b, uint8_t then)
{
	const size_t page = (size_t)b->page;

	memset(b->host, 0xaa, SIZE);
	assert_int_equal(backing_discard(b, page, 2 * page), 0);
	assert_true(all(b->host, page, 0xaa));
	assert_true(all(b->host + page, 2 * page, then));
	assert_true(all(b->host + 3 * page, SIZE - 3 * page, 0xaa));
	/* It can be used again, and given back again. */
	memset(b->host + page, 0xbb, 2 * page);
	assert_true(all(b->host + page, 2 * page, 0xbb));
	assert_int_equal(backing_discard(b, 2 * page, SIZE - 2 * page), 0);
	assert_int_equal(backing_discard(b, 0, SIZE), 0);
	assert_true(all(b->host, SIZE, then));
	assert_int_equal(backing_discards_to_zero(b), then == 0);
}

static void discard__private_memory_reads_zero_and_serves_again(void **state)
{
	static const char *const words[] = { "backing=anon", "reserve=on",
					     "huge=off" };

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct backing b;

		assert_int_equal(init(&b, words[i]), 0);
		check(&b, 0);
		backing_finish(&b);
	}
}

static void discard__locked_memory_is_given_back_as_well(void **state)
{
	struct backing b;

	(void)state;
	if (init(&b, "lock=on") < 0)
		SKIP("so much memory must not be locked here");
	check(&b, 0);
	backing_finish(&b);
}

static void discard__shared_memory_goes_for_all_who_share_it(void **state)
{
	struct backing b;
	uint8_t *other;

	(void)state;
	assert_int_equal(init(&b, "backing=memfd,share=on"), 0);
	other = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, b.fd, 0);
	assert_ptr_not_equal(other, MAP_FAILED);
	memset(b.host, 0xaa, SIZE);
	assert_int_equal(backing_discard(&b, MIB, MIB), 0);
	assert_true(all(other, MIB, 0xaa));
	assert_true(all(other + MIB, MIB, 0));
	assert_true(all(other + 2 * MIB, 2 * MIB, 0xaa));
	check(&b, 0);
	(void)munmap(other, SIZE);
	backing_finish(&b);
}

static blkcnt_t blocks(off_t *ret_size)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	*ret_size = st.st_size;
	return st.st_blocks;
}

static void discard__a_shared_file_shrinks_on_disk_not_in_size(void **state)
{
	struct backing b;
	blkcnt_t full;
	off_t size;
	int r;

	(void)state;
	assert_int_equal(init(&b, "backing=file:@,share=on"), 0);
	memset(b.host, 0xaa, SIZE);
	assert_int_equal(msync(b.host, SIZE, MS_SYNC), 0);
	full = blocks(&size);
	r = backing_discard(&b, 0, 2 * MIB);
	if (r == -EOPNOTSUPP) {
		backing_finish(&b);
		SKIP("this file system punches no holes");
	}
	assert_int_equal(r, 0);
	assert_true(blocks(&size) < full);
	assert_int_equal(size, SIZE);
	check(&b, 0);
	backing_finish(&b);
}

static void discard__of_a_private_file_what_is_below_comes_back(void **state)
{
	struct backing b;
	off_t size;

	(void)state;
	assert_int_equal(init(&b, "backing=file:@,share=on"), 0);
	memset(b.host, 0xcc, SIZE);
	backing_finish(&b);

	assert_int_equal(init(&b, "backing=file:@,share=off"), 0);
	check(&b, 0xcc);
	backing_finish(&b);
	(void)blocks(&size);
	assert_int_equal(size, SIZE);
}

static void discard__huge_pages_of_the_pool_go_one_by_one(void **state)
{
	struct backing b;

	(void)state;
	if (init(&b, "huge=2M") < 0)
		SKIP("this host has no huge pages to give");
	memset(b.host, 0xaa, SIZE);
	assert_int_equal(backing_discard(&b, 2 * MIB, 2 * MIB), 0);
	assert_true(all(b.host, 2 * MIB, 0xaa));
	assert_true(all(b.host + 2 * MIB, 2 * MIB, 0));
	backing_finish(&b);
}

static int make_folder(void **state)
{
	(void)state;
	if (temp_folder_make(&folder, "/tmp") < 0)
		return -1;
	temp_folder_path(&folder, "ram", path);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	return temp_folder_remove(&folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			discard__private_memory_reads_zero_and_serves_again),
		cmocka_unit_test(discard__locked_memory_is_given_back_as_well),
		cmocka_unit_test(
			discard__shared_memory_goes_for_all_who_share_it),
		cmocka_unit_test(
			discard__a_shared_file_shrinks_on_disk_not_in_size),
		cmocka_unit_test(
			discard__of_a_private_file_what_is_below_comes_back),
		cmocka_unit_test(discard__huge_pages_of_the_pool_go_one_by_one),
	};

	return RUN_TESTS_IN(tests, make_folder, remove_folder);
}
