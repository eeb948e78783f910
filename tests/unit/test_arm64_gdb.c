/* tests/unit/test_arm64_gdb.c - arch/arm64/gdb_walk.c. */
#include "arch/arm64/gdb.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "tests/unit/test.h"

#define RAM UINT64_C(0x40000000)
#define SIZE (UINT64_C(1) << 20)
#define TABLE 3
#define PAGE 3
#define BLOCK 1

static uint8_t *ram;

static struct mem_map make_map(void)
{
	struct mem_map map = { 0 };
	struct err err = { 0 };

	ram = calloc(1, SIZE);
	assert_non_null(ram);
	mem_add(&map,
		(struct mem_region){ .gpa = { RAM, SIZE },
				     .kind = MEM_RAM,
				     .host = ram,
				     .name = "ram" },
		&err);
	mem_freeze(&map);
	return map;
}

/* @table, of one of the granules, gets an entry. */
static void put_entry(uint64_t table, uint64_t index, uint64_t descriptor)
{
	store_le64(ram + (table - RAM) + 8 * index, descriptor);
}

static void expect(const struct mem_map *map, const struct arm64_mmu *mmu,
		   uint64_t addr, uint64_t want)
{
	gpa_t gpa = 0;

	assert_int_equal(arm64_walk(map, mmu, addr, &gpa), 0);
	assert_int_equal(gpa, want);
}

static void expect_none(const struct mem_map *map, const struct arm64_mmu *mmu,
			uint64_t addr)
{
	gpa_t gpa;

	assert_int_equal(arm64_walk(map, mmu, addr, &gpa), -EFAULT);
}

static void walk__with_the_mmu_off_is_physical(void **state)
{
	const struct arm64_mmu off = { 0 };
	const struct mem_map map = make_map();

	(void)state;
	expect(&map, &off, 0x40001234, 0x40001234);
	free(ram);
}

/* As Linux has it: 48 bits above, and 39 below. */
static void walk__of_4k_pages_and_blocks(void **state)
{
	const uint64_t l0 = RAM, l1 = RAM + 0x1000, l2 = RAM + 0x2000,
		       l3 = RAM + 0x3000, low1 = RAM + 0x4000;
	const struct arm64_mmu mmu = {
		.sctlr = 1,
		/* T0SZ 25, TG0 4K; T1SZ 16, TG1 4K */
		.tcr = 25 | UINT64_C(16) << 16 | UINT64_C(2) << 30,
		.ttbr0 = low1 | UINT64_C(7) << 48, /* with an ASID */
		.ttbr1 = l0 | 1,
	};
	const struct mem_map map = make_map();

	(void)state;
	put_entry(l0, 0x100, l1 | TABLE);
	put_entry(l1, 2, l2 | TABLE);
	put_entry(l1, 3, UINT64_C(0x80000000) | BLOCK);
	put_entry(l2, 5, l3 | TABLE);
	put_entry(l2, 6, UINT64_C(0x40200000) | BLOCK | UINT64_C(3) << 53);
	put_entry(l3, 7, UINT64_C(0x12345000) | PAGE | UINT64_C(0x40) << 48);
	put_entry(l3, 8, UINT64_C(0x12345000) | BLOCK); /* reserved there */
	put_entry(low1, 1, UINT64_C(0xc0000000) | BLOCK);
	expect(&map, &mmu, 0xffff800080a07abc, 0x12345abc);
	expect(&map, &mmu, 0xffff800080c01234, 0x40201234);
	expect(&map, &mmu, 0xffff8000c1234567, 0x81234567);
	expect(&map, &mmu, 0x7fffffff, 0xc0000000 + 0x3fffffff);
	/* The tag of a pointer is not looked at. */
	expect(&map, &mmu, 0xab00000040000004, 0xc0000004);
	expect_none(&map, &mmu, 0xffff800080a08000);
	expect_none(&map, &mmu, 0xffff800000000000);
	expect_none(&map, &mmu, 0);
	free(ram);
}

static void walk__of_64k_pages_and_52_bits(void **state)
{
	const uint64_t l1 = RAM, l2 = RAM + 0x10000, l3 = RAM + 0x20000;
	const struct arm64_mmu mmu = {
		.sctlr = 1,
		.tcr = UINT64_C(12) << 16 | UINT64_C(3) << 30,
		.ttbr1 = l1,
	};
	const struct mem_map map = make_map();

	(void)state;
	put_entry(l1, 0, l2 | TABLE);
	put_entry(l2, 1, l3 | TABLE);
	put_entry(l3, 2, UINT64_C(0x50000) | PAGE | UINT64_C(0xa) << 12);
	expect(&map, &mmu, 0xfff0000020021234, 0xa000000051234);
	free(ram);
}

