/* vmm/control/socket.c - where virtual machines listen, and which are alive. */
#include "vmm/control/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/unix_listener.h"

#define BACKLOG 16
#define LOCK_MS 2000 /* machines hold the lock for much less */
#define LOCK_STEP_MS 10

#define PATH_SIZE sizeof(((struct sockaddr_un *)0)->sun_path)

/* A path that is put together at each start of a guest: printf() would cost ten
 * times as much. */
struct path {
	char *buf;
	size_t size; /* of buf; len is not less: it did not fit */
	size_t len;
};

static inline void append_path(struct path *path, const char *text)
{
	const size_t len = strlen(text);

	if (path->len < path->size && len < path->size - path->len)
		memcpy(path->buf + path->len, text, len + 1);
	path->len += len;
}

static int add_folder(struct path *path, struct err *err)
{
	const char *base = secure_getenv("XDG_RUNTIME_DIR");

	if (!base || *base != '/') {
		if (geteuid() != 0)
			return err_set(err, -ENOENT,
				       "XDG_RUNTIME_DIR is %s, and only root "
				       "has another folder for sockets",
				       base ? "not an absolute path"
					    : "not set");
		base = "/run";
	}
	append_path(path, base);
	append_path(path, "/vmm");
	return 0;
}

static int check_length(const struct path *path, struct err *err)
{
	if (path->len < path->size)
		return 0;
	return err_set(err, -ENAMETOOLONG,
		       "the path of a socket has at most %zu characters",
		       PATH_SIZE - 1);
}

int control_folder(char *buf, size_t size, struct err *err)
{
	struct path path = { buf, size, 0 };
	const int r = add_folder(&path, err);

	return r < 0 ? r : check_length(&path, err);
}

int control_path(const char *name, struct sockaddr_un *ret, struct err *err)
{
	struct path path = { ret->sun_path, sizeof(ret->sun_path), 0 };

	ret->sun_family = AF_UNIX;
	if (strchr(name, '/')) {
		append_path(&path, name);
	} else {
		const int r = add_folder(&path, err);

		if (r < 0)
			return r;
		append_path(&path, "/");
		append_path(&path, name);
		append_path(&path, CONTROL_SUFFIX);
	}
	return check_length(&path, err);
}

/* Cuts the file's name off, so that the folder is left. */
static char *cut_file_name(char *path)
{
	char *slash = strrchr(path, '/');

	slash[slash == path] = 0; /* the root's stays */
	return path;
}

/* flock(2) knows no time limit. */
static int lock_directory(int fd)
{
	const struct timespec step = { .tv_nsec = LOCK_STEP_MS * 1000000L };

	for (int ms = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; ms += LOCK_STEP_MS) {
		if (errno != EWOULDBLOCK)
			return -errno;
		if (ms >= LOCK_MS)
			return -EBUSY;
		(void)nanosleep(&step, NULL);
	}
	return 0;
}

/*
 * Opens the folder a socket is in, and locks it until it is closed. A kernel
 * built without file locks (ENOSYS) does without: there, of two machines that
 * begin at the same moment over a dead socket, one may hide the other.
 */
