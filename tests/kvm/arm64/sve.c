/* tests/kvm/arm64/sve.c - a guest has SVE where the host's KVM has. */
#include "tests/kvm/arm64/lib/guest.h"

#define ZCR_EL1 "S3_0_C1_C2_0"

int main(void)
{
	uint64_t bytes, sum;

	CHECK(READ_SYSREG("id_aa64pfr0_el1") >> 32 & 15);
	WRITE_SYSREG("cpacr_el1", 3UL << 20 | 3UL << 16); /* FPEN, ZEN */
	WRITE_SYSREG(ZCR_EL1, 15);
	__asm__ volatile(".arch armv8.2-a+fp+sve\n\t"
			 "rdvl %0, #1\n\t"
			 "ptrue p0.b\n\t"
			 "mov z0.b, #1\n\t"
			 "uaddv d1, p0, z0.b\n\t"
			 "fmov %1, d1"
			 : "=r"(bytes), "=r"(sum));
	put_hex(bytes);
	put(" bytes\n");
	CHECK(bytes >= 16 && bytes <= 256);
	CHECK_EQ(sum, bytes);
	return 0;
}
