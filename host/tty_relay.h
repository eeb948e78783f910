/*
 * host/tty_relay.h - keeps a guest's console output and passes it to a client.
 *
 * It is what a tty (host/tty.h) is connected to in the place of a terminal. Its
 * clients are sockets, one at a time. The last TTY_RELAY_KEPT bytes of output
 * are kept; a new client gets them first. The guest never waits for a client: a
 * slow one misses the oldest bytes. What a client types waits for the guest.
 */
#ifndef HOST_TTY_RELAY_H
#define HOST_TTY_RELAY_H

#include <stdbool.h>

#include "base/err.h"
#include "base/loop.h"

#define TTY_RELAY_KEPT 65536 /* in bytes */

struct tty_relay;

/*
 * @loop: borrowed; outlives the relay
 * @brk:  called when a client asks for a break, on the loop thread without
 *        locks; with @ctx
 *
 * Returns 0; -ENOMEM; or the errno of socketpair(2). Thread: setup.
 */
int tty_relay_new(struct tty_relay **ret, struct loop *loop,
		  void (*brk)(void *ctx), void *ctx, struct err *err);

/* Gives the client what it takes at once, and hangs up. After the tty is freed.
 * NULL is fine; returns NULL. Thread: setup. */
struct tty_relay *tty_relay_free(struct tty_relay *relay);

/* The descriptor that the tty reads and writes. Borrowed. */
int tty_relay_fd(const struct tty_relay *relay);

/* True if there is a client that has not gone. Thread: loop. */
bool tty_relay_taken(const struct tty_relay *relay);

enum tty_relay_how {
	TTY_RELAY_KEYS = 1, /* Ctrl-a has its meanings (host/tty.h), where to
			     * leave is to hang up */
	TTY_RELAY_ONCE = 2, /* hang up once the client has shut its end down
			     * and the tty has taken all that was typed */
};

/*
 * Makes @fd the client; one that was there is hung up on.
 *
 * @fd:  a connected stream socket; owned, failure included
 * @how: of enum tty_relay_how
 *
 * Returns 0, or what loop_add() returns. Thread: loop.
 */
int tty_relay_attach(struct tty_relay *relay, int fd, unsigned how,
		     struct err *err);

#endif
