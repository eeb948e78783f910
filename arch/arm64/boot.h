/*
 * arch/arm64/boot.h - what an arm64 kernel image asks for, and where it, the
 * initrd and the device tree go. [pure]
 *
 * Everything in an image is untrusted.
 *
 * Source: Linux, Documentation/arch/arm64/booting.rst.
 */
#ifndef ARCH_ARM64_BOOT_H
#define ARCH_ARM64_BOOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/range.h"
#include "vmm/boot/elf.h"
#include "vmm/boot/kernel_image.h"

#define ARM64_IMAGE_HEADER 64 /* bytes */

/* How a kernel wants to lie in memory. */
struct arm64_kernel {
	uint64_t size; /* of what is loaded, in bytes; never 0 */
	uint64_t span; /* bytes from its first that it takes when it runs; 0:
			  unknown, so leave it room. Else at least size */
	uint64_t offset; /* from the base of its region, rounded up to align */
	uint64_t align; /* a power of two */
	bool fixed; /* it runs at this address only, and the two above are
		       unused */
	gpa_t at;
	bool bare; /* no header: flat code */
};

/*
 * Reads the header of a flat kernel image. One without the magic number is a
 * bare program for 512 KiB into RAM.
 *
 * @head: the first bytes of the image
 * @len:  how many of them there are; ARM64_IMAGE_HEADER, or all
 * @size: of the whole image
 *
 * Returns 0, or -EBADMSG if the header makes no sense.
 */
int arm64_image_parse(const uint8_t *head, size_t len, uint64_t size,
		      struct arm64_kernel *ret, struct err *err);

/*
 * Looks whether a flat image that is an EFI program, too, is all there: its
 * section table tells what the file should hold. Other images do not say.
 *
 * Returns 0, or -EBADMSG if the file ends before. Source: Microsoft PE format,
 * COFF file header and section table.
 */
int arm64_image_whole(const struct kernel_image *image, struct err *err);

/*
 * Says how an ELF kernel wants to lie. A kernel linked for addresses within a
 * region of RAM goes there. Linux's vmlinux tells virtual addresses only: such
 * a one goes where the same kernel's flat image would.
 */
void arm64_elf_kernel(const struct elf *elf, const struct range *ram,
		      size_t rams, struct arm64_kernel *ret);

/* Far more than any kernel. A small file can ask for more of the host's memory
 * than the guest ever uses. */
#define ARM64_UNPACKED_MAX (1ULL << 30)

/* How many bytes may come out of a compressed kernel: what the largest region
 * holds, and ARM64_UNPACKED_MAX at most. */
uint64_t arm64_unpack_limit(const struct range *ram, size_t rams);

/*
 * Files that must be in memory when the guest starts; the names are for
 * messages.
 */
struct arm64_payload {
	struct arm64_kernel kernel;
	const char *kernel_path;
	uint64_t initrd_size; /* 0: none */
	const char *initrd_path;
	uint64_t dtb_size; /* never 0 */
	uint64_t dtb_align; /* a power of two */
};

struct arm64_placement {
	gpa_t kernel;
	struct range initrd;
	struct range dtb;
};

/*
 * Places the payload in the first region that holds all of it: behind the
 * kernel the initrd and behind that the tree, close together, as each 2 MiB
 * touched is one fault more. When the kernel does not say what it takes, they
 * go as far up as the first 256 MiB of the region reach, as kvmtool has them.
 *
 * @ram: by address
 *
 * Returns 0, or -ENOSPC with @err naming the file that does not fit.
 */
int arm64_place(const struct arm64_payload *payload, const struct range *ram,
		size_t rams, struct arm64_placement *ret, struct err *err);

#endif
