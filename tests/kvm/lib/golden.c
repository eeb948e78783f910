/*
 * tests/kvm/lib/golden.c - the guest of the snapshots that have to be restored
 * for ever (tests/kvm/golden.sh). It fills memory in two halves, waits for a
 * letter after each, and wants its memory as it was.
 */
#include <stdint.h>

#include "tests/kvm/lib/bare.h"

#define HALF 1024

static volatile uint32_t kept[2 * HALF];

static uint32_t next_number(uint32_t last)
{
	return last * 1664525 + 1013904223;
}

static void fill_half(unsigned half)
{
	uint32_t number = half + 1;

	for (unsigned i = 0; i < HALF; i++)
		kept[half * HALF + i] = number = next_number(number);
}

static void check_half(unsigned half)
{
	uint32_t number = half + 1;

	for (unsigned i = 0; i < HALF; i++)
		CHECK_EQ(kept[half * HALF + i], number = next_number(number));
}

int main(void)
{
	char letter;

	fill_half(0);
	put("waiting\n");
	(void)get_char();
	fill_half(1);
	put("waiting again\n");
	letter = get_char();
	check_half(0);
	check_half(1);
	put("went on after ");
	put_char(letter);
	put("\n");
	return 0;
}
