/* tests/unit/test_arm64_layout.c - arch/arm64/layout.c. */
#include <errno.h>

#include "arch/arm64/layout.h"
#include "tests/unit/test.h"
#include "vmm/machine/limits.h"

#define GIB (1ULL << 30)
#define MIB (1ULL << 20)

static struct config config;
static struct kvm_limits limits;
static struct arm64_layout layout;
static struct mem_map taken;
static struct err err;

static int setup(void **state)
{
	(void)state;
	config = (struct config){ .cpus = 1 };
	limits = (struct kvm_limits){ .address_bits = 40, .page_size = 4096 };
	taken = (struct mem_map){ 0 };
	err = (struct err){ 0 };
	return 0;
}

static void want(uint64_t size)
{
	config.mem[config.mems++] = (struct mem_spec){ .size = size,
						       .word = "2G" };
}

static void want_at(uint64_t size, gpa_t at)
{
	config.mem[config.mems++] = (struct mem_spec){
		.size = size, .at = at, .placed = true, .word = "2G@X"
	};
}

static int lay_out(void)
{
	return arm64_layout(&layout, &config, &limits, &taken, &err);
}

static void is(size_t i, gpa_t start, uint64_t size)
{
	assert_true(layout.ram.count > i);
	assert_int_equal(layout.ram.at[i].start, start);
	assert_int_equal(layout.ram.at[i].size, size);
}

static void layout__one_region_begins_at_2_gib(void **state)
{
	(void)state;
	want(2 * GIB);
	assert_int_equal(lay_out(), 0);
	is(0, 2 * GIB, 2 * GIB);
	assert_int_equal(layout.ram.count, 1);
	assert_int_equal(layout.address_bits, 32);
}

static void layout__address_bits_follow_the_last_byte(void **state)
{
	(void)state;
	want(2 * GIB + 4096);
	assert_int_equal(lay_out(), 0);
	assert_int_equal(layout.address_bits, 33);

	(void)setup(state);
	want_at(4096, (1ULL << 40) - 4096);
	assert_int_equal(lay_out(), 0);
	assert_int_equal(layout.address_bits, 40);
}

static void layout__beyond_the_host_says_both_numbers(void **state)
{
	(void)state;
	want_at(GIB, 1ULL << 40);
	assert_int_equal(lay_out(), -ERANGE);
	assert_string_equal(err.msg, "--mem 2G@X: needs 41 address bits, this "
				     "host's KVM has 40");
	assert_true(err.input);

	(void)setup(state);
	want(1ULL << 40);
	assert_int_equal(lay_out(), -ERANGE);
}

static void layout__placed_regions_are_sorted(void **state)
{
	(void)state;
	want_at(GIB, 36 * GIB);
	want_at(GIB, 2 * GIB);
	want_at(GIB, 8 * GIB);
	assert_int_equal(lay_out(), 0);
	is(0, 2 * GIB, GIB);
	is(1, 8 * GIB, GIB);
	is(2, 36 * GIB, GIB);
	assert_int_equal(layout.address_bits, 36);
}

static void layout__others_fill_the_lowest_gap_that_holds_them(void **state)
{
	(void)state;
	want(2 * GIB);
	want(GIB);
	want_at(GIB, 3 * GIB);
	want(4096);
	assert_int_equal(lay_out(), 0);
	is(0, 2 * GIB, GIB); /* the second */
	is(1, 3 * GIB, GIB); /* the placed one */
	is(2, 4 * GIB, 2 * GIB); /* the first */
	is(3, 6 * GIB, 4096);
}

static void layout__each_begins_on_a_block(void **state)
{
	(void)state;
	want(4096);
	want(4096);
	want_at(4096, 2 * GIB + 4 * MIB - 4096);
	assert_int_equal(lay_out(), 0);
	is(0, 2 * GIB, 4096);
	is(1, 2 * GIB + 2 * MIB, 4096);
}

