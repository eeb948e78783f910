/*
 * arch/arm64/state.h - the sections of an arm64 state, and the ids in them.
 *
 * They are in files: a number stays what it is.
 */
#ifndef ARCH_ARM64_STATE_H
#define ARCH_ARM64_STATE_H

enum arm64_section {
	ARM64_STATE_REGS = 1, /* of a vCPU, by their ONE_REG ids */
	ARM64_STATE_VCPU = 2, /* what else a vCPU has: arm64_vcpu_id */
	ARM64_STATE_VM = 3, /* arm64_vm_id */
	ARM64_STATE_GIC = 4, /* what CPUs share; by gic_reg_id() */
	ARM64_STATE_GIC_CPU = 5, /* one CPU's; the same */
	ARM64_STATE_ITS = 6, /* if there is one; the same */
	ARM64_STATE_TAGS = 7, /* of a guest with MTE: tags.h */
};

enum arm64_vcpu_id {
	ARM64_VCPU_OFF = 1, /* 1 byte: the guest has not started it */
	ARM64_VCPU_SVE_LENGTHS = 2, /* 64 bytes, with SVE alone: which it has,
				       as KVM_REG_ARM64_SVE_VLS */
	ARM64_VCPU_SERROR = 3, /* 1 byte: one is pending */
	ARM64_VCPU_SERROR_HAS_ESR = 4, /* 1 byte: and has a syndrome */
	ARM64_VCPU_SERROR_ESR = 5, /* 8 bytes: that */
};

enum arm64_vm_id {
	ARM64_VM_GIC = 1, /* 4 bytes: enum arm64_irqchip */
	ARM64_VM_IRQS = 2, /* 4 bytes: how many the GIC has */
	ARM64_VM_COUNT = 3, /* 8 bytes: CNTVCT_EL0 */
	ARM64_VM_PHYSICAL_COUNT = 4, /* 8 bytes: CNTPCT_EL0, where KVM lets it
					be set */
};

#endif
