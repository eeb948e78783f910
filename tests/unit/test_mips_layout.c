/* tests/unit/test_mips_layout.c - arch/mips/layout.c. */
#include <errno.h>

#include "arch/mips/layout.h"
#include "tests/unit/test.h"
#include "vmm/machine/limits.h"

#define MIB (1ULL << 20)

static struct config config;
static struct kvm_limits limits;
static struct ram_layout layout;
static struct mem_map taken;
static struct err err;

static int setup(void **state)
{
	(void)state;
	config = (struct config){ .cpus = 1 };
	limits = (struct kvm_limits){ .page_size = 4096 };
	taken = (struct mem_map){ 0 };
	err = (struct err){ 0 };
	return 0;
}

static void want(uint64_t size)
{
	config.mem[config.mems++] = (struct mem_spec){ .size = size,
						       .word = "M" };
}

static void want_at(uint64_t size, gpa_t at)
{
	config.mem[config.mems++] = (struct mem_spec){
		.size = size, .at = at, .placed = true, .word = "M@X"
	};
}

static int lay_out(void)
{
	return mips_layout(&layout, &config, &limits, &taken, &err);
}

static void is(size_t i, gpa_t start, uint64_t size)
{
	assert_true(layout.count > i);
	assert_int_equal(layout.at[i].start, start);
	assert_int_equal(layout.at[i].size, size);
}

static void layout__memory_begins_at_0(void **state)
{
	(void)state;
	want(496 * MIB);
	assert_int_equal(lay_out(), 0);
	is(0, 0, 496 * MIB);
}

static void layout__implied_memory_is_what_there_is_room_for(void **state)
{
	(void)state;
	want(512 * MIB);
	config.mem[0].implied = true;
	assert_int_equal(lay_out(), 0);
	is(0, 0, 256 * MIB);
}

static void layout__asked_for_memory_that_does_not_fit_is_refused(void **state)
{
	(void)state;
	want(512 * MIB);
	assert_int_equal(lay_out(), -ERANGE);
	assert_true(err.input);
	assert_string_equal(err.msg, "--mem M: a MIPS guest's memory is below "
				     "512 MiB, and there it finds no room "
				     "(devices are at 496 MiB)");
}

static void layout__sixteen_regions_have_holes_between_them(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 16; i++)
		want_at(4096, (15 - i) * 31 * MIB);
	assert_int_equal(lay_out(), 0);
	assert_int_equal(layout.count, 16);
	for (unsigned i = 0; i < 16; i++)
		is(i, i * 31 * MIB, 4096);
}

static void layout__devices_split_the_end(void **state)
{
	(void)state;
	want_at(15 * MIB, MIPS_DEVICES + MIPS_DEVICES_SIZE);
	want(496 * MIB);
	assert_int_equal(lay_out(), 0);
	is(1, 0x1f100000, 15 * MIB);

	(void)setup(state);
	want_at(4096, MIPS_DEVICES + MIPS_DEVICES_SIZE - 4096);
	assert_int_equal(lay_out(), -EEXIST);
	assert_string_equal(err.msg, "--mem M@X: devices are at 0x1f000000 to "
				     "0x1f0fffff");
}

static void layout__the_last_page_is_memory_and_the_next_is_not(void **state)
{
	(void)state;
	want_at(4096, MIPS_END - 4096);
	assert_int_equal(lay_out(), 0);

	(void)setup(state);
	want_at(8192, MIPS_END - 4096);
	assert_int_equal(lay_out(), -ERANGE);

	(void)setup(state);
	want_at(4096, MIPS_END);
	assert_int_equal(lay_out(), -ERANGE);

	(void)setup(state);
	want_at(4096, UINT64_MAX - 4095);
	assert_int_equal(lay_out(), -ERANGE);
}

static void take(gpa_t at, uint64_t size)
{
	taken.region[taken.count++] = (struct mem_region){ .gpa = { at, size },
							   .kind = MEM_ROM,
							   .name = "ROM x" };
}

