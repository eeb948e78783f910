/* tests/unit/test_mips_insn.c - arch/mips/insn.c. */
#include "arch/mips/insn.h"
#include "tests/unit/test.h"

/* As the assembler has them. */
#define SWL_A0_5_SP 0xaba40005 /* swl $a0, 5($sp) */
#define SWR_T0_MINUS_3_V1 0xb868fffd /* swr $t0, -3($v1) */
#define SW_A0_4_SP 0xafa40004 /* sw $a0, 4($sp) */

static struct mips_part_store store;

static void part__swl_and_swr_are_found(void **state)
{
	(void)state;
	assert_true(mips_part_store(SWL_A0_5_SP, &store));
	assert_true(store.left);
	assert_int_equal(store.base, 29);
	assert_int_equal(store.offset, 5);
	assert_true(mips_part_store(SWR_T0_MINUS_3_V1, &store));
	assert_false(store.left);
	assert_int_equal(store.base, 3);
	assert_int_equal(store.offset, -3);
}

static void part__other_stores_are_whole(void **state)
{
	(void)state;
	assert_false(mips_part_store(SW_A0_4_SP, &store));
	assert_false(mips_part_store(0, &store));
	assert_false(mips_part_store(UINT32_MAX, &store));
}

static void mask__swl_and_swr_of_neighbours_make_a_word(void **state)
{
	static const uint32_t left[] = { 0xff, 0xffff, 0xffffff, 0xffffffff };

	(void)state;
	for (uint32_t byte = 0; byte < 4; byte++) {
		const struct mips_part_store swl = { .left = true },
					     swr = { 0 };

		assert_int_equal(mips_part_mask(&swl, 0x40 + byte), left[byte]);
		assert_int_equal(mips_part_mask(&swr, 0x40 + byte),
				 byte == 0 ? 0xffffffff : ~left[byte - 1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(part__swl_and_swr_are_found),
		cmocka_unit_test(part__other_stores_are_whole),
		cmocka_unit_test(mask__swl_and_swr_of_neighbours_make_a_word),
	};

	return RUN_TESTS(tests);
}
