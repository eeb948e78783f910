/*
 * mem/dirty_bits.h - bitmaps of pages: one bit each, in chunks, and their runs.
 *
 * A bitmap is zero until it is written, and costs memory only where it was. It
 * is cut into chunks; beside each stands a byte that says whether a bit of it
 * may be set, so that what is clean is passed over without being read.
 */
#ifndef MEM_DIRTY_BITS_H
#define MEM_DIRTY_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* KVM_CLEAR_DIRTY_LOG wants multiples of 64 pages. With pages of 4 KiB a chunk
 * stands for 64 MiB of guest memory, and takes 2 KiB. */
#define BITS_CHUNK_WORDS 256
#define BITS_CHUNK_PAGES (BITS_CHUNK_WORDS * UINT64_C(64))

struct dirty_bits {
	uint64_t *word; /* owned mapping; bit p is bit p % 64 of word p / 64 */
	uint8_t *touched; /* in the mapping; one for each chunk */
	size_t size; /* of the mapping, in bytes */
};

/* Returns 0, or -ENOMEM. */
int bits_init(struct dirty_bits *ret, size_t chunks, struct err *err);
void bits_finish(struct dirty_bits *bits); /* a zeroed one is fine */

/* Clears all, and gives the memory back to the host. */
void bits_forget(struct dirty_bits *bits);

static inline uint64_t *bits_chunk(const struct dirty_bits *bits, size_t chunk)
{
	return bits->word + chunk * BITS_CHUNK_WORDS;
}

/* True if any bit of @words words is set. */
bool bits_any(const uint64_t *word, size_t words);

/* Sets @words bits from the start of @chunk on that are set in @from. */
void bits_or(struct dirty_bits *bits, size_t chunk, const uint64_t *from,
	     size_t words);

/* Adds a chunk's bits to @into, of BITS_CHUNK_WORDS, and clears them. */
void bits_take(struct dirty_bits *bits, size_t chunk, uint64_t *restrict into);

/*
 * The same two for a bitmap that many threads mark at once, without a lock; it
 * is used with none of the above but the first three. Memory writes before
 * bits_mark() are visible to the thread that gets the bit from
 * bits_take_marks(). Thread: bits_mark() any, bits_take_marks() one at a time.
 */
void bits_mark(struct dirty_bits *bits, uint64_t first, uint64_t count);
void bits_take_marks(struct dirty_bits *bits, size_t chunk, uint64_t *into);

/* A word of a chunk's marks, which stay. Thread: any. */
uint64_t bits_look_at_marks(const struct dirty_bits *bits, size_t chunk,
			    size_t word);

/* Neighbours that are all set. */
struct bits_run {
	uint64_t first, count;
};

/*
 * Finds the first run at or behind bit @from among the first @count bits of
 * @word. Returns false if there is none.
 */
bool bits_next_run(const uint64_t *word, uint64_t count, uint64_t from,
		   struct bits_run *ret);

#endif
