/* tests/unit/test_arm64_core.c - arch/arm64/core_views.c: where Linux sees its
 * memory. */
#include "tests/unit/test.h"

#include "arch/arm64/core.h"

static struct core_view view[CORE_MAX_VIEWS];

/* Of a Debian kernel of 52 bits on a CPU with 48. */
static void views__of_a_kernel_that_runs_with_fewer_bits(void **state)
{
	static const char info[] = "OSRELEASE=6.12\n"
				   "SYMBOL(swapper_pg_dir)=ffffc1e9d2279000\n"
				   "SYMBOL(_stext)=ffffc1e9d0a10000\n"
				   "SYMBOL(mem_section)=ffff00000ff73f80\n"
				   "SYMBOL(clear_seq)=ffffc1e9d2b62710\n"
				   "NUMBER(VA_BITS)=52\n"
				   "NUMBER(kimage_voffset)=0xffffc1e950a00000\n"
				   "NUMBER(PHYS_OFFSET)=0xfff1000080000000\n";

	(void)state;
	assert_int_equal(arm64_core_views(info, view), 2);
	assert_int_equal(view[0].vaddr + UINT64_C(0x80000000),
			 UINT64_C(0xffff000000000000));
	assert_int_equal(view[1].gpa.start, UINT64_C(0x80000000));
	assert_int_equal(view[1].vaddr, UINT64_C(0xffffc1e9d0a00000));
	assert_int_equal(view[1].gpa.size, UINT64_C(0x2200000));
}

static void views__of_a_kernel_of_48_bits(void **state)
{
	(void)state;
	assert_int_equal(arm64_core_views("NUMBER(VA_BITS)=48\n"
					  "NUMBER(PHYS_OFFSET)=0x80000000\n",
					  view),
			 1);
	assert_int_equal(view[0].vaddr + UINT64_C(0x80200000),
			 UINT64_C(0xffff000000200000));
}

static void views__what_makes_no_sense_is_left_out(void **state)
{
	(void)state;
	assert_int_equal(arm64_core_views(NULL, view), 0);
	assert_int_equal(arm64_core_views("", view), 0);
	assert_int_equal(arm64_core_views("NUMBER(VA_BITS)=64\n"
					  "NUMBER(PHYS_OFFSET)=0x80000000\n",
					  view),
			 0);
	assert_int_equal(arm64_core_views("NUMBER(VA_BITS)=\n"
					  "NUMBER(PHYS_OFFSET)=0x80000000\n",
					  view),
			 0);
	/* An image outside of what is physical. */
	assert_int_equal(arm64_core_views("NUMBER(VA_BITS)=48\n"
					  "SYMBOL(_stext)=ffff800080000000\n"
					  "SYMBOL(\n"
					  "NUMBER(kimage_voffset)=0x1000\n"
					  "NUMBER(PHYS_OFFSET)=0x80000000\n",
					  view),
			 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(views__of_a_kernel_that_runs_with_fewer_bits),
		cmocka_unit_test(views__of_a_kernel_of_48_bits),
		cmocka_unit_test(views__what_makes_no_sense_is_left_out),
	};

	return RUN_TESTS(tests);
}
