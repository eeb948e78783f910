/*
 * vmm/boot/decompress.h - decompresses a part of a kernel file into memory.
 *
 * The length stated in the compressed data is not trusted: memory is allocated
 * as the data comes, up to a limit. [pure]
 */
#ifndef VMM_BOOT_DECOMPRESS_H
#define VMM_BOOT_DECOMPRESS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum decompress_method { DECOMPRESS_GZIP, DECOMPRESS_ZSTD };

/* Where the compressed bytes are. All is borrowed. */
struct decompress_source {
	/* Copies [offset, offset + len) of the file to @dst. Returns 0 or a
	 * negative errno with @err naming the file. */
	int (*read)(const void *ctx, uint64_t offset, void *dst, size_t len,
		    struct err *err);
	const void *ctx;
	const char *path; /* of the file, for messages */
	uint64_t offset; /* of the first compressed byte */
	uint64_t size; /* that many at most; what follows the end is ignored */
};

/*
 * @limit: in bytes
 * @ret:   freed by the caller
 *
 * Returns 0; -EBADMSG if the data is truncated, broken or empty; -EFBIG if more
 * than @limit comes out of it; -ENOMEM; or what source->read()
 * returns. @err names the file. Thread: any.
 */
int decompress(const struct decompress_source *source,
	       enum decompress_method method, uint64_t limit, uint8_t **ret,
	       uint64_t *ret_size, struct err *err);

#endif
