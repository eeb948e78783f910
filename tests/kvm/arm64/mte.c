/*
 * tests/kvm/arm64/mte.c - a guest tags memory where the host's KVM can.
 *
 * With "none" on its command line it checks that there are no tags.
 */
#include "tests/kvm/arm64/lib/dt.h"
#include "tests/kvm/arm64/lib/guest.h"
#include "tests/kvm/arm64/lib/tags.h"

/* Source: Arm DDI 0487, SCTLR_EL1, ESR_EL1 */
#define SCTLR_TCF_SYNC (1UL << 40)
#define STATUS_TAG_CHECK 0x11

static uint8_t memory[2 * TAG_GRANULE] __attribute__((aligned(TAG_GRANULE)));

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
	tags_turn_on();
	CHECK_EQ(tag_get(at), 0);
	tag_set(tag_pointer(at, 5));
	tag_set(tag_pointer(at + TAG_GRANULE, 9));
	CHECK_EQ(tag_get(at), 5);
	CHECK_EQ(tag_get(at + TAG_GRANULE), 9);

	/* A tag that does not match is a fault. */
	WRITE_SYSREG("sctlr_el1", READ_SYSREG("sctlr_el1") | SCTLR_TCF_SYNC);
	CHECK_EQ(fault_of_read(tag_pointer(at, 5)), 0);
	esr = fault_of_read(tag_pointer(at, 6));
	CHECK_EQ(ESR_CLASS(esr), CLASS_DATA_ABORT);
	CHECK_EQ(ESR_STATUS(esr), STATUS_TAG_CHECK);
	esr = fault_of_read(tag_pointer(at + TAG_GRANULE, 5));
	CHECK_EQ(ESR_STATUS(esr), STATUS_TAG_CHECK);
	WRITE_SYSREG("sctlr_el1", READ_SYSREG("sctlr_el1") & ~SCTLR_TCF_SYNC);
	return 0;
}
