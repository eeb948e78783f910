/*
 * tests/kvm/mips/ram.c - memory with holes: each page of the regions that
 * tests.list gives, holds what is written to it, and the holes are no memory.
 */
#include "tests/kvm/mips/lib/guest.h"

#define PAGE 4096U
#define KIB 1024U
#define MIB (1024U * KIB)

/* As in tests.list; the first one has the guest itself in its first 2 MiB. */
static const struct {
	uint32_t start, end;
} ram[] = {
	{ 2 * MIB, 4 * MIB },
	{ 8 * MIB, 9 * MIB },
	{ 0x08000000, 0x08000000 + 64 * KIB },
	{ 0x08020000, 0x08020000 + 64 * KIB },
	{ 0x1ef00000, 0x1f000000 },
	{ 0x1f100000, 0x1f180000 },
	{ 0x1fff0000, 0x20000000 },
};

#define REGIONS (sizeof(ram) / sizeof(ram[0]))

static uint32_t mark(uint32_t at)
{
	uint32_t state = at | 1;

	return random_next(&state);
}

int main(void)
{
	for (unsigned i = 0; i < REGIONS; i++)
		for (uint32_t at = ram[i].start; at < ram[i].end; at += PAGE) {
			write32(KSEG0(at), mark(at));
			write32(KSEG0(at + PAGE - 4), ~mark(at));
		}
	for (unsigned i = 0; i < REGIONS; i++)
		for (uint32_t at = ram[i].start; at < ram[i].end; at += PAGE) {
			CHECK_EQ(read32(KSEG0(at)), mark(at));
			/* The other way to it. */
			CHECK_EQ(read32(KSEG1(at + PAGE - 4)), ~mark(at));
		}
	for (unsigned i = 0; i + 1 < REGIONS; i++)
		if (ram[i].end != 0x1f000000) {
			write32(KSEG1(ram[i].end), 0);
			CHECK_EQ(read32(KSEG1(ram[i].end)), 0xffffffff);
		}
	return 0;
}
