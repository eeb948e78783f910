/*
 * mem/bitmap.h - runs of bits in an array of 64-bit words.
 *
 * Bit n is bit n % 64 of word n / 64. A run is [from, to), and to >= from.
 * Thread: one at a time.
 */
#ifndef MEM_BITMAP_H
#define MEM_BITMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Words that hold @bits bits. */
static inline uint64_t bitmap_words(uint64_t bits)
{
	return bits / 64 + (bits % 64 != 0);
}

/* Sets a run. Returns how many bits of it were clear. */
uint64_t bitmap_set(uint64_t *map, uint64_t from, uint64_t to);

/* Clears a run. Returns how many bits of it were set. */
uint64_t bitmap_clear(uint64_t *map, uint64_t from, uint64_t to);

/* The first bit of the run that is clear; @to if none is. */
uint64_t bitmap_next_clear(const uint64_t *map, uint64_t from, uint64_t to);

/* The first bit of the run that is set; @to if none is. */
uint64_t bitmap_next_set(const uint64_t *map, uint64_t from, uint64_t to);

/* The first bit of the run that is set in @map and clear in @other; @to if none
 * is. */
uint64_t bitmap_next_only(const uint64_t *map, const uint64_t *other,
			  uint64_t from, uint64_t to);

/* How many bits of the run are set. */
uint64_t bitmap_count(const uint64_t *map, uint64_t from, uint64_t to);

#endif
