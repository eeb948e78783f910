/* arch/mips/vcpu.c - registers, interrupt line and exits of a MIPS vCPU. */
#include "arch/mips/vcpu.h"

#include <errno.h>
#include <inttypes.h>

#include "arch/arch.h"
#include "arch/mips/board.h"
#include "arch/mips/boot.h"
#include "arch/mips/insn.h"
#include "arch/mips/layout.h"
#include "arch/mips/machine.h"
#include "arch/mips/regs.h"
#include "base/log.h"
#include "devices/goldfish_pic.h"
#include "vmm/kvm/kvm.h"
#include "vmm/kvm/vcpu.h"
#include "vmm/kvm/vm.h"

/* The guest's kernel finds the FPU by Config1; without one it emulates it. */
static int init_fpu(struct vcpu *vcpu, struct err *err)
{
	const struct kvm_enable_cap cap = { .cap = KVM_CAP_MIPS_FPU };
	uint32_t config1 = 0;
	int r;

	if (!(vcpu->vm->machine->limits.features & MIPS_HAS_FPU))
		return 0;
	r = kvm_ioctl(vcpu->fd, KVM_ENABLE_CAP, &cap, err);
	if (r == 0)
		r = kvm_get_reg(vcpu->fd, MIPS_REG_CONFIG1, &config1, err);
	if (r < 0)
		return r;
	config1 |= MIPS_CONFIG1_FP;
	return kvm_set_reg(vcpu->fd, MIPS_REG_CONFIG1, &config1, err);
}

int mips_vcpu_boot(struct vcpu *vcpu, struct err *err)
{
	const struct boot_state *boot = &vcpu->vm->machine->boot;
	int r = kvm_set_reg(vcpu->fd, MIPS_REG_PC, &boot->pc, err);

	for (unsigned i = 0; r == 0 && i < 4; i++)
		r = kvm_set_reg(vcpu->fd, MIPS_REG_A(i), &boot->arg[i], err);
	return r < 0 ? err_wrap(err, "vcpu %u", vcpu->index) : 0;
}

int arch_vcpu_init(struct vcpu *vcpu, struct err *err)
{
	int r = init_fpu(vcpu, err);

	if (vcpu->index > 0)
		vcpu->power = VCPU_OFF;
	return r < 0 ? err_wrap(err, "vcpu %u", vcpu->index) : 0;
}

/* Only the thread that turns it on writes its registers. */
static int set_start(struct vcpu *vcpu, uint32_t pc)
{
	const uint64_t reg = mips_register(pc), number = vcpu->index;
	int r = kvm_set_reg(vcpu->fd, MIPS_REG_PC, &reg, &vcpu->err);

	if (r == 0)
		r = kvm_set_reg(vcpu->fd, MIPS_REG_A(0), &number, &vcpu->err);
	return r < 0 ? err_wrap(&vcpu->err, "vcpu %u", vcpu->index) : 0;
}

void mips_vcpu_start(struct vm *vm, unsigned cpu, uint32_t pc)
{
	if (cpu >= vm->vcpus || !vcpu_claim(&vm->vcpu[cpu])) {
		log_guest(&vm->machine->unclaimed,
			  "start of CPU %u at 0x%" PRIx32
			  ": there is none, or it has been started",
			  cpu, pc);
		return;
	}
	if (set_start(&vm->vcpu[cpu], pc) < 0)
		machine_end(vm->machine, OUTCOME_ERROR);
	else
		vcpu_turn_on(&vm->vcpu[cpu]);
}

/*
 * KVM takes its line for an edge: it forgets it once it is delivered, and the
 * guest sees it in Cause until it is told that the line has fallen. So a line
 * that is high is raised again before each entry. This happens only here, on
 * the vCPU's own thread: other threads that change the line make the vCPU come
 * here.
 */
int arch_vcpu_enter(struct vcpu *vcpu, struct err *err)
{
	struct vm *vm = vcpu->vm;
	struct kvm_mips_interrupt irq = { .cpu = (uint32_t)-1 };
	bool level;

	if (vcpu->index > 0)
		return 0;
	level = goldfish_pic_output(vm->machine->arch->pic);
	if (!level && !vm->arch->line)
		return 0;
	vm->arch->line = level;
	irq.irq = level ? (uint32_t)MIPS_CPU_LINE : (uint32_t)-MIPS_CPU_LINE;
	/* Its number says the size of another architecture's argument. */
	return kvm_ioctl_raw(vcpu->fd, KVM_INTERRUPT, (unsigned long)&irq,
			     "KVM_INTERRUPT", err);
}

static uint32_t vcpu_pc(const struct vcpu *vcpu)
{
	struct err unused = { 0 };
	uint64_t val = 0;

	(void)kvm_get_reg(vcpu->fd, MIPS_REG_PC, &val, &unused);
	return (uint32_t)val;
}

/* The instruction behind which this vCPU stands; false: not to be read. */
static bool last_insn(const struct vcpu *vcpu, uint32_t *ret)
{
	const struct machine *machine = vcpu->vm->machine;
	gpa_t at;

	return mips_physical(vcpu_pc(vcpu) - 4, mips_kseg0(machine), &at) &&
	       mem_read(&machine->mem, at, ret, sizeof(*ret)) == 0;
}

/* One in a branch's delay slot is not found, for the branch is taken by now. */
uint64_t arch_write_mask(const struct vcpu *vcpu, const struct io_access *io)
{
	struct mips_part_store store;
	struct err unused = { 0 };
	uint64_t base;
	uint32_t insn, addr;
	gpa_t at;

	if (!io->write || io->size != 4 || !last_insn(vcpu, &insn) ||
	    !mips_part_store(insn, &store) ||
	    kvm_get_reg(vcpu->fd, MIPS_REG_GPR(store.base), &base, &unused) < 0)
		return UINT64_MAX;
	addr = (uint32_t)base + (uint32_t)store.offset;
	/* The guest may have changed it since. */
	at = addr % MIPS_END;
	return (at & ~3ULL) == io->addr ? mips_part_mask(&store, addr)
					: UINT64_MAX;
}

int arch_vcpu_exit(struct vcpu *vcpu, struct err *err)
{
	const struct kvm_run *run = vcpu->run;

	switch (run->exit_reason) {
	case KVM_EXIT_IRQ_WINDOW_OPEN: /* an interrupt has ended a WAIT */
		return 0;
	case KVM_EXIT_INTERNAL_ERROR:
		return err_set(err, -EIO,
			       "KVM cannot go on at pc 0x%08" PRIx32
			       ": the guest runs where there is no memory, or "
			       "an instruction that KVM cannot emulate there",
			       vcpu_pc(vcpu));
	default:
		return err_set(err, -EPROTO,
			       "unknown exit %" PRIu32 " at pc 0x%08" PRIx32,
			       run->exit_reason, vcpu_pc(vcpu));
	}
}
