/*
 * base/unix_listener.h - a socket whose file is seen only once it listens.
 *
 * bind(2) makes the file of a UNIX socket, and listen(2) follows. A client that
 * waits for the file and connects in between is refused, as if the program
 * behind it had died. So a listener binds and listens under a name of its own,
 * beside the place that clients know, and moves the file there by rename(2) or
 * link(2). [pure]
 */
#ifndef BASE_UNIX_LISTENER_H
#define BASE_UNIX_LISTENER_H

#include <stdbool.h>
#include <sys/un.h>

/* The most characters of a place to listen at: the name beside it is longer. */
#define UNIX_LISTENER_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - 1 - 11)

/*
 * Finds out whether a program listens at @at, without waiting, should its queue
 * be full.
 *
 * Returns 0 if one does; -ECONNREFUSED if the file is a socket of none;
 * -ENOENT; or another errno of socket(2) or connect(2).
 */
int unix_probe(const struct sockaddr_un *at);

/* Is the file a socket, and of no program that listens? */
bool unix_is_dead(const struct sockaddr_un *at);

/*
 * Listens beside @place: at its path, a dot, and the number of this process.
 * What a dead process of that number left there is replaced.
 *
 * @fd:    a stream socket that is not bound; its mode, by fchmod(2), is that of
 *         the file
 * @place: where the caller moves the file. It is not looked at.
 * @aside: where the file is now. The caller removes it if it does not move it.
 *
 * Returns 0; -ENAMETOOLONG if @place has more than UNIX_LISTENER_MAX
 * characters; -EADDRINUSE if a program listens beside @place; or the errno of
 * bind(2) or listen(2). If it does not return 0, it leaves no file. Thread:
 * any, but one at a time for each place.
 */
int unix_listen_aside(int fd, const struct sockaddr_un *place, int backlog,
		      struct sockaddr_un *aside);

#endif
