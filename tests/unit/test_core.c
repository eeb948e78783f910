/* tests/unit/test_core.c - vmm/debug/core.c and vmcoreinfo.c: a guest's memory
 * as an ELF core. */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "mem/backing.h"
#include "vmm/debug/core.h"

#define PAGE UINT64_C(4096)
#define REGIONS 3

static const struct range place[REGIONS] = {
	{ UINT64_C(0x80000000), 512 * PAGE }, /* anonymous */
	{ UINT64_C(0x90000000), 64 * PAGE }, /* a memfd */
	{ UINT64_C(0xa0000000), 16 * PAGE }, /* a device window */
};

static const struct elf_target wide = { EM_AARCH64, ELFCLASS64, ELFDATA2LSB };
static const struct elf_target narrow = { EM_MIPS, ELFCLASS32, ELFDATA2MSB };

static struct mem_map map;
static struct backing backing[REGIONS];
static struct core_notes notes;
static struct err err;
static uint64_t written;
static bool stop;
static int fd;

static int setup(void **state)
{
	(void)state;
	memset(&map, 0, sizeof(map));
	memset(&err, 0, sizeof(err));
	stop = false;
	for (size_t i = 0; i < REGIONS; i++) {
		const struct mem_policy policy = { .source = i == 1 ? MEM_MEMFD
								    : MEM_ANON,
						   .share = i == 1 };
		struct mem_region region = { .gpa = place[i],
					     .kind = i == 2 ? MEM_RESERVED
							    : MEM_RAM };

		if (i < 2) {
			if (backing_init(&backing[i], place[i], PAGE, &policy,
					 &err) < 0)
				return -1;
			region.backing = &backing[i];
			region.host = backing[i].host;
		}
		if (mem_add(&map, region, &err) < 0)
			return -1;
	}
	mem_freeze(&map);
	notes = (struct core_notes){ .target = &wide };
	fd = memfd_create("core", MFD_CLOEXEC);
	return fd < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	core_notes_finish(&notes);
	for (size_t i = 0; i < 2; i++)
		backing_finish(&backing[i]);
	return close(fd);
}

static int write_it(const struct elf_target *target,
		    const struct core_view *view, size_t views)
{
	const struct core core = {
		.target = target,
		.notes = &notes,
		.map = &map,
		.view = view,
		.views = views,
		.stop = &stop,
	};

	return core_write(fd, &core, &written, &err);
}

static uint64_t get(const struct elf_target *target, uint64_t at,
		    struct elf_field field)
{
	uint8_t head[sizeof(Elf64_Ehdr)];

	assert_int_equal(pread(fd, head, sizeof(head), (off_t)at),
			 sizeof(head));
	return elf_get(target, head, field);
}

static uint64_t segment_get(const struct elf_target *target, unsigned i,
			    struct elf_field field)
{
	return get(target, ELF_SIZE(target, Ehdr) + i * ELF_SIZE(target, Phdr),
		   field);
}

static void assert_in_core(uint64_t offset, const void *bytes, size_t len)
{
	uint8_t *is = malloc(len);

	assert_non_null(is);
	assert_int_equal(pread(fd, is, len, (off_t)offset), len);
	assert_memory_equal(is, bytes, len);
	free(is);
}

static void write__every_region_is_a_segment_with_its_bytes(void **state)
{
	uint64_t at;

	(void)state;
	memset(backing[0].host + 3 * PAGE, 'a', 2 * PAGE);
	memset(backing[1].host + 63 * PAGE, 'b', PAGE);
	assert_int_equal(write_it(&wide, NULL, 0), 0);
	assert_int_equal(written, 3 * PAGE);

	assert_int_equal(get(&wide, 0, ELF_FIELD(Ehdr, e_type)), ET_CORE);
	assert_int_equal(get(&wide, 0, ELF_FIELD(Ehdr, e_machine)), EM_AARCH64);
	assert_int_equal(get(&wide, 0, ELF_FIELD(Ehdr, e_phnum)), 3);
	assert_int_equal(segment_get(&wide, 0, ELF_FIELD(Phdr, p_type)),
			 PT_NOTE);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(
			segment_get(&wide, i + 1, ELF_FIELD(Phdr, p_type)),
			PT_LOAD);
		assert_int_equal(
			segment_get(&wide, i + 1, ELF_FIELD(Phdr, p_paddr)),
			place[i].start);
		assert_int_equal(
			segment_get(&wide, i + 1, ELF_FIELD(Phdr, p_memsz)),
			place[i].size);
		assert_int_equal(
			segment_get(&wide, i + 1, ELF_FIELD(Phdr, p_vaddr)), 0);
		at = segment_get(&wide, i + 1, ELF_FIELD(Phdr, p_offset));
		assert_in_core(at, backing[i].host, (size_t)place[i].size);
	}
}