static int lock_folder(const struct sockaddr_un *at, struct err *err)
{
	struct sockaddr_un copy = *at;
	const char *path = cut_file_name(copy.sun_path);
	_cleanup_(fd_closep) int fd = open(path,
					   O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	int r;

	if (fd < 0)
		return err_sys(err, "%s", path);
	r = lock_directory(fd);
	if (r == -EBUSY)
		return err_set(err, r, "%s: another program keeps it locked",
			       path);
	if (r < 0 && r != -ENOSYS)
		return err_set(err, r, "%s: lock: %s", path,
			       strerrordesc_np(-r));
	return TAKE_FD(fd);
}

/* Makes the user's own folder, or sees that it is. */
static int make_folder(const struct sockaddr_un *at, struct err *err)
{
	struct sockaddr_un copy = *at;
	const char *path = cut_file_name(copy.sun_path);
	struct stat st;

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

int control_connect(const struct sockaddr_un *at, int patience_ms)
{
	const struct timeval t = { .tv_sec = patience_ms / 1000,
				   .tv_usec = patience_ms % 1000 * 1000L };
	_cleanup_(fd_closep) int fd = socket(AF_UNIX,
					     SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t)) < 0 ||
	    connect(fd, (const struct sockaddr *)at, sizeof(*at)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

/* Nothing is there, or a socket whose machine is gone. The folder is locked. */
static int check_free(const struct sockaddr_un *at, struct err *err)
{
	struct stat st;
	int r;

	if (lstat(at->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : err_sys(err, "%s", at->sun_path);
	if (!S_ISSOCK(st.st_mode))
		return err_input(err, -EADDRINUSE,
				 "%s: it exists, and is no socket",
				 at->sun_path);
	r = unix_probe(at);
	if (r == 0)
		return err_input(err, -EADDRINUSE,
				 "%s: a running virtual machine has it",
				 at->sun_path);
	if (r != -ECONNREFUSED)
		return err_set(err, r,
			       "%s: cannot tell whether a machine listens: %s",
			       at->sun_path, strerrordesc_np(-r));
	return 0;
}

int control_remove_dead(const struct sockaddr_un *at, struct err *err)
{
	_cleanup_(fd_closep) int folder = lock_folder(at, err);

	int r = folder < 0 ? folder : check_free(at, err);

	if (r == 0 && unlink(at->sun_path) < 0 && errno != ENOENT)
		r = err_sys(err, "%s", at->sun_path);
	return r;
}

static bool is_file_of(const struct sockaddr_un *at,
		       const struct control_file *owner)
{
	struct stat st;

	return owner && lstat(at->sun_path, &st) == 0 &&
	       st.st_dev == owner->dev && st.st_ino == owner->ino;
}

static int move_to_place(struct control_socket *sock, struct err *err)
{
	if (rename(sock->at.sun_path, sock->next.sun_path) < 0)
		return err_sys(err, "%s", sock->next.sun_path);
	sock->at = sock->next;
	sock->next.sun_path[0] = '\0';
	return 0;
}

int control_socket_take(struct control_socket *sock, struct err *err)
{
	if (sock->fd < 0 || sock->next.sun_path[0] == '\0')
		return 0;
	return move_to_place(sock, err);
}

/* What is there is replaced if it is dead, and nothing else is. The folder is
 * locked, so no other machine takes the place in between. */
static int take_free_place(struct control_socket *sock, struct err *err)
{
	int r;

	if (renameat2(AT_FDCWD, sock->at.sun_path, AT_FDCWD,
		      sock->next.sun_path, RENAME_NOREPLACE) == 0) {
		sock->at = sock->next;
		sock->next.sun_path[0] = '\0';
		return 0;
	}
	/* Or the file system does not know the flag. */
	r = check_free(&sock->next, err);
	return r < 0 ? r : move_to_place(sock, err);
}

/* Listens beside the place: not at ".sock", so that it is in no list. */
static int listen_aside(struct control_socket *sock, int fd, struct err *err)
{
	const int r = unix_listen_aside(fd, &sock->next, BACKLOG, &sock->at);
	struct stat st;

	if (r == -ENAMETOOLONG)
		return err_input(err, r,
				 "%s: the path of a socket to listen at has at "
				 "most %zu characters",
				 sock->next.sun_path, UNIX_LISTENER_MAX);
	if (r < 0)
		return err_set(err, r, "%s: %s", sock->next.sun_path,
			       strerrordesc_np(-r));
	if (lstat(sock->at.sun_path, &st) < 0) {
		(void)err_sys(err, "%s", sock->at.sun_path);
		(void)unlink(sock->at.sun_path);
		return err->code;
	}
	sock->dev = st.st_dev;
	sock->ino = st.st_ino;
	return 0;
}

int control_socket_open(struct control_socket *ret, const char *name,
			const struct control_file *owner, struct err *err)
{
	_cleanup_(fd_closep) int fd = -1;
	_cleanup_(fd_closep) int folder = -1;
	struct control_socket sock = { .fd = -1 };
	int r;

	r = control_path(name, &sock.next, err);
	if (r == 0 && !strchr(name, '/'))
		r = make_folder(&sock.next, err);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* The file that bind() makes has the socket's mode. */
	if (fd < 0 || fchmod(fd, 0600) < 0)
		return err_sys(err, "socket");
	folder = lock_folder(&sock.next, err);
	if (folder < 0)
		return folder;
	r = listen_aside(&sock, fd, err);
	if (r < 0)
		return r;
	if (!is_file_of(&sock.next, owner))
		r = take_free_place(&sock, err);
	if (r < 0) {
		(void)unlink(sock.at.sun_path);
		return r;
	}
	sock.fd = TAKE_FD(fd);
	*ret = sock;
	return 0;
}

void control_socket_remove(const struct control_socket *sock)
{
	_cleanup_(fd_closep) int folder = -1;
	struct stat st;
	struct err ignored;

	if (sock->fd < 0 || lstat(sock->at.sun_path, &st) < 0)
		return;
	/* Without the lock it is left to look dead, as it then is. */
	folder = lock_folder(&sock->at, &ignored);
	if (folder >= 0 && lstat(sock->at.sun_path, &st) == 0 &&
	    st.st_dev == sock->dev && st.st_ino == sock->ino)
		(void)unlink(sock->at.sun_path);
}

void control_socket_close(struct control_socket *sock)
{
	control_socket_remove(sock);
	fd_closep(&sock->fd);
	sock->fd = -1;
}
