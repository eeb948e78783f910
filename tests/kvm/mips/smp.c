/* tests/kvm/mips/smp.c - CPUs that a guest starts, on one memory. */
#include "tests/kvm/mips/lib/guest.h"

#define ROUNDS 20000
#define CPUS 8

static volatile uint32_t total, up, number[CPUS];

static void work(unsigned cpu)
{
	number[cpu] = READ_CP0(15, 1) & 0x3ff;
	add(&up, 1);
	for (unsigned i = 0; i < ROUNDS; i++)
		add(&total, cpu);
	add(&up, 1);
}

int main(void)
{
	/* None, one that runs, and one that there cannot be. */
	write32(SYSCON + 0x40, 1);
	write32(SYSCON + 0x40 + 4 * CPUS, 1);
	write32(SYSCON + 0xfc, 1);
	for (unsigned i = 1; i < CPUS; i++)
		cpu_start(i, work);
	while (up < 2 * (CPUS - 1))
		;
	CHECK_EQ(total, ROUNDS * (CPUS * (CPUS - 1) / 2));
	for (unsigned i = 1; i < CPUS; i++) {
		CHECK_EQ(number[i], i);
		/* Once. */
		write32(SYSCON + 0x40 + 4 * i, 1);
	}
	CHECK_EQ(up, 2 * (CPUS - 1));
	return 0;
}
