/*
 * tests/kvm/arm64/hostile_mmio.c - reads and writes of any size and value, all
 * over the device windows and between them. The VMM does not mind.
 */
#include "tests/kvm/arm64/lib/guest.h"

#define ROUNDS 6000
#define PANIC_PAGE 0x01030000UL /* says that the guest is dead: not now */

static uint64_t seed = 0x9e3779b97f4a7c15;

static uint64_t pick(uint64_t count)
{
	return random_next(&seed) % count;
}

/* Where something is, or was to be expected. */
static uint64_t pick_place(void)
{
	static const uint32_t from[] = {
		0x00000000, 0x01000000, 0x01010000, 0x01020000,
		0x02000000, 0x03000000, 0x03000200, 0x03000400,
		0x3fe00000, 0x3ffd0000, 0x3fff0000, 0x40000000,
	};
	const uint64_t place = from[pick(sizeof(from) / sizeof(from[0]))];

	switch (pick(4)) {
	case 0:
		return place + pick(0x10);
	case 1:
		return place + pick(0x200);
	case 2:
		return place + pick(0x20000);
	default:
		return random_next(&seed) & 0x7fffffff;
	}
}

static uint64_t pick_value(void)
{
	const uint64_t val = random_next(&seed);

	switch (pick(4)) {
	case 0:
		return 1UL << (val & 63);
	case 1:
		return val & 15;
	case 2:
		return UINT64_MAX - (val & 15);
	default:
		return val;
	}
}

/* The serial port as it was, whatever has been written to it. */
static void restore_uart(void)
{
	write8(UART + 3, 3); /* no divisor latch */
	write8(UART + 4, 3); /* no loop */
	write8(UART + 1, 0);
	write8(UART + 2, 7);
}

int main(void)
{
	mmu_alias();
	for (int i = 0; i < ROUNDS; i++) {
		const unsigned size = 1u << pick(4);
		uint64_t at = pick_place();

		if (at - (PANIC_PAGE - 8) < 0x1008)
			continue;
		at = pick(2) ? at + MMU_ALIAS : at & ~(uint64_t)(size - 1);
		catch_fault();
		if (pick(2))
			write_sized(at, size, pick_value());
		else
			(void)read_sized(at, size);
		(void)caught_fault();
	}
	restore_uart();
	put_char('\n');
	return 0;
}
