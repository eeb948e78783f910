/*
 * vmm/restore_disks.h - how a guest that goes on finds its disks. [pure]
 */
#ifndef VMM_RESTORE_DISKS_H
#define VMM_RESTORE_DISKS_H

#include <stddef.h>

#include "base/err.h"

struct config;

/*
 * Applies each of the @count values of `vmm restore --disk`, "FILE,temp", to
 * the guest's disk that FILE is: the file that the path leads to, whatever the
 * path.
 *
 * @config: of the snapshot
 *
 * Returns 0; as faults of the user's: -EINVAL if a value is not of that form or
 * the disk is only read; -ENOENT if the guest has no such disk, or the errno of
 * stat(2). -ENOMEM. Thread: setup.
 */
int restore_disks_apply(struct config *config, char *const *value, size_t count,
			struct err *err);

#endif
