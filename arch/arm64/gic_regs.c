/* arch/arm64/gic_regs.c - a GIC's registers, in the order they are loaded. */
#include "arch/arm64/gic_regs.h"

#include <stddef.h>

#define PRIVATE_IRQS 32
#define SGI_FRAME 0x10000 /* of the redistributor */

/*
 * A row is a register, or an array of them: of @bits for each interrupt, or of
 * @count. An array by interrupts has in a part only those of the part.
 */
struct row {
	enum gic_file file;
	uint32_t at; /* of interrupt 0, or of the first */
	unsigned bits; /* 0: not by interrupt */
	unsigned count; /* if not by interrupt; 0: one for each APR */
	bool clears;
};

enum { /* Source: IHI 0048B, 4.1.2 and IHI 0069H, 12.8 */
       GICD_CTLR = 0x0,
       GICD_IIDR = 0x8,
       GICD_IGROUPR = 0x80,
       GICD_ISENABLER = 0x100,
       GICD_ICENABLER = 0x180,
       GICD_ISPENDR = GIC_ISPENDR,
       GICD_ISACTIVER = 0x300,
       GICD_ICACTIVER = 0x380,
       GICD_IPRIORITYR = 0x400,
       GICD_ITARGETSR = 0x800,
       GICD_ICFGR = 0xc00,
       GICD_CPENDSGIR = 0xf10,
       GICD_SPENDSGIR = 0xf20,
       GICD_IROUTER = 0x6000,
};

enum { /* Source: IHI 0048B, 4.1.3 */
       GICC_CTLR = 0x0,
       GICC_PMR = 0x4,
       GICC_BPR = 0x8,
       GICC_ABPR = 0x1c,
       GICC_APR = 0xd0,
};

enum { /* Source: IHI 0069H, 12.10 */
       GICR_CTLR = 0x0,
       GICR_PROPBASER = 0x70,
       GICR_PENDBASER = 0x78,
};

enum { /* Source: IHI 0069H, 12.18 */
       GITS_CTLR = 0x0,
       GITS_IIDR = 0x4,
       GITS_CBASER = 0x80,
       GITS_CWRITER = 0x88,
       GITS_CREADR = 0x90,
       GITS_BASER = 0x100,
};

/*
 * KVM wants to see the IIDR first: it is what the others mean. Then GICD_CTLR,
 * for an interrupt that becomes pending while the distributor is off is not
 * passed on when it is turned on.
 */
static const struct row v2_shared[] = {
	{ GIC_DIST, GICD_IIDR, 0, 1, false },
	{ GIC_DIST, GICD_CTLR, 0, 1, false },
	{ GIC_DIST, GICD_ICENABLER, 1, 0, true },
	{ GIC_DIST, GICD_IGROUPR, 1, 0, false },
	{ GIC_DIST, GICD_ITARGETSR, 8, 0, false },
	{ GIC_DIST, GICD_ICFGR, 2, 0, false },
	{ GIC_DIST, GICD_IPRIORITYR, 8, 0, false },
	{ GIC_DIST, GICD_ISPENDR, 1, 0, false },
	{ GIC_DIST, GICD_ICACTIVER, 1, 0, true },
	{ GIC_DIST, GICD_ISACTIVER, 1, 0, false },
	{ GIC_DIST, GICD_ISENABLER, 1, 0, false },
};

/*
 * KVM takes the CPU itself for the sender of an SGI made pending by ISPENDR;
 * the following pair sets the real sender.
 */
static const struct row v2_private[] = {
	{ GIC_DIST, GICD_ICENABLER, 1, 0, true },
	{ GIC_DIST, GICD_IGROUPR, 1, 0, false },
	{ GIC_DIST, GICD_ICFGR, 2, 0, false },
	{ GIC_DIST, GICD_IPRIORITYR, 8, 0, false },
	{ GIC_DIST, GICD_ISPENDR, 1, 0, false },
	{ GIC_DIST, GICD_CPENDSGIR, 0, 4, true },
	{ GIC_DIST, GICD_SPENDSGIR, 0, 4, false },
	{ GIC_DIST, GICD_ICACTIVER, 1, 0, true },
	{ GIC_DIST, GICD_ISACTIVER, 1, 0, false },
	{ GIC_DIST, GICD_ISENABLER, 1, 0, false },
	{ GIC_CPU, GICC_PMR, 0, 1, false },
	{ GIC_CPU, GICC_BPR, 0, 1, false },
	{ GIC_CPU, GICC_ABPR, 0, 1, false },
	{ GIC_CPU, GICC_APR, 0, 4, false },
	{ GIC_CPU, GICC_CTLR, 0, 1, false },
};

static const struct row v3_shared[] = {
	{ GIC_DIST, GICD_IIDR, 0, 1, false },
	{ GIC_DIST, GICD_CTLR, 0, 1, false },
	{ GIC_DIST, GICD_ICENABLER, 1, 0, true },
	{ GIC_DIST, GICD_IGROUPR, 1, 0, false },
	{ GIC_DIST, GICD_IROUTER, 64, 0, false },
	{ GIC_DIST, GICD_ICFGR, 2, 0, false },
	{ GIC_DIST, GICD_IPRIORITYR, 8, 0, false },
	{ GIC_LEVEL, 0, 1, 0, false },
	{ GIC_DIST, GICD_ISPENDR, 1, 0, false },
	{ GIC_DIST, GICD_ICACTIVER, 1, 0, true },
	{ GIC_DIST, GICD_ISACTIVER, 1, 0, false },
	{ GIC_DIST, GICD_ISENABLER, 1, 0, false },
};

