/*
 * tests/kvm/mips/rom.c - --rom is read at the speed of memory, and not written.
 *
 * Its file is what `seq -s '' 100000 104095` says: each number has six digits.
 */
#include "tests/kvm/mips/lib/guest.h"

#define ROM 0x10000000U /* as tests.list says */
#define NUMBERS 4096U
#define DIGITS 6U
#define TRIES 5

static uint32_t number(uint32_t rom, unsigned index)
{
	uint32_t val = 0;

	for (unsigned i = 0; i < DIGITS; i++)
		val = val * 10 + (do_lbu(rom + index * DIGITS + i) - '0');
	return val;
}

static void is_whole(uint32_t rom)
{
	for (unsigned i = 0; i < NUMBERS; i++)
		CHECK_EQ(number(rom, i), 100000 + i);
}

static void writes_are_ignored(uint32_t rom)
{
	for (uint32_t at = 0; at < NUMBERS * DIGITS; at += 4092) {
		do_sw(rom + at, 0);
		do_sh(rom + at + 2, 0);
		do_sb(rom + at + 1, 0);
	}
}

static uint32_t ticks_of_loads(uint32_t at, unsigned count)
{
	const uint32_t begun = CP0(READ_CP0, COUNT);

	for (unsigned i = 0; i < count; i++)
		(void)read32(at);
	return CP0(READ_CP0, COUNT) - begun;
}

/* Other programs may run on the host in between: the best of some counts. */
static uint32_t best(uint32_t at, unsigned count)
{
	uint32_t least = UINT32_MAX;

	for (int i = 0; i < TRIES; i++) {
		const uint32_t ticks = ticks_of_loads(at, count);

		least = ticks < least ? ticks : least;
	}
	return least;
}

int main(void)
{
	is_whole(KSEG0(ROM));
	writes_are_ignored(KSEG0(ROM));
	writes_are_ignored(KSEG1(ROM));
	is_whole(KSEG0(ROM));
	/* The VMM has to read it for the guest here. */
	CHECK_EQ(number(KSEG1(ROM), NUMBERS - 1), 104095);
	/* If each load were an exit, the first would take ten times as long. */
	CHECK(best(KSEG0(ROM), 1000) < best(NOWHERE, 100));
	return 0;
}
