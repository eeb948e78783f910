/* tests/unit/test_mem_map.c - mem/map.c. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "mem/map.h"
#include "tests/unit/test.h"

static uint8_t ram[0x3000];
static uint8_t rom[0x1000];
static struct err err;

static struct mem_region region(gpa_t start, uint64_t size, enum mem_kind kind,
				uint8_t *host)
{
	return (struct mem_region){ .gpa = { start, size },
				    .kind = kind,
				    .host = host,
				    .name = "ram" };
}

static void add(struct mem_map *map, struct mem_region r)
{
	assert_int_equal(mem_add(map, r, &err), 0);
}

static struct mem_map one_ram_region(gpa_t start, uint64_t size)
{
	struct mem_map map = { 0 };

	add(&map, region(start, size, MEM_RAM, ram));
	mem_freeze(&map);
	return map;
}

/* 0x1000 RAM, 0x2000 RAM elsewhere, 0x3000 ROM, 0x4000 hole, 0x5000 window */
static struct mem_map a_machine(void)
{
	struct mem_map map = { 0 };

	memset(ram, 0, sizeof(ram));
	memset(rom, 0, sizeof(rom));
	add(&map, region(0x5000, 0x1000, MEM_RESERVED, NULL));
	add(&map, region(0x2000, 0x1000, MEM_RAM, ram));
	add(&map, region(0x3000, 0x1000, MEM_ROM, rom));
	add(&map, region(0x1000, 0x1000, MEM_SHARED, ram + 0x2000));
	mem_freeze(&map);
	return map;
}

static void ptr__last_byte_of_region_is_reachable(void **state)
{
	struct mem_map map = one_ram_region(0x1000, 0x2000);

	(void)state;
	assert_ptr_equal(mem_ptr(&map, 0x2fff, 1, MEM_READ), ram + 0x1fff);
	assert_ptr_equal(mem_ptr(&map, 0x1000, 0x2000, MEM_READ), ram);
}

static void ptr__length_past_region_is_refused(void **state)
{
	struct mem_map map = one_ram_region(0x1000, 0x2000);

	(void)state;
	assert_null(mem_ptr(&map, 0x2fff, 2, MEM_READ));
	assert_null(mem_ptr(&map, 0x0fff, 2, MEM_READ));
	assert_null(mem_ptr(&map, 0x0fff, 1, MEM_READ));
	assert_null(mem_ptr(&map, 0x3000, 1, MEM_READ));
	assert_null(mem_ptr(&map, 0x1000, 0x2001, MEM_READ));
}

static void ptr__no_length_is_refused(void **state)
{
	struct mem_map map = one_ram_region(0x1000, 0x2000);

	(void)state;
	assert_null(mem_ptr(&map, 0x1000, 0, MEM_READ));
	assert_null(mem_ptr(&map, 0x2fff, 0, MEM_READ));
}

static void ptr__length_that_wraps_is_refused(void **state)
{
	struct mem_map map = one_ram_region(0x1000, 0x2000);

	(void)state;
	assert_null(mem_ptr(&map, 0x1800, UINT64_MAX, MEM_READ));
	assert_null(mem_ptr(&map, UINT64_MAX, 2, MEM_READ));
	assert_null(mem_ptr(&map, 0x1800, 0 - 0x800ull, MEM_READ));
}

static void ptr__top_of_address_space_works(void **state)
{
	struct mem_map map = one_ram_region(UINT64_MAX - 0xfff, 0x1000);

	(void)state;
	assert_ptr_equal(mem_ptr(&map, UINT64_MAX, 1, MEM_READ), ram + 0xfff);
	assert_null(mem_ptr(&map, UINT64_MAX, 2, MEM_READ));
	assert_null(mem_ptr(&map, 0, 1, MEM_READ));
}

static void ptr__empty_map_has_nothing(void **state)
{
	struct mem_map map = { 0 };

	(void)state;
	mem_freeze(&map);
	assert_null(mem_ptr(&map, 0, 1, MEM_READ));
	assert_null(mem_find(&map, 0));
}

static void ptr__kinds_allow_what_they_are(void **state)
{
	struct mem_map map = a_machine();

	(void)state;
	assert_non_null(mem_ptr(&map, 0x1000, 1, MEM_WRITE));
	assert_non_null(mem_ptr(&map, 0x2000, 1, MEM_WRITE));
	assert_non_null(mem_ptr(&map, 0x2000, 1, MEM_LOAD));
	assert_non_null(mem_ptr(&map, 0x3000, 1, MEM_READ));
	assert_non_null(mem_ptr(&map, 0x3000, 1, MEM_LOAD));
	assert_null(mem_ptr(&map, 0x3000, 1, MEM_WRITE));
	assert_null(mem_ptr(&map, 0x5000, 1, MEM_READ));
	assert_null(mem_ptr(&map, 0x5000, 1, MEM_LOAD));
}

