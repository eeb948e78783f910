/*
 * vmm/control/dump_commands.h - core dumps of the running guest:
 * dump-guest-memory, query-dump, query-dump-guest-memory-capability, event
 * DUMP_COMPLETED. docs/CONTROL.md says what they do.
 */
#ifndef VMM_CONTROL_DUMP_COMMANDS_H
#define VMM_CONTROL_DUMP_COMMANDS_H

#include "base/err.h"

struct control;
struct qmp_call;

int command_dump_guest_memory(struct qmp_call *call, struct err *err);
int command_query_dump(struct qmp_call *call, struct err *err);
int command_query_dump_capability(struct qmp_call *call, struct err *err);

/* The VM is about to go: a dump that is being written ends, with an error. */
void dump_commands_settle(struct control *control);

#endif
