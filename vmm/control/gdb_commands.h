/*
 * vmm/control/gdb_commands.h - hands a guest to gdb: x-vmm-gdb-attach.
 * docs/CONTROL.md says what it does.
 */
#ifndef VMM_CONTROL_GDB_COMMANDS_H
#define VMM_CONTROL_GDB_COMMANDS_H

#include "base/err.h"

struct control;
struct qmp_call;
struct vm;

int command_x_vmm_gdb_attach(struct qmp_call *call, struct err *err);

/*
 * Listens where --gdb says. With ",wait" the guest is held until gdb lets it go
 * on. Does nothing without --gdb, or the second time.
 *
 * Returns 0; -ENOTSUP if this host's KVM cannot debug its guests; -ENOMEM; what
 * control_socket_open() returns; or the errno of bind(2). Thread: setup.
 */
int gdb_commands_begin(struct control *control, struct err *err);

/* Its VM goes (NULL), and another one comes if the guest restarts. */
void gdb_commands_restart(struct control *control, struct vm *vm);

/* The guest has ended: gdb is told, and nobody listens any more. */
void gdb_commands_end(struct control *control);

#endif
