/* vmm/debug/core.c - a guest as an ELF core. */
#include "vmm/debug/core.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/align.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "mem/contents.h"

/* Memory begins on such an offset, so that a reader can map it. */
#define CORE_ALIGN UINT64_C(65536)

/* What of memory is looked at for zeroes at a time, in bytes. */
#define CORE_PAGE UINT64_C(4096)

#define NOTE_HEAD 12 /* Elf32_Nhdr and Elf64_Nhdr are the same */

/* A segment of a core. */
struct core_segment {
	size_t region; /* of the map */
	struct range gpa; /* part of it, or all */
	uint64_t vaddr; /* 0: not known */
};

/* Each region, and each part of one that a further view shows. */
#define MAX_SEGMENTS (MEM_MAX_REGIONS * CORE_MAX_VIEWS)

/* A core that is being written. */
struct core_file {
	const struct core *core;
	int fd;
	struct core_segment segment[MAX_SEGMENTS];
	size_t segments;
	uint64_t notes; /* their offset */
	uint64_t place[MEM_MAX_REGIONS]; /* the offset of each region */
	uint64_t end;
};

/* Memory that is being written. */
struct core_walk {
	const struct core_file *file;
	uint64_t place; /* of its region, in the file */
	uint64_t bytes; /* written */
};

static uint64_t pad_to(uint64_t size, uint64_t align)
{
	return align_down(size + (align - 1), align);
}

void core_add_note(struct core_notes *notes, const char *name, uint32_t type,
		   const void *desc, size_t size)
{
	const struct elf_target *target = notes->target;
	const size_t name_size = strlen(name) + 1;
	const size_t name_room = (size_t)pad_to(name_size, 4);
	const size_t all = NOTE_HEAD + name_room + (size_t)pad_to(size, 4);
	uint8_t *at;

	if (notes->room - notes->size < all) {
		const size_t room = 2 * notes->room + all;
		uint8_t *data = realloc(notes->data, room);

		if (!data) {
			notes->failed = true;
			return;
		}
		notes->data = data;
		notes->room = room;
	}
	at = notes->data + notes->size;
	memset(at, 0, all);
	elf_put(target, at, ELF_FIELD(Nhdr, n_namesz), name_size);
	elf_put(target, at, ELF_FIELD(Nhdr, n_descsz), size);
	elf_put(target, at, ELF_FIELD(Nhdr, n_type), type);
	memcpy(at + NOTE_HEAD, name, name_size);
	memcpy(at + NOTE_HEAD + name_room, desc, size);
	notes->size += all;
}

/* Stores the low bytes of an integer, in the order of the target. */
static void put_core_int(const struct elf_target *target, uint8_t *at,
			 unsigned size, uint64_t val)
{
	for (unsigned i = 0; i < size; i++)
		at[target->data == ELFDATA2MSB ? size - 1 - i : i] =
			(uint8_t)(val >> (8 * i));
}

/*
 * struct elf_prstatus: three integers and the signal, in 16 bytes; two words;
 * four integers, of which the first is the process; eight words of times; the
 * registers; an integer. Source: Linux, include/linux/elfcore.h
 */
void core_add_prstatus(struct core_notes *notes, unsigned cpu,
		       const uint64_t *reg, size_t count)
{
	const unsigned word = notes->target->class == ELFCLASS64 ? 8 : 4;
	const size_t process = 16 + 2 * (size_t)word;
	const size_t first = process + 16 + 8 * (size_t)word;
	uint8_t desc[768] = { 0 };

	put_core_int(notes->target, desc + process, 4, cpu + 1);
	for (size_t i = 0; i < count; i++)
		put_core_int(notes->target, desc + first + i * word, word,
			     reg[i]);
	core_add_note(notes, "CORE", NT_PRSTATUS, desc,
		      (size_t)pad_to(first + count * word + 4, word));
}

void core_notes_finish(struct core_notes *notes)
{
	free(notes->data);
	notes->data = NULL;
	notes->size = notes->room = 0;
}

/* The parts of a region that the views after the first show are segments of
 * their own, with the same bytes. */
