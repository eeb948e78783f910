/* tests/unit/test_mem_idle.c - mem/idle.c, with files for the kernel's. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "mem/idle.h"
#include "tests/unit/temp_folder.h"
#include "tests/unit/test.h"

#define PAGE UINT64_C(4096)
#define HUGE 512 /* pages */
#define PRESENT (UINT64_C(1) << 63)
#define SWAPPED (UINT64_C(1) << 62)
#define FIRST UINT64_C(0x40000) /* the first page of the process: 1 GiB */

static struct temp_folder folder;
static char pagemap[TEMP_PATH_SIZE], bitmap[TEMP_PATH_SIZE];
static struct err err;

struct rig {
	struct idle idle;
	int map, bits; /* the files, as the kernel has them */
	unsigned runs;
	uintptr_t at[8];
	uint64_t size[8];
};

static void begin(struct rig *rig)
{
	*rig = (struct rig){ 0 };
	rig->map = open(pagemap, O_RDWR | O_CREAT | O_TRUNC, 0600);
	rig->bits = open(bitmap, O_RDWR | O_CREAT | O_TRUNC, 0600);
	/* 1 GiB of the process's, and 1 GiB of the host's. */
	assert_int_equal(ftruncate(rig->map, (FIRST * 2) * 8), 0);
	assert_int_equal(ftruncate(rig->bits, 0x40000 / 8), 0);
	assert_int_equal(idle_open(&rig->idle, pagemap, bitmap, PAGE, &err), 0);
	assert_int_equal(rig->idle.huge, HUGE);
}

static void end(struct rig *rig)
{
	idle_close(&rig->idle);
	close(rig->map);
	close(rig->bits);
}

/* Page @n of the process is page @pfn of the host. */
static void map_page(struct rig *rig, uint64_t n, uint64_t pfn, uint64_t flags)
{
	const uint64_t entry = pfn | flags;

	assert_int_equal(pwrite(rig->map, &entry, 8, (off_t)((FIRST + n) * 8)),
			 8);
}

static bool bit(const struct rig *rig, uint64_t pfn)
{
	uint64_t word = 0;

	assert_int_equal(pread(rig->bits, &word, 8, (off_t)(pfn / 64 * 8)), 8);
	return word >> pfn % 64 & 1;
}

static void set_bit(const struct rig *rig, uint64_t pfn)
{
	uint64_t word = 0;

	assert_int_equal(pread(rig->bits, &word, 8, (off_t)(pfn / 64 * 8)), 8);
	word |= UINT64_C(1) << pfn % 64;
	assert_int_equal(pwrite(rig->bits, &word, 8, (off_t)(pfn / 64 * 8)), 8);
}

static void found(void *ctx, uintptr_t host, uint64_t size)
{
	struct rig *rig = ctx;

	assert_in_range(rig->runs, 0, 7);
	rig->at[rig->runs] = (uintptr_t)(host / PAGE - FIRST);
	rig->size[rig->runs++] = size / PAGE;
}

static void find(struct rig *rig, uint64_t from, uint64_t pages)
{
	rig->runs = 0;
	assert_int_equal(idle_find(&rig->idle,
				   (uintptr_t)((FIRST + from) * PAGE),
				   pages * PAGE, found, rig, &err),
			 0);
}

static void mark__notes_what_is_there_and_nothing_else(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig);
	map_page(&rig, 0, 1000, PRESENT);
	map_page(&rig, 1, 1001, PRESENT);
	map_page(&rig, 2, 1002, SWAPPED);
	map_page(&rig, 4, 63, PRESENT);
	map_page(&rig, 5, 64, PRESENT);
	map_page(&rig, 6, 2000, PRESENT); /* behind what is asked for */
	assert_int_equal(idle_mark(&rig.idle, FIRST * PAGE, 6 * PAGE, &err), 0);
	assert_true(bit(&rig, 1000) && bit(&rig, 1001) && bit(&rig, 63) &&
		    bit(&rig, 64));
	assert_false(bit(&rig, 999) || bit(&rig, 1002) || bit(&rig, 65) ||
		     bit(&rig, 2000));
	end(&rig);
}

static void mark__of_a_huge_page_the_first_bit_stands_for_all(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig);
	for (uint64_t i = 0; i < HUGE; i++) {
		map_page(&rig, i, 4 * HUGE + i, PRESENT);
		/* Not a huge page: one is missing. */
		map_page(&rig, HUGE + i, 8 * HUGE + i, i == 7 ? 0 : PRESENT);
		/* Nor this: it does not begin where one could. */
		map_page(&rig, 2 * HUGE + i, 12 * HUGE + 1 + i, PRESENT);
	}
	assert_int_equal(
		idle_mark(&rig.idle, FIRST * PAGE, 3 * HUGE * PAGE, &err), 0);
	assert_true(bit(&rig, 4 * HUGE));
	assert_false(bit(&rig, 4 * HUGE + 1));
	assert_true(bit(&rig, 8 * HUGE) && bit(&rig, 8 * HUGE + 6));
	assert_false(bit(&rig, 8 * HUGE + 7));
	assert_true(bit(&rig, 12 * HUGE + 1) && bit(&rig, 12 * HUGE + 2));
	end(&rig);
}

