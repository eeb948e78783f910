/* tests/unit/test_uart16550.c - devices/uart16550.c: all but its receiver. */
#include "tests/unit/uart16550_port.h"

/* As after a master reset. */
static void assert_registers_are_fresh(struct port *p)
{
	assert_int_equal(get(p, IER), 0);
	assert_int_equal(get(p, IIR), 0x01);
	assert_int_equal(get(p, LCR), 0);
	assert_int_equal(get(p, MCR), 0);
	assert_int_equal(get(p, LSR), 0x60);
	assert_int_equal(get(p, MSR), 0xb0);
}

static void new__registers_are_as_after_a_master_reset(void **state)
{
	struct port *p = port_new(0);

	(void)state;
	assert_registers_are_fresh(p);
	assert_int_equal(p->changes, 0);
	port_free(p);
}

static void new__a_port_without_terminal_swallows_output(void **state)
{
	struct port p = { 0 };

	(void)state;
	p.dev = uart16550_new(NULL, (struct irq_line){ set_level, &p, 5 }, 0);
	assert_non_null(p.dev);
	put(&p, THR, 'x');
	assert_int_equal(get(&p, LSR), 0x60);
	put(&p, IER, 0x02);
	assert_true(p.level);
	p.dev->ops->destroy(p.dev);
}

static void access__registers_may_be_apart(void **state)
{
	struct port *p = port_new(2);

	(void)state;
	put(p, SCR, 0x5a);
	assert_int_equal(get(p, SCR), 0x5a);
	assert_int_equal(p->dev->ops->read(p->dev, 28, 1), 0x5a);
	assert_int_equal(p->dev->ops->read(p->dev, 29, 1), 0xff);
	p->dev->ops->write(p->dev, 31, 1, 0x11);
	assert_int_equal(get(p, SCR), 0x5a);
	assert_int_equal(get(p, 8), 0xff); /* a window larger than the chip */
	put(p, 8, 0);
	port_free(p);
}

static void access__only_the_low_byte_is_written(void **state)
{
	struct port *p = port_new(0);

	(void)state;
	put(p, SCR, 0xabcd);
	assert_int_equal(get(p, SCR), 0xcd);
	port_free(p);
}

static void dlab__shows_the_divisor(void **state)
{
	struct port *p = port_new(0);

	(void)state;
	put(p, IER, 0x05);
	put(p, LCR, 0x83);
	put(p, 0, 0x34);
	put(p, 1, 0x12);
	assert_int_equal(get(p, 0), 0x34);
	assert_int_equal(get(p, 1), 0x12);
	assert_int_equal(p->tty.len, 0);
	put(p, LCR, 0x03);
	assert_int_equal(get(p, IER), 0x05);
	assert_int_equal(get(p, RBR), 0);
	port_free(p);
}

/* The steps by which Linux's 8250 driver tells a 16550A from all the others. */
static void probe__linux_finds_a_16550a(void **state)
{
	struct port *p = port_new(0);

	(void)state;
	put(p, IER, 0);
	assert_int_equal(get(p, IER) & 0x0f, 0);
	put(p, IER, 0x0f);
	assert_int_equal(get(p, IER) & 0x0f, 0x0f);
	put(p, IER, 0);

	put(p, MCR, 0x1a); /* loop, OUT2, RTS */
	assert_int_equal(get(p, MSR) & 0xf0, 0x90);
	put(p, MCR, 0);

	put(p, LCR, 0xbf);
	put(p, FCR, 0); /* would be EFR of an ST16650 */
	put(p, LCR, 0);
	put(p, FCR, 0x01);
	assert_int_equal(get(p, IIR) >> 6, 3);

	put(p, LCR, 0x80);
	assert_int_not_equal(get(p, IIR), 0); /* no EFR here */
	put(p, LCR, 0xbf);
	assert_int_not_equal(get(p, IIR), 0); /* nor here */
	put(p, LCR, 0);

	put(p, FCR, 0x21); /* a TI16750 would have 64 bytes */
	assert_int_equal(get(p, IIR) & 0xe0, 0xc0);
	put(p, LCR, 0x80);
	put(p, FCR, 0x21);
	assert_int_equal(get(p, IIR) & 0xe0, 0xc0);
	put(p, LCR, 0);

	put(p, IER, 0x40); /* an XScale has a unit enable bit */
	assert_int_equal(get(p, IER), 0);
	port_free(p);
}

