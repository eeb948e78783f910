/* tests/unit/test_mips_boot.c - arch/mips/boot.c. */
#include <errno.h>
#include <string.h>

#include "arch/mips/boot.h"
#include "arch/mips/layout.h"
#include "tests/unit/test.h"

#define MIB (1ULL << 20)

static struct elf elf;
static struct mips_payload payload;
static struct mips_placement at;
static struct err err;
static struct range ram[2];

static int setup(void **state)
{
	(void)state;
	elf = (struct elf){ .segments = 2, .entry = 0x40101000 };
	elf.segment[0].mem = (struct range){ 0x40200000, 0x1000 };
	elf.segment[1].mem = (struct range){ 0x40100000, 0x2000 };
	payload = (struct mips_payload){ .kernel = { MIB, 4 * MIB },
					 .kernel_path = "vmlinux",
					 .initrd_size = MIB,
					 .initrd_path = "initrd",
					 .dtb_size = 8192 };
	ram[0] = (struct range){ 0, 64 * MIB };
	ram[1] = (struct range){ 128 * MIB, 64 * MIB };
	err = (struct err){ 0 };
	return 0;
}

static void elf__addresses_become_physical(void **state)
{
	(void)state;
	assert_int_equal(mips_elf_physical(&elf, MIPS_TE_KSEG0, "v", &err), 0);
	assert_int_equal(elf.segment[0].mem.start, 0x200000);
	assert_int_equal(elf.segment[1].mem.start, 0x100000);
	assert_int_equal(elf.entry, 0x101000);
	assert_int_equal(elf.span.start, 0x100000);
	assert_int_equal(elf.span.size, 0x101000);
}

static void elf__kernel_of_another_kind_of_host_is_named(void **state)
{
	(void)state;
	elf.segment[1].mem.start = 0x80100000;
	assert_int_equal(mips_elf_physical(&elf, MIPS_TE_KSEG0, "v", &err),
			 -EBADMSG);
	assert_true(err.input);
	assert_string_equal(err.msg, "kernel v: is for 0x80100000, guests here "
				     "have their kernels at 0x40000000 (trap & "
				     "emulate KVM needs CONFIG_KVM_GUEST)");
	/* All or nothing. */
	assert_int_equal(elf.segment[0].mem.start, 0x40200000);
	assert_int_equal(mips_elf_physical(&elf, MIPS_VZ_KSEG0, "v", &err),
			 -EBADMSG);
}

static void elf__segment_ends_where_kseg0_does(void **state)
{
	(void)state;
	elf.segment[0].mem = (struct range){ 0x5ffff000, 0x1000 };
	assert_int_equal(mips_elf_physical(&elf, MIPS_TE_KSEG0, "v", &err), 0);
	(void)setup(state);
	elf.segment[0].mem = (struct range){ 0x5ffff000, 0x1001 };
	assert_int_equal(mips_elf_physical(&elf, MIPS_TE_KSEG0, "v", &err),
			 -EBADMSG);
	(void)setup(state);
	elf.entry = 0x3fffffff;
	assert_int_equal(mips_elf_physical(&elf, MIPS_TE_KSEG0, "v", &err),
			 -EBADMSG);
}

static int place(size_t rams)
{
	return mips_place(&payload, ram, rams, &at, &err);
}

static void place__puts_both_behind_the_kernel(void **state)
{
	(void)state;
	assert_int_equal(place(2), 0);
	assert_int_equal(at.dtb.start, 5 * MIB);
	assert_int_equal(at.dtb.size, 8192);
	assert_int_equal(at.initrd.start, 5 * MIB + 65536);
	assert_int_equal(at.initrd.size, MIB);
}

static void place__without_initrd_there_is_none(void **state)
{
	(void)state;
	payload.initrd_size = 0;
	assert_int_equal(place(1), 0);
	assert_int_equal(at.initrd.size, 0);
}

static void place__takes_a_region_to_its_last_byte(void **state)
{
	(void)state;
	payload.initrd_size = 64 * MIB - (5 * MIB + 65536);
	assert_int_equal(place(1), 0);
	assert_int_equal(at.initrd.start + at.initrd.size, 64 * MIB);
	payload.initrd_size++;
	assert_int_equal(place(1), -ENOSPC);
	assert_true(err.input);
	assert_int_equal(place(2), 0);
	assert_int_equal(at.dtb.start, 128 * MIB);
}

static void place__keeps_off_the_exception_vectors(void **state)
{
	(void)state;
	payload.kernel.start = 129 * MIB;
	payload.initrd_size = 61 * MIB;
	assert_int_equal(place(2), 0);
	assert_int_equal(at.dtb.start, 65536);
}

static void place__kernel_outside_memory_is_named(void **state)
{
	(void)state;
	payload.kernel.start = 62 * MIB;
	assert_int_equal(place(2), -ENOSPC);
	assert_string_equal(err.msg, "kernel vmlinux: is for 0x3e00000 to "
				     "0x4200000, where guest memory is not");
}

static void place__what_does_not_fit_is_named(void **state)
{
	(void)state;
	payload.initrd_size = UINT64_MAX;
	assert_int_equal(place(2), -ENOSPC);
	assert_non_null(strstr(err.msg, "initrd initrd: its"));
	payload.initrd_size = 0;
	payload.dtb_size = 128 * MIB;
	assert_int_equal(place(2), -ENOSPC);
	assert_non_null(strstr(err.msg, "device tree"));
}

static void register__addresses_are_sign_extended(void **state)
{
	(void)state;
	assert_true(mips_register(0x40100000) == 0x40100000);
	assert_true(mips_register(0x80100000) == 0xffffffff80100000);
	assert_true(mips_register((uint32_t)MIPS_UHI_DTB) == UINT64_MAX - 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest tests[] = {
		TEST(elf__addresses_become_physical),
		TEST(elf__kernel_of_another_kind_of_host_is_named),
		TEST(elf__segment_ends_where_kseg0_does),
		TEST(place__puts_both_behind_the_kernel),
		TEST(place__without_initrd_there_is_none),
		TEST(place__takes_a_region_to_its_last_byte),
		TEST(place__keeps_off_the_exception_vectors),
		TEST(place__kernel_outside_memory_is_named),
		TEST(place__what_does_not_fit_is_named),
		TEST(register__addresses_are_sign_extended),
	};

	return RUN_TESTS(tests);
}
