/*
 * vmm/migrate/uri.h - where a migration goes to, or comes from, in words.
 * [pure]
 *
 *	unix:PATH                   a socket in the file system
 *	tcp:HOST:PORT, tcp::PORT    TCP, unprotected; without a host, loopback
 *	exec:COMMAND                a shell command's input and output
 *	ssh:[USER@]HOST[/SOCKET]    the same of ssh(1): of a `vmm receive` that
 *				    it starts there, or one at that socket
 *	fd:N, fd:N,M                descriptors that were inherited: a socket,
 *				    or one to read and one to write
 */
#ifndef VMM_MIGRATE_URI_H
#define VMM_MIGRATE_URI_H

#include <stdbool.h>

#include "base/err.h"
#include "vmm/migrate/channel.h"

enum migrate_uri_kind { URI_UNIX, URI_TCP, URI_EXEC, URI_FD };

struct migrate_uri {
	enum migrate_uri_kind kind;
	char *text; /* owned; the path, the host or the command */
	char *port; /* owned; of URI_TCP */
	int in, out; /* of URI_FD; borrowed */
};

/*
 * Judges a URI without touching the host.
 *
 * Returns 0; -EINVAL or -ENAMETOOLONG, the user's fault, with @err saying what
 * is wrong; or -ENOMEM.
 */
int migrate_uri_parse(struct migrate_uri *ret, const char *text,
		      struct err *err);
/* Returns 0 or -ENOMEM. */
int migrate_uri_copy(struct migrate_uri *ret, const struct migrate_uri *from,
		     struct err *err);
void migrate_uri_finish(struct migrate_uri *uri); /* zeroed is fine */

/*
 * Goes to the other side.
 *
 * @channel: opened here; its @stop, @patience_ms and @deadline serve while this
 *           waits, and stay
 *
 * Returns 0, or the errno of what failed with the URI in @err. Thread: any.
 */
int migrate_uri_connect(const struct migrate_uri *uri, struct channel *channel,
			struct err *err);

/* A place where the other side may come to. */
struct migrate_door {
	const struct migrate_uri *uri; /* borrowed */
	int fd; /* owned; listens; -1: the other side is there already */
};

/*
 * Begins to listen. A socket's file has mode 0600; one that a dead process left
 * is replaced.
 *
 * Returns 0; -EADDRINUSE; or the errno of what failed, with the URI in @err.
 */
int migrate_uri_listen(const struct migrate_uri *uri, struct migrate_door *ret,
		       struct err *err);

/* Waits for the other side, without a limit but @channel's stop and deadline.
 * The door stays open. As migrate_uri_connect(). */
int migrate_uri_accept(struct migrate_door *door, struct channel *channel,
		       struct err *err);

/* Closes it, and removes the socket's file. */
void migrate_door_close(struct migrate_door *door);

#endif
