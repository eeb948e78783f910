/*
 * vmm/control/pageout_command.h - has the host swap the guest's memory out:
 * x-vmm-pageout, event X_VMM_PAGEOUT. docs/CONTROL.md says what they do.
 */
#ifndef VMM_CONTROL_PAGEOUT_COMMAND_H
#define VMM_CONTROL_PAGEOUT_COMMAND_H

#include "base/err.h"

struct qmp_call;

int command_x_vmm_pageout(struct qmp_call *call, struct err *err);

#endif
