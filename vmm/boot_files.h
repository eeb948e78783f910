/*
 * vmm/boot_files.h - initrd, device tree and ELF segments, from files into
 * guest memory. [pure]
 *
 * What every architecture does alike; where they go is the architecture's to
 * say. Everything in a file is untrusted, and it may change while it is read.
 * Thread: setup.
 */
#ifndef VMM_BOOT_FILES_H
#define VMM_BOOT_FILES_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/file.h"
#include "mem/map.h"
#include "vmm/elf.h"
#include "vmm/kernel_image.h"

/*
 * Opens an initrd.
 *
 * @path: NULL: there is none; then ret->fd is -1 and ret->size 0, as it is on
 *        failure
 *
 * Returns 0 or what file_open() returns.
 */
int initrd_open(struct file *ret, const char *path, struct err *err);

/*
 * Copies an initrd to @at, which is RAM; of size 0: does nothing. Returns 0,
 * -EIO if the file has become shorter, or read()'s errno.
 */
int initrd_copy(const struct file *initrd, const char *path,
		const struct mem_map *mem, struct range at, struct err *err);

/*
 * Reads the user's device tree.
 *
 * Returns 0 with *ret the caller's to free; what file_read_all() returns; or
 * -EBADMSG if it is none.
 */
int dtb_read(uint8_t **ret, const char *path, size_t max, size_t *ret_size,
	     struct err *err);

/*
 * Copies segments to where they say, plus @moved; that is RAM. Returns 0 or
 * what kernel_image_copy() returns.
 */
int elf_copy(const struct elf *elf, const struct kernel_image *image,
	     const struct mem_map *mem, uint64_t moved, struct err *err);

#endif