/* Linux asks for a timer in place of interrupts, if these do not hold. */
static void probe__linux_trusts_the_transmit_interrupt(void **state)
{
	struct port *p = port_new(0);

	(void)state;
	for (int i = 0; i < 2; i++) {
		put(p, IER, 0x02);
		assert_int_equal(get(p, IIR), 0x02);
		put(p, IER, 0);
	}
	put(p, IER, 0x02);
	assert_int_equal(get(p, LSR) & 0x40, 0x40);
	assert_int_equal(get(p, IIR), 0x02);
	put(p, IER, 0);
	assert_false(p->level);
	port_free(p);
}

static void transmit__bytes_reach_the_terminal_in_order(void **state)
{
	struct port *p = port_new(0);

	(void)state;
	for (const char *s = "Linux\r\n"; *s; s++) {
		assert_int_equal(get(p, LSR) & 0x60, 0x60);
		put(p, THR, (uint8_t)*s);
	}
	assert_int_equal(p->tty.len, 7);
	assert_memory_equal(p->tty.out, "Linux\r\n", 7);
	assert_int_equal(p->changes, 0);
	port_free(p);
}

static void transmit__interrupt_is_cleared_by_reading_iir(void **state)
{
	struct port *p = port_new(0);

	(void)state;
	put(p, IER, 0x02);
	assert_true(p->level);
	assert_int_equal(get(p, IIR), 0x02);
	assert_false(p->level);
	assert_int_equal(get(p, IIR), 0x01);

	put(p, THR, 'a'); /* gone at once: empty anew */
	assert_true(p->level);
	assert_int_equal(get(p, IIR), 0x02);
	put(p, IER, 0x02); /* was enabled already: nothing new */
	assert_false(p->level);
	port_free(p);
}

static void transmit__a_full_terminal_fills_the_fifo_then_drains(void **state)
{
	struct port *p = port_new(0);

	(void)state;
	p->tty.limit = 3;
	put(p, FCR, 0x01);
	put(p, IER, 0x02);
	assert_int_equal(get(p, IIR), 0xc2);
	for (int i = 0; i < 3 + 16; i++)
		put(p, THR, (unsigned)('a' + i));
	assert_int_equal(get(p, LSR) & 0x60, 0);
	assert_false(p->level);
	put(p, THR, '!'); /* no room anywhere: lost, as on a chip */

	p->tty.limit = 10;
	p->tty.user->drained(p->tty.user);
	assert_int_equal(get(p, LSR) & 0x60, 0);
	assert_false(p->level);

	p->tty.limit = 100;
	p->tty.user->drained(p->tty.user);
	assert_int_equal(get(p, LSR) & 0x60, 0x60);
	assert_true(p->level);
	assert_int_equal(get(p, IIR), 0xc2);
	assert_int_equal(p->tty.len, 19);
	assert_memory_equal(p->tty.out, "abcdefghijklmnopqrs", 19);

	p->tty.user->drained(p->tty.user); /* with nothing to send */
	assert_false(p->level);
	port_free(p);
}

static void transmit__without_fifos_one_byte_waits(void **state)
{
	struct port *p = port_new(0);

	(void)state;
	p->tty.limit = 0;
	put(p, THR, 'a');
	put(p, THR, 'b');
	p->tty.limit = 100;
	p->tty.user->drained(p->tty.user);
	assert_int_equal(p->tty.len, 1);
	assert_int_equal(p->tty.out[0], 'a');
	port_free(p);
}

static void transmit__fifo_reset_drops_what_waits(void **state)
{
	struct port *p = port_new(0);

	(void)state;
	p->tty.limit = 0;
	put(p, FCR, 0x01);
	put(p, THR, 'a');
	put(p, FCR, 0x05);
	assert_int_equal(get(p, LSR) & 0x60, 0x60);
	p->tty.limit = 100;
	p->tty.user->drained(p->tty.user);
	assert_int_equal(p->tty.len, 0);
	port_free(p);
}

static void loopback__sends_to_itself_and_not_to_the_terminal(void **state)
{
	struct port *p = port_new(0);

	(void)state;
	put(p, FCR, 0x01);
	put(p, IER, 0x05);
	put(p, MCR, 0x13);
	assert_int_equal(type(p, "x"), 0);
	for (int i = 0; i < 16; i++)
		put(p, THR, (unsigned)('a' + i));
	assert_int_equal(get(p, LSR), 0x61);
	put(p, THR, 'q'); /* overrun: the FIFO stays as it is */
	assert_int_equal(get(p, IIR), 0xc6);
	assert_int_equal(get(p, LSR), 0x63);
	assert_int_equal(get(p, LSR), 0x61);
	assert_reads(p, "abcdefghijklmnop");
	assert_int_equal(p->tty.len, 0);

	put(p, THR, 'z');
	put(p, FCR, 0x03);
	assert_reads(p, "");
	put(p, MCR, 0x03);
	assert_int_equal(p->tty.rooms, 1);
	assert_int_equal(type(p, "x"), 1);
	port_free(p);
}

