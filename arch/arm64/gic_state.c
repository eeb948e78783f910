/* arch/arm64/gic_state.c - the interrupt controller, saved and loaded. */
#include <errno.h>
#include <inttypes.h>

#include "arch/arm64/board.h"
#include "arch/arm64/gic.h"
#include "arch/arm64/gic_regs.h"
#include "arch/arm64/regs.h"
#include "arch/arm64/state.h"
#include "base/state.h"
#include "vmm/kvm/irq.h"
#include "vmm/kvm/kvm.h"
#include "vmm/kvm/vm.h"

/* One CPU's registers, or those that all share. */
struct side {
	const struct gic *gic;
	const struct vcpu *vcpu; /* any, of those that all share */
	uint64_t cpu; /* how an attribute names it: bits 63..32 */
	unsigned aprs;
};

/* An MPIDR as an attribute has it. Source: arm-vgic-v3.rst */
static uint64_t mpidr_affinity(uint64_t mpidr)
{
	return (mpidr >> 32 & 0xff) << 56 | (mpidr & 0xffffff) << 32;
}

static int side_init(struct side *side, const struct gic *gic,
		     const struct vm *vm, unsigned cpu, struct err *err)
{
	uint64_t mpidr = 0, ctlr = 0;
	int r;

	*side = (struct side){ gic, &vm->vcpu[cpu], (uint64_t)cpu << 32, 0 };
	if (gic->kind == ARM64_GIC_V2)
		return 0;
	r = kvm_get_reg(vm->vcpu[cpu].fd, ARM64_REG_MPIDR, &mpidr, err);
	if (r < 0)
		return r;
	side->cpu = mpidr_affinity(mpidr);
	r = kvm_get_attr(gic->fd, KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS,
			 side->cpu | GIC_ICC_CTLR, &ctlr, "ICC_CTLR_EL1", err);
	side->aprs = gic_aprs(ctlr);
	return r;
}

static uint32_t group_of(const struct gic_reg *reg)
{
	static const uint32_t group[] = {
		[GIC_DIST] = KVM_DEV_ARM_VGIC_GRP_DIST_REGS,
		[GIC_REDIST] = KVM_DEV_ARM_VGIC_GRP_REDIST_REGS,
		[GIC_CPU] = KVM_DEV_ARM_VGIC_GRP_CPU_REGS,
		[GIC_SYSREG] = KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS,
		[GIC_LEVEL] = KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO,
		[GIC_ITS] = KVM_DEV_ARM_VGIC_GRP_ITS_REGS,
	};

	return group[reg->file];
}

static int fd_of(const struct side *side, const struct gic_reg *reg)
{
	return reg->file == GIC_ITS ? side->gic->its_fd : side->gic->fd;
}

static uint64_t attr_of(const struct side *side, const struct gic_reg *reg)
{
	/* The only kind of level information has number 0. */
	return reg->file == GIC_ITS ? reg->at : side->cpu | reg->at;
}

static int get_gic_reg(const struct side *side, const struct gic_reg *reg,
		       uint64_t *ret, struct err *err)
{
	uint32_t word = 0;
	uint64_t val = 0;
	const int r = kvm_get_attr(
		fd_of(side, reg), group_of(reg), attr_of(side, reg),
		reg->size == 4 ? (void *)&word : (void *)&val,
		"interrupt controller", err);

	*ret = reg->size == 4 ? word : val;
	return r < 0 ? err_wrap(err, "register 0x%" PRIx64, gic_reg_id(reg))
		     : 0;
}

static int set_gic_reg(const struct side *side, const struct gic_reg *reg,
		       uint64_t val, struct err *err)
{
	const uint32_t word = (uint32_t)val;
	const int r = kvm_set_attr(
		fd_of(side, reg), group_of(reg), attr_of(side, reg),
		reg->size == 4 ? (const void *)&word : (const void *)&val,
		"interrupt controller", err);

	return r < 0 ? err_wrap(err, "register 0x%" PRIx64, gic_reg_id(reg))
		     : 0;
}

