/* mem/dirty_bits.c - bitmaps of pages: one bit each, in chunks, and their runs.
 */
#include "mem/dirty_bits.h"

#include <string.h>
#include <sys/mman.h>

#include "base/zeroes.h"

int bits_init(struct dirty_bits *ret, size_t chunks, struct err *err)
{
	const size_t words = chunks * BITS_CHUNK_WORDS;
	struct dirty_bits bits = { .size = words * sizeof(uint64_t) + chunks };
	void *p = map_zeroes(bits.size);

	if (!p)
		return err_sys(err, "bitmap of %zu bytes", bits.size);
	bits.word = p;
	bits.touched = (uint8_t *)(bits.word + words);
	*ret = bits;
	return 0;
}

void bits_finish(struct dirty_bits *bits)
{
	if (bits->word)
		(void)munmap(bits->word, bits->size);
	*bits = (struct dirty_bits){ 0 };
}

void bits_forget(struct dirty_bits *bits)
{
	/* It cannot fail on memory of this kind; but bits left over would only
	 * be pages that are reported without need. */
	(void)madvise(bits->word, bits->size, MADV_DONTNEED);
}

bool bits_any(const uint64_t *word, size_t words)
{
	uint64_t rest = 0;
	size_t i = 0;

	for (; i + 8 <= words; i += 8)
		if ((word[i] | word[i + 1]) | (word[i + 2] | word[i + 3]) |
		    (word[i + 4] | word[i + 5]) | (word[i + 6] | word[i + 7]))
			return true;
	for (; i < words; i++)
		rest |= word[i];
	return rest != 0;
}

void bits_or(struct dirty_bits *bits, size_t chunk, const uint64_t *from,
	     size_t words)
{
	uint64_t *to = bits_chunk(bits, chunk);

	if (!bits_any(from, words))
		return;
	for (size_t i = 0; i < words; i++)
		to[i] |= from[i];
	bits->touched[chunk] = 1;
}

void bits_take(struct dirty_bits *bits, size_t chunk, uint64_t *restrict into)
{
	uint64_t *restrict from = bits_chunk(bits, chunk);

	if (!bits->touched[chunk])
		return;
	bits->touched[chunk] = 0;
	for (size_t i = 0; i < BITS_CHUNK_WORDS; i++) {
		into[i] |= from[i];
		from[i] = 0;
	}
}

/*
 * Half words, as not every CPU has atomic accesses to 64 bits. Bit p of the
 * bitmap is bit p % 32 of half p / 32, whatever the byte order.
 */
static uint32_t *dirty_half_words(const struct dirty_bits *bits)
{
	return (uint32_t *)bits->word;
}

static void mark_half(uint32_t *half, unsigned first, unsigned count)
{
	const uint32_t ones = count < 32 ? (1U << count) - 1 : UINT32_MAX;

	/*
	 * Without a look whether the bits are set already: they may be those
	 * that are just being taken, by one who does not see our data yet.
	 */
	(void)__atomic_fetch_or(half, ones << first, __ATOMIC_RELEASE);
}

static void mark_in_chunk(struct dirty_bits *bits, uint64_t first,
			  uint64_t count)
{
	uint8_t *touched = &bits->touched[first / BITS_CHUNK_PAGES];

	while (count > 0) {
		const unsigned at = first % 32;
		const unsigned room = 32 - at;
		const unsigned n = count < room ? (unsigned)count : room;

		mark_half(&dirty_half_words(bits)[first / 32], at, n);
		first += n;
		count -= n;
	}
	/*
	 * Not a plain store: it would hide the one of another thread, whose
	 * bits the taker then need not see.
	 */
	(void)__atomic_exchange_n(touched, 1, __ATOMIC_ACQ_REL);
}

void bits_mark(struct dirty_bits *bits, uint64_t first, uint64_t count)
{
	while (count > 0) {
		const uint64_t room = BITS_CHUNK_PAGES -
				      first % BITS_CHUNK_PAGES;
		const uint64_t n = count < room ? count : room;

		mark_in_chunk(bits, first, n);
		first += n;
		count -= n;
	}
}

static uint64_t take_half(uint32_t *half)
{
	if (__atomic_load_n(half, __ATOMIC_RELAXED) == 0)
		return 0;
	return __atomic_exchange_n(half, 0, __ATOMIC_ACQUIRE);
}

void bits_take_marks(struct dirty_bits *bits, size_t chunk, uint64_t *into)
{
	uint8_t *touched = &bits->touched[chunk];
	uint32_t *half = dirty_half_words(bits) + chunk * BITS_CHUNK_WORDS * 2;

	if (__atomic_load_n(touched, __ATOMIC_RELAXED) == 0)
		return;
	/* Before the bits: one set behind our back sets it again. */
	(void)__atomic_exchange_n(touched, 0, __ATOMIC_ACQ_REL);
	for (size_t i = 0; i < BITS_CHUNK_WORDS; i++) {
		into[i] |= take_half(&half[2 * i]);
		into[i] |= take_half(&half[2 * i + 1]) << 32;
	}
}

/* The first bit at or behind @from that is set in word ^ @flip, up to @count.
 */
static uint64_t find_flipped_bit(const uint64_t *word, uint64_t count,
				 uint64_t from, uint64_t flip)
{
	uint64_t i = from / 64;
	uint64_t bits = (word[i] ^ flip) >> from % 64;

	if (bits != 0)
		return from + (unsigned)__builtin_ctzll(bits);
	/* Most words are like the one before: by fours, as far as they are. */
	for (i++; (i + 4) * 64 <= count; i += 4)
		if ((word[i] ^ flip) | (word[i + 1] ^ flip) |
		    (word[i + 2] ^ flip) | (word[i + 3] ^ flip))
			break;
	for (; i * 64 < count; i++) {
		bits = word[i] ^ flip;
		if (bits != 0)
			return i * 64 + (unsigned)__builtin_ctzll(bits);
	}
	return count;
}

bool bits_next_run(const uint64_t *word, uint64_t count, uint64_t from,
		   struct bits_run *ret)
{
	uint64_t first, end;

	if (from >= count)
		return false;
	first = find_flipped_bit(word, count, from, 0);
	if (first >= count)
		return false;
	end = find_flipped_bit(word, count, first, UINT64_MAX);
	if (end > count)
		end = count;
	*ret = (struct bits_run){ first, end - first };
	return true;
}

uint64_t bits_look_at_marks(const struct dirty_bits *bits, size_t chunk,
			    size_t word)
{
	const uint32_t *half = dirty_half_words(bits) +
			       (chunk * BITS_CHUNK_WORDS + word) * 2;
	const uint64_t high = __atomic_load_n(&half[1], __ATOMIC_RELAXED);

	return __atomic_load_n(&half[0], __ATOMIC_RELAXED) | high << 32;
}
