/* tests/unit/test_uart16550_rx.c - devices/uart16550.c: its receiver. */
#include "tests/unit/uart16550_port.h"

static void receive__trigger_level_or_timeout(void **state)
{
	static const unsigned trigger[] = { 1, 4, 8, 14 };
	struct port *p = port_new(0);

	(void)state;
	put(p, IER, 0x01);
	for (unsigned i = 0; i < 4; i++) {
		put(p, FCR, 0x01 | i << 6);
		for (unsigned n = 1; n <= 16; n++) {
			assert_int_equal(type(p, "x"), 1);
			assert_true(p->level);
			assert_int_equal(get(p, IIR),
					 n < trigger[i] ? 0xcc : 0xc4);
		}
		assert_int_equal(type(p, "x"), 0);
		for (unsigned n = 16; n > 0; n--) {
			assert_true(p->level);
			assert_int_equal(get(p, RBR), 'x');
		}
		assert_false(p->level);
	}
	port_free(p);
}

static void receive__without_fifos_one_byte_at_a_time(void **state)
{
	struct port *p = port_new(0);

	(void)state;
	put(p, IER, 0x01);
	assert_int_equal(type(p, "ab"), 1);
	assert_int_equal(get(p, IIR), 0x04);
	assert_int_equal(type(p, "b"), 0);
	assert_int_equal(get(p, RBR), 'a');
	assert_int_equal(p->tty.rooms, 1);
	assert_int_equal(type(p, "b"), 1);
	assert_reads(p, "b");
	port_free(p);
}

static void receive__the_tty_hears_once_of_room(void **state)
{
	struct port *p = port_new(0);

	(void)state;
	put(p, IER, 0x01);
	put(p, FCR, 0x01);
	assert_int_equal(type(p, "0123456789abcdefXYZ"), 16);
	assert_int_equal(type(p, "XYZ"), 0);
	assert_int_equal(p->tty.rooms, 0);
	assert_reads(p, "0123456789abcdef");
	assert_int_equal(p->tty.rooms, 1);
	assert_int_equal(type(p, "XYZ"), 3);
	assert_reads(p, "XYZ");
	assert_int_equal(p->tty.rooms, 1); /* it was not waiting */
	port_free(p);
}

static void receive__input_waits_until_the_guest_listens(void **state)
{
	struct port *p = port_new(0);

	(void)state;
	assert_int_equal(type(p, "x"), 0);
	put(p, MCR, 0x01); /* DTR alone: the port is not open */
	assert_int_equal(type(p, "x"), 0);
	put(p, MCR, 0x03);
	assert_int_equal(p->tty.rooms, 1);
	assert_int_equal(type(p, "x"), 1);
	assert_reads(p, "x");
	put(p, MCR, 0);
	assert_int_equal(type(p, "x"), 0);
	put(p, IER, 0x01);
	assert_int_equal(p->tty.rooms, 2);
	assert_int_equal(type(p, "x"), 1);
	port_free(p);
}

static void receive__a_guest_that_polls_listens(void **state)
{
	struct port *p = port_new(0);

	(void)state;
	assert_int_equal(type(p, "x"), 0);
	for (int i = 0; i < 100; i++) { /* this one only sends */
		get(p, LSR);
		get(p, LSR);
		put(p, THR, '.');
	}
	assert_int_equal(p->tty.rooms, 0);
	for (int i = 0; i < 16; i++)
		get(p, LSR);
	assert_int_equal(p->tty.rooms, 1);
	put(p, THR, '.');
	assert_int_equal(type(p, "x"), 1);
	assert_reads(p, "x");
	port_free(p);
}

static void receive__a_poll_may_read_other_registers_too(void **state)
{
	struct port *p = port_new(0);

	(void)state;
	assert_int_equal(type(p, "x"), 0);
	/* As EDK2's SerialPortGetControl() does. */
	for (int i = 0; i < 16; i++) {
		assert_int_equal(p->tty.rooms, 0);
		(void)get(p, MSR);
		(void)get(p, MCR);
		(void)get(p, LSR);
	}
	assert_int_equal(p->tty.rooms, 1);
	assert_int_equal(type(p, "x"), 1);
	assert_reads(p, "x");
	port_free(p);
}

static void receive__a_guest_that_writes_does_not_poll(void **state)
{
	static const unsigned reg[] = { THR, IER, FCR, LCR, MCR, SCR };
	struct port *p = port_new(0);

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		(void)get(p, MSR);
		(void)get(p, LSR);
		(void)get(p, LSR);
		put(p, reg[i % 6], 0);
	}
	assert_int_equal(type(p, "x"), 0);
	port_free(p);
}

static void receive__reset_drops_what_the_guest_has_seen(void **state)
{
	struct port *p = port_new(0);

	(void)state;
	put(p, FCR, 0x01);
	put(p, MCR, 0x03);
	assert_int_equal(type(p, "old"), 3);
	assert_true(get(p, LSR) & 0x01);
	put(p, FCR, 0x03);
	assert_reads(p, "");

	/* What it cannot know of may as well come after the reset. */
	assert_int_equal(type(p, "old"), 3);
	assert_true(get(p, LSR) & 0x01);
	assert_int_equal(get(p, RBR), 'o');
	assert_int_equal(type(p, "new"), 3);
	put(p, FCR, 0x03);
	assert_reads(p, "new");
	assert_int_equal(type(p, "new"), 3);
	put(p, FCR, 0x00);
	put(p, FCR, 0x01);
	assert_reads(p, "new");
	port_free(p);
}

