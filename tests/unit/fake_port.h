/*
 * tests/unit/fake_port.h - a port whose other end is a test, in place of
 * host/port_fd.c.
 */
#ifndef TESTS_UNIT_FAKE_PORT_H
#define TESTS_UNIT_FAKE_PORT_H

#include "host/port.h"

struct fake_port {
	struct port port;
	struct port_user *user; /* NULL: not attached */
	const char *input; /* what the guest is to read */
	size_t left; /* bytes of it */
	bool ended; /* there will be no more */
	size_t takes; /* bytes it takes before it is full */
	bool gone; /* it takes none any more */
	char out[256]; /* the first bytes it took */
	size_t total; /* bytes it took */
	bool open;
	unsigned opens, closes;
	size_t at_close; /* @total then */
};

/* Makes a port that takes everything, and has no input yet. */
void fake_port_init(struct fake_port *fake, const char *name);

/* Gives the guest text to read; the device is told. */
void fake_port_type(struct fake_port *fake, const char *text);

#endif
