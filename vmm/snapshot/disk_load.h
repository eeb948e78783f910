/*
 * vmm/snapshot/disk_load.h - gives a guest that goes on the disks that its
 * snapshot holds. [pure]
 *
 * Each is copied to a file without a name (host/disk_temp.h): the snapshot
 * stays as it is, and what the guest writes vanishes with it.
 */
#ifndef VMM_SNAPSHOT_DISK_LOAD_H
#define VMM_SNAPSHOT_DISK_LOAD_H

#include "base/err.h"
#include "vmm/snapshot/chain.h"

struct config;

/*
 * Makes the files of the disks that were copied, and has @config open those.
 * Every checksum is compared.
 *
 * @config: of the snapshot; owns the files then, failure included
 *
 * Returns 0; -EBADMSG if the snapshot has no such disk, or of another size;
 * what image_chain_load_chunk() and disk_temp_file()
 * return; the errno of
 * ftruncate(2) or pwrite(2). Thread: setup.
 */
int snapshot_disks_load(const struct snapshot_chain *chain,
			struct config *config, struct err *err);

#endif
