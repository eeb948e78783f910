/*
 * vmm/control/net_commands.h - network cards, as clients see them: set_link,
 * and what x-vmm-query-stats tells of them. docs/CONTROL.md says more.
 */
#ifndef VMM_CONTROL_NET_COMMANDS_H
#define VMM_CONTROL_NET_COMMANDS_H

#include <jansson.h>

#include "base/err.h"

struct machine;
struct qmp_call;

int command_set_link(struct qmp_call *call, struct err *err);

/* Each card of a machine: name, address, link and counters. Thread: loop. */
json_t *net_commands_stats(const struct machine *machine);

#endif
