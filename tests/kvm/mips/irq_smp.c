/*
 * tests/kvm/mips/irq_smp.c - what another CPU writes to the goldfish-pic
 * reaches CPU 0 at once, which does nothing to learn of it.
 */
#include "tests/kvm/mips/lib/guest.h"

#define ROUNDS 100

enum { IER = 1, IIR = 2 };
enum { IER_THRI = 2, IIR_THRI = 2 };

static volatile unsigned asked; /* so often is CPU 1 to write */
static volatile uint32_t where; /* that, to this register */
static volatile unsigned taken;

static void write_when_asked(unsigned cpu)
{
	(void)cpu;
	for (unsigned i = 1;; i++) {
		while (asked < i)
			;
		write32(PIC + where, 1 << PIN_UART);
	}
}

static void ask(uint32_t reg)
{
	where = reg;
	asked++;
}

static void on_uart(uint32_t cause)
{
	CHECK(cause & CAUSE_IP2);
	CHECK_EQ(do_lbu(UART + IIR) & 0xf, IIR_THRI);
	write32(PIC + PIC_DISABLE, 1 << PIN_UART);
	taken++;
}

/* Turning the interrupt on raises it. */
static void raise_input(void)
{
	do_sb(UART + IER, 0);
	do_sb(UART + IER, IER_THRI);
}

static void test_enable(void)
{
	irq_unmask(STATUS_IM2);
	for (unsigned i = 1; i <= ROUNDS; i++) {
		raise_input();
		ask(PIC_ENABLE);
		while (taken < i)
			;
	}
	irq_mask();
	CHECK_EQ(taken, ROUNDS);
}

static bool line_is_high(void)
{
	return CP0(READ_CP0, CAUSE) & CAUSE_IP2;
}

static void test_disable(void)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		raise_input();
		write32(PIC + PIC_ENABLE, 1 << PIN_UART);
		CHECK(line_is_high());
		ask(PIC_DISABLE);
		while (line_is_high())
			;
	}
}

int main(void)
{
	on_irq = on_uart;
	cpu_start(1, write_when_asked);
	test_enable();
	test_disable();
	return 0;
}
