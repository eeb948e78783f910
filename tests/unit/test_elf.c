/* tests/unit/test_elf.c - vmm/boot/elf.c. */
#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"
#include "tests/unit/test.h"
#include "vmm/boot/elf.h"

#define PHDRS 64 /* offset of the program headers */
#define BYTES 1024 /* of the file */

static uint8_t file[PHDRS + 65 * sizeof(Elf64_Phdr)];
static struct err err;
static struct elf elf;

static const struct elf_target target = { EM_AARCH64, ELFCLASS64, ELFDATA2LSB };

static void set16(size_t offset, uint16_t val)
{
	store_le16(file + offset, val);
}

static void set_phdr(unsigned i, size_t field, uint64_t val)
{
	store_le64(file + PHDRS + i * sizeof(Elf64_Phdr) + field, val);
}

/* Segment @i: file bytes from 512, @memsz bytes of memory at @addr. */
static void add(unsigned i, uint64_t addr, uint64_t filesz, uint64_t memsz)
{
	store_le32(file + PHDRS + i * sizeof(Elf64_Phdr), PT_LOAD);
	set_phdr(i, offsetof(Elf64_Phdr, p_offset), 512);
	set_phdr(i, offsetof(Elf64_Phdr, p_vaddr), addr | 0xffff000000000000);
	set_phdr(i, offsetof(Elf64_Phdr, p_paddr), addr);
	set_phdr(i, offsetof(Elf64_Phdr, p_filesz), filesz);
	set_phdr(i, offsetof(Elf64_Phdr, p_memsz), memsz);
	set16(offsetof(Elf64_Ehdr, e_phnum), (uint16_t)(i + 1));
}

static int setup(void **state)
{
	(void)state;
	memset(file, 0, sizeof(file));
	memcpy(file, ELFMAG, SELFMAG);
	file[EI_CLASS] = ELFCLASS64;
	file[EI_DATA] = ELFDATA2LSB;
	set16(offsetof(Elf64_Ehdr, e_type), ET_EXEC);
	set16(offsetof(Elf64_Ehdr, e_machine), EM_AARCH64);
	set16(offsetof(Elf64_Ehdr, e_phentsize), sizeof(Elf64_Phdr));
	store_le64(file + offsetof(Elf64_Ehdr, e_phoff), PHDRS);
	store_le64(file + offsetof(Elf64_Ehdr, e_entry), 0xffff000080000010);
	add(0, 0x80000000, 512, 0x1000);
	err = (struct err){ 0 };
	elf = (struct elf){ 0 };
	return 0;
}

static int parse(uint64_t size)
{
	const struct kernel_image image = {
		.path = "vmlinux", .fd = -1, .data = file, .size = size
	};

	return elf_parse(&image, &target, &elf, &err);
}

static void parse__segments_are_found(void **state)
{
	(void)state;
	add(1, 0x80100000, 0, 0x2000);
	assert_int_equal(parse(BYTES), 0);
	assert_int_equal(elf.segments, 2);
	assert_int_equal(elf.segment[0].offset, 512);
	assert_int_equal(elf.segment[0].file_size, 512);
	assert_int_equal(elf.segment[0].mem.start, 0x80000000);
	assert_int_equal(elf.segment[0].mem.size, 0x1000);
	assert_int_equal(elf.span.start, 0x80000000);
	assert_int_equal(elf.span.size, 0x102000);
}

static void parse__entry_is_turned_into_a_physical_address(void **state)
{
	(void)state;
	assert_int_equal(parse(BYTES), 0);
	assert_int_equal(elf.entry, 0x80000010);
}

static void parse__entry_outside_every_segment_is_refused(void **state)
{
	(void)state;
	store_le64(file + offsetof(Elf64_Ehdr, e_entry), 0xffff000080000fff);
	assert_int_equal(parse(BYTES), 0);
	store_le64(file + offsetof(Elf64_Ehdr, e_entry), 0xffff000080001000);
	assert_int_equal(parse(BYTES), -EBADMSG);
	store_le64(file + offsetof(Elf64_Ehdr, e_entry), UINT64_MAX);
	assert_int_equal(parse(BYTES), -EBADMSG);
}

