/* host/tty_mode.c - the mode of a terminal, and which job the terminal is with.
 */
#include "host/tty_mode.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

/*
 * The mode that a killed process leaves behind; NULL: none. A signal's handler
 * is told nothing of it, so this is a variable that no struct holds
 * (docs/adr/0011). Atomic.
 */
static struct tty_mode *killed_mode;

/*
 * With the signal blocked, the kernel does not stop a background process that
 * uses its terminal: it lets tcsetattr(3) pass, and fails read(2) with EIO.
 * Source: Linux, drivers/tty/tty_jobctrl.c, __tty_check_change().
 */
static void block_stop(int signal, sigset_t *ret_old)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, signal);
	(void)pthread_sigmask(SIG_BLOCK, &set, ret_old);
}

bool tty_mode_background(int fd)
{
	const pid_t group = tcgetpgrp(fd);

	return group >= 0 && group != getpgrp();
}

static int set_tty_mode(int fd, const struct termios *mode)
{
	sigset_t old;
	int r;

	block_stop(SIGTTOU, &old);
	do /* TCSANOW: the others wait for a terminal that was stopped */
		r = tcsetattr(fd, TCSANOW, mode);
	while (r < 0 && errno == EINTR);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	return r;
}

static bool modes_equal(const struct termios *a, const struct termios *b)
{
	return a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag &&
	       a->c_cflag == b->c_cflag && a->c_lflag == b->c_lflag;
}

void tty_mode_rescue(void)
{
	const struct tty_mode *mode = __atomic_exchange_n(&killed_mode, NULL,
							  __ATOMIC_ACQ_REL);

	if (mode && !tty_mode_background(mode->fd))
		(void)set_tty_mode(mode->fd, &mode->saved);
}

/*
 * The default action is in place again. An instruction that faults does so once
 * more, so that a core file tells the address; any other signal is sent again.
 */
static void mode_handle_kill(int sig, siginfo_t *info, void *context)
{
	const bool fault = sig == SIGSEGV || sig == SIGBUS || sig == SIGILL ||
			   sig == SIGFPE;

	(void)context;
	tty_mode_rescue();
	if (!fault || info->si_code <= 0)
		(void)raise(sig);
}

/* All that kill by default, but for SIGKILL and real-time signals. */
static void catch_kills(void)
{
	static const int kills[] = {
		SIGHUP,	 SIGINT,  SIGQUIT,   SIGILL,  SIGTRAP, SIGABRT, SIGBUS,
		SIGFPE,	 SIGUSR1, SIGSEGV,   SIGUSR2, SIGPIPE, SIGALRM, SIGTERM,
		SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGIO,   SIGPWR,	SIGSYS,
	};
	const struct sigaction act = {
		.sa_sigaction = mode_handle_kill,
		.sa_flags = SA_SIGINFO | (int)SA_RESETHAND,
	};
	struct sigaction old;

	for (size_t i = 0; i < sizeof(kills) / sizeof(*kills); i++)
		if (sigaction(kills[i], NULL, &old) == 0 &&
		    old.sa_handler == SIG_DFL)
			(void)sigaction(kills[i], &act, NULL);
}

int tty_mode_raw(struct tty_mode *mode, int fd, struct err *err)
{
	struct termios now, raw;

	if (tcgetattr(fd, &now) < 0)
		return err_sys(err, "terminal mode");
	raw = now;
	cfmakeraw(&raw);
	if (!mode->changed || !modes_equal(&now, &raw))
		mode->saved = now;
	mode->fd = fd;
	mode->changed = true;
	__atomic_store_n(&killed_mode, mode, __ATOMIC_RELEASE);
	catch_kills();
	return set_tty_mode(fd, &raw) < 0 ? err_sys(err, "terminal mode") : 0;
}

void tty_mode_restore(struct tty_mode *mode, int fd)
{
	if (mode->changed && !tty_mode_background(fd))
		(void)set_tty_mode(fd, &mode->saved);
	if (mode->changed)
		__atomic_store_n(&killed_mode, NULL, __ATOMIC_RELEASE);
	mode->changed = false;
}

ssize_t tty_mode_read(int fd, void *buf, size_t len)
{
	sigset_t old;
	ssize_t n;

	block_stop(SIGTTIN, &old);
	n = read(fd, buf, len);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	return n;
}
