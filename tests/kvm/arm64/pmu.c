/*
 * tests/kvm/arm64/pmu.c - a PMU that counts and interrupts, or none at all.
 * There must be one if the command line says "pmu".
 */
#include "tests/kvm/arm64/lib/dt.h"
#include "tests/kvm/arm64/lib/gic.h"
#include "tests/kvm/arm64/lib/guest.h"

#define CYCLES (1UL << 31) /* the cycle counter's bit */

static bool is_asked_for(void)
{
	struct dt_node node = { 0 };
	uint32_t len = 0;

	while (dt_next(&node)) {
		const char *args = dt_prop(&node, "bootargs", &len);

		if (args)
			return text_equal(args, "pmu");
	}
	return false;
}

static void stop(unsigned intid)
{
	(void)intid;
	WRITE_SYSREG("pmintenclr_el1", CYCLES);
	WRITE_SYSREG("pmovsclr_el0", CYCLES);
}

int main(void)
{
	struct dt_node node = { 0 };
	const bool there = READ_SYSREG("id_aa64dfr0_el1") >> 8 & 15;
	unsigned intid;

	CHECK_EQ(there, is_asked_for());
	CHECK_EQ(dt_find(&node, "compatible", "arm,armv8-pmuv3"), there);
	if (!there)
		return 0;

	gic_setup();
	gic_setup_cpu();
	this_cpu()->irq = stop;
	intid = gic_enable_for(&node, 0);
	/* What the registers hold at first is not said. */
	WRITE_SYSREG("pmintenclr_el1", UINT32_MAX);
	WRITE_SYSREG("pmcntenclr_el0", UINT32_MAX);
	WRITE_SYSREG("pmovsclr_el0", UINT32_MAX);
	WRITE_SYSREG("pmcr_el0", 0x41); /* LC, E */
	WRITE_SYSREG("pmccfiltr_el0", 0);
	WRITE_SYSREG("pmccntr_el0", -(uint64_t)100000);
	WRITE_SYSREG("pmintenset_el1", CYCLES);
	WRITE_SYSREG("pmcntenset_el0", CYCLES);
	irq_unmask();
	while (__atomic_load_n(&this_cpu()->irqs, __ATOMIC_ACQUIRE) == 0)
		;
	irq_mask();
	CHECK_EQ(this_cpu()->last_irq, intid);
	return 0;
}
