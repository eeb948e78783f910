/* tests/unit/test_arm64_boot.c - arch/arm64/boot.c. */
#include <errno.h>
#include <string.h>

#include "arch/arm64/boot.h"
#include "base/bytes.h"
#include "tests/unit/test.h"

#define KIB (1ULL << 10)
#define MIB (1ULL << 20)
#define GIB (1ULL << 30)
#define RAM (2 * GIB)

static uint8_t head[ARM64_IMAGE_HEADER];
static struct arm64_kernel kernel;
static struct arm64_payload want;
static struct arm64_placement at;
static struct err err;

static void header(uint64_t text_offset, uint64_t image_size)
{
	memset(head, 0, sizeof(head));
	store_le64(head + 8, text_offset);
	store_le64(head + 16, image_size);
	memcpy(head + 56, "ARM\x64", 4);
}

static int parse(size_t len, uint64_t size)
{
	err = (struct err){ 0 };
	return arm64_image_parse(head, len, size, &kernel, &err);
}

static void parse__header_says_where_and_how_much(void **state)
{
	(void)state;
	header(0, 10 * MIB);
	assert_int_equal(parse(64, 8 * MIB), 0);
	assert_int_equal(kernel.offset, 0);
	assert_int_equal(kernel.size, 8 * MIB);
	assert_int_equal(kernel.span, 10 * MIB);
	assert_int_equal(kernel.align, 2 * MIB);
	header(0x80000, 10 * MIB);
	assert_int_equal(parse(64, 8 * MIB), 0);
	assert_int_equal(kernel.offset, 0x80000);
}

static void parse__span_covers_the_file(void **state)
{
	(void)state;
	header(0, 1);
	assert_int_equal(parse(64, 8 * MIB), 0);
	assert_int_equal(kernel.span, 8 * MIB);
}

static void parse__kernel_before_3_17_is_512_kib_into_ram(void **state)
{
	(void)state;
	header(0x10000, 0);
	assert_int_equal(parse(64, 8 * MIB), 0);
	assert_int_equal(kernel.offset, 0x80000);
	assert_int_equal(kernel.span, 0);
}

static void parse__bare_program_is_512_kib_into_ram(void **state)
{
	(void)state;
	memset(head, 0xff, sizeof(head));
	assert_int_equal(parse(64, 4096), 0);
	assert_int_equal(kernel.offset, 0x80000);
	assert_int_equal(kernel.span, 0);
	header(0, MIB);
	assert_int_equal(parse(63, 63), 0); /* half a header is none */
	assert_int_equal(kernel.offset, 0x80000);
}

static void parse__wild_text_offset_is_refused(void **state)
{
	(void)state;
	header(2 * MIB - 1, MIB);
	assert_int_equal(parse(64, MIB), 0);
	header(2 * MIB, MIB);
	assert_int_equal(parse(64, MIB), -EBADMSG);
	header(UINT64_MAX, MIB);
	assert_int_equal(parse(64, MIB), -EBADMSG);
	assert_true(err.input);
}

/* An EFI program of @sections whose last byte is that of the file. */
static struct kernel_image efi(uint8_t *file, uint16_t sections, uint64_t size)
{
	const size_t table = 64 + 24 + 16;

	memset(file, 0, 512);
	header(0, MIB);
	memcpy(file, head, sizeof(head));
	memcpy(file, "MZ", 2);
	store_le32(file + 60, 64);
	memcpy(file + 64, "PE", 2);
	store_le16(file + 64 + 6, sections);
	store_le16(file + 64 + 20, 16);
	for (unsigned i = 0; i < sections && i < 4; i++) {
		store_le32(file + table + 40 * i + 16, 12 + 100 * i);
		store_le32(file + table + 40 * i + 20, 400 - 100 * i);
	}
	return (struct kernel_image){
		.path = "Image", .fd = -1, .data = file, .size = size
	};
}

