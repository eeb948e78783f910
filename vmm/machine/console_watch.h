/*
 * vmm/machine/console_watch.h - what is done with a console's output beside
 * showing it: it is written to a file, and read for the panic of a kernel.
 */
#ifndef VMM_MACHINE_CONSOLE_WATCH_H
#define VMM_MACHINE_CONSOLE_WATCH_H

#include <pthread.h>
#include <stdbool.h>

#include "base/loop.h"
#include "host/tty.h"
#include "vmm/config.h"
#include "vmm/machine/panic_text.h"

struct tty_log;

struct console_watch {
	struct loop *loop; /* borrowed; NULL: there is nothing to do */
	struct tty_log *log; /* owned; NULL: none */
	/* The guest has panicked: with @ctx. Thread: any. NULL: nobody wants to
	 * know. */
	void (*panicked)(void *ctx);
	void *ctx; /* borrowed */
	pthread_mutex_t lock; /* guards @text */
	struct panic_text text;
	uint32_t begun; /* atomic: the kernel began to say that it panics */
	struct loop_timer late; /* a panic that does not come to its end */
};

/*
 * Begins to watch what a tty is given, if the configuration has it so.
 *
 * @watch: zeroed but for panicked and ctx; stays where it is
 *
 * Returns 0; what tty_log_open() returns, or loop_timer_add(). Thread: setup.
 */
int console_watch_begin(struct console_watch *watch,
			const struct config *config, struct loop *loop,
			struct tty *tty, struct err *err);

/* The tty is freed. Zeroed is fine. Thread: setup. */
void console_watch_end(struct console_watch *watch);

/* Whether the kernel began to say that it panics. Thread: any; safe in a signal
 * handler. */
bool console_watch_panics(const struct console_watch *watch);

/* Forgets that: the guest begins anew, or has been paused for it. Thread: the
 * loop's, or setup. */
void console_watch_forget(struct console_watch *watch);

#endif
