/* tests/kvm/arm64/pauth.c - a guest signs pointers where the host's KVM can. */
#include "tests/kvm/arm64/lib/guest.h"

#define SCTLR_ENIA (1UL << 31)

static uint64_t sign(uint64_t pointer, uint64_t salt)
{
	__asm__(".arch_extension pauth\n\tpacia %0, %1"
		: "+r"(pointer)
		: "r"(salt));
	return pointer;
}

static uint64_t strip(uint64_t pointer)
{
	__asm__(".arch_extension pauth\n\txpaci %0" : "+r"(pointer));
	return pointer;
}

int main(void)
{
	const uint64_t isar = READ_SYSREG("id_aa64isar1_el1");
	const uint64_t isar2 = READ_SYSREG("S3_0_C0_C6_2");
	const uint64_t pointer = (uint64_t)main;
	uint64_t a, b;

	CHECK((isar & 0xff0) || (isar2 >> 12 & 15));
	WRITE_SYSREG("S3_0_C2_C1_0", 0x0123456789abcdef); /* APIAKeyLo */
	WRITE_SYSREG("S3_0_C2_C1_1", 0xfedcba9876543210); /* APIAKeyHi */
	WRITE_SYSREG("sctlr_el1", READ_SYSREG("sctlr_el1") | SCTLR_ENIA);
	a = sign(pointer, 1);
	b = sign(pointer, 2);
	CHECK(a != pointer || b != pointer);
	CHECK(a != b);
	CHECK_EQ(strip(a), pointer);
	CHECK_EQ(strip(b), pointer);
	return 0;
}
