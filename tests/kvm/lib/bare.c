/* tests/kvm/lib/bare.c - text, checks and memory of every bare guest. */
#include "tests/kvm/lib/bare.h"

#define LONG_BITS (8 * (int)sizeof(long))

void *memset(void *to, int c, size_t len)
{
	volatile uint8_t *p = to;

	while (len-- > 0)
		*p++ = (uint8_t)c;
	return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t len)
{
	volatile uint8_t *p = to;
	const uint8_t *q = from;

	while (len-- > 0)
		*p++ = *q++;
	return to;
}

void put(const char *text)
{
	while (*text)
		put_char(*text++);
}

void put_hex(unsigned long val)
{
	int shift = LONG_BITS - 4;

	put("0x");
	while (shift > 0 && val >> shift == 0)
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		put_char("0123456789abcdef"[(val >> shift) & 15]);
}

_Noreturn void fail(const char *file, unsigned line, const char *what,
		    unsigned long got, unsigned long want)
{
	put("\nFAIL cpu ");
	put_hex(cpu_index());
	put(" ");
	put(file);
	put(" line ");
	put_hex(line);
	put(": ");
	put(what);
	put(" is ");
	put_hex(got);
	put(", not ");
	put_hex(want);
	put("\n");
	power_off();
}
