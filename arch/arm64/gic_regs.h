/*
 * arch/arm64/gic_regs.h - a GIC's registers, in the order in which they are
 * loaded. [pure]
 *
 * A load follows the order of the walk: what a register depends on comes before
 * it. Some registers only set bits, or only clear them; the clearing one is
 * then written with ones before its pair, as a new GIC may have bits set. A
 * save follows the same order, without those.
 *
 * Source: Linux, Documentation/virt/kvm/devices/arm-vgic.rst, arm-vgic-v3.rst,
 * arm-vgic-its.rst; Arm IHI 0048B, chapter 4; Arm IHI 0069H, chapter 12.
 */
#ifndef ARCH_ARM64_GIC_REGS_H
#define ARCH_ARM64_GIC_REGS_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/arm64/options.h"

/* Where a register is; part of its number in a state, so these stay. */
enum gic_file {
	GIC_DIST = 1, /* distributor, offset; of 32 bits */
	GIC_REDIST = 2, /* redistributor, offset; of 32 bits */
	GIC_CPU = 3, /* GICv2: CPU interface, offset; of 32 bits */
	GIC_SYSREG = 4, /* GICv3: CPU interface, op0..op2; of 64 bits */
	GIC_LEVEL = 5, /* lines of 32 interrupts, the first one; of 32 bits */
	GIC_ITS = 6, /* translation service, offset; of 64 bits */
};

/* Registers that a walk visits. */
enum gic_part {
	GIC_SHARED, /* what all CPUs share, but for the ITS; loaded first */
	GIC_PRIVATE, /* of one CPU */
	GIC_ITS_FIRST, /* before the ITS's tables are loaded */
	GIC_ITS_LAST, /* after that */
};

struct gic_reg {
	enum gic_file file;
	uint32_t at;
	unsigned size; /* bytes of the value: 4 or 8 */
	bool clears; /* only for a load: write ones */
};

struct gic_walk {
	enum arm64_irqchip kind; /* never ARM64_GIC_AUTO */
	enum gic_part part;
	unsigned irqs; /* of the GIC, all kinds: 64 to 1024, by 32 */
	unsigned aprs; /* active priority registers: gic_aprs() */
	/* Where it is; zero at the beginning. */
	unsigned row, index;
};

/* Gives the next register. Returns false at the end. */
bool gic_regs_next(struct gic_walk *walk, struct gic_reg *ret);

/* How many active priority registers of each group go with an ICC_CTLR_EL1. */
unsigned gic_aprs(uint64_t icc_ctlr);

/* The number in a state. */
static inline uint64_t gic_reg_id(const struct gic_reg *reg)
{
	return (uint64_t)reg->file << 32 | reg->at;
}

/* A system register's number in GIC_SYSREG. */
#define GIC_SYSREG_ID(op0, op1, crn, crm, op2) \
	((op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))
#define GIC_ICC_CTLR GIC_SYSREG_ID(3, 0, 12, 12, 4)

/* Offsets that who loads must know: those that say which are pending. */
#define GIC_ISPENDR 0x200

#endif
