/* vmm/test/cpio.h - writes an archive that Linux takes as an initramfs. [pure]
 */
#ifndef VMM_TEST_CPIO_H
#define VMM_TEST_CPIO_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* An archive that is being written. The first failure sticks. Thread: one. */
struct cpio {
	int fd; /* borrowed */
	uint64_t size; /* bytes that were written */
	uint32_t files; /* that were added */
	struct err *err; /* borrowed; its code is 0 as long as all is well */
};

/* @fd: where it goes, at its current position, which a multiple of 4 bytes
 *      precedes. @err: zeroed */
void cpio_begin(struct cpio *ret, int fd, struct err *err);

/* Adds a folder. @name: without a slash at the start. */
void cpio_folder(struct cpio *cpio, const char *name, unsigned mode);

/* Adds a file with its content, of less than 4 GiB. */
void cpio_file(struct cpio *cpio, const char *name, unsigned mode,
	       const void *data, size_t size);

/* Adds a character device. */
void cpio_device(struct cpio *cpio, const char *name, unsigned mode,
		 unsigned major, unsigned minor);

/* Ends the archive. Returns 0, or the first failure: the errno of write(2). */
int cpio_end(struct cpio *cpio);

#endif
