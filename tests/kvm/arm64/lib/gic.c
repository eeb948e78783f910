/* tests/kvm/arm64/lib/gic.c - the interrupt controller, version 2 or 3. */
#include "tests/kvm/arm64/lib/gic.h"

#include "tests/kvm/arm64/lib/guest.h"

enum { /* Source: Arm IHI 0048B, 4.3; IHI 0069H, 12.9 */
       GICD_CTLR = 0x0000,
       GICD_IGROUPR = 0x0080,
       GICD_ISENABLER = 0x0100,
       GICD_ICENABLER = 0x0180,
       GICD_ISPENDR = 0x0200,
       GICD_IPRIORITYR = 0x0400,
       GICD_ITARGETSR = 0x0800,
       GICD_ICFGR = 0x0c00,
       GICD_SGIR = 0x0f00,
       GICD_IROUTER = 0x6000,
};

enum { /* IHI 0048B, 4.4 */
       GICC_CTLR = 0x00,
       GICC_PMR = 0x04,
       GICC_IAR = 0x0c,
       GICC_EOIR = 0x10,
};

enum { /* IHI 0069H, 12.11 */
       GICR_TYPER = 0x08,
       GICR_WAKER = 0x14,
       GICR_SGI = 0x10000, /* the second frame */
};

#define GICR_SIZE 0x20000UL
#define GICR_TYPER_LAST (1UL << 4)
#define WAKER_SLEEP 2UL
#define WAKER_ASLEEP 4UL
#define CTLR_ENABLE 1UL /* version 2 */
#define CTLR_ENABLE_GRP1_ARE 0x12UL /* version 3 */
#define MPIDR_AFFINITY 0xff00ffffffUL

static struct {
	unsigned version;
	uint64_t dist, cpu_if, redist, redist_size;
} gic;

unsigned gic_version(void)
{
	if (gic.version == 0)
		gic_setup();
	return gic.version;
}

void gic_setup(void)
{
	struct dt_node node = { 0 };

	if (dt_find(&node, "compatible", "arm,gic-v3")) {
		gic.version = 3;
		gic.redist = dt_address(&node, 1);
		gic.redist_size = dt_size(&node, 1);
	} else {
		node.at = 0;
		CHECK(dt_find(&node, "compatible", "arm,cortex-a15-gic"));
		gic.version = 2;
		gic.cpu_if = dt_address(&node, 1);
	}
	gic.dist = dt_address(&node, 0);
	write32(gic.dist + GICD_CTLR,
		gic.version == 3 ? CTLR_ENABLE_GRP1_ARE : CTLR_ENABLE);
}

static uint64_t own_affinity(void)
{
	return READ_SYSREG("mpidr_el1") & MPIDR_AFFINITY;
}

/* This CPU's redistributor: the one that carries its affinity. */
static uint64_t own_redist(void)
{
	const uint64_t mpidr = own_affinity();
	const uint64_t want = (mpidr >> 32 << 24) | (mpidr & 0xffffff);
	uint64_t at = gic.redist;

	for (;; at += GICR_SIZE) {
		const uint64_t typer = read64(at + GICR_TYPER);

		CHECK(at - gic.redist < gic.redist_size);
		if (typer >> 32 == want)
			return at;
		CHECK(!(typer & GICR_TYPER_LAST));
	}
}

static void wake_redist(uint64_t at)
{
	write32(at + GICR_WAKER, read32(at + GICR_WAKER) & ~WAKER_SLEEP);
	while (read32(at + GICR_WAKER) & WAKER_ASLEEP)
		;
	write32(at + GICR_SGI + GICD_IGROUPR, UINT32_MAX);
}

void gic_setup_cpu(void)
{
	if (gic.version == 3) {
		wake_redist(own_redist());
		WRITE_SYSREG("S3_0_C12_C12_5", 7); /* ICC_SRE_EL1 */
		WRITE_SYSREG("S3_0_C4_C6_0", 0xf0); /* ICC_PMR_EL1 */
		WRITE_SYSREG("S3_0_C12_C12_7", 1); /* ICC_IGRPEN1_EL1 */
	} else {
		write32(gic.cpu_if + GICC_PMR, 0xf0);
		write32(gic.cpu_if + GICC_CTLR, 1);
	}
}