static void layout__memory_gives_way_to_flash(void **state)
{
	(void)state;
	take(MIPS_FLASH, 16 * MIB);
	want(480 * MIB);
	assert_int_equal(lay_out(), 0);
	want(MIB);
	assert_int_equal(lay_out(), 0);
	is(1, 0x1f100000, MIB);
}

static void layout__rom_is_below_512_mib_and_beside_devices(void **state)
{
	(void)state;
	want(MIB);
	take(0x1fc00000, 4 * MIB);
	assert_int_equal(lay_out(), 0);
	taken.region[0].gpa.start += 4096;
	assert_int_equal(lay_out(), -ERANGE);
	taken.region[0].gpa.start = 0x1f000000;
	assert_int_equal(lay_out(), -EEXIST);
}

static void layout__pages_are_those_of_the_host(void **state)
{
	(void)state;
	limits.page_size = 16384;
	want_at(16384, 4096);
	assert_int_equal(lay_out(), -EINVAL);
}

static void is_at(uint64_t addr, uint64_t kseg0, gpa_t want_gpa)
{
	gpa_t gpa = 1;

	assert_true(mips_physical(addr, kseg0, &gpa));
	assert_int_equal(gpa, want_gpa);
}

static void physical__kseg0_and_kseg1_are_the_same_memory(void **state)
{
	(void)state;
	is_at(0x40000000, MIPS_TE_KSEG0, 0);
	is_at(0x5fffffff, MIPS_TE_KSEG0, 0x1fffffff);
	is_at(0xa0000000, MIPS_TE_KSEG0, 0);
	is_at(0xffffffffbfffffff, MIPS_TE_KSEG0, 0x1fffffff);
	is_at(0x80100000, MIPS_VZ_KSEG0, 0x100000);
	is_at(0xbfc00000, MIPS_VZ_KSEG0, 0x1fc00000);
	is_at(0xffffffff80100000, MIPS_VZ_KSEG0, 0x100000);
	is_at(0x100000, MIPS_TE_KSEG0, 0x100000);
}

static void physical__other_addresses_are_nowhere(void **state)
{
	gpa_t gpa = 1;

	(void)state;
	assert_false(mips_physical(0x20000000, MIPS_TE_KSEG0, &gpa));
	assert_false(mips_physical(0x3fffffff, MIPS_TE_KSEG0, &gpa));
	assert_false(mips_physical(0x60000000, MIPS_TE_KSEG0, &gpa));
	assert_false(mips_physical(0x80100000, MIPS_TE_KSEG0, &gpa));
	assert_false(mips_physical(0xc0000000, MIPS_VZ_KSEG0, &gpa));
	assert_false(mips_physical(0x140000000, MIPS_TE_KSEG0, &gpa));
	assert_false(mips_physical(UINT64_MAX, MIPS_TE_KSEG0, &gpa));
	assert_int_equal(gpa, 1);
}

static void layout__memory_does_not_grow(void **state)
{
	(void)state;
	want(64 * MIB);
	config.mem[0].policy.max = 128 * MIB;
	assert_int_equal(lay_out(), -ENOTSUP);
	assert_string_equal(err.msg, "--mem M: max=: guests of this "
				     "architecture take no memory while they "
				     "run");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest tests[] = {
		TEST(layout__memory_begins_at_0),
		TEST(layout__implied_memory_is_what_there_is_room_for),
		TEST(layout__asked_for_memory_that_does_not_fit_is_refused),
		TEST(layout__sixteen_regions_have_holes_between_them),
		TEST(layout__devices_split_the_end),
		TEST(layout__the_last_page_is_memory_and_the_next_is_not),
		TEST(layout__memory_gives_way_to_flash),
		TEST(layout__rom_is_below_512_mib_and_beside_devices),
		TEST(layout__pages_are_those_of_the_host),
		TEST(layout__memory_does_not_grow),
		TEST(physical__kseg0_and_kseg1_are_the_same_memory),
		TEST(physical__other_addresses_are_nowhere),
	};

	return RUN_TESTS(tests);
}
