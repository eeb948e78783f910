/*
 * tests/kvm/arm64/steal.c - each vCPU finds its record of stolen time.
 *
 * Source: Arm DEN0057A, 3.2.
 */
#include "tests/kvm/arm64/lib/guest.h"

#define SMCCC_VERSION 0x80000000
#define PV_TIME_FEATURES 0xc5000020
#define PV_TIME_ST 0xc5000021
#define WINDOW 0x01020000UL
#define RECORD 64

static uint64_t record[MAX_CPUS]; /* atomic; 0: not yet known */

static void look(struct cpu *cpu)
{
	const uint64_t at = smccc(PV_TIME_ST, 0, 0, 0);

	CHECK_EQ(at, WINDOW + cpu->index * RECORD);
	CHECK_EQ(read32(at), 0); /* revision */
	CHECK_EQ(read32(at + 4), 0); /* attributes */
	(void)read64(at + 8);
	__atomic_store_n(&record[cpu->index], at, __ATOMIC_RELEASE);
}

int main(void)
{
	CHECK(smccc(SMCCC_VERSION, 0, 0, 0) >= 0x10001);
	CHECK_EQ(smccc(PV_TIME_FEATURES, PV_TIME_ST, 0, 0), 0);
	look(this_cpu());
	for (unsigned i = 1; i < cpu_count(); i++) {
		CHECK_EQ(cpu_start(i, look), PSCI_SUCCESS);
		while (!__atomic_load_n(&record[i], __ATOMIC_ACQUIRE))
			;
	}
	return 0;
}
