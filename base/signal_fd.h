/* base/signal_fd.h - signals that arrive at a signalfd(2). */
#ifndef BASE_SIGNAL_FD_H
#define BASE_SIGNAL_FD_H

#include <signal.h>
#include <stddef.h>
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

/* Adds the signals by which a user ends a program. One that is ignored (nohup,
 * a background job) is left out: blocked, it would be queued all the same. */
static inline void signals_add_ending(sigset_t *set)
{
	static const int ending[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction act;

	for (size_t i = 0; i < sizeof(ending) / sizeof(*ending); i++)
		if (sigaction(ending[i], NULL, &act) == 0 &&
		    act.sa_handler != SIG_IGN)
			(void)sigaddset(set, ending[i]);
}

#endif
