/*
 * tests/kvm/arm64/reset.c - a reset restarts the guest in place. RAM stays but
 * for what is loaded again; devices and interrupt controller do not remember.
 */
#include "tests/kvm/arm64/lib/dt.h"
#include "tests/kvm/arm64/lib/gic.h"
#include "tests/kvm/arm64/lib/guest.h"

#define LIVES 4
#define SCRATCH (UART + 7)
#define MARK 0x600df00d

static unsigned in_image = 1; /* loaded anew each time */

struct kept { /* in RAM below the image */
	uint64_t mark;
	uint64_t lives;
};

static void spin(struct cpu *cpu)
{
	(void)cpu;
	for (;;)
		;
}

static void sleep_for_ever(struct cpu *cpu)
{
	(void)cpu;
	for (;;)
		wait_for_interrupt();
}

static uint64_t queue_ready(void)
{
	struct dt_node node = { 0 };
	uint64_t at, was;

	if (!dt_find(&node, "compatible", "virtio,mmio"))
		return 0;
	at = dt_address(&node, 0);
	was = read32(at + 0x70);
	write32(at + 0x70, 1); /* ACKNOWLEDGE */
	CHECK_EQ(read32(at + 0x70), 1);
	return was;
}

static void is_as_new(void)
{
	CHECK_EQ(in_image, 1);
	CHECK_EQ(read8(SCRATCH), 0);
	CHECK_EQ(read8(UART + 1), 0);
	CHECK_EQ(queue_ready(), 0);
	CHECK_EQ(READ_SYSREG("cntv_ctl_el0") & 1, 0);
	CHECK_EQ(smccc(PSCI_AFFINITY_INFO, cpu_mpidr(1), 0, 0), 1);
	CHECK_EQ(smccc(PSCI_AFFINITY_INFO, cpu_mpidr(2), 0, 0), 1);

	/* Nothing is pending from the last life. */
	gic_setup();
	gic_setup_cpu();
	gic_enable(1);
	irq_unmask();
	(void)read8(SCRATCH);
	irq_mask();
	CHECK_EQ(this_cpu()->irqs, 0);
}

static void leave_traces(void)
{
	in_image = 2;
	write8(SCRATCH, 0x77);
	write8(UART + 1, 2); /* an interrupt that nobody takes */
	WRITE_SYSREG("cntv_ctl_el0", 1);
	gic_send(0, 1);
	CHECK_EQ(cpu_start(1, spin), PSCI_SUCCESS);
	CHECK_EQ(cpu_start(2, sleep_for_ever), PSCI_SUCCESS);
	/* The device tree is written again as well. */
	write32(boot.x[0], 0);
}

int main(void)
{
	volatile struct kept *kept = (struct kept *)(boot.image - 0x1000);

	if (kept->mark != MARK) {
		kept->mark = MARK;
		kept->lives = 0;
	}
	kept->lives++;
	put("life ");
	put_hex(kept->lives);
	put("\n");
	is_as_new();
	if (kept->lives == LIVES)
		return 0;
	leave_traces();
	smccc(PSCI_SYSTEM_RESET, 0, 0, 0);
	fail("SYSTEM_RESET", 0, "returned", 1, 0);
}
