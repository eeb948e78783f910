/* vmm/control/dirty_rate_commands.h - the rate of dirty pages, as clients see
 * it. */
#ifndef VMM_CONTROL_DIRTY_RATE_COMMANDS_H
#define VMM_CONTROL_DIRTY_RATE_COMMANDS_H

#include <stddef.h>

#include <jansson.h>

#include "base/err.h"

struct control;
struct qmp_call;

int command_calc_dirty_rate(struct qmp_call *call, struct err *err);
int command_query_dirty_rate(struct qmp_call *call, struct err *err);

/*
 * Adds to what is told of a region how much of it changed while the rate was
 * last measured: "dirty" in bytes, "dirty-time" and "dirty-age", how long that
 * was and how long ago it ended, in milliseconds. Adds nothing if there is no
 * such measurement, or one is under way.
 */
void dirty_rate_tell(const struct control *control, size_t region,
		     json_t **told);

/* The VM has gone, and another one may come: its vCPUs count anew. */
void dirty_rate_commands_restart(struct control *control);

/*
 * Ends what is being measured. Does nothing if no measurement was ever
 * requested.
 */
void dirty_rate_commands_end(struct control *control);

#endif
