/* tests/kvm/arm64/irq.c - interrupts of each kind arrive once, and end. */
#include "tests/kvm/arm64/lib/dt.h"
#include "tests/kvm/arm64/lib/gic.h"
#include "tests/kvm/arm64/lib/guest.h"

#define IER (UART + 1)
#define IIR (UART + 2)
#define IER_THRE 2
#define IIR_THRE 0xc2 /* with the FIFO bits, or without */
#define TIMER_ON 1UL
#define TIMER_MASKED 2UL

static unsigned taken(void)
{
	return this_cpu()->irqs;
}

static void wait_one(unsigned intid)
{
	irq_wait(taken() + 1);
	CHECK_EQ(this_cpu()->last_irq, intid);
}

/* Whatever is pending would be taken by now. */
static void none_more(void)
{
	const unsigned before = taken();

	irq_unmask();
	for (int i = 0; i < 100; i++)
		(void)read8(UART + 7);
	irq_mask();
	CHECK_EQ(taken(), before);
}

static void sgi_to_itself(void)
{
	for (unsigned intid = 0; intid < 16; intid++) {
		gic_enable(intid);
		gic_send(0, intid);
		wait_one(intid);
		none_more();
	}
}

static void stop_timer(unsigned intid)
{
	(void)intid;
	WRITE_SYSREG("cntv_ctl_el0", TIMER_ON | TIMER_MASKED);
}

static void virtual_timer(void)
{
	struct dt_node node = { 0 };
	unsigned intid;

	CHECK(dt_find(&node, "compatible", "arm,armv8-timer"));
	this_cpu()->irq = stop_timer;
	intid = gic_enable_for(&node, 2);
	for (int i = 0; i < 3; i++) {
		const uint64_t due = READ_SYSREG("cntvct_el0") + 1000;

		WRITE_SYSREG("cntv_cval_el0", due);
		WRITE_SYSREG("cntv_ctl_el0", TIMER_ON);
		wait_one(intid);
		CHECK(READ_SYSREG("cntvct_el0") >= due);
		none_more();
	}
	this_cpu()->irq = NULL;
}

/* Reading the cause takes the transmitter's interrupt away. */
static void uart_cause(unsigned intid)
{
	(void)intid;
	CHECK_EQ(read8(IIR) & 0x0f, IIR_THRE & 0x0f);
}

static void serial_port(void)
{
	struct dt_node node = { 0 };
	unsigned intid;

	CHECK(dt_find(&node, "compatible", "ns16550a"));
	this_cpu()->irq = uart_cause;
	intid = gic_enable_for(&node, 0);
	none_more();
	write8(IER, IER_THRE); /* the transmitter is empty: now */
	wait_one(intid);
	none_more();
	for (int i = 0; i < 3; i++) {
		write8(UART, (uint8_t)('a' + i));
		wait_one(intid);
		none_more();
	}
	write8(IER, 0);
	write8(UART, '\n');
	none_more();
	this_cpu()->irq = NULL;
}

/* A level line stays pending until its source is quiet. */
static unsigned again;

static void uart_cause_late(unsigned intid)
{
	(void)intid;
	if (again++ == 2)
		(void)read8(IIR);
}

static void level_line_comes_again(void)
{
	const unsigned before = taken();

	this_cpu()->irq = uart_cause_late;
	write8(IER, IER_THRE);
	irq_wait(before + 3);
	none_more();
	CHECK_EQ(again, 3);
	write8(IER, 0);
	this_cpu()->irq = NULL;
}

int main(void)
{
	put("gic version ");
	put_hex(gic_version());
	put("\n");
	gic_setup_cpu();
	sgi_to_itself();
	virtual_timer();
	serial_port();
	level_line_comes_again();
	return 0;
}
