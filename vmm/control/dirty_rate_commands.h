/* vmm/control/dirty_rate_commands.h - the rate of dirty pages, as clients see
 * it. */
#ifndef VMM_CONTROL_DIRTY_RATE_COMMANDS_H
#define VMM_CONTROL_DIRTY_RATE_COMMANDS_H

#include "base/err.h"

struct control;
struct qmp_call;

int command_calc_dirty_rate(struct qmp_call *call, struct err *err);
int command_query_dirty_rate(struct qmp_call *call, struct err *err);

/* The VM has gone, and another one may come: its vCPUs count anew. */
void dirty_rate_commands_restart(struct control *control);

/* Ends what is being measured. Does nothing if nobody ever asked. */
void dirty_rate_commands_end(struct control *control);

#endif
