/* host/tty_end.c - a host descriptor, read and written without blocking. */
#include "host/tty_end.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "host/tty_mode.h"

/* A file description of our own for the same file, or -1. */
static int reopen_tty(int fd, int mode, const struct stat *st)
{
	char path[sizeof("/proc/self/fd/") + 3 * sizeof(int)];

	/* Opening a pty's master would make another pty. */
	if (S_ISCHR(st->st_mode) && st->st_rdev == makedev(5, 2))
		return -1;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, mode | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

int tty_end_open(struct tty_end *end, int fd, int mode, struct err *err)
{
	const int flags = fcntl(fd, F_GETFL);
	_cleanup_(fd_closep) int own = -1;
	struct stat st;

	if (flags < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "descriptor %d", fd);
	if ((flags & O_ACCMODE) != mode && (flags & O_ACCMODE) != O_RDWR)
		return err_set(err, -EBADF, "descriptor %d is not for %s", fd,
			       mode == O_RDONLY ? "reading" : "writing");
	if (S_ISDIR(st.st_mode))
		return err_set(err, -EISDIR, "descriptor %d is a directory",
			       fd);

	*end = (struct tty_end){ .fd = -1, .how = TTY_END_DIRECT };
	end->terminal = S_ISCHR(st.st_mode) && isatty(fd);
	if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)) {
		own = reopen_tty(fd, mode, &st);
		if (own < 0) {
			end->how = TTY_END_POLL;
			/* A pipe says it is ready for this much; a terminal,
			 * for no more than this. */
			end->step = S_ISFIFO(st.st_mode) ? PIPE_BUF : 1;
		}
	} else if (S_ISSOCK(st.st_mode)) {
		end->how = TTY_END_SOCKET;
	}
	if (own < 0)
		own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (own < 0)
		return err_sys(err, "descriptor %d", fd);
	end->fd = TAKE_FD(own);
	return 0;
}

void tty_end_close(struct tty_end *end)
{
	fd_closep(&end->fd);
	*end = (struct tty_end){ .fd = -1 };
}

static bool is_tty_ready(const struct tty_end *end, short events)
{
	struct pollfd p = { .fd = end->fd, .events = events };

	return end->how != TTY_END_POLL || poll(&p, 1, 0) > 0;
}

static ssize_t read_once(const struct tty_end *end, void *buf, size_t len)
{
	if (!is_tty_ready(end, POLLIN)) {
		errno = EAGAIN;
		return -1;
	}
	if (end->how == TTY_END_SOCKET)
		return recv(end->fd, buf, len, MSG_DONTWAIT);
	return end->terminal ? tty_mode_read(end->fd, buf, len)
			     : read(end->fd, buf, len);
}

ssize_t tty_end_read(const struct tty_end *end, void *buf, size_t len)
{
	ssize_t n;

	if (end->how == TTY_END_NONE)
		return 0;
	do
		n = read_once(end, buf, len);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static ssize_t write_once(const struct tty_end *end, const void *buf,
			  size_t len)
{
	if (!is_tty_ready(end, POLLOUT)) {
		errno = EAGAIN;
		return -1;
	}
	if (end->how == TTY_END_SOCKET)
		return send(end->fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (end->how == TTY_END_POLL && len > end->step)
		len = end->step;
	return write(end->fd, buf, len);
}

ssize_t tty_end_write(const struct tty_end *end, const void *buf, size_t len)
{
	size_t done = 0;

	if (end->how == TTY_END_NONE)
		return (ssize_t)len;
	while (done < len) {
		ssize_t n = write_once(end, (const char *)buf + done,
				       len - done);

		if (n > 0)
			done += (size_t)n;
		else if (n == 0 || errno == EAGAIN)
			break;
		else if (errno != EINTR)
			return -errno;
	}
	return (ssize_t)done;
}
