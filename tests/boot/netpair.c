/*
 * tests/boot/netpair.c - a cable: joins two guests of --net unix:.
 *
 * Usage: netpair PATH. Listens at PATH, takes two connections and passes on
 * what comes from each to the other, until one of them ends.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void die(const char *what)
{
	fprintf(stderr, "netpair: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int listen_at(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (strlen(path) >= sizeof(at.sun_path)) {
		errno = ENAMETOOLONG;
		die(path);
	}
	strcpy(at.sun_path, path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	    listen(fd, 2) < 0)
		die(path);
	return fd;
}

/* Returns false at the end of @from. */
static int pass_on(int from, int to)
{
	static char buf[1 << 18];
	const ssize_t n = read(from, buf, sizeof(buf));

	for (ssize_t done = 0, m; done < n; done += m) {
		m = send(to, buf + done, (size_t)(n - done), MSG_NOSIGNAL);
		if (m < 0)
			return 0;
	}
	return n > 0;
}

int main(int argc, char *argv[])
{
	struct pollfd end[2] = { { .events = POLLIN }, { .events = POLLIN } };
	int fd;

	if (argc != 2)
		return 2;
	fd = listen_at(argv[1]);
	for (int i = 0; i < 2; i++) {
		end[i].fd = accept(fd, NULL, NULL);
		if (end[i].fd < 0)
			die("accept");
	}
	while (poll(end, 2, -1) > 0)
		for (int i = 0; i < 2; i++)
			if (end[i].revents && !pass_on(end[i].fd, end[!i].fd))
				return 0;
	return 0;
}
