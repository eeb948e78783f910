/*
 * vmm/control/hotplug_commands.h - memory that comes and goes, as clients see
 * and size it: query-memory-devices, qom-set, qom-get; event
 * MEMORY_DEVICE_SIZE_CHANGE. docs/CONTROL.md says what each does.
 */
#ifndef VMM_CONTROL_HOTPLUG_COMMANDS_H
#define VMM_CONTROL_HOTPLUG_COMMANDS_H

#include "base/err.h"

struct control;
struct qmp_call;

/* The clients of @control are told of what guests plug, until it is silenced.
 * Both do nothing if there is no such memory. Thread: setup. */
void hotplug_commands_begin(struct control *control);
void hotplug_commands_end(struct control *control);

int command_query_memory_devices(struct qmp_call *call, struct err *err);
int command_qom_set(struct qmp_call *call, struct err *err);
int command_qom_get(struct qmp_call *call, struct err *err);

#endif
