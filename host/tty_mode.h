/*
 * host/tty_mode.h - the mode of a terminal, and which job the terminal is with.
 *
 * A job in the background of its terminal may neither read it nor set its mode:
 * the kernel would stop the process. These functions never stop the process,
 * even if the terminal goes to another job while they run.
 */
#ifndef HOST_TTY_MODE_H
#define HOST_TTY_MODE_H

#include <stdbool.h>
#include <sys/types.h>
#include <termios.h>

#include "base/err.h"

/* How often to ask tty_mode_background() whether the job has come to the
 * foreground. No signal tells: bash sends SIGCONT only to a stopped job. */
#define TTY_MODE_LOOK_MS 200

/* The mode to restore. Zeroed: none. One at a time in a process. */
struct tty_mode {
	bool changed;
	int fd; /* of the terminal, borrowed; valid if changed */
	struct termios saved;
};

/* True if @fd is the terminal of our session, and another job is in its
 * foreground. A terminal of another session knows no job control for us. */
bool tty_mode_background(int fd);

/*
 * Saves the mode and sets raw mode: each byte passes unchanged, both ways.
 * Idempotent. Call it each time the process may have come to the foreground: a
 * shell that noticed a stop has set a mode of its own, which is saved then.
 *
 * From then on a signal that would kill the process (a crash, say) restores the
 * saved mode first, if the signal has no handler yet. @mode and @fd stay until
 * tty_mode_restore().
 *
 * Returns 0 or the errno of tcgetattr(3) or tcsetattr(3).
 */
int tty_mode_raw(struct tty_mode *mode, int fd, struct err *err);

/* Restores the saved mode, unless the process is in the background. */
void tty_mode_restore(struct tty_mode *mode, int fd);

/*
 * Restores the saved mode, of whichever struct tty_mode it is, as does a signal
 * that kills the process. For other handlers of such signals. Thread: any; safe
 * in a signal handler.
 */
void tty_mode_rescue(void);

/* As read(2), but fails with EIO in the background instead of stopping the
 * process. */
ssize_t tty_mode_read(int fd, void *buf, size_t len);

#endif
