/*
 * tests/kvm/arm64/lib/guest.h - what a bare guest has to work with.
 *
 * A test is a main(). It runs on CPU 0 at EL1, with an identity map (devices
 * below 2 GiB, cached memory above) and interrupts masked. It prints "ok" and
 * powers off when main() returns; a CHECK that does not hold prints where and
 * why, and ends the guest without.
 *
 * No pointer may stand in initialised data: see guest.lds.
 */
#ifndef TESTS_KVM_ARM64_LIB_GUEST_H
#define TESTS_KVM_ARM64_LIB_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/kvm/arm64/lib/layout.h"
#include "tests/kvm/lib/bare.h"

#define UART 0x01000000UL
#define NOWHERE 0x00f00000UL /* no device and no memory is here */

/* What the VMM started the guest with. */
struct boot {
	uint64_t x[4];
	uint64_t sctlr, daif, current_el;
	uint64_t image; /* where the flat image is */
};

extern struct boot boot;

/* Accesses that tell KVM all about themselves: one plain register each. */
#define DEFINE_ACCESS(bits, insn, reg)                                     \
	static inline uint64_t read##bits(uint64_t at)                     \
	{                                                                  \
		uint64_t val;                                              \
                                                                           \
		__asm__ volatile("ldr" insn " %" reg "0, [%1]"             \
				 : "=r"(val)                               \
				 : "r"(at)                                 \
				 : "memory");                              \
		return val;                                                \
	}                                                                  \
	static inline void write##bits(uint64_t at, uint64_t val)          \
	{                                                                  \
		__asm__ volatile("str" insn " %" reg "0, [%1]" ::"r"(val), \
				 "r"(at)                                   \
				 : "memory");                              \
	}
DEFINE_ACCESS(8, "b", "w")
DEFINE_ACCESS(16, "h", "w")
DEFINE_ACCESS(32, "", "w")
DEFINE_ACCESS(64, "", "x")

/* System registers, barriers. */
#define READ_SYSREG(name)                                                 \
	({                                                                \
		uint64_t val_;                                            \
		__asm__ volatile("mrs %0, " name : "=r"(val_)::"memory"); \
		val_;                                                     \
	})
#define WRITE_SYSREG(name, val)                                           \
	__asm__ volatile("msr " name ", %0\n\tisb" ::"r"((uint64_t)(val)) \
			 : "memory")

static inline void barrier(void)
{
	__asm__ volatile("dsb sy" ::: "memory");
}

static inline void wait_for_interrupt(void)
{
	__asm__ volatile("dsb sy\n\twfi" ::: "memory");
}

static inline void irq_unmask(void)
{
	__asm__ volatile("msr daifclr, #2\n\tisb" ::: "memory");
}

static inline void irq_mask(void)
{
	__asm__ volatile("msr daifset, #2\n\tisb" ::: "memory");
}

void mmu_on(const void *table);
void mmu_off(void);
extern uint64_t mmu_l0[512]; /* the identity map */

/* Maps all below 2 GiB at MMU_ALIAS once more, as cached memory: there it may
 * be executed, and accessed unaligned. */
#define MMU_ALIAS (1UL << 46)
void mmu_alias(void);

/* CPUs. */
struct frame {
	uint64_t x[31];
	uint64_t elr, spsr, pad;
};

struct cpu {
	unsigned index;
	bool catching; /* the next synchronous exception is expected */
	bool returning; /* ... and ends by returning to the caller */
	unsigned caught; /* how many came */
	uint64_t esr, far; /* of the last one */
	unsigned irqs; /* interrupts taken */
	unsigned last_irq; /* the last one's number */
	void (*entry)(struct cpu *cpu);
	void (*irq)(unsigned intid); /* called between ack and end */
};

extern struct cpu cpus[MAX_CPUS];
struct cpu *this_cpu(void);

/* Ends the entry with CPU_OFF. Returns what CPU_ON returned. */
uint64_t cpu_start(unsigned index, void (*entry)(struct cpu *cpu));
uint64_t cpu_mpidr(unsigned index); /* as the device tree says */
unsigned cpu_count(void);

/* What a test expects to be refused stands between these two. */
void catch_fault(void);
uint64_t caught_fault(void); /* the ESR, or 0 if nothing happened */
uint64_t call_fault(uint64_t address); /* branches there */
void call(uint64_t address);

#define ESR_CLASS(esr) ((esr) >> 26)
#define CLASS_INSN_ABORT 0x21
#define CLASS_DATA_ABORT 0x25
#define ESR_STATUS(esr) ((esr)&0x3f)
#define STATUS_EXTERNAL 0x10

/* SMC calling convention by HVC. */
uint64_t smccc(uint64_t function, uint64_t a, uint64_t b, uint64_t c);

enum { /* Source: Arm DEN 0022F (PSCI), 5.1 */
       PSCI_VERSION = 0x84000000,
       PSCI_SUSPEND = 0xc4000001,
       PSCI_CPU_OFF = 0x84000002,
       PSCI_CPU_ON = 0xc4000003,
       PSCI_AFFINITY_INFO = 0xc4000004,
       PSCI_MIGRATE_INFO = 0x84000006,
       PSCI_SYSTEM_OFF = 0x84000008,
       PSCI_SYSTEM_RESET = 0x84000009,
       PSCI_FEATURES = 0x8400000a,
       PSCI_SYSTEM_RESET2 = 0xc4000012,
};

#define PSCI_SUCCESS 0UL /* 5.2.2 */
#define PSCI_NOT_SUPPORTED ((uint64_t)-1)
#define PSCI_INVALID_PARAMETERS ((uint64_t)-2)
#define PSCI_ALREADY_ON ((uint64_t)-4)
#define PSCI_INVALID_ADDRESS ((uint64_t)-9)

/* Numbers that look random and are the same every time. */
uint64_t random_next(uint64_t *state);

bool text_equal(const char *a, const char *b);

#endif
