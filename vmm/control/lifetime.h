/*
 * vmm/control/lifetime.h - from the making of the control socket to its end.
 *
 * vmm/run.c makes a control with the machine, and tells it of each life the
 * guest has. Until a client comes it costs no more than making the socket.
 *
 * Thread: the loop's, or while no loop runs.
 */
#ifndef VMM_CONTROL_LIFETIME_H
#define VMM_CONTROL_LIFETIME_H

#include <stdbool.h>

#include "base/err.h"

struct config;
struct control;
struct control_file;
struct machine;
struct vm;

/* True unless the user wants no control socket. */
bool control_is_wanted(const struct config *config);

/*
 * Makes the socket, if one is wanted (vmm-run(1), --control and --name). A
 * socket that was not asked for by name or path is optional: if it cannot be
 * made, the machine runs without it.
 *
 * @control: stays where it is until control_finish()
 * @owner: as of control_socket_open()
 *
 * Returns 0, or what control_socket_open() returns. Thread: setup.
 */
int control_init(struct control *control, struct machine *machine,
		 const struct control_file *owner, struct err *err);

/* The machine has its devices, of which clients want to hear. Thread: setup. */
void control_equipped(struct control *control);

/* Drops the clients, and removes the socket. Zeroed is fine. */
void control_finish(struct control *control);

/*
 * A life begins: @vm is ready, and its vCPUs are not started.
 *
 * Returns 0, or what gdb_commands_begin() returns.
 */
int control_begin(struct control *control, struct vm *vm, struct err *err);

/* The loop has ended, and the VM is about to go: what works on it ends. */
void control_settle(struct control *control);

/* It has ended, and the guest restarts: tells the clients so. */
void control_restarts(struct control *control);

/*
 * It has ended for good: the clients are told why.
 *
 * @failed: by our own or the host's fault
 */
void control_ends(struct control *control, bool failed);

#endif
