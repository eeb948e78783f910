/*
 * host/flash_image.h - the file that holds what a flash remembers.
 *
 * Byte for byte what the guest reads: no header, no format. Bytes are written
 * as the cells of a flash are: programming clears bits, erasing sets all of a
 * block. A write reaches the file at once, and so survives this program; after
 * flash_image_sync() it survives the host.
 *
 * Writes go by pwrite(2), never through a mapping: a full disk is then an
 * error, not a SIGBUS. Shared mappings of the file show them (mem/backing.h).
 *
 * Thread: that of the device, with its lock held; opening and closing: setup.
 */
#ifndef HOST_FLASH_IMAGE_H
#define HOST_FLASH_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define FLASH_BLOCK 0x10000u /* what is erased as a whole, in bytes */
#define FLASH_PROGRAM_MAX                                  \
	128u /* the most that is programmed at once, bytes \
	      */

struct flash_image {
	const char *path; /* for messages; borrowed */
	int fd; /* owned; open for writing unless @ro */
	uint64_t size; /* in bytes; a power of two, at least FLASH_BLOCK */
	bool ro; /* neither programmed nor erased */
	bool unsynced; /* written since the last sync */
	bool failed; /* the host's failure was told; it is told once */
};

/*
 * Opens a file as a flash, and locks it: against all others, or if it is only
 * read (@ro), against writers. An image without write permission becomes
 * read-only; a warning says so.
 *
 * @lock: false: whoever has it now still has to share it, base/file_share.h
 * @max: the largest size that is taken, in bytes
 *
 * Returns 0, or with @err beginning with the path: what file_open() and
 * file_lock() return; -EINVAL if its size is not that of a flash.
 */
int flash_image_open(struct flash_image *ret, const char *path, bool ro,
		     bool lock, uint64_t max, struct err *err);

/* Closes it. Zeroed is fine. */
void flash_image_finish(struct flash_image *image);

/*
 * [offset, offset + len) lies in the image in all of these. They return 0 or a
 * negative errno: -EROFS if the image is read-only; -ENODATA if somebody has
 * cut the file short; else that of the host's failure, which is logged, once.
 */
int flash_image_read(struct flash_image *image, uint64_t offset, void *buf,
		     size_t len);

/* Clears the bits that are clear in @bits, of at most FLASH_PROGRAM_MAX bytes.
 */
int flash_image_program(struct flash_image *image, uint64_t offset,
			const void *bits, size_t len);

/* Sets all bits of a block. @offset: a multiple of FLASH_BLOCK */
int flash_image_erase(struct flash_image *image, uint64_t offset);

/* Returns when all that was written is on stable storage. */
int flash_image_sync(struct flash_image *image);

#endif