static void add_core_views(struct core_file *file, size_t region)
{
	const struct core *core = file->core;
	const struct range own = core->map->region[region].gpa;

	for (size_t i = 1; i < core->views; i++) {
		const struct core_view *view = &core->view[i];
		struct range part;

		if (!range_intersect(own, view->gpa, &part))
			continue;
		file->segment[file->segments++] = (struct core_segment){
			.region = region,
			.gpa = part,
			.vaddr = view->vaddr + (part.start - view->gpa.start),
		};
	}
}

static void add_core_region(struct core_file *file, size_t region)
{
	const struct core *core = file->core;
	const struct range gpa = core->map->region[region].gpa;
	struct core_segment *to = &file->segment[file->segments++];

	*to = (struct core_segment){ .region = region, .gpa = gpa };
	if (core->views > 0 && range_contains(core->view[0].gpa, gpa))
		to->vaddr = core->view[0].vaddr +
			    (gpa.start - core->view[0].gpa.start);
	add_core_views(file, region);
}

/* Finds what goes where. */
static void lay_core_out(struct core_file *file)
{
	const struct core *core = file->core;
	const struct elf_target *target = core->target;
	uint64_t at;

	for (size_t i = 0; i < core->map->count; i++)
		if (core->map->region[i].kind != MEM_RESERVED)
			add_core_region(file, i);
	file->notes = ELF_SIZE(target, Ehdr) +
		      (file->segments + 1) * ELF_SIZE(target, Phdr);
	at = pad_to(file->notes + core->notes->size, CORE_ALIGN);
	for (size_t i = 0; i < core->map->count; i++) {
		if (core->map->region[i].kind == MEM_RESERVED)
			continue;
		file->place[i] = at;
		at = pad_to(at + core->map->region[i].gpa.size, CORE_ALIGN);
	}
	file->end = at;
}

static void put_core_header(const struct core_file *file, uint8_t *head)
{
	static const uint8_t magic[] = { 0x7f, 'E', 'L', 'F' };
	const struct elf_target *target = file->core->target;

	memcpy(head, magic, sizeof(magic));
	head[EI_CLASS] = target->class;
	head[EI_DATA] = target->data;
	head[EI_VERSION] = EV_CURRENT;
	elf_put(target, head, ELF_FIELD(Ehdr, e_type), ET_CORE);
	elf_put(target, head, ELF_FIELD(Ehdr, e_machine), target->machine);
	elf_put(target, head, ELF_FIELD(Ehdr, e_version), EV_CURRENT);
	elf_put(target, head, ELF_FIELD(Ehdr, e_phoff), ELF_SIZE(target, Ehdr));
	elf_put(target, head, ELF_FIELD(Ehdr, e_ehsize),
		ELF_SIZE(target, Ehdr));
	elf_put(target, head, ELF_FIELD(Ehdr, e_phentsize),
		ELF_SIZE(target, Phdr));
	elf_put(target, head, ELF_FIELD(Ehdr, e_phnum), file->segments + 1);
}

static void put_core_segment(const struct core_file *file, uint8_t *head,
			     const struct core_segment *segment)
{
	const struct elf_target *target = file->core->target;
	const struct mem_region *region =
		&file->core->map->region[segment->region];

	elf_put(target, head, ELF_FIELD(Phdr, p_type), PT_LOAD);
	elf_put(target, head, ELF_FIELD(Phdr, p_flags),
		region->kind == MEM_ROM ? PF_R | PF_X : PF_R | PF_W | PF_X);
	elf_put(target, head, ELF_FIELD(Phdr, p_offset),
		file->place[segment->region] +
			(segment->gpa.start - region->gpa.start));
	elf_put(target, head, ELF_FIELD(Phdr, p_vaddr), segment->vaddr);
	elf_put(target, head, ELF_FIELD(Phdr, p_paddr), segment->gpa.start);
	elf_put(target, head, ELF_FIELD(Phdr, p_filesz), segment->gpa.size);
	elf_put(target, head, ELF_FIELD(Phdr, p_memsz), segment->gpa.size);
}

static int core_write_failed(int r, struct err *err)
{
	return err_set(err, r, "core: %s", strerrordesc_np(-r));
}

