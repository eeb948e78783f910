/*
 * vmm/control/commands.h - the commands that belong to no other feature.
 *
 * Each is what docs/CONTROL.md says of its name. All are called as
 * vmm/control/qmp.h says, with a struct control as the context.
 */
#ifndef VMM_CONTROL_COMMANDS_H
#define VMM_CONTROL_COMMANDS_H

#include "base/err.h"

struct qmp_call;

/* run_commands.c */
int command_query_name(struct qmp_call *call, struct err *err);
int command_query_status(struct qmp_call *call, struct err *err);
int command_stop(struct qmp_call *call, struct err *err);
int command_cont(struct qmp_call *call, struct err *err);
int command_system_reset(struct qmp_call *call, struct err *err);
int command_system_powerdown(struct qmp_call *call, struct err *err);
int command_quit(struct qmp_call *call, struct err *err);
int command_x_vmm_rebuild(struct qmp_call *call, struct err *err);

/* console_command.c */
int command_x_vmm_console_attach(struct qmp_call *call, struct err *err);
int command_x_vmm_query_console_log(struct qmp_call *call, struct err *err);
int command_x_vmm_console_resize(struct qmp_call *call, struct err *err);

/* query_commands.c */
int command_query_kvm(struct qmp_call *call, struct err *err);
int command_query_cpus_fast(struct qmp_call *call, struct err *err);
int command_query_target(struct qmp_call *call, struct err *err);
int command_query_machines(struct qmp_call *call, struct err *err);
int command_query_current_machine(struct qmp_call *call, struct err *err);
int command_query_uuid(struct qmp_call *call, struct err *err);
int command_query_chardev(struct qmp_call *call, struct err *err);
int command_query_iothreads(struct qmp_call *call, struct err *err);
int command_query_memory_size_summary(struct qmp_call *call, struct err *err);

/* memory_commands.c */
int command_x_vmm_query_memory(struct qmp_call *call, struct err *err);
int command_x_vmm_query_residency(struct qmp_call *call, struct err *err);

/* stats_command.c */
int command_x_vmm_query_stats(struct qmp_call *call, struct err *err);

#endif
