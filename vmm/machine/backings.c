/* vmm/machine/backings.c - the host memory of a machine's regions. */
#include "vmm/machine/backings.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vmm/machine/rom.h"

/* Returns the next backing to be made, or NULL. backings_map() counts it. */
static struct backing *backings_next(struct backings *backings,
				     const char *name, struct err *err)
{
	if (backings->count < MEM_MAX_REGIONS)
		return &backings->at[backings->count];
	(void)err_set(err, -ENOSPC, "%s: too many regions", name);
	return NULL;
}

static int backings_map(struct backings *backings, struct range at,
			enum mem_kind kind, const char *name, struct err *err)
{
	struct backing *backing = &backings->at[backings->count++];
	struct mem_region region = { .gpa = at,
				     .kind = kind,
				     .host = backing->host,
				     .backing = backing };

	(void)snprintf(region.name, sizeof(region.name), "%s", name);
	return mem_add(backings->map, region, err);
}

int backings_add(struct backings *backings, struct range at, enum mem_kind kind,
		 const struct mem_policy *policy, const char *name,
		 struct err *err)
{
	struct backing *backing = backings_next(backings, name, err);
	int r;

	if (!backing)
		return err->code;
	r = backing_init(backing, at, backings->block_size, policy, err);
	return r == 0 ? backings_map(backings, at, kind, name, err) : r;
}

int backings_make(struct backings *backings, struct range at,
		  const struct mem_policy *policy, struct backing **ret,
		  struct err *err)
{
	struct backing *backing = backings_next(backings, "guest memory", err);
	int r;

	if (!backing)
		return err->code;
	r = backing_init(backing, at, backings->block_size, policy, err);
	if (r < 0)
		return r;
	backings->count++;
	*ret = backing;
	return 0;
}

int backings_add_file(struct backings *backings, struct range at, int fd,
		      const char *path, struct err *err)
{
	struct backing *backing = backings_next(backings, "flash", err);
	int r;

	if (!backing)
		return err->code;
	r = backing_init_file(backing, at, backings->block_size, fd, path, err);
	return r == 0 ? backings_map(backings, at, MEM_ROM, "flash", err) : r;
}

int backings_add_rom(struct backings *backings, const struct rom_spec *spec,
		     uint64_t page, struct err *err)
{
	struct backing *backing = backings_next(backings, spec->path, err);
	const char *slash = strrchr(spec->path, '/');
	char name[MEM_NAME_MAX];
	struct range at;
	int r;

	if (!backing)
		return err->code;
	r = rom_load(backing, spec, page, backings->block_size, &at, err);
	if (r < 0)
		return r;
	(void)snprintf(name, sizeof(name), "ROM %s",
		       slash ? slash + 1 : spec->path);
	return backings_map(backings, at, MEM_ROM, name, err);
}

void backings_finish(struct backings *backings)
{
	while (backings->count > 0)
		backing_finish(&backings->at[--backings->count]);
}
