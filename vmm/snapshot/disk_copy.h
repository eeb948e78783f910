/*
 * vmm/snapshot/disk_copy.h - copies a guest's disks to a snapshot, while the
 * guest runs and then while it is held. [pure]
 *
 * Each disk that the guest can write has a log (host/disk_log.h) from its first
 * snapshot on. A pass copies what the log tells. After a pass while the guest
 * is held, and its devices are quiet, the snapshot has the disks of that
 * moment; the log goes on, and knows what the next diff has to hold.
 */
#ifndef VMM_SNAPSHOT_DISK_COPY_H
#define VMM_SNAPSHOT_DISK_COPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "host/disk.h"
#include "mem/image_copy.h"
#include "vmm/config.h"

struct copied_disk {
	struct disk *disk; /* borrowed */
	struct disk_log *log; /* owned */
	unsigned index; /* in the configuration */
	uint64_t size; /* in bytes, when the log was begun */
};

/* Zeroed, there are none. */
struct disk_copies {
	struct copied_disk at[CONFIG_MAX_DISKS];
	size_t count;
	bool fresh; /* the snapshot under way has no page of theirs yet, and
		       what it is not told of is zero */
	bool stopped; /* atomic */
};

/*
 * Begins the log of one more disk.
 *
 * @index: in the configuration; ascending
 * @all:   all of it counts as changed; false: it is as in a snapshot that there
 *         is already
 *
 * Returns 0, or what disk_ops.log() returns. Thread: loop.
 */
int disk_copies_add(struct disk_copies *copies, unsigned index,
		    struct disk *disk, bool all, struct err *err);

/* Ends all logs. Zeroed is fine. Thread: loop. */
void disk_copies_finish(struct disk_copies *copies);

/*
 * Finds out whether all disks have the size that they had: an image is of one
 * size. Returns 0, or -ESTALE with the disk in @err. Thread: loop.
 */
int disk_copies_check(const struct disk_copies *copies, struct err *err);

/* Lists the disks as regions of an image. */
void disk_copies_regions(const struct disk_copies *copies,
			 struct image_region region[CONFIG_MAX_DISKS]);

/*
 * Copies what has changed since the pass before.
 *
 * @to: has the regions of disk_copies_regions()
 * @ret_bytes: how many were copied
 *
 * Returns 0; -ECANCELED after disk_copies_stop(); what disk_ops.peek() and
 * image_copy_put_disk() return. What was not copied then is lost to the log.
 * Thread: one at a time.
 */
int disk_copies_pass(struct disk_copies *copies, struct image_copy *to,
		     uint64_t *ret_bytes, struct err *err);

/* Has passes end soon, and lets them be made again. Thread: any. */
void disk_copies_stop(struct disk_copies *copies);
void disk_copies_go(struct disk_copies *copies);

#endif