static void whole__efi_image_tells_where_it_ends(void **state)
{
	uint8_t file[512];
	struct kernel_image image = efi(file, 2, 412);

	(void)state;
	assert_int_equal(arm64_image_whole(&image, &err), 0);
	image.size = 411;
	assert_int_equal(arm64_image_whole(&image, &err), -EBADMSG);
	assert_string_equal(err.msg, "kernel Image: truncated: it has 411 "
				     "bytes of 412");
	assert_true(err.input);
	store_le32(file + 64 + 24 + 16 + 16, UINT32_MAX);
	store_le32(file + 64 + 24 + 16 + 20, UINT32_MAX);
	image.size = 512;
	assert_int_equal(arm64_image_whole(&image, &err), -EBADMSG);
}

static void whole__others_do_not_say(void **state)
{
	uint8_t file[512];
	struct kernel_image image = efi(file, 2, 411);

	(void)state;
	for (image.size = 1; image.size < 64 + 24 + 16 + 40; image.size++)
		assert_int_equal(arm64_image_whole(&image, &err), 0);
	image = efi(file, UINT16_MAX, 512); /* a table beyond the file */
	assert_int_equal(arm64_image_whole(&image, &err), 0);
	image = efi(file, 2, 411);
	store_le32(file + 60, UINT32_MAX);
	assert_int_equal(arm64_image_whole(&image, &err), 0);
	image = efi(file, 2, 411);
	file[0] = 0;
	assert_int_equal(arm64_image_whole(&image, &err), 0);
}

static int setup(void **state)
{
	(void)state;
	want = (struct arm64_payload){
		.kernel = { .size = 8 * MIB,
			    .span = 9 * MIB + 1,
			    .align = 2 * MIB },
		.kernel_path = "Image",
		.initrd_size = 5 * MIB,
		.initrd_path = "initrd",
		.dtb_size = 8 * KIB,
		.dtb_align = 4 * KIB,
	};
	err = (struct err){ 0 };
	return 0;
}

static int place(uint64_t size)
{
	const struct range ram = { RAM, size };

	return arm64_place(&want, &ram, 1, &at, &err);
}

static void place__all_lie_close_together(void **state)
{
	(void)state;
	assert_int_equal(place(256 * MIB), 0);
	assert_int_equal(at.kernel, RAM);
	assert_int_equal(at.initrd.start, RAM + 9 * MIB + 64 * KIB);
	assert_int_equal(at.initrd.size, 5 * MIB);
	assert_int_equal(at.dtb.start, RAM + 14 * MIB + 64 * KIB);
	assert_int_equal(at.dtb.size, 8 * KIB);
}

static void place__fits_to_the_last_byte(void **state)
{
	(void)state;
	assert_int_equal(place(14 * MIB + 72 * KIB), 0);
	assert_int_equal(place(14 * MIB + 72 * KIB - 1), -ENOSPC);
}

static void place__tree_crosses_no_block(void **state)
{
	(void)state;
	want.initrd_size = 5 * MIB - 68 * KIB; /* ends 4 KiB before a block */
	want.kernel.span = 9 * MIB;
	assert_int_equal(place(256 * MIB), 0);
	assert_int_equal(at.dtb.start, RAM + 14 * MIB - 68 * KIB);
	want.initrd_size = 5 * MIB - 4 * KIB;
	assert_int_equal(place(256 * MIB), 0);
	assert_int_equal(at.dtb.start, RAM + 14 * MIB);
}

static void place__nothing_without_initrd(void **state)
{
	(void)state;
	want.initrd_size = 0;
	assert_int_equal(place(256 * MIB), 0);
	assert_int_equal(at.initrd.size, 0);
	assert_int_equal(at.dtb.start, RAM + 9 * MIB + 4 * KIB);
}

static void place__text_offset_counts_from_a_block(void **state)
{
	const struct range ram = { RAM + 4 * KIB, 256 * MIB };

	(void)state;
	want.kernel.offset = 0x80000;
	assert_int_equal(arm64_place(&want, &ram, 1, &at, &err), 0);
	assert_int_equal(at.kernel, RAM + 2 * MIB + 0x80000);
}