/* Source: Arm ARM, CNTV_CTL_EL0 */
static bool timer_is_high(uint64_t ctl)
{
	const uint64_t enable = 1 << 0, imask = 1 << 1, istatus = 1 << 2;

	return (ctl & (enable | imask | istatus)) == (enable | istatus);
}

/*
 * Which private interrupts KVM itself holds high, for the timers and the PMU of
 * a CPU. From the registers, as nothing says what it holds.
 */
static int private_lines(const struct vcpu *vcpu, uint64_t *ret,
			 struct err *err)
{
	const uint64_t pmovsset = ARM64_SYS_REG(3, 3, 9, 14, 3);
	const uint64_t pmintenset = ARM64_SYS_REG(3, 0, 9, 14, 1);
	uint64_t virt = 0, phys = 0, overflowed = 0, wanted = 0;
	int r = kvm_get_reg(vcpu->fd, KVM_REG_ARM_TIMER_CTL, &virt, err);

	if (r == 0)
		r = kvm_get_reg(vcpu->fd, KVM_REG_ARM_PTIMER_CTL, &phys, err);
	if (r == 0 && vcpu->vm->machine->config->pmu) {
		r = kvm_get_reg(vcpu->fd, pmovsset, &overflowed, err);
		if (r == 0)
			r = kvm_get_reg(vcpu->fd, pmintenset, &wanted, err);
	}
	*ret = (uint64_t)timer_is_high(virt)
		    << ARM64_PPI(ARM64_PPI_TIMER_VIRT) |
	       (uint64_t)timer_is_high(phys)
		       << ARM64_PPI(ARM64_PPI_TIMER_PHYS) |
	       (uint64_t)((overflowed & wanted) != 0)
		       << ARM64_PPI(ARM64_PPI_PMU);
	return r;
}

/*
 * Returns which of 32 shared interrupts are held high by devices. @first: its
 * pin
 */
static uint64_t shared_lines(const struct irq_chip *chip, unsigned first)
{
	uint64_t ret = 0;

	for (unsigned i = 0; i < 32; i++)
		ret |= (uint64_t)irq_is_high(chip, first + i) << i;
	return ret;
}

/*
 * A GICv2 says that an interrupt is pending, too, while its line is held high.
 * Loaded, that would be pending even when the line has gone down. Lines are set
 * again by who drives them.
 */
static int drop_lines(const struct side *side, const struct gic_reg *reg,
		      uint64_t *val, struct err *err)
{
	const unsigned first = (reg->at - GIC_ISPENDR) * 8;
	uint64_t lines;
	int r = 0;

	if (side->gic->kind != ARM64_GIC_V2 || reg->file != GIC_DIST ||
	    reg->at < GIC_ISPENDR || reg->at >= GIC_ISPENDR + 0x80)
		return 0;
	if (first < ARM64_SPI(0))
		r = private_lines(side->vcpu, &lines, err);
	else
		lines = shared_lines(&side->vcpu->vm->machine->irq,
				     first - ARM64_SPI(0));
	if (r == 0)
		*val &= ~lines;
	return r;
}

static struct gic_walk walk_of(const struct side *side, enum gic_part part)
{
	return (struct gic_walk){ .kind = side->gic->kind,
				  .part = part,
				  .irqs = side->gic->irqs,
				  .aprs = side->aprs };
}

static int save_part(const struct side *side, enum gic_part part,
		     struct state *state, struct err *err)
{
	struct gic_walk walk = walk_of(side, part);
	struct gic_reg reg;

	while (gic_regs_next(&walk, &reg)) {
		uint64_t val;
		int r;

		if (reg.clears)
			continue;
		r = get_gic_reg(side, &reg, &val, err);
		if (r == 0)
			r = drop_lines(side, &reg, &val, err);
		if (r < 0)
			return r;
		state_put_int(state, gic_reg_id(&reg), val, reg.size);
	}
	return 0;
}

