/*
 * tests/kvm/mips/lib/guest.h - what a bare MIPS guest has to work with.
 *
 * A test is a main(). It runs on CPU 0 in kernel mode with interrupts masked,
 * code and data in KSEG0. It prints "ok" and powers off when main() returns; a
 * CHECK that does not hold prints where and why, and ends the guest without.
 */
#ifndef TESTS_KVM_MIPS_LIB_GUEST_H
#define TESTS_KVM_MIPS_LIB_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/kvm/lib/bare.h"
#include "tests/kvm/mips/lib/layout.h"

/* Windows for a physical address: memory; the same, as stock kernels say it,
 * which KVM brings to the VMM; and what is no memory. */
#define KSEG0(pa) (0x40000000U + (pa))
#define CKSEG0(pa) (0x80000000U + (pa))
#define KSEG1(pa) (0xa0000000U + (pa))

#define PIC KSEG1(0x1f000000)
#define SYSCON KSEG1(0x1f000500)
#define UART KSEG1(0x1f000900)
#define PVPANIC KSEG1(0x1f001000)
#define VIRTIO KSEG1(0x1f010000)
#define NOWHERE KSEG1(0x1f0f0000) /* no device and no memory is here */

#define PIN_UART 4
#define PIN_VIRTIO 5

enum { PIC_COUNT = 0, PIC_PENDING = 4, PIC_DISABLE = 0xc, PIC_ENABLE = 0x10 };

/* What the VMM started the guest with. */
struct boot {
	uint32_t a[4];
};

extern struct boot boot;

_Noreturn void reset(void);

/* Accesses of one instruction each. */
#define DEFINE_LOAD(insn)                             \
	static inline uint32_t do_##insn(uint32_t at) \
	{                                             \
		uint32_t val;                         \
                                                      \
		__asm__ volatile(#insn " %0, 0(%1)"   \
				 : "=r"(val)          \
				 : "r"(at)            \
				 : "memory");         \
		return val;                           \
	}
#define DEFINE_STORE(insn)                                              \
	static inline void do_##insn(uint32_t at, uint32_t val)         \
	{                                                               \
		__asm__ volatile(#insn " %0, 0(%1)" ::"r"(val), "r"(at) \
				 : "memory");                           \
	}
DEFINE_LOAD(lb)
DEFINE_LOAD(lbu)
DEFINE_LOAD(lh)
DEFINE_LOAD(lhu)
DEFINE_LOAD(lw)
DEFINE_STORE(sb)
DEFINE_STORE(sh)
DEFINE_STORE(sw)

static inline uint32_t read32(uint32_t at)
{
	return do_lw(at);
}

static inline void write32(uint32_t at, uint32_t val)
{
	do_sw(at, val);
}

/* CP0. */
#define READ_CP0(reg, sel)                                                  \
	({                                                                  \
		uint32_t val_;                                              \
		__asm__ volatile("mfc0 %0, $" #reg ", " #sel : "=r"(val_)); \
		val_;                                                       \
	})
#define WRITE_CP0(reg, sel, val)                          \
	__asm__ volatile("mtc0 %0, $" #reg ", " #sel      \
			 "\n\tehb" ::"r"((uint32_t)(val)) \
			 : "memory")

#define COUNT 9, 0
#define COMPARE 11, 0
#define STATUS 12, 0
#define CAUSE 13, 0
#define CP0(op, ...) op(__VA_ARGS__)

#define COUNT_HZ 100000000U /* KVM's default */

enum { /* Source: MIPS32 PRA (MD00090), Status and Cause */
       STATUS_IE = 1 << 0,
       STATUS_IM2 = 1 << 10,
       STATUS_IM7 = 1 << 15,
       CAUSE_IP2 = 1 << 10,
       CAUSE_IP7 = 1 << 15,
};

/* Interrupts: IP2 is the goldfish-pic's, IP7 the timer's. */
void irq_unmask(uint32_t lines); /* of STATUS_IM* */
void irq_mask(void);

/* The timer's next interrupt, in so many of Count's. */
void timer_arm(uint32_t ticks);

static inline void wait_for_interrupt(void)
{
	__asm__ volatile("wait" ::: "memory");
}

/* Called with the Cause of an interrupt, and of nothing else. */
extern void (*volatile on_irq)(uint32_t cause);

/* CPUs: starts one; it waits for ever when @entry returns. */
void cpu_start(unsigned cpu, void (*entry)(unsigned cpu));

/* Adds atomically. */
void add(volatile uint32_t *to, uint32_t val);

/* Numbers that look random and are the same every time. */
uint32_t random_next(uint32_t *state);

#endif