static void layout__huge_pages_begin_on_one(void **state)
{
	(void)state;
	want(512 * MIB);
	want(GIB);
	config.mem[1].policy.huge_size = GIB;
	want_at(4096, 4 * GIB);
	want(16 * GIB);
	config.mem[3].policy.huge_size = 16 * GIB;
	assert_int_equal(lay_out(), 0);
	is(0, 2 * GIB, 512 * MIB);
	is(1, 3 * GIB, GIB);
	is(2, 4 * GIB, 4096);
	is(3, 16 * GIB, 16 * GIB);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(layout.ram.mem[i], i);
}

static void layout__says_which_mem_each_region_is_of(void **state)
{
	(void)state;
	want(2 * GIB);
	want_at(GIB, 36 * GIB);
	want_at(GIB, 2 * GIB);
	assert_int_equal(lay_out(), 0);
	assert_int_equal(layout.ram.mem[0], 2);
	assert_int_equal(layout.ram.mem[1], 0);
	assert_int_equal(layout.ram.mem[2], 1);
}

static void take(gpa_t start, uint64_t size)
{
	static uint8_t host;

	assert_int_equal(mem_add(&taken,
				 (struct mem_region){ .gpa = { start, size },
						      .kind = MEM_ROM,
						      .host = &host,
						      .name = "ROM x" },
				 &err),
			 0);
}

static void layout__what_has_its_place_is_gone_round(void **state)
{
	(void)state;
	take(0x10000000, 4096);
	take(2 * GIB + MIB, 4096);
	take(3 * GIB, 64 * MIB);
	want(GIB);
	want(MIB);
	assert_int_equal(lay_out(), 0);
	is(0, 2 * GIB, MIB);
	is(1, 3 * GIB + 64 * MIB, GIB);

	(void)setup(state);
	take(4 * GIB, 4096);
	want_at(2 * GIB + 4096, 2 * GIB);
	assert_int_equal(lay_out(), -EEXIST);
	assert_string_equal(err.msg, "--mem 2G@X: overlaps the memory at "
				     "0x100000000");
	assert_true(err.input);
}

static void layout__what_has_its_place_must_be_addressed(void **state)
{
	(void)state;
	take(64 * GIB, 4096);
	want(GIB);
	assert_int_equal(lay_out(), 0);
	assert_int_equal(layout.address_bits, 37);

	(void)setup(state);
	take(1ULL << 40, 4096);
	want(GIB);
	assert_int_equal(lay_out(), -ERANGE);
	assert_string_equal(err.msg, "ROM x: needs 41 address bits, this "
				     "host's KVM has 40");
}

static void layout__nothing_lies_on_the_interrupt_controller(void **state)
{
	(void)state;
	take(0x3fff0000, 4096);
	want(GIB);
	assert_int_equal(lay_out(), -EEXIST);
	assert_string_equal(err.msg, "ROM x at 0x3fff0000: the interrupt "
				     "controller is there");
	assert_true(err.input);
}

static void layout__gap_is_filled_to_the_last_byte(void **state)
{
	(void)state;
	want(GIB);
	want_at(GIB, 3 * GIB);
	assert_int_equal(lay_out(), 0);
	is(0, 2 * GIB, GIB);

	(void)setup(state);
	want(GIB + 4096);
	want_at(GIB, 3 * GIB);
	assert_int_equal(lay_out(), 0);
	is(1, 4 * GIB, GIB + 4096);
}

static void layout__devices_keep_their_place(void **state)
{
	(void)state;
	want_at(GIB, 2 * GIB - 4096);
	assert_int_equal(lay_out(), -EINVAL);
	assert_string_equal(err.msg, "--mem 2G@X: devices are there, memory "
				     "begins at 0x80000000");
	(void)setup(state);
	want_at(4096, 0);
	assert_int_equal(lay_out(), -EINVAL);
}

