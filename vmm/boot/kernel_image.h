/*
 * vmm/boot/kernel_image.h - opens a kernel file and takes off what it is
 * wrapped in.
 *
 * Knows gzip, zstd, EFI zboot of either, and ELF. A file that is plainly
 * something else (vmm/boot/foreign.h) is refused; any other file is flat. The
 * architecture interprets the first bytes of a flat image (arch/<name>/boot.h).
 * Everything in the file is untrusted. [pure]
 *
 * A plain file is not read into memory: kernel_image_copy() reads it straight
 * into the guest. A compressed one is decompressed in memory, bounded by
 * @limit.
 *
 * Source: RFC 1952 (gzip), RFC 8878 (zstd), Linux
 * drivers/firmware/efi/libstub/zboot-header.S.
 */
#ifndef VMM_BOOT_KERNEL_IMAGE_H
#define VMM_BOOT_KERNEL_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum kernel_format { KERNEL_FLAT, KERNEL_ELF };

struct kernel_image {
	enum kernel_format format;
	const char *path; /* borrowed, for messages */
	int fd; /* owned; -1 when decompressed */
	uint8_t *data; /* owned; NULL when the file is plain */
	uint64_t size; /* of the image as unwrapped, in bytes; never 0 */
};

/*
 * @limit: no more bytes than this may come out of a compressed file
 *
 * Returns 0; what file_open() returns, with "Unable to open kernel @path: " and
 * the cause in @err, as scripts written for kvmtool look for it; or, with @err
 * naming @path and, for what is wrong with the file's content, err->input set:
 * -EBADMSG if it is truncated or lies about itself, -ENOTSUP if it is
 * compressed in another way or is plainly no kernel, -EFBIG if larger than
 * @limit, -ENOMEM.
 */
int kernel_image_open(struct kernel_image *ret, const char *path,
		      uint64_t limit, struct err *err);

/*
 * The same for a file that is not unwrapped, whatever is in it: firmware.
 */
int kernel_image_open_raw(struct kernel_image *ret, const char *path,
			  struct err *err);

/*
 * Copies [offset, offset + len) of the image to @dst. Returns 0, -EBADMSG if
 * the image ends before, or read()'s errno. The message begins with the path.
 */
int kernel_image_copy(const struct kernel_image *image, uint64_t offset,
		      void *dst, size_t len, struct err *err);

void kernel_image_finish(struct kernel_image *image); /* zeroed is fine */

#endif
