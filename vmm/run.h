/* vmm/run.h - one run of a guest, from the configuration to the exit status. */
#ifndef VMM_RUN_H
#define VMM_RUN_H

#include "base/err.h"

struct config;
struct migrate_target;
struct restore;

/*
 * Runs a guest until it ends, restarting it in place on reset.
 *
 * @restore: where it goes on from (vmm/snapshot/restore.h); NULL: not from a
 *           snapshot
 * @from: what it comes from (vmm/migrate/target.h), begun; NULL: from no other
 *        process. With neither, it boots
 *
 * Returns 0 with the exit status of `vmm run` (vmm-run(1)) in *ret_status; or
 * a negative errno with @err set when the VMM itself failed. Either way the
 * terminal is restored and nothing is left behind. Thread: main.
 */
int run_guest(const struct config *config, struct restore *restore,
	      struct migrate_target *from, int *ret_status, struct err *err);

#endif
