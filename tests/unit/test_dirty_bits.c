/* tests/unit/test_dirty_bits.c - mem/dirty_bits.c. */
#include <string.h>

#include "mem/dirty_bits.h"
#include "tests/unit/test.h"

#define ALL UINT64_MAX

static void next_run__nothing_set_is_none(void **state)
{
	const uint64_t word[3] = { 0 };
	struct bits_run run;

	(void)state;
	assert_false(bits_next_run(word, 192, 0, &run));
	assert_false(bits_next_run(word, 0, 0, &run));
	assert_false(bits_next_run(word, 192, 192, &run));
}

static void expect_run(const uint64_t *word, uint64_t count, uint64_t from,
		       uint64_t first, uint64_t length)
{
	struct bits_run run;

	assert_true(bits_next_run(word, count, from, &run));
	assert_int_equal(run.first, first);
	assert_int_equal(run.count, length);
}

static void next_run__finds_first_and_last_bit(void **state)
{
	uint64_t word[3] = { 1, 0, 1ULL << 63 };
	struct bits_run run;

	(void)state;
	expect_run(word, 192, 0, 0, 1);
	expect_run(word, 192, 1, 191, 1);
	assert_false(bits_next_run(word, 191, 1, &run));
}

static void next_run__goes_over_words(void **state)
{
	const uint64_t word[3] = { 1ULL << 63, ALL, 1 };

	(void)state;
	expect_run(word, 192, 0, 63, 66);
	expect_run(word, 192, 100, 100, 29);
}

static void next_run__ends_with_the_count(void **state)
{
	const uint64_t word[2] = { ALL, ALL };

	(void)state;
	expect_run(word, 128, 0, 0, 128);
	expect_run(word, 65, 0, 0, 65);
	expect_run(word, 1, 0, 0, 1);
	expect_run(word, 65, 64, 64, 1);
}

static struct dirty_bits two_chunks(void)
{
	struct dirty_bits bits;
	struct err err = { 0 };

	assert_int_equal(bits_init(&bits, 2, &err), 0);
	return bits;
}

static void or__zeroes_do_not_touch(void **state)
{
	const uint64_t zeroes[BITS_CHUNK_WORDS] = { 0 };
	struct dirty_bits bits = two_chunks();

	(void)state;
	bits_or(&bits, 1, zeroes, BITS_CHUNK_WORDS);
	assert_int_equal(bits.touched[1], 0);
	bits_finish(&bits);
	bits_finish(&bits);
}

static void take__adds_and_clears(void **state)
{
	const uint64_t from[2] = { 0x30, ALL };
	uint64_t into[BITS_CHUNK_WORDS] = { 0x01 };
	struct dirty_bits bits = two_chunks();

	(void)state;
	bits_or(&bits, 1, from, 2);
	bits_take(&bits, 0, into);
	assert_int_equal(into[0], 0x01);
	bits_take(&bits, 1, into);
	assert_int_equal(into[0], 0x31);
	assert_int_equal(into[1], ALL);
	into[0] = 0;
	bits_take(&bits, 1, into);
	assert_int_equal(into[0], 0);
	bits_finish(&bits);
}

/* Marks, and compares with bits set one by one. */
static void expect_marks(uint64_t first, uint64_t count)
{
	struct dirty_bits bits = two_chunks();

	bits_mark(&bits, first, count);
	for (size_t chunk = 0; chunk < 2; chunk++) {
		uint64_t want[BITS_CHUNK_WORDS] = { 0 };
		uint64_t got[BITS_CHUNK_WORDS] = { 0 };

		for (uint64_t i = 0; i < BITS_CHUNK_PAGES; i++)
			if (chunk * BITS_CHUNK_PAGES + i - first < count)
				want[i / 64] |= 1ULL << i % 64;
		bits_take_marks(&bits, chunk, got);
		assert_memory_equal(got, want, sizeof(want));
		bits_take_marks(&bits, chunk, memset(got, 0, sizeof(got)));
		assert_int_equal(got[0] | got[BITS_CHUNK_WORDS - 1], 0);
	}
	bits_finish(&bits);
}

static void mark__every_edge(void **state)
{
	static const uint64_t edge[] = {
		0,  1,	31,  32,  33,  63,
		64, 65, 127, 128, 129, BITS_CHUNK_PAGES - 1,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(edge) / sizeof(edge[0]); i++)
		for (size_t j = 0; j < sizeof(edge) / sizeof(edge[0]); j++)
			expect_marks(edge[i], edge[j]);
	expect_marks(0, 2 * BITS_CHUNK_PAGES);
	expect_marks(2 * BITS_CHUNK_PAGES - 1, 1);
	expect_marks(BITS_CHUNK_PAGES - 1, 2);
}

static void forget__clears_bits_and_touches(void **state)
{
	uint64_t into[BITS_CHUNK_WORDS] = { 0 };
	struct dirty_bits bits = two_chunks();

	(void)state;
	bits_mark(&bits, 0, 2 * BITS_CHUNK_PAGES);
	bits_forget(&bits);
	assert_int_equal(bits.touched[0] | bits.touched[1], 0);
	bits_mark(&bits, 1, 1);
	bits_take_marks(&bits, 0, into);
	assert_int_equal(into[0], 2);
	bits_finish(&bits);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(next_run__nothing_set_is_none),
		cmocka_unit_test(next_run__finds_first_and_last_bit),
		cmocka_unit_test(next_run__goes_over_words),
		cmocka_unit_test(next_run__ends_with_the_count),
		cmocka_unit_test(or__zeroes_do_not_touch),
		cmocka_unit_test(take__adds_and_clears),
		cmocka_unit_test(mark__every_edge),
		cmocka_unit_test(forget__clears_bits_and_touches),
	};

	return RUN_TESTS(tests);
}
