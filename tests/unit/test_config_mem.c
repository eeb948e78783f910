/* tests/unit/test_config_mem.c - what the command line says of memory. */
#include <errno.h>
#include <string.h>

#include "base/size.h"
#include "tests/unit/config_words.h"

#define NO_SIZE                                                            \
	"not a size: " SIZE_FORM " or 1G@0x80000000; a bare number is in " \
	"MiB"

static void mem__sizes_and_places(void **state)
{
	struct config c;

	(void)state;
	TAKEN(&c, "K", "-m", "1G@0x80000000", "-m", "1G@0x900000000", "-m",
	      "4096k", "-m", "1.5GiB@4096");
	assert_int_equal(c.mems, 4);
	assert_int_equal(c.mem[0].size, GIB);
	assert_true(c.mem[0].placed);
	assert_int_equal(c.mem[0].at, 0x80000000);
	assert_int_equal(c.mem[1].at, UINT64_C(0x900000000));
	assert_false(c.mem[2].placed);
	assert_int_equal(c.mem[2].size, 4 * MIB);
	assert_int_equal(c.mem[3].size, 3 * GIB / 2);
	assert_int_equal(c.mem[3].at, 4 * GIB); /* as kvmtool has it */
	assert_string_equal(c.mem[2].word, "4096k");
	config_finish(&c);
}

static void mem__nonsense_is_refused(void **state)
{
	(void)state;
	REFUSED("--mem 0: a guest needs memory", "--mem", "0");
	REFUSED("--mem 0x0G: a guest needs memory", "--mem=0x0G");
	REFUSED("-m 0@0x80000000: a guest needs memory", "-m0@0x80000000");
	REFUSED("--mem lots: " NO_SIZE, "--mem", "lots");
	REFUSED("--mem '': " NO_SIZE, "--mem=");
	REFUSED("--mem -1: " NO_SIZE, "--mem", "-1");
	REFUSED("--mem 2G@: " NO_SIZE, "--mem", "2G@");
	REFUSED("--mem 18446744073709551616: more than 64 bits can address",
		"--mem", "18446744073709551616");
	REFUSED("--mem 17592186044416: more than 64 bits can address", "--mem",
		"17592186044416");
	REFUSED("--mem 2G@0xffffffff80001000: more than 64 bits can address",
		"--mem", "2G@0xffffffff80001000");
}

static void mem__policy_follows_the_place(void **state)
{
	struct config c;

	(void)state;
	TAKEN(&c, "K", "--mem", "1G@0x80000000,huge=2M,lock", "--mem",
	      "64,backing=file:/a,,b,share=off");
	assert_int_equal(c.mem[0].at, 0x80000000);
	assert_int_equal(c.mem[0].policy.huge_size, 2 * MIB);
	assert_true(c.mem[0].policy.lock);
	assert_string_equal(c.mem[0].word, "1G@0x80000000,huge=2M,lock");
	assert_int_equal(c.mem[1].size, 64 * MIB);
	assert_string_equal(c.mem[1].policy.path, "/a,b");
	config_finish(&c);
	REFUSED("--mem 1G,merge,share: merge=on does not go with share=on: "
		"the kernel merges private memory alone",
		"--mem", "1G,merge,share");
	REFUSED("--mem lock=on: " NO_SIZE, "--mem", "lock=on");
	REFUSED("--mem 3M,huge=2M: huge=2M: the size is not a multiple of it",
		"--mem", "3M,huge=2M");
	REFUSED("--mem 2M@1M,huge=2M: huge=2M: the address 0x100000 is not a "
		"multiple of it",
		"--mem", "2M@1M,huge=2M");
	REFUSED("--mem 1G,hotplug=8G: unknown key 'hotplug'", "--mem",
		"1G,hotplug=8G");
}

static void mem__may_grow(void **state)
{
	struct config c;

	(void)state;
	TAKEN(&c, "K", "--mem", "1G,max=8G,block=4M");
	assert_int_equal(c.mem[0].size, GIB);
	assert_int_equal(c.mem[0].policy.max, 8 * GIB);
	assert_int_equal(c.mem[0].policy.block, 4 * MIB);
	config_finish(&c);
	TAKEN(&c, "K", "--mem", "1G,max=1025");
	assert_int_equal(c.mem[0].policy.max, 1025 * MIB);
	config_finish(&c);
	REFUSED("--mem 1G,max=1G: max=1G: not more than what there is at the "
		"start",
		"--mem", "1G,max=1G");
	REFUSED("--mem 1G,max=2G,block=3M: block=3M: not a power of two",
		"--mem", "1G,max=2G,block=3M");
	REFUSED("--mem 1G,block=2M: block= goes with max=: without it, the "
		"memory does not grow",
		"--mem", "1G,block=2M");
	REFUSED("--mem 1G,max=2G,backing=file:a: max= does not go with "
		"backing=file:, which has the size of the memory",
		"--mem", "1G,max=2G,backing=file:a");
	REFUSED("--mem 1G,max=2G,reserve: max= does not go with reserve=on: "
		"what the guest has not got is not promised; with prealloc=on "
		"it has its memory as it grows",
		"--mem", "1G,max=2G,reserve");
}

