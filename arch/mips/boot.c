/* arch/mips/boot.c - where kernel, initrd and device tree go. */
#include "arch/mips/boot.h"

#include <errno.h>
#include <inttypes.h>

#include "arch/mips/layout.h"
#include "base/align.h"
#include "base/size.h"

#define DATA_ALIGN (64ULL << 10) /* a page of any size */

static int report_elsewhere(const char *path, uint64_t at, uint64_t kseg0,
			    struct err *err)
{
	return err_input(err, -EBADMSG,
			 "kernel %s: is for 0x%" PRIx64
			 ", guests here have their kernels at 0x%" PRIx64
			 " (%s)",
			 path, at, kseg0,
			 kseg0 == MIPS_TE_KSEG0
				 ? "trap & emulate KVM needs CONFIG_KVM_GUEST"
				 : "VZ takes any but CONFIG_KVM_GUEST");
}

int mips_elf_physical(struct elf *elf, uint64_t kseg0, const char *path,
		      struct err *err)
{
	struct elf moved = *elf;
	uint64_t first = UINT64_MAX, end = 0;

	for (size_t i = 0; i < moved.segments; i++) {
		struct range *mem = &moved.segment[i].mem;
		const uint64_t was = mem->start;

		if (!mips_physical(was, kseg0, &mem->start) ||
		    mem->size > MIPS_END - mem->start)
			return report_elsewhere(path, was, kseg0, err);
		if (mem->start < first)
			first = mem->start;
		if (mem->start + mem->size > end)
			end = mem->start + mem->size;
	}
	moved.span = (struct range){ first, end - first };
	if (!mips_physical(elf->entry, kseg0, &moved.entry))
		return report_elsewhere(path, elf->entry, kseg0, err);
	*elf = moved;
	return 0;
}

/* The first unused byte of a region. */
static uint64_t free_from(struct range ram, struct range kernel)
{
	if (range_contains(ram, kernel))
		return kernel.start + kernel.size;
	/* The exception vectors are there. */
	return ram.start > 0 ? ram.start : DATA_ALIGN;
}

/* Takes @size bytes of [*next, end), and moves *next behind them. */
static bool take_ram(uint64_t *next, uint64_t end, uint64_t size,
		     struct range *ret)
{
	uint64_t at;

	if (!align_up(*next, DATA_ALIGN, &at) || at > end || size > end - at)
		return false;
	*ret = (struct range){ at, size };
	*next = at + size;
	return true;
}

static bool place_in(const struct mips_payload *payload, struct range ram,
		     struct mips_placement *ret)
{
	uint64_t next = free_from(ram, payload->kernel);
	const uint64_t end = ram.start + ram.size;
	struct mips_placement p = { 0 };

	if (!take_ram(&next, end, payload->dtb_size, &p.dtb))
		return false;
	if (payload->initrd_size > 0 &&
	    !take_ram(&next, end, payload->initrd_size, &p.initrd))
		return false;
	*ret = p;
	return true;
}

int mips_place(const struct mips_payload *payload, const struct range *ram,
	       size_t rams, struct mips_placement *ret, struct err *err)
{
	const struct range *kernel = &payload->kernel;
	size_t home = 0;

	while (home < rams && !range_contains(ram[home], *kernel))
		home++;
	if (home == rams)
		return err_input(err, -ENOSPC,
				 "kernel %s: is for 0x%" PRIx64 " to 0x%" PRIx64
				 ", where guest memory is not",
				 payload->kernel_path, kernel->start,
				 kernel->start + kernel->size);
	if (place_in(payload, ram[home], ret))
		return 0;
	for (size_t i = 0; i < rams; i++)
		if (place_in(payload, ram[i], ret))
			return 0;
	if (payload->initrd_size == 0)
		return err_input(err, -ENOSPC,
				 "kernel %s: no room for the device tree's "
				 "%" PRIu64 " KiB behind its %" PRIu64 " KiB",
				 payload->kernel_path,
				 size_kib(payload->dtb_size),
				 size_kib(kernel->size));
	return err_input(err, -ENOSPC,
			 "initrd %s: its %" PRIu64 " KiB do not fit in guest "
			 "memory with the kernel's %" PRIu64 " KiB",
			 payload->initrd_path, size_kib(payload->initrd_size),
			 size_kib(kernel->size));
}