static void parse__truncated_file_is_noticed(void **state)
{
	(void)state;
	for (uint64_t size = 1; size < BYTES; size++)
		assert_int_equal(parse(size), -EBADMSG);
	assert_true(err.input);
}

static void parse__another_machine_is_named(void **state)
{
	(void)state;
	set16(offsetof(Elf64_Ehdr, e_machine), EM_X86_64);
	assert_int_equal(parse(BYTES), -EBADMSG);
	assert_string_equal(err.msg, "kernel vmlinux: ELF: for x86-64, "
				     "guests here are arm64");
	/* Its class and byte order do not hide it. */
	file[EI_CLASS] = ELFCLASS32;
	file[EI_DATA] = ELFDATA2MSB;
	store_be16(file + offsetof(Elf64_Ehdr, e_machine), EM_MIPS);
	assert_int_equal(parse(BYTES), -EBADMSG);
	assert_string_equal(err.msg, "kernel vmlinux: ELF: for MIPS, "
				     "guests here are arm64");
	store_be16(file + offsetof(Elf64_Ehdr, e_machine), 0xffff);
	assert_int_equal(parse(BYTES), -EBADMSG);
	assert_string_equal(err.msg, "kernel vmlinux: ELF: for machine 65535, "
				     "guests here are 183");
}

static void parse__a_program_is_no_kernel(void **state)
{
	const uint32_t types[] = { PT_INTERP, PT_TLS /* a static one */ };

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		(void)setup(state);
		store_le32(file + PHDRS + offsetof(Elf64_Phdr, p_type),
			   types[i]);
		assert_int_equal(parse(BYTES), -EBADMSG);
		assert_string_equal(err.msg,
				    "kernel vmlinux: ELF: a program of an "
				    "operating system, no kernel");
	}
}

static void parse__what_is_no_program_is_refused(void **state)
{
	(void)state;
	set16(offsetof(Elf64_Ehdr, e_type), ET_REL);
	assert_int_equal(parse(BYTES), -EBADMSG);
	(void)setup(state);
	file[EI_CLASS] = ELFCLASS32;
	assert_int_equal(parse(BYTES), -EBADMSG);
	(void)setup(state);
	file[EI_DATA] = ELFDATA2MSB;
	assert_int_equal(parse(BYTES), -EBADMSG);
	(void)setup(state);
	set16(offsetof(Elf64_Ehdr, e_phentsize), 32);
	assert_int_equal(parse(BYTES), -EBADMSG);
	(void)setup(state);
	set16(offsetof(Elf64_Ehdr, e_phnum), 0);
	assert_int_equal(parse(BYTES), -EBADMSG);
}

static void parse__lying_segment_is_refused(void **state)
{
	(void)state;
	add(0, 0x80000000, 512, 511); /* more in the file than in memory */
	assert_int_equal(parse(BYTES), -EBADMSG);
	add(0, 0x80000000, 513, 0x1000); /* beyond the file */
	assert_int_equal(parse(BYTES), -EBADMSG);
	add(0, UINT64_MAX, 1, 2); /* wraps */
	assert_int_equal(parse(BYTES), -EBADMSG);
	add(0, 0x80000000, 512, 0x1000);
	set_phdr(0, offsetof(Elf64_Phdr, p_offset), UINT64_MAX);
	assert_int_equal(parse(BYTES), -EBADMSG);
}

static void parse__headers_at_a_wild_offset_are_refused(void **state)
{
	(void)state;
	store_le64(file + offsetof(Elf64_Ehdr, e_phoff), UINT64_MAX - 8);
	assert_int_equal(parse(BYTES), -EBADMSG);
}

static void parse__segments_are_counted(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ELF_MAX_SEGMENTS; i++)
		add(i, 0x80000000 + i * 0x1000, 0, 0x1000);
	assert_int_equal(parse(sizeof(file)), 0);
	add(ELF_MAX_SEGMENTS, 0, 0, 0); /* without memory: not one more */
	assert_int_equal(parse(sizeof(file)), 0);
	add(ELF_MAX_SEGMENTS, 0, 0, 1);
	assert_int_equal(parse(sizeof(file)), -EBADMSG);
	set16(offsetof(Elf64_Ehdr, e_phnum), UINT16_MAX);
	assert_int_equal(parse(sizeof(file)), -EBADMSG);
}

