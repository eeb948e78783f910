/* base/signal_fd.h - signals that arrive at a signalfd(2). */
#ifndef BASE_SIGNAL_FD_H
#define BASE_SIGNAL_FD_H

#include <sys/signalfd.h>
#include <unistd.h>

/* Takes a signal from @fd, which does not block. Returns its number; 0: none.
 * Thread: any. */
static inline int signal_fd_take(int fd)
{
	struct signalfd_siginfo info;

	return read(fd, &info, sizeof(info)) == sizeof(info)
		     ? (int)info.ssi_signo
		     : 0;
}

#endif
