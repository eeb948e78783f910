/*
 * vmm/control/arrival.h - waits for a guest that another vmm sends, and serves
 * clients meanwhile: `vmm run --incoming`.
 *
 *	thread   accept, what guest it is, memory, state
 *	loop     clients                                   devices, KVM, take
 *
 * Until the guest has come, commands are those that are `early` in the list.
 *
 * Source: QEMU, migration/migration.c and qapi/migration.json.
 */
#ifndef VMM_CONTROL_ARRIVAL_H
#define VMM_CONTROL_ARRIVAL_H

#include <stdbool.h>

#include "base/err.h"

struct arrival;
struct control;
struct migrate_target;
struct qmp_call;

/*
 * Waits until memory and state of the guest are here. Then no thread is at
 * work, and control->arrival stays until arrival_ends().
 *
 * @target:  none; to be finished by the caller in any case; outlives the
 *           arrival
 * @signals: ends later waits of @target when readable
 *
 * Returns 0; -ECANCELED if the run has ended meanwhile (machine_outcome());
 * -ENOMEM; what migrate_uri_listen(), migrate_uri_accept(),
 * migrate_target_begin() and migrate_target_memory() return; or -EXDEV, a fault
 * of the user's, with the option in @err that is another one than the guest's.
 * Thread: the loop's, outside loop_run().
 */
int arrival_wait(struct control *control, struct migrate_target *target,
		 int signals, struct err *err);

/* The guest is here, or it never comes. None is fine. Thread: the loop's. */
void arrival_ends(struct control *control, bool here);

int command_migrate_incoming(struct qmp_call *call, struct err *err);

#endif