/* Where LPIs are kept cannot be said any more once GICR_CTLR enables them. */
static const struct row v3_private[] = {
	{ GIC_REDIST, GICR_PROPBASER, 0, 2, false },
	{ GIC_REDIST, GICR_PENDBASER, 0, 2, false },
	{ GIC_REDIST, SGI_FRAME + GICD_ICENABLER, 1, 0, true },
	{ GIC_REDIST, SGI_FRAME + GICD_IGROUPR, 1, 0, false },
	{ GIC_REDIST, SGI_FRAME + GICD_ICFGR, 2, 0, false },
	{ GIC_REDIST, SGI_FRAME + GICD_IPRIORITYR, 8, 0, false },
	{ GIC_LEVEL, 0, 1, 0, false },
	{ GIC_REDIST, SGI_FRAME + GICD_ISPENDR, 1, 0, false },
	{ GIC_REDIST, SGI_FRAME + GICD_ICACTIVER, 1, 0, true },
	{ GIC_REDIST, SGI_FRAME + GICD_ISACTIVER, 1, 0, false },
	{ GIC_REDIST, SGI_FRAME + GICD_ISENABLER, 1, 0, false },
	{ GIC_REDIST, GICR_CTLR, 0, 1, false },
	{ GIC_SYSREG, GIC_SYSREG_ID(3, 0, 12, 12, 5), 0, 1, false }, /* SRE */
	{ GIC_SYSREG, GIC_ICC_CTLR, 0, 1, false },
	{ GIC_SYSREG, GIC_SYSREG_ID(3, 0, 4, 6, 0), 0, 1, false }, /* PMR */
	{ GIC_SYSREG, GIC_SYSREG_ID(3, 0, 12, 8, 3), 0, 1, false }, /* BPR0 */
	{ GIC_SYSREG, GIC_SYSREG_ID(3, 0, 12, 12, 3), 0, 1, false }, /* BPR1 */
	{ GIC_SYSREG, GIC_SYSREG_ID(3, 0, 12, 8, 4), 0, 0, false }, /* AP0R */
	{ GIC_SYSREG, GIC_SYSREG_ID(3, 0, 12, 9, 0), 0, 0, false }, /* AP1R */
	{ GIC_SYSREG, GIC_SYSREG_ID(3, 0, 12, 12, 6), 0, 2, false },
};

/* A write of CBASER clears CREADR; CWRITER up to it is what was done. */
static const struct row its_first[] = {
	{ GIC_ITS, GITS_IIDR, 0, 1, false },
	{ GIC_ITS, GITS_CBASER, 0, 1, false },
	{ GIC_ITS, GITS_CREADR, 0, 1, false },
	{ GIC_ITS, GITS_CWRITER, 0, 1, false },
	{ GIC_ITS, GITS_BASER, 0, 8, false },
};

static const struct row its_last[] = {
	{ GIC_ITS, GITS_CTLR, 0, 1, false },
};

#define ROWS(rows) ((struct table){ rows, sizeof(rows) / sizeof((rows)[0]) })

struct table {
	const struct row *row;
	size_t count;
};

static struct table table_of(const struct gic_walk *walk)
{
	const bool v2 = walk->kind == ARM64_GIC_V2;

	switch (walk->part) {
	case GIC_SHARED:
		return v2 ? ROWS(v2_shared) : ROWS(v3_shared);
	case GIC_PRIVATE:
		return v2 ? ROWS(v2_private) : ROWS(v3_private);
	case GIC_ITS_FIRST:
		return ROWS(its_first);
	case GIC_ITS_LAST:
		break;
	}
	return ROWS(its_last);
}

static unsigned first_irq(const struct gic_walk *walk)
{
	return walk->part == GIC_SHARED ? PRIVATE_IRQS : 0;
}

/* Registers that a row stands for. */
static unsigned row_count(const struct gic_walk *walk, const struct row *row)
{
	const unsigned end = walk->part == GIC_SHARED ? walk->irqs
						      : PRIVATE_IRQS;

	if (row->bits > 0)
		return (end - first_irq(walk)) * row->bits / 32;
	return row->count > 0 ? row->count : walk->aprs;
}

static uint32_t row_at(const struct gic_walk *walk, const struct row *row)
{
	if (row->file == GIC_LEVEL)
		return first_irq(walk) + walk->index * 32;
	if (row->bits > 0)
		return row->at + first_irq(walk) * row->bits / 8 +
		       walk->index * 4;
	/* System registers are numbered one by one. */
	return row->at + walk->index * (row->file == GIC_SYSREG ? 1
					: row->file == GIC_ITS	? 8
								: 4);
}

bool gic_regs_next(struct gic_walk *walk, struct gic_reg *ret)
{
	const struct table table = table_of(walk);

	while (walk->row < table.count &&
	       walk->index == row_count(walk, &table.row[walk->row])) {
		walk->row++;
		walk->index = 0;
	}
	if (walk->row == table.count)
		return false;
	*ret = (struct gic_reg){
		.file = table.row[walk->row].file,
		.at = row_at(walk, &table.row[walk->row]),
		.clears = table.row[walk->row].clears,
	};
	ret->size = ret->file == GIC_SYSREG || ret->file == GIC_ITS ? 8 : 4;
	walk->index++;
	return true;
}

unsigned gic_aprs(uint64_t icc_ctlr)
{
	/* PRIbits, less one. Source: IHI 0069H, 12.2.6 and 12.2.4 */
	const unsigned bits = (unsigned)(icc_ctlr >> 8 & 7) + 1;

	return bits <= 5 ? 1 : bits == 6 ? 2 : 4;
}
