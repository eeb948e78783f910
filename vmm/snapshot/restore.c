/* vmm/snapshot/restore.c - brings a machine to where a snapshot stands. */
#include "vmm/snapshot/restore.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "mem/discard.h"
#include "vmm/machine/machine.h"
#include "vmm/machine/machine_state.h"

int restore_open(struct restore *ret, const char *path, const char *arch,
		 struct err *err)
{
	struct restore restore = { 0 };
	size_t size = 0;
	int r = snapshot_chain_open(&restore.chain, path, arch, err);

	if (r == 0)
		r = snapshot_chain_state(&restore.chain, &restore.data, &size,
					 err);
	if (r == 0) {
		r = state_open(&restore.state, restore.data, size, arch, err);
		if (r < 0)
			(void)err_wrap(err, "%s", path);
	}
	if (r < 0)
		restore_close(&restore);
	else
		*ret = restore;
	return r;
}

void restore_close(struct restore *restore)
{
	snapshot_chain_finish(&restore->chain);
	free(restore->data);
	*restore = (struct restore){ 0 };
}

static const struct image_region *saved_region(const struct restore *restore,
					       size_t region)
{
	return image_region(restore->chain.memory.image[0], region);
}

static size_t saved_regions(const struct restore *restore)
{
	return image_regions(restore->chain.memory.image[0]);
}

static int other_memory(const struct mem_region *region, struct err *err)
{
	return err_input(err, -EXDEV,
			 "%s at 0x%" PRIx64
			 ": the snapshot has other memory there",
			 region->name, region->gpa.start);
}

static const struct flash *find_flash(const struct machine *machine,
				      const struct mem_region *region)
{
	for (size_t i = 0; i < machine->flashes.count; i++)
		if (machine->flashes.flash[i].at.start == region->gpa.start)
			return &machine->flashes.flash[i];
	return NULL;
}

/* The guest's memory is the file itself, mapped to be read. */
static int load_flash(const struct restore *restore, size_t saved,
		      const struct flash *flash, const uint8_t *now,
		      struct err *err)
{
	const size_t size = (size_t)flash->image.size;
	_cleanup_(freep) uint8_t *bytes = calloc(1, size);
	int r;

	if (!bytes)
		return err_set(err, -ENOMEM, "%s: out of memory",
			       flash->image.path);
	r = image_chain_load(&restore->chain.memory, saved, bytes, err);
	if (r < 0 || memcmp(bytes, now, size) == 0)
		return r;
	if (flash->image.ro)
		return err_input(err, -EROFS,
				 "%s: has changed since the snapshot, and is "
				 "read-only",
				 flash->image.path);
	r = file_write_at(flash->image.fd, bytes, size, 0);
	if (r == 0 && fdatasync(flash->image.fd) < 0)
		r = -errno;
	return r < 0 ? err_set(err, r, "%s: %s", flash->image.path,
			       strerrordesc_np(-r))
		     : 0;
}

static bool is_zero_page(const uint8_t *page)
{
	return page[0] == 0 && memcmp(page, page + 1, IMAGE_PAGE - 1) == 0;
}

/* Memory of a file holds what that held: it is zeroes for the load. */
static void clear_memory(const struct mem_region *region)
{
	const struct backing *backing = region->backing;

	if (!backing || backing->policy.source != MEM_FILE)
		return;
	if (backing->policy.share &&
	    backing_discard(backing, 0, backing->size) == 0)
		return;
	for (uint64_t at = 0; at < region->gpa.size; at += IMAGE_PAGE)
		if (!is_zero_page(region->host + at))
			memset(region->host + at, 0, IMAGE_PAGE);
}

/* @flashes: loads those, and else all others. */
static int load_region(const struct restore *restore, size_t saved,
		       const struct machine *machine,
		       const struct mem_region *region, bool flashes,
		       struct err *err)
{
	const struct image_region *from = saved_region(restore, saved);
	const struct flash *flash = find_flash(machine, region);

	if (from->gpa.start != region->gpa.start ||
	    from->gpa.size != region->gpa.size || from->kind != region->kind)
		return other_memory(region, err);
	if (flashes != (flash != NULL))
		return 0;
	if (flash)
		return load_flash(restore, saved, flash, region->host, err);
	clear_memory(region);
	return image_chain_load(&restore->chain.memory, saved, region->host,
				err);
}

static int load_regions(const struct restore *restore,
			const struct machine *machine, bool flashes,
			struct err *err)
{
	const struct mem_map *map = &machine->mem;
	size_t saved = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < map->count; i++) {
		const struct mem_region *region = &map->region[i];

		if (region->kind == MEM_RESERVED)
			continue;
		if (saved == saved_regions(restore))
			return other_memory(region, err);
		r = load_region(restore, saved++, machine, region, flashes,
				err);
	}
	if (r == 0 && saved < saved_regions(restore))
		r = err_input(err, -EXDEV,
			      "the snapshot has memory at 0x%" PRIx64
			      " that this machine has not",
			      saved_region(restore, saved)->gpa.start);
	return r;
}

int restore_memory(struct restore *restore, struct machine *machine,
		   struct err *err)
{
	int r = machine_load_memory(machine, &restore->state, err);

	if (r == 0)
		r = load_regions(restore, machine, false, err);
	return r < 0 ? err_wrap(err, "%s", restore->chain.full_path) : 0;
}

int restore_flashes(const struct restore *restore,
		    const struct machine *machine, struct err *err)
{
	const int r = load_regions(restore, machine, true, err);

	return r < 0 ? err_wrap(err, "%s", restore->chain.full_path) : 0;
}