static void walk__of_16k_pages(void **state)
{
	const uint64_t l2 = RAM, l3 = RAM + 0x4000;
	const struct arm64_mmu mmu = {
		.sctlr = 1,
		/* T0SZ 28: 36 bits begin at level 2; TG0 16K */
		.tcr = 28 | UINT64_C(2) << 14,
		.ttbr0 = l2,
	};
	const struct mem_map map = make_map();

	(void)state;
	put_entry(l2, 1, l3 | TABLE);
	put_entry(l3, 3, UINT64_C(0x48000) | PAGE);
	expect(&map, &mmu, 0x200d234, 0x49234);
	free(ram);
}

static void walk__of_nonsense_ends(void **state)
{
	struct arm64_mmu mmu = { .sctlr = 1, .ttbr0 = RAM };
	const struct mem_map map = make_map();

	(void)state;
	/* A table that is its own entries' table, and one that is nowhere. */
	memset(ram, 0, SIZE);
	put_entry(RAM, 0, RAM | TABLE);
	mmu.tcr = 16;
	expect(&map, &mmu, 0x123, RAM + 0x123);
	put_entry(RAM, 0, UINT64_C(0xdead0000) | TABLE);
	expect_none(&map, &mmu, 0x123);
	mmu.ttbr0 = UINT64_C(0xffff00000000);
	expect_none(&map, &mmu, 0);
	/* All sizes, and granules that are reserved. */
	mmu.ttbr0 = mmu.ttbr1 = RAM;
	for (uint64_t size = 0; size < 64; size++)
		for (uint64_t granule = 0; granule < 4; granule++) {
			gpa_t gpa;

			mmu.tcr = size | size << 16 | granule << 14 |
				  granule << 30;
			(void)arm64_walk(&map, &mmu, 0, &gpa);
			(void)arm64_walk(&map, &mmu, UINT64_MAX, &gpa);
		}
	free(ram);
}

static void registers__lie_behind_each_other(void **state)
{
	size_t at = 0, offset, size;
	unsigned n = 0;

	(void)state;
	for (; (size = arm64_gdb_find(n, &offset)) > 0; n++) {
		assert_int_equal(offset, at);
		at += size;
	}
	assert_int_equal(n, 68);
	assert_int_equal(at, ARM64_GDB_SIZE);
}

static void watch__covers_what_the_processor_can(void **state)
{
	struct arm64_watch watch;

	(void)state;
	assert_int_equal(arm64_gdb_watch(0x1002, 2, false, true, &watch), 0);
	assert_int_equal(watch.value, 0x1000);
	assert_int_equal(watch.control, 1 | 3 << 1 | 2 << 3 | 0xc << 5);
	assert_int_equal(arm64_gdb_watch(0x1000, 8, true, true, &watch), 0);
	assert_int_equal(watch.control, 1 | 3 << 1 | 3 << 3 | 0xff << 5);
	assert_int_equal(arm64_gdb_watch(0x2000, 4096, true, false, &watch), 0);
	assert_int_equal(watch.control,
			 1 | 3 << 1 | 1 << 3 | 0xff << 5 | 12 << 24);
	assert_int_equal(arm64_gdb_watch(0x1006, 4, true, true, &watch),
			 -EINVAL);
	assert_int_equal(arm64_gdb_watch(0x1010, 32, true, true, &watch),
			 -EINVAL);
	assert_int_equal(arm64_gdb_watch(0x1000, 0, true, true, &watch),
			 -EINVAL);
	assert_int_equal(
		arm64_gdb_watch(0, UINT64_C(1) << 32, true, true, &watch),
		-EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(walk__with_the_mmu_off_is_physical),
		cmocka_unit_test(walk__of_4k_pages_and_blocks),
		cmocka_unit_test(walk__of_64k_pages_and_52_bits),
		cmocka_unit_test(walk__of_16k_pages),
		cmocka_unit_test(walk__of_nonsense_ends),
		cmocka_unit_test(registers__lie_behind_each_other),
		cmocka_unit_test(watch__covers_what_the_processor_can),
	};

	return RUN_TESTS(tests);
}
