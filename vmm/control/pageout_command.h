/*
 * vmm/control/pageout_command.h - has the host swap the guest's memory out:
 * x-vmm-pageout, event X_VMM_PAGEOUT. docs/CONTROL.md says what they do.
 *
 * It is done in small steps on the loop, between which the loop does what else
 * there is to do.
 */
#ifndef VMM_CONTROL_PAGEOUT_COMMAND_H
#define VMM_CONTROL_PAGEOUT_COMMAND_H

#include "base/err.h"

struct pageout;
struct qmp_call;

int command_x_vmm_pageout(struct qmp_call *call, struct err *err);

/* Stops it where it is. NULL is fine; returns NULL. Thread: loop, or setup. */
struct pageout *pageout_free(struct pageout *job);

#endif