static void layout__overlap_by_one_page_is_refused(void **state)
{
	(void)state;
	want_at(GIB, 2 * GIB);
	want_at(GIB, 3 * GIB);
	assert_int_equal(lay_out(), 0);
	want_at(8192, 4 * GIB - 4096);
	assert_int_equal(lay_out(), -EEXIST);
	assert_string_equal(err.msg, "--mem 2G@X: overlaps the memory at "
				     "0xc0000000");
	assert_true(err.input);
}

static void layout__pages_are_the_hosts(void **state)
{
	(void)state;
	want_at(65536, 2 * GIB + 4096);
	assert_int_equal(lay_out(), 0);
	limits.page_size = 65536;
	assert_int_equal(lay_out(), -EINVAL);
	assert_string_equal(err.msg, "--mem 2G@X: does not begin on one of "
				     "this host's pages of 64 KiB");
	config.mem[0].at = 2 * GIB;
	config.mem[0].size = 4096;
	assert_int_equal(lay_out(), -EINVAL);
	assert_string_equal(err.msg, "--mem 2G@X: not a multiple of this "
				     "host's pages of 64 KiB");
}

static void layout__end_of_the_address_space_is_no_way_round_it(void **state)
{
	(void)state;
	limits.address_bits = 64;
	want_at(4096, UINT64_MAX - 4095);
	assert_int_equal(lay_out(), 0);
	want(GIB);
	assert_int_equal(lay_out(), 0);
	config.mem[0].size = 8192;
	assert_int_equal(lay_out(), -ERANGE);

	(void)setup(state);
	limits.address_bits = 64;
	want(UINT64_MAX - 4095);
	assert_int_equal(lay_out(), -ERANGE);
}

static void layout__one_piece_is_what_a_slot_takes(void **state)
{
	const uint64_t most = 4096 * ((1ULL << 31) - 1);

	(void)state;
	limits.address_bits = 48;
	want(most);
	want_at(most, 1ULL << 46);
	assert_int_equal(lay_out(), 0);

	config.mems = 0;
	want(most + 4096);
	assert_int_equal(lay_out(), -ERANGE);
	assert_string_equal(err.msg,
			    "--mem 2G: KVM takes at most 8388607 MiB in one "
			    "piece here; give it in several");
	config.mems = 0;
	want_at(most + 4096, 1ULL << 46);
	assert_int_equal(lay_out(), -ERANGE);

	limits.page_size = 65536;
	config.mems = 0;
	want(1ULL << 43);
	assert_int_equal(lay_out(), 0);
}

static void layout__as_many_regions_as_a_user_can_ask_for(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MEM_WORDS_MAX; i++)
		want(2 * MIB);
	assert_int_equal(lay_out(), 0);
	is(MEM_WORDS_MAX - 1, 2 * GIB + (MEM_WORDS_MAX - 1) * 2 * MIB, 2 * MIB);
}

static void layout__gic_of_64_cpus_stays_clear_of_virtio(void **state)
{
	const struct range virtio = { ARM64_VIRTIO, 64 * ARM64_VIRTIO_STEP };

	(void)state;
	config.cpus = 64;
	want(GIB);
	assert_int_equal(lay_out(), 0);
	assert_int_equal(layout.gic.redist.start + layout.gic.redist.size,
			 layout.gic.dist.start);
	assert_int_equal(layout.gic.redist.size, 64 * 0x20000);
	assert_int_equal(layout.gic.its.start + layout.gic.its.size,
			 layout.gic.redist.start);
	assert_false(range_overlaps(layout.gic.its, virtio));
	assert_int_equal(layout.gic.dist.start + layout.gic.dist.size, GIB);
}

static void want_growth(uint64_t size, uint64_t max)
{
	want(size);
	config.mem[config.mems - 1].policy.max = max;
}

