/*
 * host/tty.h - the host's end of the guest's console.
 *
 * Bytes go between two host descriptors (a terminal, pipes, sockets, files)
 * and one guest device, the user. Nothing here ever blocks: output the host
 * does not take now waits in a bounded buffer, and when that is full the
 * guest's device is told so and must hold its bytes; input is read only while
 * the user has room for it. When output can go nowhere any more (a closed pipe,
 * a killed terminal, a full disk) that is logged once, and from then on output
 * is thrown away: the guest does not care.
 *
 * A terminal is in raw mode while the process is in its foreground; tty_free()
 * restores the mode it had. Ctrl-a is the escape: Ctrl-a x leaves, Ctrl-a b
 * sends a break (SysRq), Ctrl-a Ctrl-a (or Ctrl-a a) sends a Ctrl-a, Ctrl-a h
 * shows this list. To see these when the guest takes no input, some is read
 * ahead from a terminal. A break goes out at once, before input there is no
 * room for. Without a terminal on the input no byte is special.
 *
 * A job in the background of its terminal may neither read it nor change its
 * mode. Then there is no input, and the mode stays as it is, until the shell
 * brings the job to the foreground.
 */
#ifndef HOST_TTY_H
#define HOST_TTY_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/loop.h"
#include "host/tty_size.h"

struct tty;

/*
 * The guest's end. All functions are called with *lock held and no lock of the
 * tty's: an order of locks is device, then tty. Thread: loop, or the one that
 * calls tty_attach().
 */
struct tty_user {
	pthread_mutex_t *lock; /* the device's */
	/* How many bytes input() would take now. */
	size_t (*room)(struct tty_user *user);
	/* Takes @len bytes, never more than room() said. */
	void (*input)(struct tty_user *user, const uint8_t *buf, size_t len);
	/* A break condition. NULL: this user has none. */
	void (*brk)(struct tty_user *user);
	/* Output that tty_write() refused would be taken now. */
	void (*drained)(struct tty_user *user);
	/* The terminal's size: from tty_attach(), and whenever it changes.
	 * NULL: this user has no use for it. */
	void (*resized)(struct tty_user *user, struct tty_size size);
};

/*
 * Request of the tty to the program: Ctrl-a x was typed. On the loop thread,
 * without locks. The tty is not to be freed from it.
 */
struct tty_escape {
	void (*quit)(void *ctx);
	void *ctx;
};

/*
 * @loop:   borrowed; outlives the tty
 * @in_fd:  borrowed; -1: no input. End of file ends input, not the guest.
 * @out_fd: borrowed; -1: output is thrown away. The descriptor's file status
 *          flags are not changed: it may be shared with other processes.
 *
 * SIGPIPE is to be ignored in the process, or a closed pipe ends it.
 *
 * Returns 0; -ENOMEM; -EBADF for a descriptor that is not open, or not for
 * that direction; or another errno of a descriptor that cannot be used.
 * Thread: setup.
 */
int tty_new(struct tty **ret, struct loop *loop, int in_fd, int out_fd,
	    struct tty_escape escape, struct err *err);

/*
 * Writes buffered output, for which it waits up to a second if the reader is
 * slow, and restores the terminal. NULL is fine; returns NULL. Thread: setup;
 * no other thread uses the tty.
 */
struct tty *tty_free(struct tty *tty);

/* Connects the guest's device; NULL disconnects. Without its lock held.
 * Thread: setup, or loop. */
void tty_attach(struct tty *tty, struct tty_user *user);

/* Call after SIGCONT: the process may have come to the foreground or left it,
 * and the shell may have changed the mode. Thread: loop. */
void tty_continued(struct tty *tty);

/* The size of the terminal may have changed (SIGWINCH). Thread: loop. */
void tty_window_changed(struct tty *tty);

/* Sets the size, where the terminal is a client's (host/tty_relay.h). Thread:
 * loop. */
void tty_set_size(struct tty *tty, struct tty_size size);

/*
 * Sends guest output. Returns how many of @len bytes were taken; when fewer,
 * user->drained() will be called. Thread: any; the device's lock is held.
 */
size_t tty_write(struct tty *tty, const uint8_t *buf, size_t len);

/* A break, as Ctrl-a b sends it; behind what is there to be read. Thread: loop.
 */
void tty_break(struct tty *tty);

/*
 * Has @see called with each output that is taken, before tty_write() returns.
 *
 * @see: with @ctx; it does not call the tty. Thread: any; the device's lock is
 *       held
 *
 * Thread: setup.
 */
void tty_observe(struct tty *tty,
		 void (*see)(void *ctx, const uint8_t *buf, size_t len),
		 void *ctx);

/* The user has room again after room() was 0. Thread: any. */
void tty_room(struct tty *tty);

#endif
