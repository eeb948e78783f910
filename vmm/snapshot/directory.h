/*
 * vmm/snapshot/directory.h - the folder of a snapshot, made whole or not at
 * all. [pure]
 *
 * A snapshot is written to a folder beside its place, named as that with
 * ".partial" behind it, and renamed when all of it is on stable storage. A
 * process that is killed meanwhile leaves that folder, and the next snapshot to
 * the same place clears it. The old content of the place stays until then: an
 * empty folder, or an older snapshot, which is replaced. Anything else at
 * either name is not ours and is refused: above all, a folder with a file in it
 * that no snapshot has. A new file of snapshots has to be known to directory.c.
 *
 * Thread: one at a time for each directory.
 */
#ifndef VMM_SNAPSHOT_DIRECTORY_H
#define VMM_SNAPSHOT_DIRECTORY_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Files of a snapshot, beside those of mem/image.h. */
#define SNAPSHOT_ABOUT "vm.json"
#define SNAPSHOT_STATE "state"
#define SNAPSHOT_ORDER "order" /* vmm/snapshot/order.h; may be missing */

/* A snapshot that is being written. Zeroed, with @fd and @parent -1, it is
 * none. */
struct snapshot_dir {
	char *path; /* owned; where it will be */
	char *partial; /* owned; last component of the folder being written */
	char *final; /* owned; last component of @path */
	int parent; /* owned; the folder that holds both */
	int fd; /* owned; the folder being written; locked */
};

#define SNAPSHOT_DIR_NONE              \
	{                              \
		.parent = -1, .fd = -1 \
	}

/*
 * Makes the folder beside @path, mode 0700, and locks it.
 *
 * Returns 0; -EBUSY if another snapshot is being written to the same place;
 * -EEXIST if what is there is no snapshot; -EPERM if what a killed process left
 * there is another user's; -EINVAL if @path has no name for a folder in the
 * end, or one that ends in ".partial"; or the errno of what failed. The message
 * begins with the path; the fault is the user's, but for what the host is short
 * of.
 */
int snapshot_dir_begin(struct snapshot_dir *ret, const char *path,
		       struct err *err);

/*
 * Puts the folder in its place. All files in it are on stable storage already.
 *
 * Returns 0; -EBUSY if another process writes or replaces what is there; or the
 * errno of what failed. After a failure the old snapshot is still there, and
 * snapshot_dir_finish() removes the new one; but if it was the folder around
 * them that could not be brought to stable storage, the new one is in its place
 * and the old one beside it, as if killed at that moment.
 */
int snapshot_dir_commit(struct snapshot_dir *dir, struct err *err);

/* Removes what was not committed, and releases it. None is fine. */
void snapshot_dir_finish(struct snapshot_dir *dir);

/*
 * Opens a snapshot's folder. Returns a descriptor that the caller owns;
 * -ENOTDIR; -ENODATA if it is no snapshot; or another errno of open(2). The
 * message begins with the path.
 */
int snapshot_dir_open(const char *path, struct err *err);

/*
 * Writes a file of a snapshot and brings it to stable storage.
 *
 * @dir: the folder; @name is not there yet
 *
 * Returns 0 or the errno of what failed.
 */
int snapshot_file_write(int dir, const char *name, const void *buf, size_t len,
			struct err *err);

#endif
