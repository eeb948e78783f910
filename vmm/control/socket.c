/* vmm/control/socket.c - where virtual machines listen, and who is there. */
#include "vmm/control/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define BACKLOG 16

int control_folder(char *buf, size_t size, struct err *err)
{
	const char *base = getenv("XDG_RUNTIME_DIR");

	if (!base || *base != '/') {
		if (geteuid() != 0)
			return err_set(err, -ENOENT,
				       "XDG_RUNTIME_DIR is not set, and only "
				       "root has another folder for sockets");
		base = "/run";
	}
	if ((size_t)snprintf(buf, size, "%s/vmm", base) >= size)
		return err_set(err, -ENAMETOOLONG,
			       "XDG_RUNTIME_DIR: too long for a socket");
	return 0;
}

int control_path(const char *name, struct sockaddr_un *ret, struct err *err)
{
	char folder[sizeof(ret->sun_path)] = "";
	int len, r;

	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strchr(name, '/')) {
		len = snprintf(ret->sun_path, sizeof(ret->sun_path), "%s",
			       name);
	} else {
		r = control_folder(folder, sizeof(folder), err);
		if (r < 0)
			return r;
		len = snprintf(ret->sun_path, sizeof(ret->sun_path),
			       "%s/%s" CONTROL_SUFFIX, folder, name);
	}
	if ((size_t)len >= sizeof(ret->sun_path))
		return err_set(err, -ENAMETOOLONG,
			       "the path of a socket has at most %zu "
			       "characters",
			       sizeof(ret->sun_path) - 1);
	return 0;
}

/* Opens the folder a socket is in, and locks it until it is closed. */
static int lock_folder(const struct sockaddr_un *at, struct err *err)
{
	char path[sizeof(at->sun_path)];
	_cleanup_(fd_closep) int fd = -1;
	char *slash;

	memcpy(path, at->sun_path, sizeof(path));
	slash = strrchr(path, '/');
	slash[slash == path ? 1 : 0] = 0; /* "/" stays */
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_EX) < 0)
		return err_sys(err, "%s", path);
	return TAKE_FD(fd);
}

/* Makes the user's own folder, or sees that it is. */
static int make_folder(struct err *err)
{
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	struct stat st;
	int r;

	r = control_folder(path, sizeof(path), err);
	if (r < 0)
		return r;
	if (mkdir(path, 0700) == 0)
		return 0;
	if (errno != EEXIST || lstat(path, &st) < 0)
		return err_sys(err, "%s", path);
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() ||
	    st.st_mode & (S_IWGRP | S_IWOTH))
		return err_set(err, -EPERM,
			       "%s: not a folder that is this user's alone",
			       path);
	return 0;
}

int control_connect(const struct sockaddr_un *at)
{
	_cleanup_(fd_closep) int fd = socket(AF_UNIX,
					     SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)at, sizeof(*at)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

/* Does a machine listen there? Without waiting, should its queue be full. */
static bool is_dead(const struct sockaddr_un *at)
{
	_cleanup_(fd_closep) int fd = socket(
		AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd >= 0 &&
	       connect(fd, (const struct sockaddr *)at, sizeof(*at)) < 0 &&
	       errno == ECONNREFUSED;
}

/* The folder is locked. */
static int remove_dead(const struct sockaddr_un *at, struct err *err)
{
	struct stat st;

	if (lstat(at->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : err_sys(err, "%s", at->sun_path);
	if (!S_ISSOCK(st.st_mode))
		return err_input(err, -EADDRINUSE,
				 "%s: it exists, and is no socket",
				 at->sun_path);
	if (!is_dead(at))
		return err_input(err, -EADDRINUSE,
				 "%s: a running virtual machine has it",
				 at->sun_path);
	if (unlink(at->sun_path) < 0 && errno != ENOENT)
		return err_sys(err, "%s", at->sun_path);
	return 0;
}

int control_remove_dead(const struct sockaddr_un *at, struct err *err)
{
	_cleanup_(fd_closep) int lock = lock_folder(at, err);

	return lock < 0 ? lock : remove_dead(at, err);
}

static int bind_or_replace(int fd, const struct sockaddr_un *at,
			   struct err *err)
{
	const struct sockaddr *addr = (const struct sockaddr *)at;
	int r;

	if (bind(fd, addr, sizeof(*at)) == 0)
		return 0;
	if (errno != EADDRINUSE)
		return err_sys(err, "%s", at->sun_path);
	r = remove_dead(at, err);
	if (r == 0 && bind(fd, addr, sizeof(*at)) < 0)
		r = err_sys(err, "%s", at->sun_path);
	return r;
}

int control_socket_open(struct control_socket *ret, const char *name,
			struct err *err)
{
	_cleanup_(fd_closep) int fd = -1;
	_cleanup_(fd_closep) int lock = -1;
	struct control_socket sock;
	struct stat st;
	int r;

	r = control_path(name, &sock.at, err);
	if (r == 0 && !strchr(name, '/'))
		r = make_folder(err);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* The file that bind() makes has the socket's mode. */
	if (fd < 0 || fchmod(fd, 0600) < 0)
		return err_sys(err, "socket");
	/* Held until we listen: up to then the socket looks dead. */
	lock = lock_folder(&sock.at, err);
	if (lock < 0)
		return lock;
	r = bind_or_replace(fd, &sock.at, err);
	if (r < 0)
		return r;
	if (listen(fd, BACKLOG) < 0 || lstat(sock.at.sun_path, &st) < 0) {
		r = err_sys(err, "%s", sock.at.sun_path);
		(void)unlink(sock.at.sun_path);
		return r;
	}
	sock.dev = st.st_dev;
	sock.ino = st.st_ino;
	sock.fd = TAKE_FD(fd);
	*ret = sock;
	return 0;
}

void control_socket_close(struct control_socket *sock)
{
	_cleanup_(fd_closep) int lock = -1;
	struct stat st;
	struct err ignored;

	if (sock->fd < 0)
		return;
	lock = lock_folder(&sock->at, &ignored);
	if (lock >= 0 && lstat(sock->at.sun_path, &st) == 0 &&
	    st.st_dev == sock->dev && st.st_ino == sock->ino)
		(void)unlink(sock->at.sun_path);
	fd_closep(&sock->fd);
	sock->fd = -1;
}
