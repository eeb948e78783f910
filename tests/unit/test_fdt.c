/* tests/unit/test_fdt.c - base/fdt.c, read back with libfdt. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <libfdt.h>

#include "base/fdt.h"
#include "tests/unit/test.h"

static uint8_t buf[4096];
static struct err err;

static void prop_is(int node, const char *name, const void *want, int len)
{
	int got = -1;
	const void *val = fdt_getprop(buf, node, name, &got);

	assert_int_equal(got, len);
	assert_memory_equal(val, want, (size_t)len);
}

static void write__every_shape_reads_back(void **state)
{
	const char *const strs[] = { "arm,gic-v3", "x" };
	const struct range at[] = {
		{ 0x100000002, 0x300000004 },
		{ 5, 6 },
	};
	struct fdt t;
	int node;

	(void)state;
	fdt_begin(&t, buf, sizeof(buf));
	fdt_node(&t, "dev@80");
	fdt_empty(&t, "empty");
	fdt_str(&t, "str", "ok");
	fdt_strs(&t, "strs", strs, 2);
	fdt_bytes(&t, "bytes", "\0\1", 2);
	fdt_u32(&t, "u32", 0x01020304);
	fdt_u64(&t, "u64", 0x0102030405060708);
	fdt_cells(&t, "cells", (uint32_t[]){ 1, 0xfffffffe }, 2);
	fdt_ranges(&t, "reg", at, 2);
	fdt_node(&t, "child");
	fdt_end(&t);
	fdt_end(&t);
	assert_int_equal(fdt_done(&t, &err), 0);

	assert_int_equal(fdt_check_full(buf, sizeof(buf)), 0);
	assert_int_equal(t.size, fdt_totalsize(buf));
	prop_is(0, "#address-cells", "\0\0\0\2", 4);
	prop_is(0, "#size-cells", "\0\0\0\2", 4);
	node = fdt_path_offset(buf, "/dev@80");
	assert_true(node > 0);
	prop_is(node, "empty", "", 0);
	prop_is(node, "str", "ok", 3);
	prop_is(node, "strs", "arm,gic-v3\0x", 13);
	prop_is(node, "bytes", "\0\1", 2);
	prop_is(node, "u32", "\1\2\3\4", 4);
	prop_is(node, "u64", "\1\2\3\4\5\6\7\10", 8);
	prop_is(node, "cells", "\0\0\0\1\xff\xff\xff\xfe", 8);
	prop_is(node, "reg",
		"\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4"
		"\0\0\0\0\0\0\0\5\0\0\0\0\0\0\0\6",
		32);
	assert_true(fdt_path_offset(buf, "/dev@80/child") > 0);
}

/* Names are cut where t.node ends, as fdt_node() cuts them. */
static void node_at__is_what_printf_writes(void **state)
{
	static const char name[] = "a-name-of-sixty-one-letters-that-leaves-no-"
				   "room-for-an-address";
	static const uint64_t at[] = { 0,	    1,
				       0xf,	    0x10,
				       0x1000000,   0xabcdef0123456789,
				       UINT64_MAX,  0x80000000,
				       0x1ULL << 60 };
	char want[128];
	struct fdt t;

	(void)state;
	for (size_t i = 0; i < sizeof(at) / sizeof(*at); i++) {
		for (size_t skip = 0; skip < sizeof(name); skip++) {
			fdt_begin(&t, buf, sizeof(buf));
			fdt_node_at(&t, name + skip, at[i]);
			(void)snprintf(want, sizeof(want), "%s@%" PRIx64,
				       name + skip, at[i]);
			want[sizeof(t.node) - 1] = '\0';
			assert_string_equal(t.node, want);
			fdt_end(&t);
			assert_int_equal(fdt_done(&t, &err), 0);
		}
	}
	assert_true(fdt_path_offset(buf, "/@1000000000000000") > 0);
}

