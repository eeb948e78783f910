/*
 * vmm/control/socket.h - where virtual machines listen, and which are alive.
 *
 * The machine NAME listens at NAME.sock in the folder of its user:
 * $XDG_RUNTIME_DIR/vmm, or, where that is not set, root's /run/vmm. The folder
 * is the user's alone (0700), and so is the socket (0600). A word with a '/' in
 * it is the path of a socket, and no name. Until a machine listens, its socket
 * is beside that path (base/unix_listener.h).
 *
 * A machine that was killed leaves its socket behind. It is told from a live
 * one by connecting to it, and only removed under a lock on the folder, so that
 * none is taken away from a machine that has just begun to listen. Any program
 * may hold that lock, so waits for it have a time limit. [pure]
 */
#ifndef VMM_CONTROL_SOCKET_H
#define VMM_CONTROL_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/un.h>

#include "base/err.h"

#define CONTROL_SUFFIX ".sock"

/* A socket's file, whatever it is called. */
struct control_file {
	dev_t dev;
	ino_t ino;
};

/* The socket a machine listens on. */
struct control_socket {
	int fd; /* owned; non-blocking; -1: none */
	struct sockaddr_un at;
	struct sockaddr_un next; /* where it will be; "": where it is */
	dev_t dev; /* these two: the file that is ours to remove */
	ino_t ino;
};

/*
 * Writes the folder's path. Returns 0; -ENOENT if this user has none, with the
 * reason in @err; -ENAMETOOLONG.
 */
int control_folder(char *buf, size_t size, struct err *err);

/* Where the machine @name listens; or @name itself, if it is a path. Returns 0,
 * what control_folder() returns, or -ENAMETOOLONG. */
int control_path(const char *name, struct sockaddr_un *ret, struct err *err);

/*
 * Listens, making the folder if it is not there, and taking the place of a
 * socket whose machine is gone. The file is seen there only once clients can
 * connect.
 *
 * @name:  a name or a path
 * @owner: a socket whose place is to be taken, by control_socket_take(), and
 *         not before: until then this one is beside it, and in no list of
 *         names. NULL: none
 *
 * Returns 0; -EADDRINUSE if a machine listens there, or if that is no socket;
 * -ENAMETOOLONG if the path has more than UNIX_LISTENER_MAX characters (both
 * the user's mistakes); -EPERM if the folder is another user's; what
 * control_path() returns; -EBUSY if another program keeps the folder locked;
 * or the errno of a system call. Thread: setup.
 */
int control_socket_open(struct control_socket *ret, const char *name,
			const struct control_file *owner, struct err *err);

/* Takes the owner's place, in one step. Does nothing if it has its own. Returns
 * 0 or the errno of rename(2). */
int control_socket_take(struct control_socket *sock, struct err *err);

/*
 * Removes the socket's file, if it is still the one made here: another machine
 * may have taken the name. Connected clients stay connected. One with an fd of
 * -1 is fine.
 */
void control_socket_remove(const struct control_socket *sock);

/* Removes it, and stops listening. One with an fd of -1 is fine. */
void control_socket_close(struct control_socket *sock);

/*
 * Connects.
 *
 * @patience_ms: after so long this, and each recv() or send(), ends with EAGAIN
 *
 * Returns a blocking descriptor the caller owns; -ECONNREFUSED for a socket
 * without a machine; -ENOENT; or another errno. No story: the caller knows what
 * it means.
 */
int control_connect(const struct sockaddr_un *at, int patience_ms);

/*
 * Lists the names in the user's folder, sorted, of live and of dead machines.
 */
struct control_names {
	char **name; /* owned, and each of them */
	size_t count;
};

/* Returns 0, also if there is no folder yet; what control_folder() returns;
 * -ENOMEM; or the errno of reading the folder. */
int control_names(struct control_names *ret, struct err *err);
void control_names_finish(struct control_names *names); /* zeroed is fine */

/*
 * Removes a socket whose machine is gone. Returns 0 if it is removed or was
 * not there; -EADDRINUSE if it is in use after all; or another errno.
 */
int control_remove_dead(const struct sockaddr_un *at, struct err *err);

#endif
