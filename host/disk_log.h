/*
 * host/disk_log.h - which pages of a disk were written, and since when.
 *
 * As mem/dirty.h is to guest memory, this is to a disk. Several want to know;
 * each has a log of its own, which begins and ends when it likes and takes
 * nothing from the others. A request that changes a disk is noted when it has
 * ended, whatever came of it. So a page whose bytes change after a log was
 * begun is given by disk_log_take() at least once after that change; and when
 * no request is in flight, all changes have been noted.
 *
 * A log costs a bit for each page of the disk, allocated when touched.
 */
#ifndef HOST_DISK_LOG_H
#define HOST_DISK_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define DISK_LOG_PAGE 4096u
#define DISK_LOG_WORD 32u /* pages that are taken at once, at most */

struct disk_log {
	struct disk_log *next; /* of the disk's logs; its device's lock */
	uint32_t *changed; /* owned mapping; words are atomic, and as wide as
			      every host has atomic ones */
	size_t bytes; /* of the mapping */
	uint64_t pages; /* of the disk when the log was begun; its last may be
			   of less bytes */
};

/*
 * Makes a log that no disk knows yet.
 *
 * @size: of the disk, in bytes
 * @all:  every page counts as changed
 *
 * Returns 0, or -ENOMEM. Thread: any.
 */
int disk_log_new(struct disk_log **ret, uint64_t size, bool all,
		 struct err *err);
struct disk_log *disk_log_free(struct disk_log *log); /* NULL is fine */

/* Notes a change of bytes. Pages behind the log's end are ignored. Thread: any.
 */
void disk_log_mark(struct disk_log *log, uint64_t offset, uint64_t len);

/*
 * Takes a run of pages that changed, the first at or behind page @from.
 *
 * Returns how many there are, DISK_LOG_WORD at most; 0: there is none up to the
 * end. Thread: one at a time for each log.
 */
unsigned disk_log_take(struct disk_log *log, uint64_t from,
		       uint64_t *ret_first);

#endif