static void ptr_part__ends_with_its_region(void **state)
{
	struct mem_map map = a_machine();
	uint64_t part = 7;

	(void)state;
	assert_ptr_equal(mem_ptr_part(&map, 0x1ffe, 9, MEM_READ, &part),
			 ram + 0x2ffe);
	assert_int_equal(part, 2);
	assert_ptr_equal(mem_ptr_part(&map, 0x2000, 9, MEM_READ, &part), ram);
	assert_int_equal(part, 9);
	part = 7;
	assert_null(mem_ptr_part(&map, 0x4000, 9, MEM_READ, &part));
	assert_null(mem_ptr_part(&map, 0x3000, 9, MEM_WRITE, &part));
	assert_null(mem_ptr_part(&map, 0x2000, 0, MEM_READ, &part));
	assert_int_equal(part, 7);
}

static void find__holes_belong_to_nobody(void **state)
{
	struct mem_map map = a_machine();

	(void)state;
	assert_null(mem_find(&map, 0xfff));
	assert_true(mem_find(&map, 0x1fff)->kind == MEM_SHARED);
	assert_true(mem_find(&map, 0x3fff)->kind == MEM_ROM);
	assert_null(mem_find(&map, 0x4000));
	assert_null(mem_find(&map, 0x4fff));
	assert_true(mem_find(&map, 0x5000)->kind == MEM_RESERVED);
	assert_null(mem_find(&map, 0x6000));
	assert_null(mem_find(&map, UINT64_MAX));
}

static void copy__crosses_regions_without_a_hole(void **state)
{
	struct mem_map map = a_machine();
	char buf[5] = { 0 };

	(void)state;
	assert_int_equal(mem_write(&map, 0x1ffe, "abcd", 4), 0);
	assert_memory_equal(ram + 0x2ffe, "ab", 2);
	assert_memory_equal(ram, "cd", 2);
	assert_int_equal(mem_read(&map, 0x1ffe, buf, 4), 0);
	assert_string_equal(buf, "abcd");
	assert_int_equal(mem_zero(&map, 0x1fff, 2), 0);
	assert_int_equal(mem_read(&map, 0x1ffe, buf, 4), 0);
	assert_memory_equal(buf, "a\0\0d", 4);
	assert_int_equal(mem_load(&map, 0x2ffe, "wxyz", 4), 0);
	assert_memory_equal(rom, "yz", 2);
}

static void copy__is_all_or_nothing(void **state)
{
	struct mem_map map = a_machine();
	char buf[5] = "....";

	(void)state;
	assert_int_equal(mem_write(&map, 0x2ffe, "abcd", 4), -EFAULT);
	assert_int_equal(ram[0xffe], 0);
	assert_int_equal(mem_load(&map, 0x3ffe, "abcd", 4), -EFAULT);
	assert_int_equal(rom[0xffe], 0);
	ram[0xfff] = 1;
	assert_int_equal(mem_zero(&map, 0x2fff, 2), -EFAULT);
	assert_int_equal(ram[0xfff], 1);
	assert_int_equal(mem_read(&map, 0x3ffe, buf, 4), -EFAULT);
	assert_string_equal(buf, "....");
	assert_int_equal(mem_read(&map, 0x3ffe, buf, UINT64_MAX), -EFAULT);
}

static void copy__nothing_is_always_possible(void **state)
{
	struct mem_map map = a_machine();

	(void)state;
	assert_int_equal(mem_read(&map, 0x4000, NULL, 0), 0);
	assert_int_equal(mem_write(&map, 0x4000, NULL, 0), 0);
	assert_int_equal(mem_zero(&map, 0x4000, 0), 0);
}

static void copy__does_not_wrap_from_top_to_bottom(void **state)
{
	struct mem_map map = { 0 };
	char buf[2] = "..";

	(void)state;
	add(&map, region(0, 0x1000, MEM_RAM, ram));
	add(&map, region(UINT64_MAX - 0xfff, 0x1000, MEM_RAM, ram + 0x1000));
	mem_freeze(&map);
	assert_int_equal(mem_read(&map, UINT64_MAX, buf, 1), 0);
	assert_int_equal(mem_read(&map, UINT64_MAX, buf, 2), -EFAULT);
	assert_int_equal(mem_write(&map, UINT64_MAX, buf, 2), -EFAULT);
}

