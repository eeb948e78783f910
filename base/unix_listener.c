/* base/unix_listener.c - a socket whose file is seen only once it listens. */
#include "base/unix_listener.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/decimal.h"

_Static_assert(sizeof(".") - 1 + DECIMAL_MAX == 11,
	       "UNIX_LISTENER_MAX leaves room for the number");

int unix_probe(const struct sockaddr_un *at)
{
	_cleanup_(fd_closep) int fd = socket(
		AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)at, sizeof(*at)) == 0 ||
	    errno == EAGAIN)
		return 0;
	return -errno;
}

bool unix_is_dead(const struct sockaddr_un *at)
{
	struct stat st;

	/* connect(2) to a file that is no socket is refused, too. */
	return lstat(at->sun_path, &st) == 0 && S_ISSOCK(st.st_mode) &&
	       unix_probe(at) == -ECONNREFUSED;
}

/* Appends a dot and this process's number. */
static void append_process_number(char *path, size_t len)
{
	char buf[DECIMAL_MAX + 1];
	char *end = buf + DECIMAL_MAX;
	const char *digits = decimal_put_before(end, (unsigned)getpid());

	*end = '\0';
	path[len] = '.';
	memcpy(path + len + 1, digits, (size_t)(end - digits) + 1);
}

static int bind_unix_path(int fd, const struct sockaddr_un *at)
{
	return bind(fd, (const struct sockaddr *)at, sizeof(*at)) < 0 ? -errno
								      : 0;
}

int unix_listen_aside(int fd, const struct sockaddr_un *place, int backlog,
		      struct sockaddr_un *aside)
{
	const size_t len = strnlen(place->sun_path, sizeof(place->sun_path));
	int r;

	if (len > UNIX_LISTENER_MAX)
		return -ENAMETOOLONG;
	*aside = *place;
	append_process_number(aside->sun_path, len);
	r = bind_unix_path(fd, aside);
	if (r == -EADDRINUSE && unix_is_dead(aside) &&
	    unlink(aside->sun_path) == 0)
		r = bind_unix_path(fd, aside);
	if (r == 0 && listen(fd, backlog) < 0) {
		r = -errno;
		(void)unlink(aside->sun_path);
	}
	return r;
}
