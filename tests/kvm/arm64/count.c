/*
 * tests/kvm/arm64/count.c - every CPU counts in memory for ever, and the first
 * one watches its clock and obeys orders. The host looks on.
 */
#include "tests/kvm/arm64/lib/dt.h"
#include "tests/kvm/arm64/lib/guest.h"
#include "tests/kvm/count.h"

static volatile struct count *count;

static void run(struct cpu *cpu)
{
	for (;;)
		count->cpu[cpu->index]++;
}

static void watch_clock(uint64_t *last)
{
	const uint64_t now = READ_SYSREG("cntvct_el0");
	const uint64_t gap = (now - *last) * (1000000000 / 1000) /
			     (READ_SYSREG("cntfrq_el0") / 1000);

	*last = now;
	if (gap > count->gap)
		count->gap = gap;
}

static void panic(void)
{
	struct dt_node node = { 0 };

	CHECK(dt_find(&node, "compatible", "qemu,pvpanic-mmio"));
	write8(dt_address(&node, 0), 1);
}

int main(void)
{
	uint64_t last = READ_SYSREG("cntvct_el0");

	count = (volatile struct count *)(boot.image - 0x1000);
	if (count->mark != COUNT_MARK)
		count->lives = 0;
	count->lives++;
	count->order = COUNT_GO_ON;
	count->gap = 0;
	for (unsigned i = 1; i < cpu_count() && i < COUNT_MAX_CPUS; i++)
		CHECK_EQ(cpu_start(i, run), PSCI_SUCCESS);
	put("counting\n");
	count->mark = COUNT_MARK;
	for (;;) {
		count->cpu[0]++;
		watch_clock(&last);
		if (count->order == COUNT_POWER_OFF)
			return 0;
		if (count->order == COUNT_RESET)
			smccc(PSCI_SYSTEM_RESET, 0, 0, 0);
		if (count->order == COUNT_PANIC)
			panic();
	}
}
