/*
 * vmm/migrate/files.h - the disks and flashes of a guest that moves. [pure]
 *
 * Both sides have the same files. The lock of each that the guest writes
 * changes hands by base/file_share.h. Thread: the loop's, or setup.
 */
#ifndef VMM_MIGRATE_FILES_H
#define VMM_MIGRATE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "host/disk.h"
#include "vmm/config.h"

struct machine;

#define MIGRATE_MAX_FILES (CONFIG_MAX_DISKS + CONFIG_MAX_FLASHES)
#define FILE_ENTRY_SIZE 40

struct migrate_file {
	const char *path; /* borrowed */
	int fd; /* borrowed */
	bool written; /* by the guest */
	bool shared;
	uint32_t mark; /* of file_share() */
	struct disk_stamp stamp; /* if it is written, when it was yielded */
};

/* In the order of the configuration: disks, then flashes. */
struct migrate_files {
	struct migrate_file file[MIGRATE_MAX_FILES];
	size_t count;
};

/*
 * Lists the files that a machine has open.
 *
 * Returns 0, or -ENOTSUP with the disk in @err if what the guest has written is
 * in no file that another could open.
 */
int migrate_files_of(struct migrate_files *ret, const struct machine *machine,
		     struct err *err);

/* The source's part, as file_share.h has it. migrate_files_share() returns 0 or
 * what file_share() returned, and nothing is shared then. What cannot be had
 * back is warned of. */
int migrate_files_share(struct migrate_files *files, struct err *err);
void migrate_files_unshare(struct migrate_files *files);
void migrate_files_yield(struct migrate_files *files);

/*
 * Sees that nobody has written a file since migrate_files_yield(). Of a block
 * device only its size tells.
 *
 * Returns 0; -ESTALE with the file in @err; or the errno of fstat(2).
 */
int migrate_files_check_yielded(const struct migrate_files *files,
				struct err *err);

/*
 * What the guest has written is on stable storage when this returns 0. Storage
 * that does not answer is not waited for.
 *
 * @stop, @deadline: as of aside_wait()
 *
 * Returns 0; -ENOMEM; the errno of fdatasync(2) or fcntl(2); or what
 * aside_start() and aside_wait() return. Thread: any.
 */
int migrate_files_sync(const struct migrate_files *files, int stop,
		       uint64_t deadline, struct err *err);

/* Writes them as STREAM_FILES has them. Returns how many bytes. */
size_t migrate_files_encode(const struct migrate_files *files,
			    uint8_t buf[MIGRATE_MAX_FILES * FILE_ENTRY_SIZE]);

/*
 * The target's part: sees that its files are the source's, and inherits the
 * locks of the flashes. Disks inherit theirs when they are opened.
 *
 * @buf: of @len bytes; not trusted
 *
 * Returns 0; -EBADMSG if it is no list; -ESTALE, the user's fault, with the
 * file in @err if it is another one; what file_inherit() returns; or the errno
 * of open(2) or fstat(2).
 */
int migrate_files_check(const struct machine *machine, const uint8_t *buf,
			size_t len, struct err *err);

/* Takes the whole lock of each file that the guest writes: the source has
 * yielded. What cannot be had is warned of: nobody else can have it. */
void migrate_files_own(struct migrate_files *files);

#endif
