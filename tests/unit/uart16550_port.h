/* tests/unit/uart16550_port.h - a serial port to test, and what is around. */
#ifndef TESTS_UNIT_UART16550_PORT_H
#define TESTS_UNIT_UART16550_PORT_H

#include <stdlib.h>
#include <string.h>

#include "devices/uart16550.h"
#include "tests/unit/test.h"

enum { RBR, IER, IIR, LCR, MCR, LSR, MSR, SCR, THR = RBR, FCR = IIR };

/* In place of host/tty.c: a terminal that takes as much as it is told. */
struct tty {
	struct tty_user *user;
	char out[256];
	size_t len, limit;
	int rooms; /* how often tty_room() was called */
};

void tty_attach(struct tty *tty, struct tty_user *user)
{
	tty->user = user;
}

size_t tty_write(struct tty *tty, const uint8_t *buf, size_t len)
{
	const size_t left = tty->limit - tty->len;
	const size_t n = len < left ? len : left;

	memcpy(tty->out + tty->len, buf, n);
	tty->len += n;
	return n;
}

void tty_room(struct tty *tty)
{
	tty->rooms++;
}

/* A port, its terminal, and its interrupt line. */
struct port {
	struct tty tty;
	struct device *dev;
	unsigned shift;
	bool level;
	int changes;
};

static void set_level(void *chip, unsigned pin, bool level)
{
	struct port *p = chip;

	assert_int_equal(pin, 5);
	assert_int_not_equal(level, p->level);
	p->level = level;
	p->changes++;
}

static struct port *port_new(unsigned shift)
{
	struct port *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	p->tty.limit = sizeof(p->tty.out);
	p->shift = shift;
	p->dev = uart16550_new(&p->tty, (struct irq_line){ set_level, p, 5 },
			       shift);
	assert_non_null(p->dev);
	assert_ptr_equal(p->tty.user->lock, p->dev->lock);
	return p;
}

static void port_free(struct port *p)
{
	p->dev->ops->destroy(p->dev);
	assert_null(p->tty.user);
	free(p);
}

static unsigned get(struct port *p, unsigned reg)
{
	return (unsigned)p->dev->ops->read(p->dev, (uint64_t)reg << p->shift,
					   1);
}

static void put(struct port *p, unsigned reg, unsigned val)
{
	p->dev->ops->write(p->dev, (uint64_t)reg << p->shift, 1, val);
}

/* Types at the terminal what there is room for. Returns how much that was. */
static inline size_t type(struct port *p, const char *s)
{
	const size_t room = p->tty.user->room(p->tty.user);
	const size_t len = strlen(s) < room ? strlen(s) : room;

	if (len > 0)
		p->tty.user->input(p->tty.user, (const uint8_t *)s, len);
	return len;
}

static inline void assert_reads(struct port *p, const char *s)
{
	for (; *s; s++) {
		assert_true(get(p, LSR) & 0x01);
		assert_int_equal(get(p, RBR), *s);
	}
	assert_false(get(p, LSR) & 0x01);
}

#endif
