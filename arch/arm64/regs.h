/*
 * arch/arm64/regs.h - the KVM_*_ONE_REG ids of the registers used here.
 *
 * Source: Linux, Documentation/virt/kvm/api.rst, section 4.68.
 */
#ifndef ARCH_ARM64_REGS_H
#define ARCH_ARM64_REGS_H

#include <linux/kvm.h>

#define ARM64_REG_CORE(field)                                  \
	(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | \
	 KVM_REG_ARM_CORE_REG(field))
#define ARM64_REG_X(n) (ARM64_REG_CORE(regs.regs[0]) + 2ULL * (n))
#define ARM64_REG_PC ARM64_REG_CORE(regs.pc)
#define ARM64_REG_PSTATE ARM64_REG_CORE(regs.pstate)
#define ARM64_REG_V(n)                                           \
	((KVM_REG_ARM64 | KVM_REG_SIZE_U128 | KVM_REG_ARM_CORE | \
	  KVM_REG_ARM_CORE_REG(fp_regs.vregs[0])) +              \
	 4ULL * (n))
#define ARM64_REG_FPSR                                         \
	(KVM_REG_ARM64 | KVM_REG_SIZE_U32 | KVM_REG_ARM_CORE | \
	 KVM_REG_ARM_CORE_REG(fp_regs.fpsr))
#define ARM64_REG_FPCR                                         \
	(KVM_REG_ARM64 | KVM_REG_SIZE_U32 | KVM_REG_ARM_CORE | \
	 KVM_REG_ARM_CORE_REG(fp_regs.fpcr))
#define ARM64_REG_MPIDR ARM64_SYS_REG(3, 0, 0, 0, 5)

#endif