static void phandle__may_be_used_before_its_node(void **state)
{
	struct fdt t;
	uint32_t gic;

	(void)state;
	fdt_begin(&t, buf, sizeof(buf));
	gic = fdt_phandle(&t);
	assert_int_equal(gic, 1);
	assert_int_equal(fdt_phandle(&t), 2);
	fdt_u32(&t, "interrupt-parent", gic);
	fdt_node(&t, "intc");
	fdt_u32(&t, "phandle", gic);
	fdt_end(&t);
	assert_int_equal(fdt_done(&t, &err), 0);
	assert_int_equal(fdt_node_offset_by_phandle(buf, gic),
			 fdt_path_offset(buf, "/intc"));
}

static void write__what_the_buffer_held_does_not_show(void **state)
{
	static uint8_t zeroed[sizeof(buf)];
	struct fdt t;

	(void)state;
	for (int round = 0; round < 2; round++) {
		memset(buf, round ? 0xaa : 0, sizeof(buf));
		fdt_begin(&t, buf, sizeof(buf));
		for (unsigned i = 0; i < 8; i++) {
			fdt_node(&t, &"abcdefgh"[i]);
			fdt_bytes(&t, "odd", "1234567", i);
			fdt_end(&t);
		}
		assert_int_equal(fdt_done(&t, &err), 0);
		if (round == 0)
			memcpy(zeroed, buf, sizeof(buf));
	}
	assert_memory_equal(buf, zeroed, t.size);
}

static void done__too_small_a_buffer_names_the_node(void **state)
{
	struct fdt t;

	(void)state;
	fdt_begin(&t, buf, 256);
	for (unsigned i = 0; i < 100; i++) {
		fdt_node_at(&t, "cpu", i);
		fdt_bytes(&t, "pad", buf, 64);
		fdt_end(&t);
	}
	assert_int_equal(fdt_done(&t, &err), -ENOSPC);
	assert_string_equal(err.msg, "device tree, near cpu@1: "
				     "larger than 256 bytes");
}

static void done__no_buffer_is_too_small_too(void **state)
{
	struct fdt t;

	(void)state;
	fdt_begin(&t, buf, 0);
	fdt_u64(&t, "x", 1);
	assert_int_equal(fdt_done(&t, &err), -ENOSPC);
}

static void done__unbalanced_nodes_are_an_error(void **state)
{
	struct fdt t;

	(void)state;
	fdt_begin(&t, buf, sizeof(buf));
	fdt_node(&t, "open");
	assert_int_equal(fdt_done(&t, &err), -EINVAL);
	fdt_begin(&t, buf, sizeof(buf));
	fdt_end(&t);
	assert_int_equal(fdt_done(&t, &err), -EINVAL);
}

static void done__every_size_too_small_is_refused(void **state)
{
	size_t least = 0;

	(void)state;
	for (size_t size = 0; size < 512; size++) {
		struct fdt t;
		int r;

		memset(buf, 0xaa, sizeof(buf));
		fdt_begin(&t, buf, size);
		fdt_node(&t, "a");
		fdt_reg(&t, (struct range){ 1, 2 });
		fdt_end(&t);
		r = fdt_done(&t, &err);
		for (size_t i = size; i < sizeof(buf); i++)
			assert_int_equal(buf[i], 0xaa);
		if (r == 0 && least == 0)
			least = size;
		assert_int_equal(r, least ? 0 : -ENOSPC);
	}
	assert_true(least > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(write__every_shape_reads_back),
		cmocka_unit_test(node_at__is_what_printf_writes),
		cmocka_unit_test(phandle__may_be_used_before_its_node),
		cmocka_unit_test(write__what_the_buffer_held_does_not_show),
		cmocka_unit_test(done__too_small_a_buffer_names_the_node),
		cmocka_unit_test(done__no_buffer_is_too_small_too),
		cmocka_unit_test(done__unbalanced_nodes_are_an_error),
		cmocka_unit_test(done__every_size_too_small_is_refused),
	};

	return RUN_TESTS(tests);
}
