/* host/tty_size.h - the size of a terminal. */
#ifndef HOST_TTY_SIZE_H
#define HOST_TTY_SIZE_H

#include <stdbool.h>
#include <stdint.h>

/* In characters. A terminal that does not know its size has zeroes. */
struct tty_size {
	uint16_t columns, rows;
};

/* Returns false, and leaves @ret alone, if @fd is no terminal. Thread: any. */
bool tty_size_get(int fd, struct tty_size *ret);

static inline bool tty_size_equal(struct tty_size a, struct tty_size b)
{
	return a.columns == b.columns && a.rows == b.rows;
}

#endif