static void place__first_region_that_holds_all_is_taken(void **state)
{
	const struct range ram[] = { { RAM, 4 * MIB },
				     { 16 * GIB, GIB },
				     { 32 * GIB, GIB } };

	(void)state;
	assert_int_equal(arm64_place(&want, ram, 3, &at, &err), 0);
	assert_int_equal(at.kernel, 16 * GIB);
	assert_int_equal(arm64_place(&want, ram, 1, &at, &err), -ENOSPC);
}

static void place__unknown_span_is_given_room_as_kvmtool_does(void **state)
{
	(void)state;
	want.kernel = (struct arm64_kernel){ .size = 100 * KIB,
					     .offset = 0x80000,
					     .align = 2 * MIB };
	assert_int_equal(place(GIB), 0);
	assert_int_equal(at.kernel, RAM + 0x80000);
	assert_int_equal(at.dtb.start, RAM + 254 * MIB);
	assert_int_equal(at.initrd.start, RAM + 249 * MIB);

	assert_int_equal(place(16 * MIB), 0);
	assert_int_equal(at.dtb.start, RAM + 14 * MIB);
	assert_int_equal(at.initrd.start, RAM + 9 * MIB);

	/* Above the first 256 MiB only if it cannot be helped. */
	want.initrd_size = 300 * MIB;
	assert_int_equal(place(GIB), 0);
	assert_int_equal(at.dtb.start, RAM + 1022 * MIB);
}

static void place__unknown_span_fits_in_one_block(void **state)
{
	(void)state;
	want.initrd_size = 0;
	want.kernel = (struct arm64_kernel){ .size = 1528 * KIB,
					     .offset = 0x80000,
					     .align = 2 * MIB };
	assert_int_equal(place(2 * MIB), 0);
	assert_int_equal(at.kernel, RAM + 0x80000);
	assert_int_equal(at.dtb.start, RAM + 2 * MIB - 8 * KIB);
	want.kernel.size++;
	assert_int_equal(place(2 * MIB), -ENOSPC);
}

static void place__firmware_is_at_the_first_byte(void **state)
{
	const struct range ram = { RAM + 4 * KIB, 256 * MIB };

	(void)state;
	want.kernel = (struct arm64_kernel){ .size = 2 * MIB,
					     .span = 2 * MIB,
					     .align = 1 };
	want.initrd_size = 0;
	want.dtb_align = 2 * MIB;
	assert_int_equal(arm64_place(&want, &ram, 1, &at, &err), 0);
	assert_int_equal(at.kernel, RAM + 4 * KIB);
	assert_int_equal(at.dtb.start, RAM + 4 * MIB);
}

static void place__fixed_kernel_stays_where_it_is_for(void **state)
{
	(void)state;
	want.kernel = (struct arm64_kernel){
		.size = MIB, .span = MIB, .fixed = true, .at = RAM + 3 * MIB
	};
	assert_int_equal(place(64 * MIB), 0);
	assert_int_equal(at.kernel, RAM + 3 * MIB);
	assert_int_equal(at.initrd.start, RAM + 4 * MIB);
	want.kernel.at = RAM - 1;
	assert_int_equal(place(64 * MIB), -ENOSPC);
	want.kernel.at = RAM + 64 * MIB;
	assert_int_equal(place(64 * MIB), -ENOSPC);
}

static void place__what_does_not_fit_is_named(void **state)
{
	(void)state;
	assert_int_equal(place(12 * MIB), -ENOSPC);
	assert_string_equal(err.msg, "initrd initrd: its 5120 KiB do not fit "
				     "in guest memory with the kernel's 9217 "
				     "KiB, the largest region has 12288 KiB");
	assert_int_equal(place(8 * MIB), -ENOSPC);
	assert_string_equal(err.msg, "kernel Image: its 9217 KiB and the device"
				     " tree's 8 do not fit in guest memory, "
				     "the largest region has 8192 KiB");
	assert_true(err.input);
}