static void layout__growth_lies_behind_all_ram(void **state)
{
	(void)state;
	want_growth(GIB, 3 * GIB);
	want_at(2 * MIB, 9 * GIB + 4096);
	want_growth(2 * MIB, 4 * MIB);
	assert_int_equal(lay_out(), 0);
	assert_int_equal(layout.ram.count, 3);
	is(0, 2 * GIB, GIB);
	assert_int_equal(layout.ram.growth[0].start, 10 * GIB);
	assert_int_equal(layout.ram.growth[0].size, 2 * GIB);
	assert_int_equal(layout.ram.growth[1].size, 0);
	assert_int_equal(layout.ram.growth[2].start, 12 * GIB);
	assert_int_equal(layout.ram.growth[2].size, 2 * MIB);
	/* Guest addresses reach to its end. */
	assert_int_equal(layout.address_bits, 34);
}

static void
layout__growth_gives_way_to_rom_and_counts_for_the_host(void **state)
{
	static uint8_t byte;
	const struct mem_region rom = { .gpa = { 4 * GIB, 4096 },
					.kind = MEM_ROM,
					.host = &byte,
					.name = "rom" };

	(void)state;
	assert_int_equal(mem_add(&taken, rom, &err), 0);
	want_growth(GIB, 5 * GIB);
	assert_int_equal(lay_out(), 0);
	assert_int_equal(layout.ram.growth[0].start, 5 * GIB);
	limits.address_bits = 33;
	assert_int_equal(lay_out(), -ERANGE);
	assert_string_equal(err.msg, "--mem 2G: needs 34 address bits, this "
				     "host's KVM has 33");
}

static void layout__growth_is_whole_blocks(void **state)
{
	(void)state;
	want_growth(GIB, GIB + 3 * MIB);
	assert_int_equal(lay_out(), -EINVAL);
	assert_string_equal(err.msg, "--mem 2G: max=1027M: the 3M it adds are "
				     "not a multiple of its blocks of 2M");
	(void)setup(state);
	want_growth(GIB, UINT64_MAX - 2 * MIB + 1);
	assert_true(lay_out() < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(layout__one_region_begins_at_2_gib,
				       setup),
		cmocka_unit_test_setup(
			layout__address_bits_follow_the_last_byte, setup),
		cmocka_unit_test_setup(
			layout__beyond_the_host_says_both_numbers, setup),
		cmocka_unit_test_setup(layout__placed_regions_are_sorted,
				       setup),
		cmocka_unit_test_setup(
			layout__others_fill_the_lowest_gap_that_holds_them,
			setup),
		cmocka_unit_test_setup(layout__each_begins_on_a_block, setup),
		cmocka_unit_test_setup(layout__huge_pages_begin_on_one, setup),
		cmocka_unit_test_setup(layout__says_which_mem_each_region_is_of,
				       setup),
		cmocka_unit_test_setup(layout__what_has_its_place_is_gone_round,
				       setup),
		cmocka_unit_test_setup(
			layout__what_has_its_place_must_be_addressed, setup),
		cmocka_unit_test_setup(
			layout__nothing_lies_on_the_interrupt_controller,
			setup),
		cmocka_unit_test_setup(layout__gap_is_filled_to_the_last_byte,
				       setup),
		cmocka_unit_test_setup(layout__devices_keep_their_place, setup),
		cmocka_unit_test_setup(layout__overlap_by_one_page_is_refused,
				       setup),
		cmocka_unit_test_setup(layout__pages_are_the_hosts, setup),
		cmocka_unit_test_setup(
			layout__end_of_the_address_space_is_no_way_round_it,
			setup),
		cmocka_unit_test_setup(layout__one_piece_is_what_a_slot_takes,
				       setup),
		cmocka_unit_test_setup(
			layout__as_many_regions_as_a_user_can_ask_for, setup),
		cmocka_unit_test_setup(
			layout__gic_of_64_cpus_stays_clear_of_virtio, setup),
		cmocka_unit_test_setup(layout__growth_lies_behind_all_ram,
				       setup),
		cmocka_unit_test_setup(
			layout__growth_gives_way_to_rom_and_counts_for_the_host,
			setup),
		cmocka_unit_test_setup(layout__growth_is_whole_blocks, setup),
	};

	return RUN_TESTS(tests);
}
