/*
 * arch/mips/state.h - the sections of a MIPS state, and the ids in them.
 *
 * They are in files: a number stays what it is.
 */
#ifndef ARCH_MIPS_STATE_H
#define ARCH_MIPS_STATE_H

enum mips_section {
	MIPS_STATE_REGS = 1, /* of a vCPU, by their ONE_REG ids */
	MIPS_STATE_VCPU = 2, /* what else a vCPU has: mips_vcpu_id */
	MIPS_STATE_VM = 3, /* mips_vm_id */
};

enum mips_vcpu_id {
	MIPS_VCPU_OFF = 1, /* 1 byte: the guest has not started it */
	MIPS_VCPU_COUNT = 2, /* 4 bytes: CP0 Count */
};

enum mips_vm_id {
	MIPS_VM_VZ = 1, /* 1 byte: its kernels are at VZ's addresses */
};

#endif
