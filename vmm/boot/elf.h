/*
 * vmm/boot/elf.h - the loadable segments of an ELF kernel. [pure]
 *
 * Reads both classes and byte orders; the architecture says which it boots.
 * Everything in the file is untrusted: what is returned here is consistent in
 * itself, and may still lie anywhere.
 *
 * Source: System V ABI, chapters 4 and 5.
 */
#ifndef VMM_BOOT_ELF_H
#define VMM_BOOT_ELF_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/range.h"
#include "vmm/boot/elf_fields.h"
#include "vmm/boot/kernel_image.h"

#define ELF_MAX_SEGMENTS 16 /* with memory; a kernel has half a dozen */

struct elf_segment {
	uint64_t offset; /* in the file */
	uint64_t file_size; /* at most mem.size; the rest is zeroes */
	struct range mem; /* by physical address; valid */
};

struct elf {
	struct elf_segment segment[ELF_MAX_SEGMENTS]; /* in the file's order */
	size_t segments; /* at least 1 */
	struct range span; /* from the lowest byte to the highest */
	uint64_t entry; /* physical, in one of the segments */
};

/*
 * Returns 0; -EBADMSG if the file is truncated, lies about itself, or is for
 * another machine; or what kernel_image_copy() returns. Thread: any.
 */
int elf_parse(const struct kernel_image *image, const struct elf_target *target,
	      struct elf *ret, struct err *err);

#endif
