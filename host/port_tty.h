/*
 * host/port_tty.h - two ports whose other end is the terminal of this process:
 * what is typed, and what is shown.
 *
 * The terminal is a tty (host/tty.h): raw, with Ctrl-a as the escape.
 */
#ifndef HOST_PORT_TTY_H
#define HOST_PORT_TTY_H

#include "host/port.h"
#include "host/tty.h"

#define PORT_TTY_TYPED 1024 /* bytes that wait for the guest */

struct port_tty {
	struct port in, out;
	struct tty *tty; /* NULL: no device is attached */
	struct tty_user user;
	struct tty_escape escape;
	struct port_user *reader, *writer;
	/* The terminal's size has changed. Thread: loop. */
	void (*resized)(void *ctx, struct tty_size size);
	/* A program of the guest has closed @out. Thread: any. */
	void (*closed)(void *ctx);
	void *ctx; /* of both */
	bool open; /* a program of the guest has @out open */
	uint8_t typed[PORT_TTY_TYPED];
	size_t len; /* of it */
};

/* Makes the ports "stdin" and "stdout". The caller sets resized, closed, ctx
 * and escape before a device is attached; and attaches @in before @out, and
 * both to one device. */
void port_tty_init(struct port_tty *ret);

#endif
