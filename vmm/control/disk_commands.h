/*
 * vmm/control/disk_commands.h - disks, as clients see and size them:
 * query-block, block_resize. docs/CONTROL.md says what each does.
 */
#ifndef VMM_CONTROL_DISK_COMMANDS_H
#define VMM_CONTROL_DISK_COMMANDS_H

#include "base/err.h"

struct qmp_call;

int command_query_block(struct qmp_call *call, struct err *err);
int command_block_resize(struct qmp_call *call, struct err *err);

#endif
