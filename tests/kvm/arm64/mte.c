/*
 * tests/kvm/arm64/mte.c - a guest tags memory where the host's KVM can.
 *
 * With "none" on its command line it checks that there are no tags.
 */
#include "tests/kvm/arm64/lib/dt.h"
#include "tests/kvm/arm64/lib/guest.h"

/* Source: Arm DDI 0487, MAIR_EL1, TCR_EL1, SCTLR_EL1, D8.8 */
#define MAIR_TAGGED 0xf000UL /* attribute 1, which all memory has */
#define TCR_TBI0 (1UL << 37)
#define SCTLR_ATA (1UL << 43)
#define SCTLR_TCF_SYNC (1UL << 40)
#define STATUS_TAG_CHECK 0x11
#define GRANULE 16

static uint8_t memory[2 * GRANULE] __attribute__((aligned(GRANULE)));

static uint64_t tagged(uint64_t address, uint64_t tag)
{
	return address | tag << 56;
}

static void set_tag(uint64_t pointer)
{
	__asm__ volatile(".arch armv8.5-a+memtag\n\tstg %0, [%0]" ::"r"(pointer)
			 : "memory");
}

static uint64_t get_tag(uint64_t address)
{
	__asm__ volatile(".arch armv8.5-a+memtag\n\tldg %0, [%0]"
			 : "+r"(address)
			 :
			 : "memory");
	return address >> 56 & 15;
}

static void turn_on(void)
{
	WRITE_SYSREG("mair_el1", MAIR_TAGGED);
	WRITE_SYSREG("tcr_el1", READ_SYSREG("tcr_el1") | TCR_TBI0);
	__asm__ volatile("dsb sy\n\ttlbi vmalle1\n\tdsb sy\n\tisb" ::
				 : "memory");
	WRITE_SYSREG("sctlr_el1", READ_SYSREG("sctlr_el1") | SCTLR_ATA);
}

static uint64_t fault_of_read(uint64_t pointer)
{
	catch_fault();
	(void)read8(pointer);
	return caught_fault();
}

static bool expects_none(void)
{
	struct dt_node node = { 0 };
	const char *words = NULL;
	uint32_t len;

	while (!words && dt_next(&node))
		words = dt_prop(&node, "bootargs", &len);
	return words && text_equal(words, "none");
}

int main(void)
{
	const uint64_t at = (uint64_t)memory;
	const uint64_t mte = READ_SYSREG("id_aa64pfr1_el1") >> 8 & 15;
	uint64_t esr;

	if (expects_none()) {
		CHECK_EQ(mte, 0);
		return 0;
	}
	CHECK(mte >= 2);
	turn_on();
	CHECK_EQ(get_tag(at), 0);
	set_tag(tagged(at, 5));
	set_tag(tagged(at + GRANULE, 9));
	CHECK_EQ(get_tag(at), 5);
	CHECK_EQ(get_tag(at + GRANULE), 9);

	/* A tag that does not match is a fault. */
	WRITE_SYSREG("sctlr_el1", READ_SYSREG("sctlr_el1") | SCTLR_TCF_SYNC);
	CHECK_EQ(fault_of_read(tagged(at, 5)), 0);
	esr = fault_of_read(tagged(at, 6));
	CHECK_EQ(ESR_CLASS(esr), CLASS_DATA_ABORT);
	CHECK_EQ(ESR_STATUS(esr), STATUS_TAG_CHECK);
	esr = fault_of_read(tagged(at + GRANULE, 5));
	CHECK_EQ(ESR_STATUS(esr), STATUS_TAG_CHECK);
	WRITE_SYSREG("sctlr_el1", READ_SYSREG("sctlr_el1") & ~SCTLR_TCF_SYNC);
	return 0;
}
