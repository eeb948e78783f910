/*
 * tests/kvm/arm64/reset.c - a reset restarts the guest in place. RAM stays but
 * for what is loaded again; devices and interrupt controller do not remember.
 */
#include "tests/kvm/arm64/lib/dt.h"
#include "tests/kvm/arm64/lib/gic.h"
#include "tests/kvm/arm64/lib/guest.h"
#include "tests/kvm/arm64/lib/virtio.h"

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

/* As many as the command line says, in tens; or four. */
static unsigned lives(void)
{
	struct dt_node node = { 0 };
	uint32_t len = 0;

	while (dt_next(&node)) {
		const char *args = dt_prop(&node, "bootargs", &len);

		if (args && *args)
			return (unsigned)(*args - '0') * 10;
	}
	return 4;
}

static void virtio_is_as_new(unsigned kind)
{
	struct virtio dev;

	if (!virtio_find(&dev, kind, 0))
		return;
	CHECK_EQ(read32(dev.base + VIRTIO_STATUS), 0);
	CHECK_EQ(read32(dev.base + VIRTIO_QUEUE_READY), 0);
	CHECK_EQ(read32(dev.base + VIRTIO_IRQ_STATUS), 0);
}

static void is_as_new(void)
{
	CHECK_EQ(in_image, 1);
	CHECK_EQ(read8(SCRATCH), 0);
	CHECK_EQ(read8(UART + 1), 0);
	virtio_is_as_new(VIRTIO_RNG);
	virtio_is_as_new(VIRTIO_BLK);
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

/* Requests that the reset must find on their way, or undone. */
static void keep_devices_busy(void)
{
	static struct ring rings[2];
	static uint64_t read_sector_0[2];
	static uint8_t status;
	const uint64_t buffer = boot.image - 0x40000;
	struct virtio dev;

	if (virtio_find(&dev, VIRTIO_RNG, 0)) {
		virtio_begin(&dev, 0);
		virtio_start(&dev, &rings[0]);
		rings[0].desc[0] = (struct desc){ buffer, 0x10000, DESC_WRITE,
						  0 };
		virtio_offer(&dev, 0);
	}
	if (virtio_find(&dev, VIRTIO_BLK, 0)) {
		struct desc *desc = rings[1].desc;

		virtio_begin(&dev, 0);
		virtio_start(&dev, &rings[1]);
		desc[0] = (struct desc){ (uint64_t)read_sector_0, 16, DESC_NEXT,
					 1 };
		desc[1] = (struct desc){ buffer + 0x10000, 0x10000,
					 DESC_NEXT | DESC_WRITE, 2 };
		desc[2] = (struct desc){ (uint64_t)&status, 1, DESC_WRITE, 0 };
		virtio_offer(&dev, 0);
	}
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
	keep_devices_busy();
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
	if (kept->lives == lives())
		return 0;
	leave_traces();
	smccc(PSCI_SYSTEM_RESET, 0, 0, 0);
	fail("SYSTEM_RESET", 0, "returned", 1, 0);
}
