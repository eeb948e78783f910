/*
 * vmm/client/client.h - talks to a running guest over its control socket.
 *
 * A QMP client like any other: docs/CONTROL.md documents the commands. It waits
 * for its answers, but never for ever. [pure]
 */
#ifndef VMM_CLIENT_CLIENT_H
#define VMM_CLIENT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <jansson.h>

#include "base/err.h"
#include "vmm/control/qmp_input.h"

#define CLIENT_PATIENCE_MS 10000 /* for one answer */

struct client {
	const char *name; /* of the machine, or a path; borrowed */
	int fd; /* owned; -1: none */
	pid_t pid; /* of the VMM */
	int patience_ms; /* for each answer */
	struct qmp_input input;
	size_t at, len; /* [at, len) of chunk was read, and is not taken */
	char chunk[4096];
};

/*
 * Connects to the machine @name, and negotiates.
 *
 * @client:      to be closed, failure included
 * @patience_ms: for each answer
 *
 * Returns 0; -ENOENT (the user's mistake, with the closest name) if there is no
 * such machine; -ETIMEDOUT if it does not answer; -ECONNRESET if it has ended;
 * -EPROTO if it does not speak QMP; or another errno. Thread: any.
 */
int client_open(struct client *client, const char *name, int patience_ms,
		struct err *err);

/*
 * The same, but -ENOENT and -ECONNREFUSED come without a message: for walks
 * over all sockets.
 */
int client_try(struct client *client, const char *name, int patience_ms,
	       struct err *err);

/*
 * Prints what `vmm list --json` prints of a machine: its name, process and
 * status.
 *
 * @status: of QEMU's RunState; NULL: the machine is asked
 * @line:   as cli_print_json() has it
 *
 * Returns 0, or what client_run() and cli_print_json() return.
 */
int client_print_status(struct client *client, const char *status, bool line,
			struct err *err);

void client_close(struct client *client); /* one with an fd of -1 is fine */

/*
 * Executes a command. Events that come meanwhile are dropped.
 *
 * @args: an object, or NULL; taken over
 * @ret:  what the command returns; owned by the caller; NULL: not wanted
 *
 * Returns 0; -EREMOTEIO if the machine refuses, with its reason; -ENOSYS if it
 * does not know the command; or what client_open() returns.
 */
int client_run(struct client *client, const char *command, json_t *args,
	       json_t **ret, struct err *err);

/* Asks for a command, and does not wait for its reply, which client_event()
 * drops. Otherwise as client_run(). */
int client_send(struct client *client, const char *command, json_t *args,
		struct err *err);

/*
 * Waits for an event. Others that come before it are dropped.
 *
 * @ret: its data, owned by the caller; NULL if it has none
 *
 * Returns 0; -ETIMEDOUT; -EREMOTEIO if the machine drops us, with its reason;
 * or what client_open() returns.
 */
int client_event(struct client *client, const char *event, int patience_ms,
		 json_t **ret, struct err *err);

/*
 * Takes the end of the last reply's line, behind which something else than QMP
 * begins: the rest of chunk, then what the descriptor gives.
 *
 * Returns 0, or what client_open() returns.
 */
int client_end_line(struct client *client, struct err *err);

/*
 * Returns a descriptor of the VMM's process, which the caller owns; -1 if there
 * is none to be had, as from another PID namespace or before Linux 5.3.
 */
int client_process(const struct client *client);

/*
 * Waits until the VMM has ended, so that its disks are closed and its memory is
 * free; or, if @process is -1, until the connection has.
 *
 * Returns 0; or -ETIMEDOUT. Without @process also -EREMOTEIO if the machine
 * drops us, with its reason; or -EPROTO.
 */
int client_wait_end(struct client *client, int process, int patience_ms,
		    struct err *err);

#endif
