/* tests/unit/test_mem_residency.c - mem/residency.h, real and pretended. */
#include "mem/residency.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tests/unit/test.h"
#include "tests/unit/zero_page.h"

#define PRESENT (UINT64_C(1) << 63)
#define SWAPPED (UINT64_C(1) << 62)

static struct err err;

/* A pagemap of such entries, of addresses from 0 on. */
static struct residency_source fake(const uint64_t *entry, size_t count)
{
	FILE *file = tmpfile();

	assert_non_null(file);
	assert_int_equal(fwrite(entry, sizeof(*entry), count, file), count);
	assert_int_equal(fflush(file), 0);
	return (struct residency_source){ .fd = dup(fileno(file)),
					  .page = 4096 };
}

static void add__entries_are_counted_by_their_top_bits(void **state)
{
	/* The low bits are a frame, or a place in the swap: no matter. */
	const uint64_t entry[] = { PRESENT,
				   SWAPPED,
				   0,
				   PRESENT | 12345,
				   (UINT64_C(1) << 61) | 7,
				   SWAPPED | ~PRESENT,
				   PRESENT | SWAPPED };
	_cleanup_(residency_close) struct residency_source source = fake(entry,
									 7);
	struct residency sum = { 0 };

	(void)state;
	assert_int_equal(residency_add(&source, 0, 7 * 4096, &sum, &err), 0);
	assert_int_equal(sum.resident, 3 * 4096);
	assert_int_equal(sum.swapped, 2 * 4096);
	assert_int_equal(sum.huge, 0);
	assert_int_equal(sum.zero, 0);
}

static void add__looks_at_what_it_was_asked_for_alone(void **state)
{
	const uint64_t entry[] = { PRESENT, PRESENT, SWAPPED, PRESENT };
	_cleanup_(residency_close) struct residency_source source = fake(entry,
									 4);
	struct residency sum = { .resident = 1 };

	(void)state;
	assert_int_equal(residency_add(&source, 4096, 8192, &sum, &err), 0);
	assert_int_equal(sum.resident, 4097);
	assert_int_equal(sum.swapped, 4096);
	assert_int_equal(residency_add(&source, 4096, 0, &sum, &err), 0);
	assert_int_equal(sum.resident, 4097);
}

static void add__more_entries_than_one_read_takes(void **state)
{
	_cleanup_(freep) uint64_t *entry = calloc(5000, sizeof(*entry));
	_cleanup_(
		residency_close) struct residency_source source = { .fd = -1 };
	struct residency sum = { 0 };

	(void)state;
	for (size_t i = 0; i < 5000; i += 2)
		entry[i] = PRESENT;
	source = fake(entry, 5000);
	assert_int_equal(residency_add(&source, 0, 5000 * 4096, &sum, &err), 0);
	assert_int_equal(sum.resident, 2500 * 4096);
}

static void add__a_pagemap_that_ends_is_an_error(void **state)
{
	const uint64_t entry[] = { PRESENT };
	_cleanup_(residency_close) struct residency_source source = fake(entry,
									 1);
	struct residency sum = { 0 };

	(void)state;
	assert_int_equal(residency_add(&source, 0, 8192, &sum, &err), -ENODATA);
	assert_non_null(strstr(err.msg, "/proc/self/pagemap: "));
}

/* What this kernel says of 64 pages: some written, one read, the rest not. */
static void look(bool scan)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	_cleanup_(
		residency_close) struct residency_source source = { .fd = -1 };
	struct residency sum = { 0 };
	void *at;
	volatile uint8_t *p;

	if (residency_open(&source, &err) < 0)
		SKIP("this kernel does not tell");
	if (scan && !source.scan)
		SKIP("this kernel does not tell");
	source.scan = scan;
	at = mmap(NULL, 64 * page, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(at != MAP_FAILED);
	(void)madvise(at, 64 * page, MADV_NOHUGEPAGE);
	p = at;
	assert_int_equal(
		residency_add(&source, (uintptr_t)p, 64 * page, &sum, &err), 0);
	assert_int_equal(sum.resident + sum.zero + sum.swapped, 0);
	for (uint64_t i = 0; i < 64; i += 2)
		p[i * page] = 1;
	(void)p[page];
	assert_int_equal(
		residency_add(&source, (uintptr_t)p, 64 * page, &sum, &err), 0);
	assert_int_equal(sum.huge, 0);
	/* What a reader of entries sees of the zero page is a page. */
	assert_int_equal(sum.resident + sum.zero + sum.swapped, 33 * page);
	assert_int_equal(sum.zero, scan && reads_give_zero_page() ? page : 0);
	(void)munmap(at, 64 * page);
}

static void add__a_scan_tells_written_read_and_untouched(void **state)
{
	(void)state;
	look(true);
}

static void add__reading_tells_touched_and_untouched(void **state)
{
	(void)state;
	look(false);
}

/* Neighbours that differ fill the kernel's answer: it is asked on. */
static void add__a_scan_of_more_runs_than_one_call_takes(void **state)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	_cleanup_(
		residency_close) struct residency_source source = { .fd = -1 };
	struct residency sum = { 0 };
	uint8_t *p;

	(void)state;
	if (residency_open(&source, &err) < 0)
		SKIP("this kernel does not tell");
	p = mmap(NULL, 2048 * page, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true((void *)p != MAP_FAILED);
	(void)madvise(p, 2048 * page, MADV_NOHUGEPAGE);
	for (uint64_t i = 0; i < 2048; i += 2)
		p[i * page] = 1;
	assert_int_equal(
		residency_add(&source, (uintptr_t)p, 2048 * page, &sum, &err),
		0);
	assert_int_equal(sum.resident + sum.swapped, 1024 * page);
	(void)munmap(p, 2048 * page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(add__entries_are_counted_by_their_top_bits),
		cmocka_unit_test(add__looks_at_what_it_was_asked_for_alone),
		cmocka_unit_test(add__more_entries_than_one_read_takes),
		cmocka_unit_test(add__a_pagemap_that_ends_is_an_error),
		cmocka_unit_test(add__a_scan_tells_written_read_and_untouched),
		cmocka_unit_test(add__reading_tells_touched_and_untouched),
		cmocka_unit_test(add__a_scan_of_more_runs_than_one_call_takes),
	};

	return RUN_TESTS(tests);
}