static void write__what_was_never_touched_takes_no_space(void **state)
{
	struct stat st;

	(void)state;
	backing[0].host[5 * PAGE] = 1;
	assert_int_equal(write_it(&wide, NULL, 0), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_true((uint64_t)st.st_size >= place[0].size + place[1].size);
	/* Headers, and that page. */
	assert_true(st.st_blocks * 512 <= 4 * sysconf(_SC_PAGESIZE));
}

static void write__views_give_virtual_addresses(void **state)
{
	const struct core_view view[] = {
		{ { place[0].start, UINT64_C(1) << 40 },
		  UINT64_C(0xffff000000000000) },
		{ { place[0].start + 4 * PAGE, 2 * PAGE },
		  UINT64_C(0xffff800008000000) },
	};

	(void)state;
	assert_int_equal(write_it(&wide, view, 2), 0);
	assert_int_equal(get(&wide, 0, ELF_FIELD(Ehdr, e_phnum)), 4);
	assert_int_equal(segment_get(&wide, 1, ELF_FIELD(Phdr, p_vaddr)),
			 view[0].vaddr);
	/* The same bytes again, where the kernel's image is. */
	assert_int_equal(segment_get(&wide, 2, ELF_FIELD(Phdr, p_vaddr)),
			 view[1].vaddr);
	assert_int_equal(segment_get(&wide, 2, ELF_FIELD(Phdr, p_memsz)),
			 2 * PAGE);
	assert_int_equal(segment_get(&wide, 2, ELF_FIELD(Phdr, p_offset)),
			 segment_get(&wide, 1, ELF_FIELD(Phdr, p_offset)) +
				 4 * PAGE);
	assert_int_equal(segment_get(&wide, 3, ELF_FIELD(Phdr, p_vaddr)),
			 view[0].vaddr + place[1].start - place[0].start);
}

static void write__notes_are_padded(void **state)
{
	uint64_t at;

	(void)state;
	core_add_note(&notes, "CORE", NT_PRSTATUS, "12345", 5);
	core_add_note(&notes, "VMCOREINFO", 0, "x", 1);
	assert_int_equal(write_it(&wide, NULL, 0), 0);
	at = segment_get(&wide, 0, ELF_FIELD(Phdr, p_offset));
	assert_int_equal(segment_get(&wide, 0, ELF_FIELD(Phdr, p_filesz)),
			 12 + 8 + 8 + 12 + 12 + 4);
	assert_in_core(at,
		       "\5\0\0\0\5\0\0\0\1\0\0\0CORE\0\0\0\0"
		       "12345\0\0\0"
		       "\13\0\0\0\1\0\0\0\0\0\0\0VMCOREINFO\0\0x\0\0\0",
		       56);
}

static void prstatus__has_the_kernels_layout(void **state)
{
	const uint64_t reg[34] = { [0] = 0x1111, [33] = 0x3333 };
	const uint64_t few[45] = { [44] = 0x4444 };
	uint64_t at;

	(void)state;
	core_add_prstatus(&notes, 6, reg, 34);
	assert_int_equal(notes.size, 12 + 8 + 392);
	assert_int_equal(write_it(&wide, NULL, 0), 0);
	at = segment_get(&wide, 0, ELF_FIELD(Phdr, p_offset)) + 12 + 8;
	assert_in_core(at + 32, "\7\0\0\0", 4);
	assert_in_core(at + 112, "\x11\x11\0\0\0\0\0\0", 8);
	assert_in_core(at + 112 + 33 * 8, "\x33\x33\0\0\0\0\0\0", 8);

	core_notes_finish(&notes);
	notes.target = &narrow;
	core_add_prstatus(&notes, 0, few, 45);
	assert_int_equal(notes.size, 12 + 8 + 256);
	assert_int_equal(write_it(&narrow, NULL, 0), 0);
	at = segment_get(&narrow, 0, ELF_FIELD(Phdr, p_offset)) + 12 + 8;
	assert_in_core(at + 24, "\0\0\0\1", 4);
	assert_in_core(at + 72 + 44 * 4, "\0\0\x44\x44", 4);
}

static void write__a_narrow_core_of_the_other_byte_order(void **state)
{
	(void)state;
	notes.target = &narrow;
	core_add_note(&notes, "CORE", NT_PRSTATUS, "1234", 4);
	assert_int_equal(write_it(&narrow, NULL, 0), 0);
	assert_int_equal(get(&narrow, 0, ELF_FIELD(Ehdr, e_machine)), EM_MIPS);
	assert_int_equal(segment_get(&narrow, 2, ELF_FIELD(Phdr, p_paddr)),
			 place[1].start);
	assert_in_core(segment_get(&narrow, 0, ELF_FIELD(Phdr, p_offset)),
		       "\0\0\0\5\0\0\0\4\0\0\0\1CORE", 16);
}

static void
write__memory_that_a_narrow_core_cannot_tell_is_refused(void **state)
{
	struct mem_map high = {
		.count = 1,
		.region[0] = { .gpa = { UINT64_C(0xfffff000), 2 * PAGE },
			       .kind = MEM_RAM,
			       .host = backing[0].host },
	};
	const struct core core = {
		.target = &narrow, .notes = &notes, .map = &high, .stop = &stop
	};

	(void)state;
	assert_int_equal(core_write(fd, &core, &written, &err), -EFBIG);
	assert_string_equal(err.msg, "core: memory at 0xfffff000 is beyond "
				     "what a 32-bit core tells");
}

static void write__a_wish_to_stop_is_heard(void **state)
{
	(void)state;
	backing[0].host[0] = 1;
	stop = true;
	assert_int_equal(write_it(&wide, NULL, 0), -ECANCELED);
}

static void write__what_the_disk_refuses_is_told(void **state)
{
	(void)state;
	(void)close(fd);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(write_it(&wide, NULL, 0), -EINVAL);
	assert_string_equal(err.msg, "core: Invalid argument");
}

/* A note as Linux keeps it. */
static void put_info(uint64_t page, const char *text, uint32_t size)
{
	uint8_t *at = backing[0].host + page * PAGE;

	memset(at, 0, (size_t)PAGE);
	store_host(at, 4, sizeof("VMCOREINFO"));
	store_host(at + 4, 4, size);
	memcpy(at + 12, "VMCOREINFO", sizeof("VMCOREINFO"));
	memcpy(at + 24, text, strlen(text));
}

static void vmcoreinfo__is_found_where_linux_keeps_it(void **state)
{
	static const char text[] = "OSRELEASE=6.12\nNUMBER(VA_BITS)=48\n";
	char *info = NULL;
	uint64_t n = 0;

	(void)state;
	assert_int_equal(core_find_vmcoreinfo(&map, &stop, &info, &err), 0);
	assert_null(info);
	put_info(100, text, sizeof(text) - 1);
	assert_int_equal(core_find_vmcoreinfo(&map, &stop, &info, &err), 0);
	assert_string_equal(info, text);
	assert_true(core_vmcoreinfo_get(info, "NUMBER(VA_BITS)", 0, &n));
	assert_int_equal(n, 48);
	assert_false(core_vmcoreinfo_get(info, "NUMBER(VA_BIT)", 0, &n));
	assert_false(core_vmcoreinfo_get(info, "OSRELEASE", 0, &n));
	free(info);
}

static void vmcoreinfo__sizes_that_lie_are_no_note(void **state)
{
	char *info = NULL;

	(void)state;
	put_info(1, "OSRELEASE=6.12\n", UINT32_MAX);
	put_info(511, "OSRELEASE=6.12\n", 4096); /* behind the end */
	put_info(300, "OSRELEASE=6.12\n", CORE_MAX_VMCOREINFO + 1);
	put_info(20, "KERNEL=6.12\n", 12);
	assert_int_equal(core_find_vmcoreinfo(&map, &stop, &info, &err), 0);
	assert_null(info);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		CASE(write__every_region_is_a_segment_with_its_bytes),
		CASE(write__what_was_never_touched_takes_no_space),
		CASE(write__views_give_virtual_addresses),
		CASE(write__notes_are_padded),
		CASE(prstatus__has_the_kernels_layout),
		CASE(write__a_narrow_core_of_the_other_byte_order),
		CASE(write__memory_that_a_narrow_core_cannot_tell_is_refused),
		CASE(write__a_wish_to_stop_is_heard),
		CASE(write__what_the_disk_refuses_is_told),
		CASE(vmcoreinfo__is_found_where_linux_keeps_it),
		CASE(vmcoreinfo__sizes_that_lie_are_no_note),
	};

	return RUN_TESTS(tests);
}
