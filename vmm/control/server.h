/*
 * vmm/control/server.h - speaks QMP with several clients, on the loop thread.
 *
 * Nothing here waits for a client. A client that does not read its replies is
 * not read from either, so that its pending output is bounded by one reply; if
 * it does not read its events, it is dropped, for a client that has lost an
 * event would not know. A client that has said all (shut its end down) is
 * answered, then dropped. When one too many comes, the one that has been silent
 * for the longest is told so, and dropped. [pure]
 */
#ifndef VMM_CONTROL_SERVER_H
#define VMM_CONTROL_SERVER_H

#include <stdbool.h>

#include "base/err.h"
#include "base/loop.h"
#include "vmm/control/qmp.h"

#define QMP_MAX_CLIENTS 16

struct qmp_server;

/*
 * @loop, @table: borrowed; outlive the server
 * @ctx:          for the table's commands
 *
 * Returns 0 or -ENOMEM. Thread: setup.
 */
int qmp_server_new(struct qmp_server **ret, struct loop *loop,
		   const struct qmp_table *table, void *ctx, struct err *err);

/* Drops all clients; what they can take at once they still get. NULL is fine;
 * returns NULL. Thread: setup. */
struct qmp_server *qmp_server_free(struct qmp_server *server);

/*
 * Takes the clients of a listening socket.
 *
 * @fd: non-blocking; borrowed, and stays open until qmp_server_free()
 *
 * Returns 0, or what loop_add() returns. Thread: setup.
 */
int qmp_server_listen(struct qmp_server *server, int fd, struct err *err);

/* Takes a client. @fd: a connected stream socket; owned. Thread: loop, but not
 * within a command. */
void qmp_server_add(struct qmp_server *server, int fd);

/* True if someone would be told of an event. NULL is fine. Thread: as below. */
bool qmp_server_heard(const struct qmp_server *server);

/*
 * Tells all clients that have negotiated; or drops them, if there is no memory
 * for the event.
 *
 * @data: as of qmp_event()
 *
 * Thread: loop, or setup.
 */
void qmp_server_event(struct qmp_server *server, const char *name,
		      json_t *data);

#endif