static int write_core_headers(const struct core_file *file, struct err *err)
{
	const struct core_notes *notes = file->core->notes;
	const struct elf_target *target = file->core->target;
	_cleanup_(freep) uint8_t *head = calloc(1, (size_t)file->notes);
	uint8_t *at;
	int r;

	if (!head)
		return err_set(err, -ENOMEM, "core: out of memory");
	put_core_header(file, head);
	at = head + ELF_SIZE(target, Ehdr);
	elf_put(target, at, ELF_FIELD(Phdr, p_type), PT_NOTE);
	elf_put(target, at, ELF_FIELD(Phdr, p_offset), file->notes);
	elf_put(target, at, ELF_FIELD(Phdr, p_filesz), notes->size);
	for (size_t i = 0; i < file->segments; i++) {
		at += ELF_SIZE(target, Phdr);
		put_core_segment(file, at, &file->segment[i]);
	}
	r = file_write_at(file->fd, head, (size_t)file->notes, 0);
	if (r == 0 && notes->size > 0)
		r = file_write_at(file->fd, notes->data, notes->size,
				  file->notes);
	return r < 0 ? core_write_failed(r, err) : 0;
}

/* How many bytes at @host are pages of zeroes, or are none. */
static uint64_t count_alike(const uint8_t *host, uint64_t len, bool zero)
{
	uint64_t n = 0;

	while (n < len && bytes_are_zero(host + n, CORE_PAGE) == zero)
		n += CORE_PAGE;
	return n;
}

static int write_core_run(void *ctx, uint64_t offset, const uint8_t *host,
			  uint64_t len, struct err *err)
{
	struct core_walk *walk = ctx;
	const struct core_file *file = walk->file;
	uint64_t at = 0;

	while (at < len) {
		uint64_t n, most;
		int r;

		if (__atomic_load_n(file->core->stop, __ATOMIC_RELAXED))
			return err_set(err, -ECANCELED,
				       "core: ended by request");
		/* Bounded, so that a wish to stop is heard. */
		most = len - at < (1U << 20) ? len - at : 1U << 20;
		n = count_alike(host + at, most, true);
		at += n;
		n = count_alike(host + at, most - n, false);
		if (n == 0)
			continue;
		r = file_write_at(file->fd, host + at, (size_t)n,
				  walk->place + offset + at);
		if (r < 0)
			return core_write_failed(r, err);
		walk->bytes += n;
		at += n;
	}
	return 0;
}

static int write_core_memory(const struct core_file *file, uint64_t *ret_bytes,
			     struct err *err)
{
	const struct mem_map *map = file->core->map;
	struct residency_source pages;
	struct core_walk walk = { .file = file };
	int r = residency_open(&pages, err);

	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < map->count; i++) {
		const struct mem_region *region = &map->region[i];
		const struct contents_part part = { region, 0,
						    region->gpa.size };

		if (region->kind == MEM_RESERVED)
			continue;
		walk.place = file->place[i];
		r = contents_find(&pages, &part, write_core_run, &walk, err);
	}
	residency_close(&pages);
	*ret_bytes = walk.bytes;
	return r;
}

/* A 32-bit core ends below 4 GiB, and so does what it tells of. */
static int check_core_fits(const struct core_file *file, struct err *err)
{
	const struct core *core = file->core;
	const uint64_t end = UINT64_C(1) << 32;

	if (core->target->class == ELFCLASS64)
		return 0;
	for (size_t i = 0; i < file->segments; i++) {
		const struct range gpa = file->segment[i].gpa;

		if (gpa.start >= end || gpa.size > end - gpa.start)
			return err_set(err, -EFBIG,
				       "core: memory at 0x%" PRIx64
				       " is beyond what a 32-bit core tells",
				       gpa.start);
	}
	if (file->end > end)
		return err_set(err, -EFBIG,
			       "core: larger than a 32-bit core can be");
	return 0;
}

int core_write(int fd, const struct core *core, uint64_t *ret_bytes,
	       struct err *err)
{
	_cleanup_(freep) struct core_file *file = calloc(1, sizeof(*file));
	int r;

	if (!file || core->notes->failed)
		return err_set(err, -ENOMEM, "core: out of memory");
	file->core = core;
	file->fd = fd;
	lay_core_out(file);
	r = check_core_fits(file, err);
	if (r == 0 && ftruncate(fd, (off_t)file->end) < 0)
		r = core_write_failed(-errno, err);
	if (r == 0)
		r = write_core_headers(file, err);
	return r == 0 ? write_core_memory(file, ret_bytes, err) : r;
}
