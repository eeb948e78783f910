/* arch/mips/core.c - what a core dump tells of a MIPS vCPU. */
#include <elf.h>

#include "arch/arch.h"
#include "arch/mips/layout.h"
#include "arch/mips/machine.h"
#include "arch/mips/regs.h"
#include "vmm/debug/core.h"
#include "vmm/kvm/kvm.h"
#include "vmm/kvm/vm.h"
#include "vmm/machine/machine.h"

/*
 * elf_gregset_t of 32 and of 64 bits. Source: Linux, arch/mips/include/uapi/
 * asm/reg.h
 */
#define GPRS 32
#define REGS 45
#define FIRST_32 6
#define FIRST_64 0

/* Behind the general registers, in that order. */
static const uint64_t others[] = {
	MIPS_REG_LO,	   MIPS_REG_HI,	    MIPS_REG_PC,
	MIPS_REG_BADVADDR, MIPS_REG_STATUS, MIPS_REG_CAUSE,
};

void arch_core_target(const struct machine *machine, struct elf_target *ret)
{
	const bool wide = machine->limits.features & MIPS_HAS_64BIT;

	*ret = (struct elf_target){ EM_MIPS, wide ? ELFCLASS64 : ELFCLASS32,
				    MIPS_ELF_DATA };
}

/* Of a register of 32 or 64 bits. */
static int read_mips_reg(const struct vcpu *vcpu, uint64_t id, uint64_t *ret,
			 struct err *err)
{
	uint32_t low = 0;
	int r;

	if ((id & MIPS_REG_SIZE_MASK) == (MIPS_REG_U64 & MIPS_REG_SIZE_MASK))
		return kvm_get_reg(vcpu->fd, id, ret, err);
	r = kvm_get_reg(vcpu->fd, id, &low, err);
	*ret = low;
	return r;
}

int arch_core_vcpu(struct vcpu *vcpu, struct core_notes *notes, struct err *err)
{
	const bool wide = notes->target->class == ELFCLASS64;
	const size_t first = wide ? FIRST_64 : FIRST_32;
	uint64_t reg[REGS] = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < GPRS; i++)
		r = read_mips_reg(vcpu, MIPS_REG_GPR(i), &reg[first + i], err);
	for (size_t i = 0; r == 0 && i < sizeof(others) / sizeof(*others); i++)
		r = read_mips_reg(vcpu, others[i], &reg[first + GPRS + i], err);
	if (r < 0)
		return err_wrap(err, "vcpu %u", vcpu->index);
	core_add_prstatus(notes, vcpu->index, reg, REGS);
	return 0;
}

/* A kernel's own window, which is always there. */
size_t arch_core_views(const struct machine *machine, const char *info,
		       struct core_view *ret)
{
	(void)info;
	ret[0] = (struct core_view){ .gpa = { 0, MIPS_END },
				     .vaddr = mips_kseg0(machine) };
	return 1;
}