static int add_fails(struct mem_map *map, gpa_t start, uint64_t size)
{
	struct mem_region r = region(start, size, MEM_RAM, ram);

	(void)snprintf(r.name, sizeof(r.name), "new");
	return mem_add(map, r, &err);
}

static void add__overlap_names_both_regions(void **state)
{
	struct mem_map map = { 0 };

	(void)state;
	add(&map, region(0x1000, 0x1000, MEM_RAM, ram));
	add(&map, region(0x3000, 0x1000, MEM_RAM, ram));
	assert_int_equal(add_fails(&map, 0x1fff, 1), -EEXIST);
	assert_string_equal(err.msg, "new at 0x1fff (0x1 bytes) overlaps ram "
				     "at 0x1000");
	assert_int_equal(add_fails(&map, 0x1000, 0x1000), -EEXIST);
	assert_int_equal(add_fails(&map, 0x2fff, 2), -EEXIST);
	assert_int_equal(add_fails(&map, 0, UINT64_MAX), -EEXIST);
	assert_int_equal(add_fails(&map, 0, 0x1001), -EEXIST);
	assert_int_equal(map.count, 2);
	assert_int_equal(add_fails(&map, 0x2000, 0x1000), 0);
	assert_int_equal(add_fails(&map, 0, 0x1000), 0);
}

static void add__empty_and_wrapping_are_refused(void **state)
{
	struct mem_map map = { 0 };

	(void)state;
	assert_int_equal(add_fails(&map, 0x1000, 0), -EINVAL);
	assert_int_equal(add_fails(&map, UINT64_MAX, 2), -EINVAL);
	assert_string_equal(err.msg, "new: 0x2 bytes at 0xffffffffffffffff "
				     "are no range of addresses");
}

static void add__keeps_any_order_sorted_until_full(void **state)
{
	struct mem_map map = { 0 };

	(void)state;
	/* 7 and 96 have no common divisor: each place once, in no order. */
	for (unsigned i = 0; i < MEM_MAX_REGIONS; i++)
		add(&map, region((uint64_t)(i * 7 % MEM_MAX_REGIONS) << 12,
				 0x1000, MEM_RAM, ram));
	assert_int_equal(add_fails(&map, 1ull << 40, 1), -ENOSPC);
	assert_string_equal(err.msg, "new: more than 96 regions of memory");
	mem_freeze(&map);
	for (unsigned i = 0; i < MEM_MAX_REGIONS; i++) {
		assert_int_equal(map.region[i].gpa.start, i << 12);
		assert_ptr_equal(mem_find(&map, (i << 12) + 0xfff),
				 &map.region[i]);
	}
}

static void add__name_is_copied(void **state)
{
	struct mem_map map = { 0 };
	struct mem_region r = region(0, 1, MEM_RAM, ram);

	(void)state;
	(void)snprintf(r.name, sizeof(r.name), "ram%d", 7);
	add(&map, r);
	memset(r.name, 0, sizeof(r.name));
	assert_string_equal(map.region[0].name, "ram7");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ptr__last_byte_of_region_is_reachable),
		cmocka_unit_test(ptr__length_past_region_is_refused),
		cmocka_unit_test(ptr__no_length_is_refused),
		cmocka_unit_test(ptr__length_that_wraps_is_refused),
		cmocka_unit_test(ptr__top_of_address_space_works),
		cmocka_unit_test(ptr__empty_map_has_nothing),
		cmocka_unit_test(ptr__kinds_allow_what_they_are),
		cmocka_unit_test(ptr_part__ends_with_its_region),
		cmocka_unit_test(find__holes_belong_to_nobody),
		cmocka_unit_test(copy__crosses_regions_without_a_hole),
		cmocka_unit_test(copy__is_all_or_nothing),
		cmocka_unit_test(copy__nothing_is_always_possible),
		cmocka_unit_test(copy__does_not_wrap_from_top_to_bottom),
		cmocka_unit_test(add__overlap_names_both_regions),
		cmocka_unit_test(add__empty_and_wrapping_are_refused),
		cmocka_unit_test(add__keeps_any_order_sorted_until_full),
		cmocka_unit_test(add__name_is_copied),
	};

	return RUN_TESTS(tests);
}
