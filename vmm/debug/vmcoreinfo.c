/* vmm/debug/vmcoreinfo.c - what a Linux guest tells of itself to those who read
 * its core. */
#include <elf.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "mem/contents.h"
#include "vmm/debug/core.h"

#define INFO_PAGE UINT64_C(4096)
#define INFO_NAME "VMCOREINFO"
#define INFO_FIRST "OSRELEASE="

/* How a guest of this host's byte order has it in memory: a note, and its text
 * behind the name, padded to a multiple of 4. */
struct info_note {
	Elf64_Nhdr head; /* the same as Elf32_Nhdr */
	char name[12];
	char first[sizeof(INFO_FIRST) - 1];
};

struct info_search {
	char **info; /* found; NULL: not yet */
	const bool *stop; /* atomic */
};

/* Takes the note at @host, if there is one in the @left bytes. */
static int take_vmcoreinfo(const uint8_t *host, uint64_t left, char **ret,
			   struct err *err)
{
	const size_t text = offsetof(struct info_note, first);
	struct info_note note;
	uint32_t size;

	if (left < sizeof(note))
		return 0;
	memcpy(&note, host, sizeof(note));
	size = note.head.n_descsz;
	if (note.head.n_namesz != sizeof(INFO_NAME) || note.head.n_type != 0 ||
	    memcmp(note.name, INFO_NAME, sizeof(INFO_NAME)) != 0 ||
	    memcmp(note.first, INFO_FIRST, sizeof(note.first)) != 0 ||
	    size > CORE_MAX_VMCOREINFO || size > left - text)
		return 0;
	*ret = malloc((size_t)size + 1);
	if (!*ret)
		return err_set(err, -ENOMEM, "core: out of memory");
	memcpy(*ret, host + text, size);
	(*ret)[size] = 0;
	return 0;
}

static int look_for_vmcoreinfo(void *ctx, uint64_t offset, const uint8_t *host,
			       uint64_t len, struct err *err)
{
	const struct info_search *search = ctx;
	int r = 0;

	(void)offset;
	for (uint64_t at = 0; r == 0 && !*search->info && at < len;
	     at += INFO_PAGE) {
		if (__atomic_load_n(search->stop, __ATOMIC_RELAXED))
			return err_set(err, -ECANCELED,
				       "core: ended by request");
		r = take_vmcoreinfo(host + at, len - at, search->info, err);
	}
	return r;
}

int core_find_vmcoreinfo(const struct mem_map *map, const bool *stop,
			 char **ret, struct err *err)
{
	struct info_search search = { ret, stop };
	struct residency_source pages;
	int r = residency_open(&pages, err);

	*ret = NULL;
	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && !*ret && i < map->count; i++) {
		const struct mem_region *region = &map->region[i];
		const struct contents_part part = { region, 0,
						    region->gpa.size };

		if (region->kind == MEM_RAM)
			r = contents_find(&pages, &part, look_for_vmcoreinfo,
					  &search, err);
	}
	residency_close(&pages);
	return r;
}

bool core_vmcoreinfo_get(const char *info, const char *key, int base,
			 uint64_t *ret)
{
	const size_t len = strlen(key);

	for (const char *line = info; line; line = strchr(line, '\n')) {
		char *end;

		line += *line == '\n';
		if (strncmp(line, key, len) != 0 || line[len] != '=')
			continue;
		errno = 0;
		*ret = strtoull(line + len + 1, &end, base);
		return errno == 0 && end != line + len + 1 &&
		       (*end == '\n' || *end == 0);
	}
	return false;
}
