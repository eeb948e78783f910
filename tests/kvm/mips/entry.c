/* tests/kvm/mips/entry.c - what a MIPS guest finds when it starts. */
#include "tests/kvm/mips/lib/guest.h"

#define FDT_MAGIC 0xedfe0dd0 /* 0xd00dfeed, as a little-endian CPU reads it */

static uint8_t zeroes[4096];

int main(void)
{
	CHECK_EQ(boot.a[0], -2);
	CHECK(boot.a[1] >= KSEG0(0) && boot.a[1] < KSEG0(0x1f000000));
	CHECK_EQ(boot.a[1] & 0xffff, 0);
	CHECK_EQ(read32(boot.a[1]), FDT_MAGIC);
	CHECK_EQ(boot.a[2], 0);
	CHECK_EQ(boot.a[3], 0);
	for (unsigned i = 0; i < sizeof(zeroes); i++)
		CHECK_EQ(zeroes[i], 0);
	CHECK_EQ(READ_CP0(15, 1) & 0x3ff, 0); /* the CPU's number, in EBase */
	return 0;
}
