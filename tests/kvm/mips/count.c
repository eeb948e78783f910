/*
 * tests/kvm/mips/count.c - every CPU counts in memory for ever, and the first
 * one watches its clock and obeys orders. The host looks on.
 */
#include "tests/kvm/count.h"
#include "tests/kvm/mips/lib/guest.h"

static volatile struct count *const count = (volatile struct count *)KSEG0(
	0x80000 - 4096);

static void run(unsigned cpu)
{
	for (;;)
		count->cpu[cpu]++;
}

static void watch_clock(uint32_t *last)
{
	const uint32_t now = CP0(READ_CP0, COUNT);
	const uint64_t gap = (uint64_t)(now - *last) * (1000000000 / COUNT_HZ);

	*last = now;
	if (gap > count->gap)
		count->gap = gap;
}

int main(void)
{
	uint32_t last = CP0(READ_CP0, COUNT);

	if (count->mark != COUNT_MARK)
		count->lives = 0;
	count->lives++;
	count->order = COUNT_GO_ON;
	count->gap = 0;
	/* Those that there are. */
	for (unsigned i = 1; i < COUNT_MAX_CPUS; i++)
		cpu_start(i, run);
	put("counting\n");
	count->mark = COUNT_MARK;
	for (;;) {
		count->cpu[0]++;
		watch_clock(&last);
		if (count->order == COUNT_POWER_OFF)
			return 0;
		if (count->order == COUNT_RESET)
			reset();
		if (count->order == COUNT_PANIC)
			do_sb(PVPANIC, 1);
	}
}