static void loopback__without_fifos_the_last_byte_stays(void **state)
{
	struct port *p = port_new(0);

	(void)state;
	put(p, MCR, 0x10);
	put(p, THR, 'a');
	put(p, THR, 'b');
	assert_int_equal(get(p, LSR), 0x63);
	assert_reads(p, "b");
	port_free(p);
}

static void loopback__modem_control_shows_in_modem_status(void **state)
{
	static const struct {
		unsigned mcr, msr;
	} pair[] = { { 0x02, 0x10 }, { 0x01, 0x20 }, { 0x08, 0x80 } };
	struct port *p = port_new(0);

	(void)state;
	put(p, MCR, 0x10);
	assert_int_equal(get(p, MSR), 0x0b); /* CTS, DSR and DCD fell */
	assert_int_equal(get(p, MSR), 0);
	put(p, IER, 0x08);
	for (size_t i = 0; i < 3; i++) {
		put(p, MCR, 0x10 | pair[i].mcr);
		assert_true(p->level);
		assert_int_equal(get(p, IIR), 0x00);
		assert_int_equal(get(p, MSR), pair[i].msr | pair[i].msr >> 4);
		assert_false(p->level);
		put(p, MCR, 0x10);
		assert_int_equal(get(p, MSR), pair[i].msr >> 4);
	}
	put(p, MCR, 0x14); /* the ring indicator tells of its end only */
	assert_false(p->level);
	put(p, MCR, 0x10);
	assert_true(p->level);
	assert_int_equal(get(p, MSR), 0x04);
	port_free(p);
}

static void irq__priorities_are_those_of_the_data_sheet(void **state)
{
	struct port *p = port_new(0);

	(void)state;
	put(p, FCR, 0x41);
	put(p, MCR, 0x12);
	put(p, IER, 0x0f);
	put(p, THR, 'a');
	put(p, LCR, 0x40);
	assert_int_equal(get(p, IIR), 0xcc); /* the break is behind the 'a' */
	assert_int_equal(get(p, RBR), 'a');
	assert_int_equal(get(p, IIR), 0xc6);
	get(p, LSR);
	assert_int_equal(get(p, IIR), 0xcc);
	get(p, RBR);
	assert_int_equal(get(p, IIR), 0xc2);
	assert_int_equal(get(p, IIR), 0xc0);
	get(p, MSR);
	assert_int_equal(get(p, IIR), 0xc1);
	assert_false(p->level);
	assert_int_equal(p->changes, 2);
	port_free(p);
}

static void reset__leaves_nothing_behind(void **state)
{
	struct port *p = port_new(0);

	(void)state;
	p->tty.limit = 0;
	put(p, FCR, 0xc1);
	put(p, MCR, 0x03);
	put(p, IER, 0x0f);
	put(p, LCR, 0x83);
	put(p, SCR, 0xff);
	type(p, "typed");
	assert_true(p->level);
	p->dev->ops->reset(p->dev);
	assert_false(p->level);
	assert_registers_are_fresh(p);
	assert_int_equal(get(p, RBR), 0);
	put(p, MCR, 0x02);
	assert_int_equal(type(p, "y"), 1);
	assert_reads(p, "y");
	port_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new__registers_are_as_after_a_master_reset),
		cmocka_unit_test(new__a_port_without_terminal_swallows_output),
		cmocka_unit_test(access__registers_may_be_apart),
		cmocka_unit_test(access__only_the_low_byte_is_written),
		cmocka_unit_test(dlab__shows_the_divisor),
		cmocka_unit_test(probe__linux_finds_a_16550a),
		cmocka_unit_test(probe__linux_trusts_the_transmit_interrupt),
		cmocka_unit_test(transmit__bytes_reach_the_terminal_in_order),
		cmocka_unit_test(transmit__interrupt_is_cleared_by_reading_iir),
		cmocka_unit_test(
			transmit__a_full_terminal_fills_the_fifo_then_drains),
		cmocka_unit_test(transmit__without_fifos_one_byte_waits),
		cmocka_unit_test(transmit__fifo_reset_drops_what_waits),
		cmocka_unit_test(
			loopback__sends_to_itself_and_not_to_the_terminal),
		cmocka_unit_test(loopback__without_fifos_the_last_byte_stays),
		cmocka_unit_test(loopback__modem_control_shows_in_modem_status),
		cmocka_unit_test(irq__priorities_are_those_of_the_data_sheet),
		cmocka_unit_test(reset__leaves_nothing_behind),
	};

	return RUN_TESTS(tests);
}
