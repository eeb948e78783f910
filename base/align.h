/* base/align.h - rounding to powers of two. */
#ifndef BASE_ALIGN_H
#define BASE_ALIGN_H

#include <stdbool.h>
#include <stdint.h>

static inline bool is_pow2(uint64_t x)
{
	return x != 0 && (x & (x - 1)) == 0;
}

/* @align is a power of two in all of these. */
static inline bool is_aligned(uint64_t x, uint64_t align)
{
	return (x & (align - 1)) == 0;
}

static inline uint64_t align_down(uint64_t x, uint64_t align)
{
	return x & ~(align - 1);
}

/* Rounds up. Returns false, and writes nothing, if the result does not fit. */
static inline bool align_up(uint64_t x, uint64_t align, uint64_t *ret)
{
	if (x > UINT64_MAX - (align - 1))
		return false;
	*ret = (x + (align - 1)) & ~(align - 1);
	return true;
}

#endif