static void parse__span_of_the_whole_address_space_is_no_small_one(void **state)
{
	(void)state;
	add(1, 0, 0, 1);
	add(2, UINT64_MAX, 0, 1);
	assert_int_equal(parse(BYTES), 0);
	assert_int_equal(elf.span.start, 0);
	assert_true(elf.span.size == UINT64_MAX);
}

static void put(uint8_t *at, unsigned size, bool big, uint32_t val)
{
	if (size == 2)
		(big ? store_be16 : store_le16)(at, (uint16_t)val);
	else
		(big ? store_be32 : store_le32)(at, val);
}

#define PUT(type, at, member, val)                        \
	put(file + (at) + offsetof(Elf32_##type, member), \
	    sizeof(((Elf32_##type *)0)->member), big, (uint32_t)(val))

static void parse__32_bit_files_of_both_byte_orders_are_read(void **state)
{
	(void)state;
	for (int big = 0; big < 2; big++) {
		const struct elf_target wanted = { EM_MIPS, ELFCLASS32,
						   big ? ELFDATA2MSB
						       : ELFDATA2LSB };
		const struct kernel_image image = {
			.path = "vmlinux", .fd = -1, .data = file, .size = BYTES
		};

		memset(file, 0, sizeof(file));
		memcpy(file, ELFMAG, SELFMAG);
		file[EI_CLASS] = ELFCLASS32;
		file[EI_DATA] = wanted.data;
		PUT(Ehdr, 0, e_type, ET_EXEC);
		PUT(Ehdr, 0, e_machine, EM_MIPS);
		PUT(Ehdr, 0, e_phentsize, sizeof(Elf32_Phdr));
		PUT(Ehdr, 0, e_phnum, 1);
		PUT(Ehdr, 0, e_phoff, PHDRS);
		PUT(Ehdr, 0, e_entry, 0x40100010);
		PUT(Phdr, PHDRS, p_type, PT_LOAD);
		PUT(Phdr, PHDRS, p_offset, 512);
		PUT(Phdr, PHDRS, p_vaddr, 0x40100000);
		PUT(Phdr, PHDRS, p_paddr, 0x40100000);
		PUT(Phdr, PHDRS, p_filesz, 512);
		PUT(Phdr, PHDRS, p_memsz, 0x1000);
		assert_int_equal(elf_parse(&image, &wanted, &elf, &err), 0);
		assert_int_equal(elf.segments, 1);
		assert_int_equal(elf.entry, 0x40100010);
		assert_int_equal(elf.segment[0].offset, 512);
		assert_int_equal(elf.span.start, 0x40100000);
		assert_int_equal(elf.span.size, 0x1000);
		assert_int_equal(elf_parse(&image, &target, &elf, &err),
				 -EBADMSG);
		assert_string_equal(err.msg, "kernel vmlinux: ELF: for MIPS, "
					     "guests here are arm64");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(parse__segments_are_found, setup),
		cmocka_unit_test_setup(
			parse__entry_is_turned_into_a_physical_address, setup),
		cmocka_unit_test_setup(
			parse__entry_outside_every_segment_is_refused, setup),
		cmocka_unit_test_setup(parse__truncated_file_is_noticed, setup),
		cmocka_unit_test_setup(parse__another_machine_is_named, setup),
		cmocka_unit_test_setup(parse__a_program_is_no_kernel, setup),
		cmocka_unit_test_setup(parse__what_is_no_program_is_refused,
				       setup),
		cmocka_unit_test_setup(parse__lying_segment_is_refused, setup),
		cmocka_unit_test_setup(
			parse__headers_at_a_wild_offset_are_refused, setup),
		cmocka_unit_test_setup(parse__segments_are_counted, setup),
		cmocka_unit_test_setup(
			parse__32_bit_files_of_both_byte_orders_are_read,
			setup),
		cmocka_unit_test_setup(
			parse__span_of_the_whole_address_space_is_no_small_one,
			setup),
	};

	return RUN_TESTS(tests);
}
