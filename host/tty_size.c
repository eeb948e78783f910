/* host/tty_size.c - the size of a terminal. */
#include "host/tty_size.h"

#include <sys/ioctl.h>

bool tty_size_get(int fd, struct tty_size *ret)
{
	struct winsize size;

	if (ioctl(fd, TIOCGWINSZ, &size) < 0)
		return false;
	*ret = (struct tty_size){ size.ws_col, size.ws_row };
	return true;
}
