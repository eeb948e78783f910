/*
 * vmm/control/migrate_commands.h - sends the running guest to another vmm.
 *
 * Source: QEMU, qapi/migration.json.
 */
#ifndef VMM_CONTROL_MIGRATE_COMMANDS_H
#define VMM_CONTROL_MIGRATE_COMMANDS_H

#include <stdbool.h>

#include "base/err.h"

struct control;
struct qmp_call;

int command_migrate(struct qmp_call *call, struct err *err);
int command_x_vmm_migrate(struct qmp_call *call, struct err *err);
int command_migrate_start_postcopy(struct qmp_call *call, struct err *err);
int command_migrate_cancel(struct qmp_call *call, struct err *err);
int command_query_migrate(struct qmp_call *call, struct err *err);
int command_migrate_set_parameters(struct qmp_call *call, struct err *err);
int command_query_migrate_parameters(struct qmp_call *call, struct err *err);
int command_migrate_set_capabilities(struct qmp_call *call, struct err *err);
int command_query_migrate_capabilities(struct qmp_call *call, struct err *err);

/* True while a migration holds the guest. Thread: the loop's. */
bool migrate_commands_hold(const struct control *control);

/*
 * Judges whether a snapshot of the guest may be made here. One that was given
 * up, and may or may not run at the target, is saved if its disks were not
 * written since.
 *
 * Returns 0; -EPERM if it has moved; or what migrate_files_check_yielded()
 * returns. Thread: the loop's; no migration is under way.
 */
int migrate_commands_check_save(const struct control *control, struct err *err);

/*
 * The VM is about to go: a migration that has not given the guest up ends, and
 * one that has is finished. Storage that does not answer is waited for for 40
 * seconds. Thread: the loop's, outside loop_run().
 */
void migrate_commands_settle(struct control *control);

/* Frees all that is not under way still. */
void migrate_commands_end(struct control *control);

#endif
