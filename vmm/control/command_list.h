/*
 * vmm/control/command_list.h - what clients of the control socket may ask.
 *
 * To add a command: write its function (int NAME(struct qmp_call *call, struct
 * err *err), see vmm/control/qmp.h) beside the feature it belongs to, declare
 * it in that feature's header, and add a line to the table in command_list.c
 * that names it and its arguments; call->ctx is the struct control of the
 * running guest. QEMU's name is taken where the meaning is the same, x-vmm-*
 * where QEMU has no word. A line in docs/CONTROL.md says what it does; a test
 * compares the two.
 */
#ifndef VMM_CONTROL_COMMAND_LIST_H
#define VMM_CONTROL_COMMAND_LIST_H

#include "vmm/control/qmp.h"

extern const struct qmp_table command_list;

#endif