static void rom__is_a_file_and_an_address(void **state)
{
	static const char *const bad[] = { "a", "@0", "a@", "a@b" };
	const char *words[WORDS] = { "run", "K" };
	struct config c;
	struct err err;

	(void)state;
	TAKEN(&c, "K", "--rom", "a@b.bin@0x10000000", "--rom=c@1G");
	assert_int_equal(c.roms, 2);
	assert_string_equal(c.rom[0].path, "a@b.bin");
	assert_int_equal(c.rom[0].at, 0x10000000);
	assert_string_equal(c.rom[1].path, "c");
	assert_int_equal(c.rom[1].at, GIB);
	config_finish(&c);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(PARSE(&c, &err, "--rom", bad[i]), -EINVAL);
	assert_string_equal(err.msg, "--rom a@b: not a file and its address, "
				     "as in bios.bin@0x10000000");
	for (size_t i = 0; i < CONFIG_MAX_ROMS + 1; i++)
		words[2 + i] = "--rom=a@0";
	assert_int_equal(parse(&c, &err, words), -ENOSPC);
	assert_string_equal(err.msg, "--rom a@0: at most 8 files of ROM");
}

static void mem__overlap_is_refused_one_byte_past_is_not(void **state)
{
	struct config c;

	(void)state;
	REFUSED("--mem 1G@0xbffff000: overlaps --mem 1G@0x80000000", "K",
		"--mem", "1G@0x80000000", "--mem", "1G@0xbffff000");
	REFUSED("--mem 1G@2G: overlaps --mem 1G@0x80000000", "K", "--mem",
		"1G@0x80000000", "--mem", "1G@2G");
	TAKEN(&c, "K", "-m", "1G@0x80000000", "-m", "1G@0xc0000000");
	config_finish(&c);
}

static void mem__too_many_pieces_are_refused(void **state)
{
	struct config c;
	struct err err;

	(void)state;
	assert_int_equal(parse_repeated(&c, &err, "-m1", MEM_WORDS_MAX), 0);
	assert_int_equal(c.mems, MEM_WORDS_MAX);
	config_finish(&c);
	assert_int_equal(parse_repeated(&c, &err, "-m1", MEM_WORDS_MAX + 1),
			 -ENOSPC);
	assert_string_equal(err.msg, "-m 1: at most 32 --mem options");
	assert_true(err.input);
}

static void parse__a_balloon_has_a_size_only_behind_an_equals(void **state)
{
	struct config c;

	(void)state;
	TAKEN(&c, "Image");
	assert_false(c.balloon.on);
	config_finish(&c);
	TAKEN(&c, "--balloon", "Image");
	assert_string_equal(c.kernel, "Image");
	assert_true(c.balloon.on && c.balloon.size == 0);
	assert_true(c.balloon.reporting && c.balloon.deflate_on_oom);
	config_finish(&c);
	TAKEN(&c, "K", "--balloon=256,reporting=off,deflate-on-oom=off");
	assert_int_equal(c.balloon.size, 256 * MIB);
	assert_false(c.balloon.reporting || c.balloon.deflate_on_oom);
	config_finish(&c);
	TAKEN(&c, "K", "--balloon=reporting=off");
	assert_true(c.balloon.on && c.balloon.size == 0);
	assert_true(!c.balloon.reporting && c.balloon.deflate_on_oom);
	config_finish(&c);
}

static void parse__a_balloon_leaves_no_more_than_there_is(void **state)
{
	struct config c;

	(void)state;
	TAKEN(&c, "K", "-m", "1G", "-m", "1G", "--balloon=2G");
	config_finish(&c);
	REFUSED("--balloon=3G: the guest has not so much memory", "K",
		"--balloon=3G", "-m", "1G", "-m", "1G");
	REFUSED("--balloon=1G: the guest has not so much memory", "K",
		"--balloon=1G");
	REFUSED("--balloon 1K: size: '1K' is not from 4096 to "
		"18446744073709551615",
		"K", "--balloon=1K");
	REFUSED("--balloon x: size: 'x' is not a size: " SIZE_FORM, "K",
		"--balloon=x");
	REFUSED("--balloon 1G,oom: unknown key 'oom'", "K", "--balloon=1G,oom");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mem__sizes_and_places),
		cmocka_unit_test(mem__nonsense_is_refused),
		cmocka_unit_test(mem__policy_follows_the_place),
		cmocka_unit_test(mem__may_grow),
		cmocka_unit_test(rom__is_a_file_and_an_address),
		cmocka_unit_test(mem__overlap_is_refused_one_byte_past_is_not),
		cmocka_unit_test(mem__too_many_pieces_are_refused),
		cmocka_unit_test(
			parse__a_balloon_has_a_size_only_behind_an_equals),
		cmocka_unit_test(parse__a_balloon_leaves_no_more_than_there_is),
	};

	return RUN_TESTS(tests);
}
