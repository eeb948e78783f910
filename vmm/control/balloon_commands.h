/*
 * vmm/control/balloon_commands.h - the guest's balloon, as clients see and size
 * it: balloon, query-balloon, x-vmm-balloon-stats; events BALLOON_CHANGE and
 * X_VMM_BALLOON_STATS. docs/CONTROL.md says what each does.
 */
#ifndef VMM_CONTROL_BALLOON_COMMANDS_H
#define VMM_CONTROL_BALLOON_COMMANDS_H

#include "base/err.h"

struct control;
struct qmp_call;

/* The clients of @control are told of what the balloon does, until it is
 * silenced. Both do nothing if there is no balloon. Thread: setup. */
void balloon_commands_begin(struct control *control);
void balloon_commands_end(struct control *control);

int command_balloon(struct qmp_call *call, struct err *err);
int command_query_balloon(struct qmp_call *call, struct err *err);
int command_x_vmm_balloon_stats(struct qmp_call *call, struct err *err);

#endif
