/* vmm/control/snapshot_commands.h - snapshots of the running guest. */
#ifndef VMM_CONTROL_SNAPSHOT_COMMANDS_H
#define VMM_CONTROL_SNAPSHOT_COMMANDS_H

#include "base/err.h"

struct control;
struct dirty_reader;
struct qmp_call;
struct snapshot_chain;

int command_x_vmm_snapshot(struct qmp_call *call, struct err *err);
int command_x_vmm_snapshot_cancel(struct qmp_call *call, struct err *err);

/*
 * The guest goes on from a snapshot, which is its last one.
 *
 * @since: what has changed since; owned by this from here on, failure included
 *
 * Returns 0 or -ENOMEM. Thread: setup.
 */
int snapshot_commands_restored(struct control *control,
			       const struct snapshot_chain *from,
			       struct dirty_reader *since, struct err *err);

/*
 * The VM is about to go: a snapshot that has not held the guest yet ends soon,
 * and one that has gets some time to let it go. What needs no VM goes on.
 * Thread: the loop's, outside loop_run().
 */
void snapshot_commands_settle(struct control *control);

/* Waits some time for what is under way, and frees all. */
void snapshot_commands_end(struct control *control);

#endif