static void find__tells_runs_of_what_is_idle_still(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig);
	for (uint64_t i = 0; i < 10; i++)
		map_page(&rig, i, 500 + 3 * i, i == 5 ? SWAPPED : PRESENT);
	for (uint64_t i = 0; i < 10; i++)
		if (i != 2)
			set_bit(&rig, 500 + 3 * i);
	find(&rig, 0, 10);
	assert_int_equal(rig.runs, 3);
	assert_int_equal(rig.at[0], 0);
	assert_int_equal(rig.size[0], 2);
	assert_int_equal(rig.at[1], 3);
	assert_int_equal(rig.size[1], 2);
	assert_int_equal(rig.at[2], 6);
	assert_int_equal(rig.size[2], 4);
	find(&rig, 2, 1);
	assert_int_equal(rig.runs, 0);
	end(&rig);
}

static void find__a_huge_page_is_one_run_with_its_neighbours(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig);
	map_page(&rig, HUGE - 1, 77, PRESENT);
	for (uint64_t i = 0; i < HUGE; i++) {
		map_page(&rig, HUGE + i, 4 * HUGE + i, PRESENT);
		map_page(&rig, 2 * HUGE + i, 6 * HUGE + i, PRESENT);
	}
	set_bit(&rig, 77);
	set_bit(&rig, 4 * HUGE);
	find(&rig, 0, 4 * HUGE);
	assert_int_equal(rig.runs, 1);
	assert_int_equal(rig.at[0], HUGE - 1);
	assert_int_equal(rig.size[0], HUGE + 1);
	/* A part of one is looked at page by page: only the first counts. */
	find(&rig, HUGE, 10);
	assert_int_equal(rig.size[0], 1);
	end(&rig);
}

static void find__a_page_the_kernel_has_no_bit_for_is_used(void **state)
{
	const uint64_t end_pfn = 0x40000;
	struct rig rig;

	(void)state;
	begin(&rig);
	map_page(&rig, 0, end_pfn - 1, PRESENT);
	map_page(&rig, 1, end_pfn, PRESENT); /* persistent memory, say */
	map_page(&rig, 2, end_pfn - 2, PRESENT);
	set_bit(&rig, end_pfn - 1);
	set_bit(&rig, end_pfn - 2);
	find(&rig, 0, 3);
	assert_int_equal(rig.runs, 2);
	assert_int_equal(rig.at[0], 0);
	assert_int_equal(rig.at[1], 2);
	end(&rig);
}

static void open__says_what_the_host_lacks(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig);
	idle_close(&rig.idle);
	assert_int_equal(idle_open(&rig.idle, pagemap, "/nonexistent/bitmap",
				   PAGE, &err),
			 -ENOTSUP);
	assert_non_null(strstr(err.msg, "CONFIG_IDLE_PAGE_TRACKING"));
	assert_int_equal(
		idle_open(&rig.idle, "/nonexistent/map", bitmap, PAGE, &err),
		-ENOENT);
	rig.idle.pagemap = rig.idle.bitmap = -1;
	end(&rig);
}

static void mark__pages_that_are_hidden_are_an_error(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig);
	map_page(&rig, 3, 0, PRESENT);
	assert_int_equal(idle_mark(&rig.idle, FIRST * PAGE, 4 * PAGE, &err),
			 -EPERM);
	assert_int_equal(
		idle_find(&rig.idle, FIRST * PAGE, 4 * PAGE, found, &rig, &err),
		-EPERM);
	/* Behind the end of the process's memory. */
	assert_int_equal(idle_mark(&rig.idle, 3 * FIRST * PAGE, PAGE, &err),
			 -ENODATA);
	end(&rig);
}

static int make_folder(void **state)
{
	(void)state;
	if (temp_folder_make(&folder, "/tmp") < 0)
		return -1;
	temp_folder_path(&folder, "pagemap", pagemap);
	temp_folder_path(&folder, "bitmap", bitmap);
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
		cmocka_unit_test(mark__notes_what_is_there_and_nothing_else),
		cmocka_unit_test(
			mark__of_a_huge_page_the_first_bit_stands_for_all),
		cmocka_unit_test(find__tells_runs_of_what_is_idle_still),
		cmocka_unit_test(
			find__a_huge_page_is_one_run_with_its_neighbours),
		cmocka_unit_test(
			find__a_page_the_kernel_has_no_bit_for_is_used),
		cmocka_unit_test(open__says_what_the_host_lacks),
		cmocka_unit_test(mark__pages_that_are_hidden_are_an_error),
	};

	return RUN_TESTS_IN(tests, make_folder, remove_folder);
}
