/* host/tty_mode.c - the mode of a terminal, and which job the terminal is with.
 */
#include "host/tty_mode.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

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

static int set_mode(int fd, const struct termios *mode)
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

int tty_mode_raw(struct tty_mode *mode, int fd, struct err *err)
{
	struct termios now, raw;

	if (tcgetattr(fd, &now) < 0)
		return err_sys(err, "terminal mode");
	raw = now;
	cfmakeraw(&raw);
	if (!mode->changed || !modes_equal(&now, &raw))
		mode->saved = now;
	if (set_mode(fd, &raw) < 0)
		return err_sys(err, "terminal mode");
	mode->changed = true;
	return 0;
}

void tty_mode_restore(struct tty_mode *mode, int fd)
{
	if (mode->changed && !tty_mode_background(fd))
		(void)set_mode(fd, &mode->saved);
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
