/*
 * arch/mips/boot.h - where a MIPS kernel, its initrd and its device tree go.
 * [pure]
 *
 * Kernels are ELF files, started as the UHI says: a0 is -2, a1 the address of
 * the device tree in KSEG0. Everything in a file is untrusted.
 *
 * Source: MIPS Unified Hosting Interface (MD01069), 3.3; Linux,
 * arch/mips/kernel/head.S and arch/mips/generic/init.c.
 */
#ifndef ARCH_MIPS_BOOT_H
#define ARCH_MIPS_BOOT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/range.h"
#include "vmm/boot/elf.h"

#define MIPS_UHI_DTB (-2) /* a0: a1 is a device tree */

/* Far more than any kernel: see arm64's. */
#define MIPS_UNPACKED_MAX (512ULL << 20)

/* Largest device tree, the user's or ours. */
#define MIPS_DTB_MAX (1ULL << 20)

/* An address as a MIPS CPU has it in a register: sign-extended. */
static inline uint64_t mips_register(uint32_t addr)
{
	return (uint64_t)(int64_t)(int32_t)addr;
}

/*
 * Turns the addresses an ELF kernel is linked for into physical ones, its
 * entry's included.
 *
 * @path: for messages
 *
 * Returns 0, or -EBADMSG if one of them is not below 512 MiB of KSEG0, KSEG1 or
 * physical memory: which a kernel for another kind of host is not.
 */
int mips_elf_physical(struct elf *elf, uint64_t kseg0, const char *path,
		      struct err *err);

/*
 * Files that must be in memory when the guest starts; the names are for
 * messages.
 */
struct mips_payload {
	struct range kernel; /* by physical address */
	const char *kernel_path;
	uint64_t initrd_size; /* 0: none */
	const char *initrd_path;
	uint64_t dtb_size; /* never 0 */
};

struct mips_placement {
	struct range initrd;
	struct range dtb;
};

/*
 * Places initrd and tree behind the kernel, or where there is room in another
 * region.
 *
 * @ram: by address
 *
 * Returns 0, or -ENOSPC with @err naming the file that does not fit.
 */
int mips_place(const struct mips_payload *payload, const struct range *ram,
	       size_t rams, struct mips_placement *ret, struct err *err);

#endif
