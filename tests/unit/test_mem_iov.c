/* tests/unit/test_mem_iov.c - mem/iov.c. */
#include <errno.h>
#include <string.h>

#include "mem/iov.h"
#include "tests/unit/test.h"

static uint8_t low[0x1000], high[0x1000], rom[0x1000];

/* RAM, RAM right behind it, ROM right behind that; then nothing. */
static struct mem_map three_regions(void)
{
	struct mem_map map = { 0 };
	struct err err = { 0 };

	mem_add(&map,
		(struct mem_region){ .gpa = { 0x1000, 0x1000 },
				     .kind = MEM_RAM,
				     .host = low,
				     .name = "low" },
		&err);
	mem_add(&map,
		(struct mem_region){ .gpa = { 0x2000, 0x1000 },
				     .kind = MEM_RAM,
				     .host = high,
				     .name = "high" },
		&err);
	mem_add(&map,
		(struct mem_region){ .gpa = { 0x3000, 0x1000 },
				     .kind = MEM_ROM,
				     .host = rom,
				     .name = "rom" },
		&err);
	mem_freeze(&map);
	return map;
}

static void iov__one_region_is_one_piece(void **state)
{
	const struct mem_map map = three_regions();
	struct iovec iov[1];

	(void)state;
	assert_int_equal(mem_iov(&map, (struct range){ 0x1000, 0x1000 },
				 MEM_WRITE, iov, 1),
			 1);
	assert_ptr_equal(iov[0].iov_base, low);
	assert_int_equal(iov[0].iov_len, 0x1000);
}

static void iov__a_border_splits(void **state)
{
	const struct mem_map map = three_regions();
	struct iovec iov[3];

	(void)state;
	assert_int_equal(mem_iov(&map, (struct range){ 0x1fff, 0x1002 },
				 MEM_READ, iov, 3),
			 3);
	assert_ptr_equal(iov[0].iov_base, low + 0xfff);
	assert_int_equal(iov[0].iov_len, 1);
	assert_ptr_equal(iov[1].iov_base, high);
	assert_int_equal(iov[1].iov_len, 0x1000);
	assert_ptr_equal(iov[2].iov_base, rom);
	assert_int_equal(iov[2].iov_len, 1);
}

static void iov__too_few_entries_is_enospc(void **state)
{
	const struct mem_map map = three_regions();
	struct iovec iov[2];

	(void)state;
	assert_int_equal(mem_iov(&map, (struct range){ 0x1fff, 0x1002 },
				 MEM_READ, iov, 2),
			 -ENOSPC);
}

static void iov__what_is_not_all_memory_is_refused(void **state)
{
	const struct mem_map map = three_regions();
	struct iovec iov[8];
	const struct range bad[] = {
		{ 0x1000, 0 },
		{ 0xfff, 2 },
		{ 0x3fff, 2 },
		{ 0x4000, 1 },
		{ 0x1000, UINT64_MAX },
		{ UINT64_MAX, 2 },
		{ 0x1000, UINT64_MAX - 0x1000 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(mem_iov(&map, bad[i], MEM_READ, iov, 8),
				 -EFAULT);
	assert_int_equal(
		mem_iov(&map, (struct range){ 0x2fff, 2 }, MEM_WRITE, iov, 8),
		-EFAULT);
}

static void copy__crosses_pieces_and_stops_at_the_end(void **state)
{
	uint8_t a[3] = { 1, 2, 3 }, b[2] = { 4, 5 }, out[8] = { 0 };
	const struct iovec iov[] = { { a, 3 }, { b, 2 } };

	(void)state;
	assert_int_equal(iov_length(iov, 2), 5);
	assert_int_equal(iov_read(iov, 2, 2, out, 2), 2);
	assert_memory_equal(out, ((uint8_t[]){ 3, 4, 0 }), 3);
	assert_int_equal(iov_read(iov, 2, 3, out, 8), 2);
	assert_int_equal(iov_read(iov, 2, 5, out, 8), 0);
	assert_int_equal(iov_write(iov, 2, 2, "xyz!", 4), 3);
	assert_memory_equal(a, ((uint8_t[]){ 1, 2, 'x' }), 3);
	assert_memory_equal(b, "yz", 2);
}

static void narrow__keeps_the_middle(void **state)
{
	uint8_t a[4], b[4], c[4];
	struct iovec iov[] = { { a, 4 }, { b, 4 }, { c, 4 } };
	size_t n = 3;

	(void)state;
	iov_narrow(iov, &n, 5, 4);
	assert_int_equal(n, 2);
	assert_ptr_equal(iov[0].iov_base, b + 1);
	assert_int_equal(iov[0].iov_len, 3);
	assert_ptr_equal(iov[1].iov_base, c);
	assert_int_equal(iov[1].iov_len, 1);
	iov_narrow(iov, &n, 4, 1);
	assert_int_equal(n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(iov__one_region_is_one_piece),
		cmocka_unit_test(iov__a_border_splits),
		cmocka_unit_test(iov__too_few_entries_is_enospc),
		cmocka_unit_test(iov__what_is_not_all_memory_is_refused),
		cmocka_unit_test(copy__crosses_pieces_and_stops_at_the_end),
		cmocka_unit_test(narrow__keeps_the_middle),
	};

	return RUN_TESTS(tests);
}
