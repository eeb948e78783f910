/*
 * vmm/run_signals.h - the signals of a run: those that end it, and those that
 * tell of its terminal. They arrive on the loop, so that the terminal is
 * restored and disks are closed in order.
 */
#ifndef VMM_RUN_SIGNALS_H
#define VMM_RUN_SIGNALS_H

#include "base/err.h"
#include "base/loop.h"

struct machine;

struct run_signals {
	struct machine *machine; /* borrowed; NULL: nothing is watched */
	struct loop_watch ending; /* SIGTERM and its like; the fd is owned */
	struct loop_watch terminal; /* SIGCONT, SIGWINCH; the fd is owned */
};

#define RUN_SIGNALS_NONE                                  \
	{                                                 \
		.ending = { .fd = -1 }, .terminal.fd = -1 \
	}

/*
 * Has them arrive at descriptors. They are blocked before the terminal is
 * touched and before any thread is made, and so in all of them.
 *
 * @signals: RUN_SIGNALS_NONE
 *
 * Returns 0, or the errno of signalfd(2) or pthread_sigmask(3). Thread: setup.
 */
int run_signals_catch(struct run_signals *signals, struct err *err);

/*
 * Has the loop end the machine's run by a signal, and its tty know of the
 * terminal's.
 *
 * @machine: borrowed until run_signals_finish()
 *
 * Returns 0, or what loop_add() returns. Thread: setup.
 */
int run_signals_watch(struct run_signals *signals, struct machine *machine,
		      struct err *err);

/* Takes a signal that has arrived, if one has: the machine's run ends by it.
 * Thread: loop or setup. */
void run_signals_take(struct run_signals *signals);

/* The loop forgets them. Thread: setup. */
void run_signals_unwatch(struct run_signals *signals);

/* After run_signals_unwatch(). They stay blocked. */
void run_signals_finish(struct run_signals *signals);

#endif
