/*
 * host/tty_end.h - a host descriptor, read and written without blocking.
 *
 * A descriptor that was inherited may be shared with other processes, so its
 * O_NONBLOCK is not ours to set. For a terminal or a pipe, an open file
 * description of our own is made through /proc. Where that cannot be had
 * (another user's terminal, no /proc) poll(2) is asked before each step; only
 * another reader of the same descriptor can then make a read wait. A regular
 * file is written through the original description, which has the offset and
 * perhaps O_APPEND; it does not block.
 */
#ifndef HOST_TTY_END_H
#define HOST_TTY_END_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct tty_end {
	int fd; /* owned; -1: none */
	enum {
		TTY_END_NONE, /* takes all, gives nothing; with or without fd */
		TTY_END_DIRECT,
		TTY_END_SOCKET,
		TTY_END_POLL,
	} how;
	size_t step; /* with TTY_END_POLL: bytes that one write may be */
	bool terminal;
};

/*
 * Opens one direction of @fd.
 *
 * @fd:   borrowed
 * @mode: O_RDONLY or O_WRONLY
 *
 * Returns 0; -EBADF if @fd is not open, or not for @mode; -EISDIR; or the
 * errno of duplicating it.
 */
int tty_end_open(struct tty_end *end, int fd, int mode, struct err *err);

void tty_end_close(struct tty_end *end);

/* Returns how many bytes were read; 0 at the end; -EAGAIN if there are none
 * now; -EIO from a terminal that is hung up, or with another job (see
 * tty_mode_background()); or another negative errno. */
ssize_t tty_end_read(const struct tty_end *end, void *buf, size_t len);

/* Returns how many bytes were written, 0 if none can be now; or a negative
 * errno. Raises SIGPIPE on a broken pipe, unless the process ignores it. */
ssize_t tty_end_write(const struct tty_end *end, const void *buf, size_t len);

#endif
