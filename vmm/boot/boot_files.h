/*
 * vmm/boot/boot_files.h - initrd and ELF segments, from files into guest
 * memory. [pure]
 *
 * The part that all architectures share; each architecture decides the
 * addresses. Everything in a file is untrusted, and it may change while it is
 * read. Thread: setup.
 */
#ifndef VMM_BOOT_BOOT_FILES_H
#define VMM_BOOT_BOOT_FILES_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/file.h"
#include "mem/map.h"
#include "vmm/boot/elf.h"
#include "vmm/boot/kernel_image.h"

/* The files being loaded. */
struct boot_files {
	struct kernel_image kernel; /* owned; opened by the architecture */
	struct elf elf; /* of the kernel, if it is one */
	struct file initrd; /* owned; fd -1: none */
	const char *initrd_path; /* borrowed; NULL: none */
};

#define BOOT_FILES_NONE         \
	{                       \
		.initrd.fd = -1 \
	}

void boot_files_finish(struct boot_files *files);

/*
 * Opens the initrd.
 *
 * @initrd: a path, which outlives @files; NULL: there is none
 *
 * Returns 0, or what file_open() returns.
 */
int boot_files_open(struct boot_files *files, const char *initrd,
		    struct err *err);

/*
 * Copies the initrd to where it has been placed, which is RAM. @at of size 0:
 * there is none.
 *
 * Returns 0, -EIO if the initrd has become shorter, or read()'s errno.
 */
int boot_files_copy(const struct boot_files *files, const struct mem_map *mem,
		    struct range at, struct err *err);

/*
 * Copies segments to where they say, plus @moved; that is RAM. Returns 0 or
 * what kernel_image_copy() returns.
 */
int elf_copy(const struct elf *elf, const struct kernel_image *image,
	     const struct mem_map *mem, uint64_t moved, struct err *err);

#endif
