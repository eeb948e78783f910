/* tests/unit/test_mem_slots.c - mem/slots.c with an array for a hypervisor. */
#include <errno.h>
#include <string.h>

#include "mem/slots.h"
#include "tests/unit/test.h"

static _Alignas(0x1000) uint8_t host[0x3000];
static struct err err;

struct fake {
	struct mem_slot_ops ops;
	gpa_t start[4];
	bool rom[4];
	uint32_t count;
	int fail; /* what set() returns, */
	uint32_t fail_at; /* for this slot */
};

static int fake_set(void *ctx, uint32_t slot, const struct mem_region *region,
		    struct err *e)
{
	struct fake *fake = ctx;

	if (fake->fail < 0 && slot == fake->fail_at)
		return err_set(e, fake->fail, "no");
	assert_int_equal(slot, fake->count);
	fake->start[fake->count] = region->gpa.start;
	fake->rom[fake->count++] = region->kind == MEM_ROM;
	return 0;
}

static void fake_clear(void *ctx, uint32_t slot)
{
	struct fake *fake = ctx;

	assert_int_equal(slot, --fake->count);
}

static struct fake *fake_make(struct fake *fake)
{
	*fake = (struct fake){ 0 };
	fake->ops = (struct mem_slot_ops){ fake_set, fake_clear, fake,
					   0x1000,   4,		 true };
	return fake;
}

static struct mem_map three_banks_and_a_hole(void)
{
	const struct mem_region regions[] = {
		{ .gpa = { 0x2000, 0x1000 },
		  .kind = MEM_RAM,
		  .host = host,
		  .name = "high" },
		{ .gpa = { 0x1000, 0x1000 },
		  .kind = MEM_RESERVED,
		  .host = NULL,
		  .name = "hole" },
		{ .gpa = { 0x3000, 0x1000 },
		  .kind = MEM_ROM,
		  .host = host + 0x1000,
		  .name = "flash" },
		{ .gpa = { 0x0000, 0x1000 },
		  .kind = MEM_RAM,
		  .host = host + 0x2000,
		  .name = "low" },
	};
	struct mem_map map = { 0 };

	for (size_t i = 0; i < 4; i++)
		assert_int_equal(mem_add(&map, regions[i], &err), 0);
	mem_freeze(&map);
	return map;
}

static void install__slots_follow_addresses_and_skip_holes(void **state)
{
	struct mem_map map = three_banks_and_a_hole();
	struct fake fake;

	(void)state;
	fake_make(&fake)->ops.max = 3;
	assert_int_equal(mem_install(&map, &fake.ops, &err), 0);
	assert_int_equal(fake.count, 3);
	assert_int_equal(fake.start[0], 0);
	assert_int_equal(fake.start[1], 0x2000);
	assert_int_equal(fake.start[2], 0x3000);
	assert_true(fake.rom[2] && !fake.rom[0] && !fake.rom[1]);
}

static void slot__is_the_one_installed(void **state)
{
	const struct mem_map map = three_banks_and_a_hole();
	struct fake fake;

	(void)state;
	assert_int_equal(mem_install(&map, &fake_make(&fake)->ops, &err), 0);
	for (size_t i = 0; i < map.count; i++)
		if (map.region[i].kind != MEM_RESERVED)
			assert_int_equal(fake.start[mem_slot(&map, i)],
					 map.region[i].gpa.start);
}

static void install__failure_names_the_region_and_leaves_none(void **state)
{
	struct mem_map map = three_banks_and_a_hole();
	struct fake fake;

	(void)state;
	fake_make(&fake)->fail = -ENOMEM;
	fake.fail_at = 2;
	assert_int_equal(mem_install(&map, &fake.ops, &err), -ENOMEM);
	assert_string_equal(err.msg, "memory region flash: no");
	assert_int_equal(fake.count, 0);
	fake.fail_at = 0;
	assert_int_equal(mem_install(&map, &fake.ops, &err), -ENOMEM);
	assert_string_equal(err.msg, "memory region low: no");
}

static void install__more_than_the_host_has_is_refused(void **state)
{
	struct mem_map map = three_banks_and_a_hole();
	struct fake fake;

	(void)state;
	fake_make(&fake)->ops.max = 2;
	assert_int_equal(mem_install(&map, &fake.ops, &err), -ENOSPC);
	assert_string_equal(err.msg, "flash: out of memory slots, the host "
				     "has 2");
	assert_int_equal(fake.count, 0);
}

static void install__rom_needs_a_host_that_has_it(void **state)
{
	struct mem_map map = three_banks_and_a_hole();
	struct fake fake;

	(void)state;
	fake_make(&fake)->ops.rom = false;
	assert_int_equal(mem_install(&map, &fake.ops, &err), -ENOTSUP);
	assert_string_equal(err.msg, "flash: the host has no read-only memory "
				     "slots");
	assert_int_equal(fake.count, 0);
}

static void install__guest_host_and_size_must_be_aligned(void **state)
{
	struct mem_map map = three_banks_and_a_hole();
	struct fake fake;

	(void)state;
	fake_make(&fake)->ops.align = 0x2000;
	assert_int_equal(mem_install(&map, &fake.ops, &err), -EINVAL);
	assert_string_equal(err.msg, "low (0x1000 bytes at 0x0) is not aligned "
				     "to 0x2000");
	fake.ops.align = 0x1000;
	map.region[2].host += 8;
	assert_int_equal(mem_install(&map, &fake.ops, &err), -EINVAL);
	assert_int_equal(fake.count, 0);
	map.region[2].host -= 8;
	map.region[3].gpa.start += 8;
	assert_int_equal(mem_install(&map, &fake.ops, &err), -EINVAL);
	map.region[3].gpa.start -= 8;
	assert_int_equal(mem_install(&map, &fake.ops, &err), 0);
}

static void slot__is_the_number_install_gave(void **state)
{
	struct mem_map map = three_banks_and_a_hole();

	(void)state;
	assert_int_equal(mem_slot(&map, 0), 0);
	assert_int_equal(mem_slot(&map, 2), 1);
	assert_int_equal(mem_slot(&map, 3), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			install__slots_follow_addresses_and_skip_holes),
		cmocka_unit_test(slot__is_the_one_installed),
		cmocka_unit_test(
			install__failure_names_the_region_and_leaves_none),
		cmocka_unit_test(install__more_than_the_host_has_is_refused),
		cmocka_unit_test(install__rom_needs_a_host_that_has_it),
		cmocka_unit_test(install__guest_host_and_size_must_be_aligned),
		cmocka_unit_test(slot__is_the_number_install_gave),
	};

	return RUN_TESTS(tests);
}