static int load_part(const struct side *side, enum gic_part part,
		     struct state_records *records, struct err *err)
{
	struct gic_walk walk = walk_of(side, part);
	struct gic_reg reg;
	int r = 0;

	while (r == 0 && gic_regs_next(&walk, &reg)) {
		uint64_t val = UINT64_MAX;

		if (!reg.clears)
			r = state_get(records, gic_reg_id(&reg), reg.size, &val,
				      err);
		if (r == 0)
			r = set_gic_reg(side, &reg, val, err);
	}
	return r;
}

static int control_gic(int fd, uint64_t attr, const char *what, struct err *err)
{
	return kvm_set_attr(fd, KVM_DEV_ARM_VGIC_GRP_CTRL, attr, NULL, what,
			    err);
}

/* Tables are the guest's memory: KVM writes there what it knows better. */
static int save_its(const struct side *side, struct state *state,
		    struct err *err)
{
	const struct gic *gic = side->gic;
	int r;

	if (gic->kind != ARM64_GIC_V3_ITS)
		return 0;
	r = control_gic(gic->its_fd, KVM_DEV_ARM_ITS_SAVE_TABLES, "ITS tables",
			err);
	if (r == 0)
		r = control_gic(gic->fd, KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES,
				"LPI pending tables", err);
	state_section(state, ARM64_STATE_ITS, 0);
	if (r == 0)
		r = save_part(side, GIC_ITS_FIRST, state, err);
	return r == 0 ? save_part(side, GIC_ITS_LAST, state, err) : r;
}

static int load_its(const struct side *side, struct state_view *view,
		    struct err *err)
{
	struct state_records records;
	int r;

	if (side->gic->kind != ARM64_GIC_V3_ITS)
		return 0;
	r = state_find(view, ARM64_STATE_ITS, 0, &records, err);
	if (r == 0)
		r = load_part(side, GIC_ITS_FIRST, &records, err);
	if (r == 0)
		r = control_gic(side->gic->its_fd,
				KVM_DEV_ARM_ITS_RESTORE_TABLES, "ITS tables",
				err);
	if (r == 0)
		r = load_part(side, GIC_ITS_LAST, &records, err);
	return r == 0 ? state_records_end(&records, err) : r;
}

int gic_save(const struct gic *gic, const struct vm *vm, struct state *state,
	     struct err *err)
{
	struct side side;
	int r = side_init(&side, gic, vm, 0, err);

	if (r < 0)
		return r;
	state_section(state, ARM64_STATE_GIC, 0);
	r = save_part(&side, GIC_SHARED, state, err);
	for (unsigned i = 0; r == 0 && i < vm->vcpus; i++) {
		r = side_init(&side, gic, vm, i, err);
		state_section(state, ARM64_STATE_GIC_CPU, i);
		if (r == 0)
			r = save_part(&side, GIC_PRIVATE, state, err);
	}
	return r == 0 ? save_its(&side, state, err) : r;
}

/* @index: of the section, and of the CPU */
static int load_side(const struct gic *gic, const struct vm *vm,
		     struct state_view *view, enum arm64_section section,
		     unsigned index, struct err *err)
{
	struct state_records records;
	struct side side;
	int r = side_init(&side, gic, vm, index, err);

	if (r == 0)
		r = state_find(view, section, index, &records, err);
	if (r == 0)
		r = load_part(&side,
			      section == ARM64_STATE_GIC ? GIC_SHARED
							 : GIC_PRIVATE,
			      &records, err);
	return r == 0 ? state_records_end(&records, err) : r;
}

int gic_load(const struct gic *gic, const struct vm *vm,
	     struct state_view *view, struct err *err)
{
	const struct side any = { gic, &vm->vcpu[0], 0, 0 };
	int r = load_side(gic, vm, view, ARM64_STATE_GIC, 0, err);

	for (unsigned i = 0; r == 0 && i < vm->vcpus; i++)
		r = load_side(gic, vm, view, ARM64_STATE_GIC_CPU, i, err);
	return r == 0 ? load_its(&any, view, err) : r;
}
