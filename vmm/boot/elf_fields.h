/*
 * vmm/boot/elf_fields.h - the fields of ELF headers, in files of either class
 * and byte order. [pure]
 *
 * Source: System V ABI, chapters 4 and 5.
 */
#ifndef VMM_BOOT_ELF_FIELDS_H
#define VMM_BOOT_ELF_FIELDS_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/* A kind of ELF file: which an architecture boots, and which its cores are. */
struct elf_target {
	uint16_t machine; /* e_machine: EM_AARCH64, ... */
	uint8_t class; /* ELFCLASS32 or ELFCLASS64 */
	uint8_t data; /* ELFDATA2LSB or ELFDATA2MSB */
};

/* Where a field is in a header of either class, and how long it is there. */
struct elf_field {
	uint8_t offset[2];
	uint8_t size[2];
};

/* @type: of header, without its class: Ehdr, say */
#define ELF_FIELD(type, member)                                  \
	((struct elf_field){                                     \
		.offset = { offsetof(Elf32_##type, member),      \
			    offsetof(Elf64_##type, member) },    \
		.size = { sizeof(((Elf32_##type *)0)->member),   \
			  sizeof(((Elf64_##type *)0)->member) }, \
	})

/* The size of a header, in bytes. */
#define ELF_SIZE(target, type)                                \
	((target)->class == ELFCLASS64 ? sizeof(Elf64_##type) \
				       : sizeof(Elf32_##type))

static inline uint64_t elf_get(const struct elf_target *target,
			       const uint8_t *head, struct elf_field field)
{
	const unsigned wide = target->class == ELFCLASS64;
	const uint8_t *at = head + field.offset[wide];
	const bool big = target->data == ELFDATA2MSB;

	switch (field.size[wide]) {
	case 2:
		return big ? load_be16(at) : load_le16(at);
	case 4:
		return big ? load_be32(at) : load_le32(at);
	default:
		return big ? load_be64(at) : load_le64(at);
	}
}

/* Stores @val; what does not fit into the field is cut off. */
static inline void elf_put(const struct elf_target *target, uint8_t *head,
			   struct elf_field field, uint64_t val)
{
	const unsigned wide = target->class == ELFCLASS64;
	uint8_t *at = head + field.offset[wide];
	const bool big = target->data == ELFDATA2MSB;

	switch (field.size[wide]) {
	case 2:
		if (big)
			store_be16(at, (uint16_t)val);
		else
			store_le16(at, (uint16_t)val);
		break;
	case 4:
		if (big)
			store_be32(at, (uint32_t)val);
		else
			store_le32(at, (uint32_t)val);
		break;
	default:
		if (big)
			store_be64(at, val);
		else
			store_le64(at, val);
	}
}

#endif
