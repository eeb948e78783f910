/* tests/kvm/arm64/psci.c - the power interface. Needs four CPUs. */
#include "tests/kvm/arm64/lib/gic.h"
#include "tests/kvm/arm64/lib/guest.h"

enum { AFFINITY_ON = 0, AFFINITY_OFF = 1 };

static unsigned started; /* atomic */

static void count_and_leave(struct cpu *cpu)
{
	(void)cpu;
	__atomic_add_fetch(&started, 1, __ATOMIC_RELEASE);
}

static uint64_t affinity(unsigned cpu)
{
	return smccc(PSCI_AFFINITY_INFO, cpu_mpidr(cpu), 0, 0);
}

static void version_is_1_or_later(void)
{
	const uint64_t version = smccc(PSCI_VERSION, 0, 0, 0);

	CHECK(version >= 0x10000 && version < 0x20000);
}

static void features_are_told(void)
{
	const uint32_t has[] = { PSCI_VERSION,	     PSCI_SUSPEND,
				 PSCI_CPU_OFF,	     PSCI_CPU_ON,
				 PSCI_AFFINITY_INFO, PSCI_SYSTEM_OFF,
				 PSCI_SYSTEM_RESET,  PSCI_FEATURES };

	for (unsigned i = 0; i < sizeof(has) / sizeof(has[0]); i++)
		CHECK_EQ(smccc(PSCI_FEATURES, has[i], 0, 0), 0);
	CHECK_EQ((int32_t)smccc(PSCI_FEATURES, 0x8400ffff, 0, 0), -1);
}

static void unknown_functions_are_refused(void)
{
	const uint64_t bad[] = {
		0,	    1,		0x8400ffff, 0xc400ffff,
		0xffffffff, 0xbf00ff00, 0x12345678, UINT64_MAX
	};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_EQ((int32_t)smccc(bad[i], 1, 2, 3), -1);
}

static void wrong_cpus_are_refused(void)
{
	CHECK_EQ(smccc(PSCI_CPU_ON, 0xdeadbe, boot.image, 0),
		 PSCI_INVALID_PARAMETERS);
	CHECK_EQ(smccc(PSCI_CPU_ON, cpu_mpidr(0), boot.image, 0),
		 PSCI_ALREADY_ON);
	CHECK_EQ(smccc(PSCI_AFFINITY_INFO, 0xdeadbe, 0, 0),
		 PSCI_INVALID_PARAMETERS);
}

static void cpu_goes_on_and_off_again(void)
{
	CHECK_EQ(affinity(0), AFFINITY_ON);
	CHECK_EQ(affinity(1), AFFINITY_OFF);
	for (unsigned i = 1; i <= 5; i++) {
		CHECK_EQ(cpu_start(1, count_and_leave), PSCI_SUCCESS);
		while (affinity(1) != AFFINITY_OFF)
			;
		CHECK_EQ(__atomic_load_n(&started, __ATOMIC_ACQUIRE), i);
	}
}

/* They fault at once, and at each fault again: the VM ends all the same. */
static void cpus_are_lost_where_nothing_is(void)
{
	CHECK_EQ(smccc(PSCI_CPU_ON, cpu_mpidr(2), 0x7000000000, 0),
		 PSCI_SUCCESS);
	CHECK_EQ(smccc(PSCI_CPU_ON, cpu_mpidr(3), UART, 0), PSCI_SUCCESS);
	CHECK_EQ(affinity(2), AFFINITY_ON);
	CHECK_EQ(affinity(3), AFFINITY_ON);
}

/* A pending interrupt ends it, masked or not. */
static void suspend_ends_by_an_interrupt(void)
{
	gic_setup();
	gic_setup_cpu();
	gic_enable(1);
	gic_send(0, 1);
	CHECK_EQ(smccc(PSCI_SUSPEND, 0, 0, 0), PSCI_SUCCESS);
	irq_wait(1);
	CHECK_EQ(this_cpu()->last_irq, 1);
}

int main(void)
{
	version_is_1_or_later();
	features_are_told();
	unknown_functions_are_refused();
	wrong_cpus_are_refused();
	cpu_goes_on_and_off_again();
	suspend_ends_by_an_interrupt();
	cpus_are_lost_where_nothing_is();
	return 0;
}