static void place__wild_sizes_do_not_wrap(void **state)
{
	(void)state;
	want.initrd_size = UINT64_MAX;
	assert_int_equal(place(GIB), -ENOSPC);
	(void)setup(state);
	want.kernel.span = UINT64_MAX;
	assert_int_equal(place(GIB), -ENOSPC);
	want.kernel.span = 0;
	want.kernel.size = UINT64_MAX;
	assert_int_equal(place(GIB), -ENOSPC);
}

static void place__initrd_stays_within_32_gib_of_the_kernel(void **state)
{
	(void)state;
	want.kernel.span = 32 * GIB - 5 * MIB;
	assert_int_equal(place(64 * GIB), 0);
	want.kernel.span++;
	assert_int_equal(place(64 * GIB), -ENOSPC);
}

static void elf__physical_addresses_are_kept(void **state)
{
	const struct range ram = { RAM, GIB };
	const struct elf elf = { .span = { RAM + 0x80000, MIB } };

	(void)state;
	arm64_elf_kernel(&elf, &ram, 1, &kernel);
	assert_true(kernel.fixed);
	assert_int_equal(kernel.at, RAM + 0x80000);
	assert_int_equal(kernel.span, MIB);
}

static void elf__virtual_addresses_give_the_text_offset(void **state)
{
	const struct range ram = { RAM, GIB };
	const struct elf elf = { .span = { 0xffff800008080000, MIB } };

	(void)state;
	arm64_elf_kernel(&elf, &ram, 1, &kernel);
	assert_false(kernel.fixed);
	assert_int_equal(kernel.offset, 0x80000);
	assert_int_equal(kernel.align, 2 * MIB);
}

static void unpack_limit__is_the_largest_region_up_to_1g(void **state)
{
	struct range ram[] = { { 0x80000000, 64 * MIB }, { 1ULL << 40, MIB } };

	(void)state;
	assert_int_equal(arm64_unpack_limit(ram, 2), 64 * MIB);
	ram[1].size = 1024 * MIB;
	assert_int_equal(arm64_unpack_limit(ram, 2), 1024 * MIB);
	ram[1].size = 65536 * MIB;
	assert_int_equal(arm64_unpack_limit(ram, 2), 1024 * MIB);
	assert_int_equal(arm64_unpack_limit(ram, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unpack_limit__is_the_largest_region_up_to_1g),
		cmocka_unit_test(parse__header_says_where_and_how_much),
		cmocka_unit_test(parse__span_covers_the_file),
		cmocka_unit_test(parse__kernel_before_3_17_is_512_kib_into_ram),
		cmocka_unit_test(parse__bare_program_is_512_kib_into_ram),
		cmocka_unit_test(parse__wild_text_offset_is_refused),
		cmocka_unit_test(whole__efi_image_tells_where_it_ends),
		cmocka_unit_test(whole__others_do_not_say),
		cmocka_unit_test_setup(place__all_lie_close_together, setup),
		cmocka_unit_test_setup(place__fits_to_the_last_byte, setup),
		cmocka_unit_test_setup(place__tree_crosses_no_block, setup),
		cmocka_unit_test_setup(place__nothing_without_initrd, setup),
		cmocka_unit_test_setup(place__text_offset_counts_from_a_block,
				       setup),
		cmocka_unit_test_setup(
			place__first_region_that_holds_all_is_taken, setup),
		cmocka_unit_test_setup(
			place__unknown_span_is_given_room_as_kvmtool_does,
			setup),
		cmocka_unit_test_setup(place__unknown_span_fits_in_one_block,
				       setup),
		cmocka_unit_test_setup(place__firmware_is_at_the_first_byte,
				       setup),
		cmocka_unit_test_setup(
			place__fixed_kernel_stays_where_it_is_for, setup),
		cmocka_unit_test_setup(place__what_does_not_fit_is_named,
				       setup),
		cmocka_unit_test_setup(place__wild_sizes_do_not_wrap, setup),
		cmocka_unit_test_setup(
			place__initrd_stays_within_32_gib_of_the_kernel, setup),
		cmocka_unit_test(elf__physical_addresses_are_kept),
		cmocka_unit_test(elf__virtual_addresses_give_the_text_offset),
	};

	return RUN_TESTS(tests);
}
