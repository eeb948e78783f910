/* arch/arm64/core.c - what a core dump tells of an arm64 vCPU. */
#include <elf.h>
#include <string.h>

#include "arch/arch.h"
#include "arch/arm64/core.h"
#include "arch/arm64/machine.h"
#include "arch/arm64/regs.h"
#include "vmm/kvm/kvm.h"
#include "vmm/kvm/vm.h"
#include "vmm/machine/machine.h"

/* elf_gregset_t: x0 to x30, sp, pc, pstate. */
enum { REG_SP = 31, REG_PC, REG_PSTATE, REGS };

#define PSTATE_SP 1U /* SP is the exception level's own, not EL0's */

#define VREGS 32
#define VREG_SIZE 16 /* in bytes */
#define ZREG_SIZE 256 /* the same, as KVM has one */

/* struct user_fpsimd_state. */
struct fp_regs {
	uint8_t vreg[VREGS][VREG_SIZE];
	uint32_t fpsr, fpcr;
	uint32_t reserved[2];
};

void arch_core_target(const struct machine *machine, struct elf_target *ret)
{
	(void)machine;
	*ret = (struct elf_target){ EM_AARCH64, ELFCLASS64, ELFDATA2LSB };
}

static int read_core_regs(const struct vcpu *vcpu, uint64_t reg[REGS],
			  struct err *err)
{
	uint64_t el1 = 0;
	int r = 0;

	for (unsigned i = 0; r == 0 && i < REG_SP; i++)
		r = kvm_get_reg(vcpu->fd, ARM64_REG_X(i), &reg[i], err);
	if (r == 0)
		r = kvm_get_reg(vcpu->fd, ARM64_REG_CORE(regs.sp), &reg[REG_SP],
				err);
	if (r == 0)
		r = kvm_get_reg(vcpu->fd, ARM64_REG_CORE(sp_el1), &el1, err);
	if (r == 0)
		r = kvm_get_reg(vcpu->fd, ARM64_REG_PC, &reg[REG_PC], err);
	if (r == 0)
		r = kvm_get_reg(vcpu->fd, ARM64_REG_PSTATE, &reg[REG_PSTATE],
				err);
	if (reg[REG_PSTATE] & PSTATE_SP)
		reg[REG_SP] = el1;
	return r;
}

/* With SVE, KVM has a vector register as the low bits of the scalable one. */
static int read_vector_reg(const struct vcpu *vcpu, unsigned i,
			   uint8_t ret[VREG_SIZE], struct err *err)
{
	uint8_t z[ZREG_SIZE];
	int r;

	if (!(vcpu->vm->machine->limits.features & ARM64_HAS_SVE))
		return kvm_get_reg(vcpu->fd, ARM64_REG_V(i), ret, err);
	r = kvm_get_reg(vcpu->fd, KVM_REG_ARM64_SVE_ZREG(i, 0), z, err);
	if (r == 0)
		memcpy(ret, z, VREG_SIZE);
	return r;
}

static int read_fp_regs(const struct vcpu *vcpu, struct fp_regs *ret,
			struct err *err)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < VREGS; i++)
		r = read_vector_reg(vcpu, i, ret->vreg[i], err);
	if (r == 0)
		r = kvm_get_reg(vcpu->fd, ARM64_REG_FPSR, &ret->fpsr, err);
	if (r == 0)
		r = kvm_get_reg(vcpu->fd, ARM64_REG_FPCR, &ret->fpcr, err);
	return r;
}

int arch_core_vcpu(struct vcpu *vcpu, struct core_notes *notes, struct err *err)
{
	uint64_t reg[REGS] = { 0 };
	struct fp_regs fp = { .fpsr = 0 };
	int r = read_core_regs(vcpu, reg, err);

	if (r == 0)
		r = read_fp_regs(vcpu, &fp, err);
	if (r < 0)
		return err_wrap(err, "vcpu %u", vcpu->index);
	core_add_prstatus(notes, vcpu->index, reg, REGS);
	core_add_note(notes, "CORE", NT_FPREGSET, &fp, sizeof(fp));
	return 0;
}

size_t arch_core_views(const struct machine *machine, const char *info,
		       struct core_view *ret)
{
	(void)machine;
	return arm64_core_views(info, ret);
}
