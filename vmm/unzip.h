/*
 * vmm/unzip.h - decompresses a part of a kernel file into memory.
 *
 * What the compressed data says of its own length is not believed: memory is
 * taken as the data comes, up to a limit. [pure]
 */
#ifndef VMM_UNZIP_H
#define VMM_UNZIP_H

#include <stdint.h>

#include "base/err.h"

struct kernel_image;

enum unzip_method { UNZIP_GZIP, UNZIP_ZSTD };

struct unzip_source {
	const struct kernel_image *image; /* borrowed */
	uint64_t offset; /* of the first compressed byte */
	uint64_t size; /* that many at most; what follows the end is ignored */
};

/*
 * @limit: in bytes
 * @ret:   freed by the caller
 *
 * Returns 0; -EBADMSG if the data is truncated, broken or empty; -EFBIG if more
 * than @limit comes out of it; -ENOMEM; or what reading the image returns.
 * @err names the image's path. Thread: any.
 */
int unzip(const struct unzip_source *source, enum unzip_method method,
	  uint64_t limit, uint8_t **ret, uint64_t *ret_size, struct err *err);

#endif
