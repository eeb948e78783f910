/* tests/unit/test_vmgenid.c - devices/vmgenid.c. */
#include <string.h>

#include "devices/vmgenid.h"
#include "tests/unit/test.h"

#define BASE 0x1050000
#define SIZE 0x10000

static uint8_t bytes[SIZE];
static struct mem_map map;
static struct err err;
static unsigned rises, falls;

static void set_line(void *chip, unsigned pin, bool level)
{
	(void)chip;
	assert_int_equal(pin, 1);
	/* The bytes are there before the guest is told. */
	if (level)
		assert_int_not_equal(bytes[0] | bytes[7] | bytes[15], 0);
	rises += level;
	falls += !level;
}

static int make_generation(void **state)
{
	(void)state;
	map = (struct mem_map){ 0 };
	memset(bytes, 0, sizeof(bytes));
	rises = falls = 0;
	if (mem_add(&map,
		    (struct mem_region){ .gpa = { BASE, SIZE },
					 .host = bytes,
					 .kind = MEM_SHARED,
					 .name = "generation" },
		    &err) < 0)
		return -1;
	mem_freeze(&map);
	return 0;
}

static void renew__each_generation_is_another_and_told_by_an_edge(void **state)
{
	const struct vmgenid vmgenid = { &map, BASE, { set_line, NULL, 1 } };
	static const uint8_t zeroes[SIZE];
	uint8_t first[VMGENID_SIZE];

	(void)state;
	assert_int_equal(vmgenid_renew(&vmgenid, &err), 0);
	assert_int_equal(rises, 1);
	assert_int_equal(falls, 1);
	memcpy(first, bytes, VMGENID_SIZE);
	assert_int_equal(vmgenid_renew(&vmgenid, &err), 0);
	assert_memory_not_equal(first, bytes, VMGENID_SIZE);
	assert_int_equal(rises, 2);
	assert_memory_equal(bytes + VMGENID_SIZE, zeroes, SIZE - VMGENID_SIZE);
}

static void renew__a_machine_without_one_stays_as_it_is(void **state)
{
	const struct vmgenid none = { 0 };

	(void)state;
	assert_int_equal(vmgenid_renew(&none, &err), 0);
	assert_int_equal(rises, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, make_generation)
	const struct CMUnitTest tests[] = {
		TEST(renew__each_generation_is_another_and_told_by_an_edge),
		TEST(renew__a_machine_without_one_stays_as_it_is),
	};

	return RUN_TESTS(tests);
}
