/*
 * tests/kvm/arm64/smp.c - every vCPU starts, knows who it is, and is reached
 * by the others' interrupts.
 */
#include "tests/kvm/arm64/lib/gic.h"
#include "tests/kvm/arm64/lib/guest.h"

#define AFFINITY 0xff00ffffffUL

static struct {
	uint64_t mpidr;
	unsigned here; /* atomic */
} seen[MAX_CPUS];

static unsigned total; /* atomic: additions of all CPUs */

/* Each passes the token on to the next one by SGI number 1. */
static void run(struct cpu *cpu)
{
	seen[cpu->index].mpidr = READ_SYSREG("mpidr_el1") & AFFINITY;
	gic_setup_cpu();
	gic_enable(1);
	__atomic_store_n(&seen[cpu->index].here, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < 1000; i++)
		__atomic_add_fetch(&total, 1, __ATOMIC_RELAXED);
	irq_wait(1);
	CHECK_EQ(cpu->last_irq, 1);
	gic_send((cpu->index + 1) % cpu_count(), 1);
}

int main(void)
{
	const unsigned count = cpu_count();

	put_hex(count);
	put(" cpus\n");
	gic_setup();
	for (unsigned i = 1; i < count; i++)
		CHECK_EQ(cpu_start(i, run), PSCI_SUCCESS);
	for (unsigned i = 1; i < count; i++) {
		while (!__atomic_load_n(&seen[i].here, __ATOMIC_ACQUIRE))
			;
		CHECK_EQ(seen[i].mpidr, cpu_mpidr(i));
		for (unsigned j = 0; j < i; j++)
			CHECK(cpu_mpidr(j) != cpu_mpidr(i));
	}
	gic_setup_cpu();
	gic_enable(1);
	gic_send(count > 1 ? 1 : 0, 1);
	irq_wait(1);
	while (__atomic_load_n(&total, __ATOMIC_RELAXED) != 1000 * (count - 1))
		;
	for (unsigned i = 1; i < count; i++)
		while (smccc(PSCI_AFFINITY_INFO, cpu_mpidr(i), 0, 0) != 1)
			;
	return 0;
}