static void pause__nothing_comes_until_resume(void **state)
{
	struct port *p = port_new(0);

	(void)state;
	put(p, FCR, 0x01);
	put(p, IER, 0x01);
	p->tty.limit = 0;
	put(p, THR, 'o');
	p->dev->ops->pause(p->dev);
	assert_int_equal(type(p, "x"), 0);
	p->tty.user->brk(p->tty.user);
	p->tty.limit = 1;
	p->tty.user->drained(p->tty.user);
	assert_int_equal(p->tty.len, 0);
	assert_false(p->level);
	assert_int_equal(p->tty.rooms, 0);

	p->dev->ops->resume(p->dev);
	assert_int_equal(p->tty.len, 1);
	assert_int_equal(p->tty.rooms, 1);
	assert_int_equal(type(p, "x"), 1);
	assert_reads(p, "x");

	/* A reset ends it, too. */
	p->dev->ops->pause(p->dev);
	p->dev->ops->reset(p->dev);
	put(p, IER, 0x01);
	assert_int_equal(type(p, "y"), 1);
	port_free(p);
}

static void brk__is_a_zero_byte_with_its_flag(void **state)
{
	struct port *p = port_new(0);

	(void)state;
	put(p, FCR, 0x41);
	put(p, IER, 0x05);
	put(p, MCR, 0x0b);
	assert_int_equal(type(p, "a"), 1);
	p->tty.user->brk(p->tty.user);
	assert_int_equal(type(p, "h"), 1);

	assert_int_equal(get(p, IIR) & 0x0f, 0x0c);
	assert_int_equal(get(p, LSR), 0xe1); /* it is there, but not first */
	assert_int_equal(get(p, RBR), 'a');
	assert_int_equal(get(p, IIR) & 0x0f, 0x06);
	assert_int_equal(get(p, LSR), 0xf1);
	assert_int_equal(get(p, LSR), 0x61);
	assert_int_equal(get(p, IIR) & 0x0f, 0x0c);
	assert_int_equal(get(p, RBR), 0);
	assert_reads(p, "h");
	port_free(p);
}

static void brk__reaches_a_guest_that_does_not_listen(void **state)
{
	struct port *p = port_new(0);

	(void)state;
	put(p, FCR, 0x01);
	for (int i = 0; i < 17; i++)
		p->tty.user->brk(p->tty.user);
	assert_int_equal(get(p, LSR), 0xf3);
	port_free(p);
}

static void brk__can_be_looped_back(void **state)
{
	struct port *p = port_new(0);

	(void)state;
	put(p, MCR, 0x10);
	p->tty.user->brk(p->tty.user); /* the line is cut off */
	assert_int_equal(get(p, LSR), 0x60);
	put(p, LCR, 0x43);
	assert_int_equal(get(p, LSR), 0x71);
	assert_int_equal(get(p, RBR), 0);
	port_free(p);
}

/* Whatever a guest does, for the sanitizers to watch; and the line shows what
 * the identification register tells. */
static void access__any_sequence_is_harmless(void **state)
{
	struct port *p = port_new(0);
	uint32_t seed = 1;

	(void)state;
	for (int i = 0; i < 300000; i++) {
		unsigned what, val;

		seed = seed * 1664525 + 1013904223;
		what = seed >> 16 & 0x1f;
		val = seed >> 24;
		p->tty.limit = val & 1 ? sizeof(p->tty.out) : p->tty.len;
		if (what < 8)
			put(p, what, val);
		else if (what < 16)
			(void)get(p, what - 8);
		else if (what < 20)
			assert_in_range(type(p, "0123456789abcdefXYZ"), 0, 16);
		else if (what == 20)
			p->tty.user->brk(p->tty.user);
		else if (what == 21)
			p->tty.user->drained(p->tty.user);
		else if (what == 22 && val == 0)
			p->dev->ops->reset(p->dev);
		else if (what == 23)
			p->tty.len = 0;
		else if (what == 24) {
			const bool level = p->level;

			assert_int_equal(!(get(p, IIR) & 0x01), level);
		}
	}
	port_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(receive__trigger_level_or_timeout),
		cmocka_unit_test(receive__without_fifos_one_byte_at_a_time),
		cmocka_unit_test(receive__the_tty_hears_once_of_room),
		cmocka_unit_test(receive__input_waits_until_the_guest_listens),
		cmocka_unit_test(receive__a_guest_that_polls_listens),
		cmocka_unit_test(receive__a_poll_may_read_other_registers_too),
		cmocka_unit_test(receive__a_guest_that_writes_does_not_poll),
		cmocka_unit_test(receive__reset_drops_what_the_guest_has_seen),
		cmocka_unit_test(pause__nothing_comes_until_resume),
		cmocka_unit_test(brk__is_a_zero_byte_with_its_flag),
		cmocka_unit_test(brk__reaches_a_guest_that_does_not_listen),
		cmocka_unit_test(brk__can_be_looped_back),
		cmocka_unit_test(access__any_sequence_is_harmless),
	};

	return RUN_TESTS(tests);
}
