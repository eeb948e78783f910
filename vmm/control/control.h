/*
 * vmm/control/control.h - a running guest, as its control socket's clients see
 * and change it.
 *
 * Made with the machine, and told of each life the guest has (vmm/run.c). What
 * the clients ask for, that a life's end does not change, is kept here: a guest
 * that was paused stays so when it is reset.
 *
 * All is called on the loop thread, or while no loop runs. Nothing of it costs
 * more than the socket's making until a client comes.
 */
#ifndef VMM_CONTROL_CONTROL_H
#define VMM_CONTROL_CONTROL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "vmm/control/socket.h"

struct dirty_rate_watch;
struct machine;
struct pageout;
struct qmp_server;
struct vm;

struct control {
	struct machine *machine; /* borrowed */
	struct vm *vm; /* borrowed; what runs now; NULL: none */
	const char *name; /* of the virtual machine; borrowed */
	char unnamed[16]; /* what it is called if it was given none */
	struct control_socket socket;
	struct dirty_rate_watch *dirty_rate; /* owned; NULL: never asked for */
	struct qmp_server *server; /* owned; NULL: there is no socket */
	struct pageout *pageout; /* owned; NULL: none is at work */
	bool paused; /* by a client; outlives a reset */
	bool asked_reset; /* a client did, not the guest */
	bool asked_quit; /* the same */
};

/*
 * Makes the socket, if one is wanted (vmm-run(1), --control and --name). One
 * that nobody asked for by name or path is done without if it cannot be made.
 *
 * @control: stays where it is until control_finish()
 *
 * Returns 0, or what control_socket_open() returns. Thread: setup.
 */
int control_init(struct control *control, struct machine *machine,
		 struct err *err);

/* Drops the clients, and removes the socket. Zeroed is fine. */
void control_finish(struct control *control);

/* A life begins: @vm is ready, and its vCPUs are not started. */
void control_begin(struct control *control, struct vm *vm);

/* It has ended, and the guest restarts: tells the clients so. */
void control_restarts(struct control *control);

/*
 * It has ended for good: the clients are told why.
 *
 * @failed: by our own or the host's fault
 */
void control_ends(struct control *control, bool failed);

/* Pauses the guest, or lets it go on, and tells the clients so. Each does
 * nothing if that is so already. */
void control_pause(struct control *control);
void control_resume(struct control *control);

/* As vm_rebuild(). */
int control_rebuild(struct control *control, size_t *ret_size, struct err *err);

#endif
