/*
 * host/disk_temp.h - what a guest writes to a disk whose image stays as it is.
 *
 * It goes to a file without a name, and vanishes with that. A bit for each of
 * the disk's blocks says where the block is: in the file, or in the image. A
 * request moves whole blocks, so nothing has to be copied from the image first.
 *
 * The file is in the folder that $TMPDIR names. Without TMPDIR it is in
 * /var/tmp, and if that takes no file, in memory (memfd_create(2)).
 *
 * Thread: one at a time for each of them.
 */
#ifndef HOST_DISK_TEMP_H
#define HOST_DISK_TEMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Zeroed, with @fd -1, it is none. */
struct disk_temp {
	int fd; /* owned; the file, as long as the disk */
	const char *where; /* its folder; NULL: memory. Borrowed: the
			      environment's, or static */
	uint32_t block; /* of the disk, in bytes */
	uint64_t *written; /* owned mapping: a bit for each block */
	size_t bytes; /* of the mapping */
};

/*
 * Makes a file without a name.
 *
 * @ret_where: its folder, as in struct disk_temp
 *
 * Returns its descriptor, which the caller owns; or as disk_temp_init().
 * Thread: any that may look at the environment.
 */
int disk_temp_file(const char **ret_where, struct err *err);

/*
 * Makes the file and an empty map.
 *
 * @size, @block: of the disk, in bytes
 *
 * Returns 0; as a fault of the user's, the errno of open(2) if $TMPDIR takes no
 * file; -ENOMEM if there is no room for the map; or the errno of ftruncate(2).
 */
int disk_temp_init(struct disk_temp *ret, uint64_t size, uint32_t block,
		   struct err *err);
void disk_temp_finish(struct disk_temp *temp);

/*
 * Returns how many bytes from @offset on are in the same place, @len at most.
 *
 * @offset, @len: inside the disk; @len is not 0. The system may have ended a
 *                transfer inside a block
 * @ret_written:  true: they are in the file; false: in the image
 */
uint64_t disk_temp_run(const struct disk_temp *temp, uint64_t offset,
		       uint64_t len, bool *ret_written);

/*
 * The bytes were written to the file. A block whose last byte is among them is
 * there from now on; its first bytes were written before.
 */
void disk_temp_wrote(struct disk_temp *temp, uint64_t offset, uint64_t len);

#endif
