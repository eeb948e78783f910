/*
 * arch/mips/regs.h - ids of the registers of a MIPS vCPU. [pure]
 *
 * Source: Linux, Documentation/virt/kvm/api.rst, 4.68; arch/mips/include/uapi/
 * asm/kvm.h; CP0's are numbered 8 * register + select.
 */
#ifndef ARCH_MIPS_REGS_H
#define ARCH_MIPS_REGS_H

#define MIPS_REG_SIZE_MASK 0x00f0000000000000ULL
#define MIPS_REG_U32 0x7020000000000000ULL
#define MIPS_REG_U64 0x7030000000000000ULL

#define MIPS_REG_GPR(n) (MIPS_REG_U64 | (n))
#define MIPS_REG_A(n) MIPS_REG_GPR(4 + (n))
#define MIPS_REG_HI (MIPS_REG_U64 | 32)
#define MIPS_REG_LO (MIPS_REG_U64 | 33)
#define MIPS_REG_PC (MIPS_REG_U64 | 34)

#define MIPS_REG_CP0_64(rd, sel) (MIPS_REG_U64 | 0x10000 | (8 * (rd) + (sel)))
#define MIPS_REG_CP0_32(rd, sel) (MIPS_REG_U32 | 0x10000 | (8 * (rd) + (sel)))
#define MIPS_REG_BADVADDR MIPS_REG_CP0_64(8, 0)
#define MIPS_REG_COUNT MIPS_REG_CP0_32(9, 0)
#define MIPS_REG_COMPARE MIPS_REG_CP0_32(11, 0)
#define MIPS_REG_STATUS MIPS_REG_CP0_32(12, 0)
#define MIPS_REG_CAUSE MIPS_REG_CP0_32(13, 0)
#define MIPS_REG_CONFIG1 MIPS_REG_CP0_32(16, 1)

#define MIPS_REG_FPR_32(n) (MIPS_REG_U32 | 0x30000 | (n))
#define MIPS_REG_FPR_64(n) (MIPS_REG_U64 | 0x30000 | (n))

/* KVM's own. */
#define MIPS_REG_COUNT_CTL (MIPS_REG_U64 | 0x20000)
#define MIPS_REG_COUNT_RESUME (MIPS_REG_U64 | 0x20001)
#define MIPS_REG_COUNT_HZ (MIPS_REG_U64 | 0x20002)

/* Source: MIPS32 Privileged Resource Architecture (MD00090), Status, Cause and
 * Config1. */
#define MIPS_STATUS_FR (1U << 26) /* FPU registers are doubles, all of them */
#define MIPS_CAUSE_TI (1U << 30) /* the timer interrupt is pending */
#define MIPS_CONFIG1_FP (1U << 0) /* there is an FPU */

#define MIPS_COUNT_CTL_DC 1ULL /* Count stands */

#endif
