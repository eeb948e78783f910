/* vmm/elf.c - the loadable segments of an ELF kernel. */
#include "vmm/elf.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"

#define MAX_HEADERS 64 /* program headers looked at */

static int bad(const struct kernel_image *image, const char *what,
	       struct err *err)
{
	return err_input(err, -EBADMSG, "kernel %s: ELF: %s", image->path,
			 what);
}

static uint16_t half(const uint8_t *head, size_t offset)
{
	return load_le16(head + offset);
}

static int check_header(const struct kernel_image *image, const uint8_t *head,
			uint16_t machine, struct err *err)
{
	const uint16_t type = half(head, offsetof(Elf64_Ehdr, e_type));
	const uint16_t is = half(head, offsetof(Elf64_Ehdr, e_machine));

	if (memcmp(head, ELFMAG, SELFMAG) != 0)
		return bad(image, "no magic number", err);
	if (head[EI_CLASS] != ELFCLASS64 || head[EI_DATA] != ELFDATA2LSB)
		return bad(image, "not 64-bit little-endian", err);
	if (is != machine)
		return err_input(err, -EBADMSG,
				 "kernel %s: ELF: for machine %u, guests here "
				 "are %u",
				 image->path, is, machine);
	if (type != ET_EXEC && type != ET_DYN)
		return bad(image, "not a program", err);
	if (half(head, offsetof(Elf64_Ehdr, e_phentsize)) != sizeof(Elf64_Phdr))
		return bad(image, "program headers of a wrong size", err);
	if (half(head, offsetof(Elf64_Ehdr, e_phnum)) > MAX_HEADERS)
		return bad(image, "too many program headers", err);
	return 0;
}

static void widen(struct range *span, struct range by)
{
	const uint64_t last = by.start + (by.size - 1);
	uint64_t end;

	if (span->size == 0) {
		*span = by;
		return;
	}
	end = span->start + (span->size - 1);
	if (last > end)
		end = last;
	if (by.start < span->start)
		span->start = by.start;
	span->size = end - span->start;
	if (span->size < UINT64_MAX)
		span->size++;
}

/* Takes one program header. *entry_v is virtual, elf->entry is not. */
static int add(const struct kernel_image *image, const uint8_t *phdr,
	       uint64_t entry_v, struct elf *elf, struct err *err)
{
	const uint64_t virt = load_le64(phdr + offsetof(Elf64_Phdr, p_vaddr));
	const struct elf_segment seg = {
		.offset = load_le64(phdr + offsetof(Elf64_Phdr, p_offset)),
		.file_size = load_le64(phdr + offsetof(Elf64_Phdr, p_filesz)),
		.mem = { load_le64(phdr + offsetof(Elf64_Phdr, p_paddr)),
			 load_le64(phdr + offsetof(Elf64_Phdr, p_memsz)) },
	};

	if (load_le32(phdr + offsetof(Elf64_Phdr, p_type)) != PT_LOAD ||
	    seg.mem.size == 0)
		return 0;
	if (!range_valid(seg.mem))
		return bad(image, "a segment ends beyond the last address",
			   err);
	if (seg.file_size > seg.mem.size)
		return bad(image, "a segment is larger in the file", err);
	if (seg.offset > image->size ||
	    seg.file_size > image->size - seg.offset)
		return bad(image, "truncated: a segment ends beyond the file",
			   err);
	if (elf->segments == ELF_MAX_SEGMENTS)
		return bad(image, "too many segments", err);
	if (entry_v >= virt && entry_v - virt < seg.mem.size)
		elf->entry = seg.mem.start + (entry_v - virt);
	elf->segment[elf->segments++] = seg;
	widen(&elf->span, seg.mem);
	return 0;
}

static bool has_entry(const struct elf *elf)
{
	for (size_t i = 0; i < elf->segments; i++) {
		const struct range *mem = &elf->segment[i].mem;

		if (elf->entry >= mem->start &&
		    elf->entry - mem->start < mem->size)
			return true;
	}
	return false;
}

int elf_parse(const struct kernel_image *image, uint16_t machine,
	      struct elf *ret, struct err *err)
{
	uint8_t head[sizeof(Elf64_Ehdr)], phdr[sizeof(Elf64_Phdr)];
	struct elf elf = { .entry = UINT64_MAX };
	uint64_t offset, entry;
	int r;

	r = kernel_image_copy(image, 0, head, sizeof(head), err);
	if (r == 0)
		r = check_header(image, head, machine, err);
	if (r < 0)
		return r;
	offset = load_le64(head + offsetof(Elf64_Ehdr, e_phoff));
	entry = load_le64(head + offsetof(Elf64_Ehdr, e_entry));
	for (unsigned i = half(head, offsetof(Elf64_Ehdr, e_phnum)); i > 0;
	     i--) {
		r = kernel_image_copy(image, offset, phdr, sizeof(phdr), err);
		if (r == 0)
			r = add(image, phdr, entry, &elf, err);
		if (r < 0)
			return r;
		offset += sizeof(phdr);
	}
	if (elf.segments == 0)
		return bad(image, "nothing to load", err);
	if (!has_entry(&elf))
		return bad(image, "its entry point is in no segment", err);
	*ret = elf;
	return 0;
}