/* Where the registers of an interrupt's bit or byte are. */
static uint64_t home(unsigned intid)
{
	return gic.version == 3 && intid < 32 ? own_redist() + GICR_SGI
					      : gic.dist;
}

void gic_enable(unsigned intid)
{
	const uint64_t at = home(intid);
	const uint64_t word = intid / 32 * 4;

	write8(at + GICD_IPRIORITYR + intid, 0xa0);
	if (gic.version == 3 && intid >= 32) {
		write32(at + GICD_IGROUPR + word,
			read32(at + GICD_IGROUPR + word) | 1u << intid % 32);
		write64(at + GICD_IROUTER + intid * 8UL, own_affinity());
	} else if (intid >= 32) {
		write8(at + GICD_ITARGETSR + intid, 1u << this_cpu()->index);
	}
	write32(at + GICD_ISENABLER + word, 1u << intid % 32);
}

unsigned gic_enable_for(const struct dt_node *node, unsigned i)
{
	const unsigned intid = dt_intid(node, i);
	const bool edge = dt_cell(node, "interrupts", i * 3 + 2) & 3;
	const uint64_t at = home(intid) + GICD_ICFGR + intid / 16 * 4;
	const uint64_t bit = 2ULL << intid % 16 * 2;

	gic_disable(intid);
	write32(at, edge ? read32(at) | bit : read32(at) & ~bit);
	gic_enable(intid);
	return intid;
}

void gic_disable(unsigned intid)
{
	write32(home(intid) + GICD_ICENABLER + intid / 32 * 4,
		1u << intid % 32);
}

bool gic_pending(unsigned intid)
{
	return read32(home(intid) + GICD_ISPENDR + intid / 32 * 4) >>
		       intid % 32 &
	       1;
}

void gic_send(unsigned cpu, unsigned intid)
{
	if (gic.version == 2) {
		barrier();
		write32(gic.dist + GICD_SGIR, 1u << (16 + cpu) | intid);
		return;
	}
	const uint64_t mpidr = cpu_mpidr(cpu);
	const uint64_t target = (mpidr & 0xff00) << 8 | /* affinity 1 */
				(mpidr & 0xff0000) << 16 | /* 2 */
				(mpidr & 0xff00000000) << 16 | /* 3 */
				(mpidr & 0xf0) << 40 | /* RS */
				1u << (mpidr & 0xf);

	barrier();
	/* ICC_SGI1R_EL1 */
	WRITE_SYSREG("S3_0_C12_C11_5", target | (uint64_t)intid << 24);
}

uint32_t gic_ack(void)
{
	uint32_t ack;

	if (gic.version == 2)
		ack = (uint32_t)read32(gic.cpu_if + GICC_IAR);
	else
		ack = (uint32_t)READ_SYSREG("S3_0_C12_C12_0"); /* IAR1 */
	barrier();
	return ack;
}

unsigned gic_intid(uint32_t ack)
{
	/* Version 2 tells the sender of an SGI in the bits above. */
	return ack & (gic.version == 2 ? 0x3ff : 0xffffff);
}

void gic_end(uint32_t ack)
{
	barrier();
	if (gic.version == 2)
		write32(gic.cpu_if + GICC_EOIR, ack);
	else
		WRITE_SYSREG("S3_0_C12_C12_1", ack); /* ICC_EOIR1_EL1 */
}

void irq_wait(unsigned count)
{
	const struct cpu *cpu = this_cpu();

	/* Masked, so that none comes between the look and the wait. */
	irq_mask();
	while (__atomic_load_n(&cpu->irqs, __ATOMIC_ACQUIRE) < count) {
		wait_for_interrupt();
		irq_unmask();
		irq_mask();
	}
}
