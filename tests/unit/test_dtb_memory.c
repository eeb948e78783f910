/* tests/unit/test_dtb_memory.c - vmm/boot/dtb_memory.c. */
#include <errno.h>
#include <string.h>

#include <libfdt.h>

#include "base/fdt.h"
#include "tests/unit/test.h"
#include "vmm/boot/dtb_memory.h"

#define MIB (UINT64_C(1) << 20)
#define BASE UINT64_C(0x80000000)

static const struct range ram[] = {
	{ BASE + 64 * MIB, 64 * MIB }, /* adjoins the next */
	{ BASE, 64 * MIB },
	{ UINT64_C(0x900000000), 64 * MIB },
};

static uint8_t dtb[4096];
static struct err err;

/* A tree with these pieces of memory. */
static void make(const struct range *at, size_t count)
{
	struct fdt t;

	fdt_begin(&t, dtb, sizeof(dtb));
	for (size_t i = 0; i < count; i++) {
		fdt_node_at(&t, "memory", at[i].start);
		fdt_str(&t, "device_type", "memory");
		fdt_reg(&t, at[i]);
		fdt_end(&t);
	}
	assert_int_equal(fdt_done(&t, &err), 0);
}

static int check(void)
{
	err = (struct err){ 0 };
	return dtb_memory_check(dtb, "a.dtb", ram, 3, &err);
}

static int check_one(uint64_t start, uint64_t size)
{
	const struct range at = { start, size };

	make(&at, 1);
	return check();
}

static void check__ram_and_parts_of_it_are_fine(void **state)
{
	(void)state;
	make(ram, 3);
	assert_int_equal(check(), 0);
	assert_int_equal(check_one(BASE, 128 * MIB), 0); /* two regions */
	assert_int_equal(check_one(BASE + 1, 1), 0);
	assert_int_equal(check_one(BASE + 128 * MIB - 1, 1), 0);
	assert_int_equal(check_one(UINT64_C(0x900000000), 64 * MIB), 0);
}

static void check__other_addresses_are_named(void **state)
{
	(void)state;
	assert_int_equal(check_one(UINT64_C(0x40000000), 64 * MIB), -EINVAL);
	assert_string_equal(
		err.msg,
		"device tree a.dtb: its memory, 0x4000000 bytes at 0x40000000, "
		"is not the machine's, which begins with 0x4000000 bytes at "
		"0x84000000 (see --mem)");
	assert_true(err.input);
	assert_int_equal(check_one(BASE - 1, 2), -EINVAL);
	assert_int_equal(check_one(BASE, 128 * MIB + 1), -EINVAL);
	assert_int_equal(check_one(BASE + 128 * MIB, 1), -EINVAL);
	assert_int_equal(check_one(BASE, UINT64_MAX), -EINVAL);
	assert_int_equal(check_one(UINT64_MAX, UINT64_MAX), -EINVAL);
}

static void check__each_piece_is_looked_at(void **state)
{
	const struct range at[] = { ram[0], { 0, MIB } };

	(void)state;
	make(at, 2);
	assert_int_equal(check(), -EINVAL);
}

static void check__a_tree_without_memory_is_refused(void **state)
{
	(void)state;
	make(NULL, 0);
	assert_int_equal(check(), -EINVAL);
	assert_string_equal(err.msg,
			    "device tree a.dtb: it describes no memory");
}

static void check__a_disabled_node_does_not_count(void **state)
{
	const struct range at[] = { { 0, MIB }, ram[0] };
	int node;

	(void)state;
	make(at, 2);
	assert_int_equal(fdt_open_into(dtb, dtb, sizeof(dtb)), 0);
	node = fdt_path_offset(dtb, "/memory@0");
	assert_int_equal(fdt_setprop_string(dtb, node, "status", "disabled"),
			 0);
	assert_int_equal(check(), 0);
}

static void check__a_malformed_reg_is_refused(void **state)
{
	int node;

	(void)state;
	make(ram, 1);
	node = fdt_path_offset(dtb, "/memory");
	assert_true(node >= 0);
	assert_int_equal(fdt_nop_property(dtb, node, "reg"), 0);
	assert_int_equal(check(), -EINVAL);
	make(ram, 1);
	assert_int_equal(fdt_open_into(dtb, dtb, sizeof(dtb)), 0);
	node = fdt_path_offset(dtb, "/memory");
	assert_int_equal(fdt_setprop_u32(dtb, node, "reg", 1), 0);
	assert_int_equal(check(), -EINVAL);
}

static void check__cells_of_32_bits_are_read(void **state)
{
	static const uint32_t reg[] = { 0x80000000, 0x1000 };
	int node;

	(void)state;
	make(ram, 1);
	assert_int_equal(fdt_open_into(dtb, dtb, sizeof(dtb)), 0);
	assert_int_equal(fdt_setprop_u32(dtb, 0, "#address-cells", 1), 0);
	assert_int_equal(fdt_setprop_u32(dtb, 0, "#size-cells", 1), 0);
	node = fdt_path_offset(dtb, "/memory");
	assert_int_equal(fdt_setprop_u32(dtb, node, "reg", reg[0]), 0);
	assert_int_equal(fdt_appendprop_u32(dtb, node, "reg", reg[1]), 0);
	assert_int_equal(check(), 0);
	assert_int_equal(fdt_setprop_u32(dtb, 0, "#size-cells", 3), 0);
	assert_int_equal(check(), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check__ram_and_parts_of_it_are_fine),
		cmocka_unit_test(check__other_addresses_are_named),
		cmocka_unit_test(check__each_piece_is_looked_at),
		cmocka_unit_test(check__a_tree_without_memory_is_refused),
		cmocka_unit_test(check__a_disabled_node_does_not_count),
		cmocka_unit_test(check__a_malformed_reg_is_refused),
		cmocka_unit_test(check__cells_of_32_bits_are_read),
	};

	return RUN_TESTS(tests);
}
