/* vmm/control/snapshot_commands.h - snapshots of the running guest. */
#ifndef VMM_CONTROL_SNAPSHOT_COMMANDS_H
#define VMM_CONTROL_SNAPSHOT_COMMANDS_H

#include "base/err.h"

struct control;
struct qmp_call;

int command_x_vmm_snapshot(struct qmp_call *call, struct err *err);
int command_x_vmm_snapshot_cancel(struct qmp_call *call, struct err *err);

/*
 * The VM is about to go: a snapshot that has not held the guest yet ends, and
 * one that has is finished. Thread: the loop's, outside loop_run().
 */
void snapshot_commands_settle(struct control *control);

/* Frees all. Nothing is under way. */
void snapshot_commands_end(struct control *control);

#endif
