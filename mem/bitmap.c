/* mem/bitmap.c - runs of bits in an array of 64-bit words. */
#include "mem/bitmap.h"

#define BITS 64

/* The bits of [from, to) that are in the word of @from. */
static uint64_t word_mask(uint64_t from, uint64_t to)
{
	const uint64_t low = UINT64_MAX << from % BITS;
	const uint64_t left = to - (from - from % BITS);

	return left < BITS ? low & ~(UINT64_MAX << left) : low;
}

static uint64_t next_word(uint64_t from)
{
	return from - from % BITS + BITS;
}

uint64_t bitmap_set(uint64_t *map, uint64_t from, uint64_t to)
{
	uint64_t fresh = 0;

	for (; from < to; from = next_word(from)) {
		const uint64_t m = word_mask(from, to);
		uint64_t *word = &map[from / BITS];

		fresh += (uint64_t)__builtin_popcountll(m & ~*word);
		*word |= m;
	}
	return fresh;
}

uint64_t bitmap_clear(uint64_t *map, uint64_t from, uint64_t to)
{
	uint64_t gone = 0;

	for (; from < to; from = next_word(from)) {
		const uint64_t m = word_mask(from, to);
		uint64_t *word = &map[from / BITS];

		gone += (uint64_t)__builtin_popcountll(m & *word);
		*word &= ~m;
	}
	return gone;
}

uint64_t bitmap_next_clear(const uint64_t *map, uint64_t from, uint64_t to)
{
	for (; from < to; from = next_word(from)) {
		const uint64_t found = ~map[from / BITS] & word_mask(from, to);

		if (found)
			return from - from % BITS +
			       (uint64_t)__builtin_ctzll(found);
	}
	return to;
}

uint64_t bitmap_next_set(const uint64_t *map, uint64_t from, uint64_t to)
{
	for (; from < to; from = next_word(from)) {
		const uint64_t found = map[from / BITS] & word_mask(from, to);

		if (found)
			return from - from % BITS +
			       (uint64_t)__builtin_ctzll(found);
	}
	return to;
}

uint64_t bitmap_next_only(const uint64_t *map, const uint64_t *other,
			  uint64_t from, uint64_t to)
{
	for (; from < to; from = next_word(from)) {
		const uint64_t found = map[from / BITS] & ~other[from / BITS] &
				       word_mask(from, to);

		if (found)
			return from - from % BITS +
			       (uint64_t)__builtin_ctzll(found);
	}
	return to;
}

uint64_t bitmap_count(const uint64_t *map, uint64_t from, uint64_t to)
{
	uint64_t count = 0;

	for (; from < to; from = next_word(from))
		count += (uint64_t)__builtin_popcountll(map[from / BITS] &
							word_mask(from, to));
	return count;
}
