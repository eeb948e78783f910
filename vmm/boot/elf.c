/* vmm/boot/elf.c - the loadable segments of an ELF kernel. */
#include "vmm/boot/elf.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"

#define MAX_HEADERS 64 /* program headers looked at */

static int report_bad_elf(const struct kernel_image *image, const char *what,
			  struct err *err)
{
	return err_input(err, -EBADMSG, "kernel %s: ELF: %s", image->path,
			 what);
}

/* NULL: a machine without a name here. */
static const char *machine_name(uint64_t machine)
{
	static const struct {
		uint16_t machine;
		const char *name;
	} names[] = {
		{ EM_386, "32-bit x86" },      { EM_X86_64, "x86-64" },
		{ EM_ARM, "32-bit Arm" },      { EM_AARCH64, "arm64" },
		{ EM_MIPS, "MIPS" },	       { EM_PPC, "PowerPC" },
		{ EM_PPC64, "PowerPC" },       { EM_S390, "s390" },
		{ EM_SPARCV9, "SPARC" },       { EM_RISCV, "RISC-V" },
		{ EM_LOONGARCH, "LoongArch" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (names[i].machine == machine)
			return names[i].name;
	return NULL;
}

static int refuse_machine(const struct kernel_image *image, uint64_t machine,
			  const struct elf_target *target, struct err *err)
{
	const char *is = machine_name(machine);
	const char *here = machine_name(target->machine);

	if (is && here)
		return err_input(err, -EBADMSG,
				 "kernel %s: ELF: for %s, guests here are %s",
				 image->path, is, here);
	return err_input(err, -EBADMSG,
			 "kernel %s: ELF: for machine %" PRIu64
			 ", guests here are %u",
			 image->path, machine, target->machine);
}

static int check_elf_header(const struct kernel_image *image,
			    const uint8_t *head,
			    const struct elf_target *target, struct err *err)
{
	const uint64_t type = elf_get(target, head, ELF_FIELD(Ehdr, e_type));
	/* The same place in both classes; the file says its byte order. */
	const uint8_t *at = head + offsetof(Elf64_Ehdr, e_machine);
	const uint16_t is = head[EI_DATA] == ELFDATA2MSB ? load_be16(at)
							 : load_le16(at);

	if (memcmp(head, ELFMAG, SELFMAG) != 0)
		return report_bad_elf(image, "no magic number", err);
	if (is != target->machine)
		return refuse_machine(image, is, target, err);
	if (head[EI_CLASS] != target->class || head[EI_DATA] != target->data)
		return err_input(
			err, -EBADMSG, "kernel %s: ELF: not %d-bit %s-endian",
			image->path, target->class == ELFCLASS64 ? 64 : 32,
			target->data == ELFDATA2MSB ? "big" : "little");
	if (type != ET_EXEC && type != ET_DYN)
		return report_bad_elf(image, "not a program", err);
	if (elf_get(target, head, ELF_FIELD(Ehdr, e_phentsize)) !=
	    ELF_SIZE(target, Phdr))
		return report_bad_elf(image, "program headers of a wrong size",
				      err);
	if (elf_get(target, head, ELF_FIELD(Ehdr, e_phnum)) > MAX_HEADERS)
		return report_bad_elf(image, "too many program headers", err);
	return 0;
}

static void widen_span(struct range *span, struct range by)
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

/* Takes one program header. @entry_v is virtual, elf->entry is not. */
static int add_segment(const struct kernel_image *image,
		       const struct elf_target *target, const uint8_t *phdr,
		       uint64_t entry_v, struct elf *elf, struct err *err)
{
	const uint64_t virt = elf_get(target, phdr, ELF_FIELD(Phdr, p_vaddr));
	const struct elf_segment seg = {
		.offset = elf_get(target, phdr, ELF_FIELD(Phdr, p_offset)),
		.file_size = elf_get(target, phdr, ELF_FIELD(Phdr, p_filesz)),
		.mem = { elf_get(target, phdr, ELF_FIELD(Phdr, p_paddr)),
			 elf_get(target, phdr, ELF_FIELD(Phdr, p_memsz)) },
	};

	/* No kernel asks another program to load it, nor has variables of
	 * each thread in the C library's way. */
	if (elf_get(target, phdr, ELF_FIELD(Phdr, p_type)) == PT_INTERP ||
	    elf_get(target, phdr, ELF_FIELD(Phdr, p_type)) == PT_TLS)
		return report_bad_elf(
			image, "a program of an operating system, no kernel",
			err);
	if (elf_get(target, phdr, ELF_FIELD(Phdr, p_type)) != PT_LOAD ||
	    seg.mem.size == 0)
		return 0;
	if (!range_valid(seg.mem))
		return report_bad_elf(
			image, "a segment ends beyond the last address", err);
	if (seg.file_size > seg.mem.size)
		return report_bad_elf(image, "a segment is larger in the file",
				      err);
	if (seg.offset > image->size ||
	    seg.file_size > image->size - seg.offset)
		return report_bad_elf(
			image, "truncated: a segment ends beyond the file",
			err);
	if (elf->segments == ELF_MAX_SEGMENTS)
		return report_bad_elf(image, "too many segments", err);
	if (entry_v >= virt && entry_v - virt < seg.mem.size)
		elf->entry = seg.mem.start + (entry_v - virt);
	elf->segment[elf->segments++] = seg;
	widen_span(&elf->span, seg.mem);
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

int elf_parse(const struct kernel_image *image, const struct elf_target *target,
	      struct elf *ret, struct err *err)
{
	uint8_t head[sizeof(Elf64_Ehdr)], phdr[sizeof(Elf64_Phdr)];
	struct elf elf = { .entry = UINT64_MAX };
	uint64_t offset, entry;
	int r;

	r = kernel_image_copy(image, 0, head, ELF_SIZE(target, Ehdr), err);
	if (r == 0)
		r = check_elf_header(image, head, target, err);
	if (r < 0)
		return r;
	offset = elf_get(target, head, ELF_FIELD(Ehdr, e_phoff));
	entry = elf_get(target, head, ELF_FIELD(Ehdr, e_entry));
	for (uint64_t i = elf_get(target, head, ELF_FIELD(Ehdr, e_phnum));
	     i > 0; i--) {
		r = kernel_image_copy(image, offset, phdr,
				      ELF_SIZE(target, Phdr), err);
		if (r == 0)
			r = add_segment(image, target, phdr, entry, &elf, err);
		if (r < 0)
			return r;
		offset += ELF_SIZE(target, Phdr);
	}
	if (elf.segments == 0)
		return report_bad_elf(image, "nothing to load", err);
	if (!has_entry(&elf))
		return report_bad_elf(image, "its entry point is in no segment",
				      err);
	*ret = elf;
	return 0;
}
