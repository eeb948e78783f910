/*
 * tests/kvm/mips/irq.c - the interrupt line of the goldfish-pic, and the timer.
 */
#include "tests/kvm/mips/lib/guest.h"

enum { IER = 1, IIR = 2 };
enum { IER_THRI = 2, IIR_THRI = 2, IIR_NONE = 1 };

static volatile unsigned taken;
static volatile uint32_t seen; /* pending inputs, of the last one */
static unsigned again; /* interrupts for which the cause is left alone */

static void on_uart(uint32_t cause)
{
	CHECK(cause & CAUSE_IP2);
	seen = read32(PIC + PIC_PENDING);
	taken++;
	if (taken > again)
		CHECK_EQ(do_lbu(UART + IIR) & 0xf, IIR_THRI);
}

/* What is pending stays so until the device is asked. */
static void test_level(void)
{
	on_irq = on_uart;
	again = 3;
	write32(PIC + PIC_ENABLE, 1 << PIN_UART);
	do_sb(UART + IER, IER_THRI);
	irq_unmask(STATUS_IM2);
	while (taken < 4)
		;
	CHECK_EQ(seen, 1 << PIN_UART);
	for (unsigned i = 0; i < 100; i++)
		(void)read32(PIC + PIC_COUNT);
	CHECK_EQ(taken, 4);
	irq_mask();
	CHECK_EQ(CP0(READ_CP0, CAUSE) & CAUSE_IP2, 0);
	CHECK_EQ(read32(PIC + PIC_PENDING), 0);
	do_sb(UART + IER, 0);
}

/* While it is disabled in the controller, or masked in the CPU, nothing comes.
 */
static void test_masks(void)
{
	taken = 0;
	again = 0;
	do_sb(UART + IER, IER_THRI);
	CHECK_EQ(read32(PIC + PIC_COUNT), 1);
	CHECK(CP0(READ_CP0, CAUSE) & CAUSE_IP2);
	write32(PIC + PIC_DISABLE, 1 << PIN_UART);
	irq_unmask(STATUS_IM2);
	CHECK_EQ(CP0(READ_CP0, CAUSE) & CAUSE_IP2, 0);
	CHECK_EQ(taken, 0);
	write32(PIC + PIC_ENABLE, 1 << PIN_UART);
	while (taken < 1)
		;
	irq_mask();
	do_sb(UART + IER, 0);
	CHECK_EQ(taken, 1);
}

static void on_timer(uint32_t cause)
{
	CHECK(cause & CAUSE_IP7);
	timer_arm(COUNT_HZ / 100);
	taken++;
}

/* In the guest, and asleep. */
static void test_timer(void)
{
	taken = 0;
	on_irq = on_timer;
	timer_arm(COUNT_HZ / 100);
	irq_unmask(STATUS_IM7);
	while (taken < 3)
		;
	while (taken < 6)
		wait_for_interrupt();
	irq_mask();
}

int main(void)
{
	test_level();
	test_masks();
	test_timer();
	return 0;
}
