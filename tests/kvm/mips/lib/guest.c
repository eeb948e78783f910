/* tests/kvm/mips/lib/guest.c - console, checks, exceptions, CPUs. */
#include "tests/kvm/mips/lib/guest.h"

#define LSR 5
#define LSR_DATA_READY 0x01
#define LSR_EMPTY 0x20

#define VECTOR KSEG0(0x180) /* of all exceptions, with Cause.IV clear */

#define CAUSE_CODE(cause) ((cause) >> 2 & 31)

struct boot boot;
uint8_t stacks[MAX_CPUS * STACK_SIZE] __attribute__((aligned(16)));
void (*volatile on_irq)(uint32_t cause);

static void (*volatile entries[MAX_CPUS])(unsigned cpu);

extern const uint8_t vector[], vector_end[];
void start(void);
void secondary(unsigned cpu);
void secondary_start(void);
void exception(void);

void put_char(char c)
{
	while (!(do_lbu(UART + LSR) & LSR_EMPTY))
		;
	do_sb(UART, (uint8_t)c);
}

char get_char(void)
{
	while (!(do_lbu(UART + LSR) & LSR_DATA_READY))
		;
	return (char)do_lbu(UART);
}

_Noreturn void power_off(void)
{
	write32(SYSCON, 0x42);
	for (;;)
		;
}

_Noreturn void reset(void)
{
	write32(SYSCON, 0x43);
	for (;;)
		;
}

unsigned cpu_index(void)
{
	const uint8_t *frame = __builtin_frame_address(0);

	return (unsigned)((size_t)(frame - stacks) / STACK_SIZE);
}

unsigned long read_sized(unsigned long at, unsigned size)
{
	switch (size) {
	case 1:
		return do_lbu(at);
	case 2:
		return do_lhu(at);
	default:
		return do_lw(at);
	}
}

void write_sized(unsigned long at, unsigned size, unsigned long val)
{
	switch (size) {
	case 1:
		do_sb(at, val);
		break;
	case 2:
		do_sh(at, val);
		break;
	default:
		do_sw(at, val);
	}
}

uint32_t random_next(uint32_t *state)
{
	/* xorshift32: Marsaglia 2003 */
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

void exception(void)
{
	const uint32_t cause = CP0(READ_CP0, CAUSE);

	if (CAUSE_CODE(cause) == 0 && on_irq)
		on_irq(cause);
	else
		fail("exception", 0, "Cause at EPC", cause, READ_CP0(14, 0));
}

void irq_unmask(uint32_t lines)
{
	CP0(WRITE_CP0, STATUS, lines | STATUS_IE);
}

void irq_mask(void)
{
	CP0(WRITE_CP0, STATUS, 0);
}

/* Once Count has passed it, Compare waits for it to come round. */
void timer_arm(uint32_t ticks)
{
	uint32_t next;

	do {
		next = CP0(READ_CP0, COUNT) + ticks;
		CP0(WRITE_CP0, COMPARE, next);
	} while ((int32_t)(CP0(READ_CP0, COUNT) - next) >= 0);
}

void add(volatile uint32_t *to, uint32_t val)
{
	uint32_t tmp;

	__asm__ volatile(".set noreorder\n"
			 "1:	ll %0, %1\n"
			 "	addu %0, %0, %2\n"
			 "	sc %0, %1\n"
			 "	beqz %0, 1b\n"
			 "	nop\n"
			 "	.set reorder"
			 : "=&r"(tmp), "+m"(*to)
			 : "r"(val)
			 : "memory");
}

void cpu_start(unsigned cpu, void (*entry)(unsigned cpu))
{
	entries[cpu] = entry;
	write32(SYSCON + 0x40 + 4 * cpu, (uint32_t)secondary_start);
}

void secondary(unsigned cpu)
{
	CP0(WRITE_CP0, STATUS, 0);
	entries[cpu](cpu);
	for (;;)
		wait_for_interrupt();
}

void start(void)
{
	CP0(WRITE_CP0, STATUS, 0); /* without the boot vectors */
	memcpy((void *)VECTOR, vector, (size_t)(vector_end - vector));
	if (main() == 0)
		put("ok\n");
	power_off();
}
