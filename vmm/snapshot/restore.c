/* vmm/snapshot/restore.c - brings a machine to where a snapshot stands. */
#include "vmm/snapshot/restore.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "mem/clear.h"
#include "mem/image_map.h"
#include "vmm/machine/machine.h"
#include "vmm/machine/machine_state.h"
#include "vmm/snapshot/lazy.h"

/* A struct restore is large: it is filled where it is. */
int restore_open(struct restore *ret, const char *path, const char *arch,
		 struct err *err)
{
	size_t size = 0;
	int r = snapshot_chain_open(&ret->chain, path, arch, err);

	if (r == 0)
		r = snapshot_chain_state(&ret->chain, &ret->data, &size, err);
	if (r == 0) {
		r = state_open(&ret->state, ret->data, size, arch, err);
		if (r < 0)
			(void)err_wrap(err, "%s", path);
	}
	if (r < 0)
		restore_close(ret);
	return r;
}

static void free_flashes(struct restore *restore)
{
	for (size_t i = 0; i < CONFIG_MAX_FLASHES; i++) {
		free(restore->flash[i]);
		restore->flash[i] = NULL;
	}
}

void restore_close(struct restore *restore)
{
	free_flashes(restore);
	restore->lazy = lazy_free(restore->lazy);
	while (restore->maps > 0)
		(void)image_map_free(restore->map[--restore->maps]);
	snapshot_chain_finish(&restore->chain);
	free(restore->data);
	*restore = (struct restore){ 0 };
}

const char *const restore_ways[] = { [RESTORE_AUTO] = "auto",
				     [RESTORE_COPY] = "copy",
				     [RESTORE_MAP] = "map",
				     [RESTORE_LAZY] = "lazy",
				     NULL };

static const struct image_region *saved_region(const struct restore *restore,
					       size_t region)
{
	return image_region(restore->chain.memory.image[0], region);
}

static size_t saved_regions(const struct restore *restore)
{
	return image_memory_regions(restore->chain.memory.image[0]);
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

/* Before the chain is the lazy thread's. */
static int read_saved_flash(struct restore *restore,
			    const struct machine *machine, size_t saved,
			    const struct flash *flash, int stop,
			    struct err *err)
{
	const size_t index = (size_t)(flash - machine->flashes.flash);
	uint8_t *bytes = calloc(1, (size_t)flash->image.size);

	if (!bytes)
		return err_set(err, -ENOMEM, "%s: out of memory",
			       flash->image.path);
	restore->flash[index] = bytes;
	return image_chain_load(&restore->chain.memory, saved, bytes, stop,
				err);
}

/* The guest's memory is the file itself, mapped to be read. */
static int write_saved_flash(const struct flash *flash, const uint8_t *bytes,
			     struct err *err)
{
	const size_t size = (size_t)flash->image.size;
	const uint8_t *now = mem_ptr(flash->all->map, flash->at.start, size,
				     MEM_READ);
	int r;

	if (now && memcmp(bytes, now, size) == 0)
		return 0;
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

static int check_region(const struct image_region *saved,
			const struct mem_region *region, struct err *err)
{
	if (saved->gpa.start != region->gpa.start ||
	    saved->gpa.size != region->gpa.size || saved->kind != region->kind)
		return other_memory(region, err);
	return 0;
}

/* A region of the machine and of the snapshot. */
struct both {
	size_t saved; /* index of the snapshot's */
	const struct mem_region *region;
	const struct flash *flash; /* that it is; NULL: none */
};

/*
 * Calls @load for each region that the snapshot has. Returns 0, what that
 * returned, or -EXDEV if the machine has other regions.
 */
static int
for_regions(struct restore *restore, struct machine *machine,
	    int (*load)(struct restore *restore, struct machine *machine,
			const struct both *both, void *ctx, struct err *err),
	    void *ctx, struct err *err)
{
	const struct mem_map *map = &machine->mem;
	size_t saved = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < map->count; i++) {
		const struct mem_region *region = &map->region[i];
		const struct both both = { saved, region,
					   find_flash(machine, region) };

		if (region->kind == MEM_RESERVED)
			continue;
		if (saved == saved_regions(restore))
			return other_memory(region, err);
		r = check_region(saved_region(restore, saved++), region, err);
		if (r == 0)
			r = load(restore, machine, &both, ctx, err);
	}
	if (r == 0 && saved < saved_regions(restore))
		r = err_input(err, -EXDEV,
			      "the snapshot has memory at 0x%" PRIx64
			      " that this machine has not",
			      saved_region(restore, saved)->gpa.start);
	return r;
}

/* What is no RAM is small, and copied in every way. */
static bool is_always_copied(const struct both *both)
{
	return both->region->kind == MEM_ROM || !both->region->backing;
}

/* @ctx: judges a policy, as image_map_check() does */
struct judge {
	int (*check)(const struct mem_policy *policy, struct err *err);
};

static int judge_region(struct restore *restore, struct machine *machine,
			const struct both *both, void *ctx, struct err *err)
{
	const struct judge *judge = ctx;

	(void)restore;
	(void)machine;
	if (is_always_copied(both))
		return 0;
	if (judge->check(&both->region->backing->policy, err) < 0)
		return err_wrap(err, "%s at 0x%" PRIx64, both->region->name,
				both->region->gpa.start);
	return 0;
}

static int try_map(struct restore *restore, struct machine *machine,
		   struct err *err)
{
	struct judge judge = { image_map_check };
	const struct image_chain *chain = &restore->chain.memory;

	if (machine->limits.tagged)
		return err_input(
			err, -ENOTSUP,
			"the guest has memory tags (MTE), which mapped "
			"files cannot carry");
	for (size_t i = 0; i < chain->count; i++)
		if (image_is_compressed(chain->image[i]))
			return err_input(err, -ENOTSUP,
					 "the snapshot is compressed");
	return for_regions(restore, machine, judge_region, &judge, err);
}

static int try_lazy(struct restore *restore, struct machine *machine,
		    struct err *err)
{
	struct judge judge = { lazy_check };
	const int r = for_regions(restore, machine, judge_region, &judge, err);

	return r < 0 ? r
		     : lazy_new(&restore->lazy, &restore->chain.memory,
				restore->lost, restore->lost_ctx, err);
}

/* The fastest way, and why it is not a faster one. */
static int choose_fastest(struct restore *restore, struct machine *machine,
			  struct err *err)
{
	struct err lazy = { 0 };
	int r = try_map(restore, machine, &restore->slower);

	restore->way = RESTORE_MAP;
	if (r < 0 && r != -EXDEV) {
		r = try_lazy(restore, machine, &lazy);
		restore->way = r < 0 ? RESTORE_COPY : RESTORE_LAZY;
		if (r < 0 && strcmp(lazy.msg, restore->slower.msg) != 0)
			(void)err_wrap(&restore->slower, "%.200s; and",
				       lazy.msg);
		r = 0;
	}
	if (r < 0)
		*err = restore->slower;
	return r;
}

static int choose_way(struct restore *restore, struct machine *machine,
		      struct err *err)
{
	int r = 0;

	if (restore->record && restore->way == RESTORE_AUTO)
		restore->way = RESTORE_LAZY;
	if (restore->record && restore->way != RESTORE_LAZY)
		return err_input(err, -EINVAL,
				 "--record notes what is fetched, which goes "
				 "with --memory lazy alone");
	if (restore->way == RESTORE_AUTO)
		return choose_fastest(restore, machine, err);
	if (restore->way == RESTORE_MAP)
		r = try_map(restore, machine, err);
	else if (restore->way == RESTORE_LAZY)
		r = try_lazy(restore, machine, err);
	return r < 0 && r != -EXDEV
		     ? err_wrap(err, "--memory %s", restore_ways[restore->way])
		     : r;
}

/* The map has backings to be read. */
static struct backing *own_backing(struct machine *machine,
				   const struct mem_region *region)
{
	return &machine->backings.at[region->backing - machine->backings.at];
}

static int map_region(struct restore *restore, struct machine *machine,
		      const struct both *both, struct err *err)
{
	const int r = image_map_new(&restore->map[restore->maps],
				    &restore->chain.memory, both->saved,
				    own_backing(machine, both->region), err);

	if (r == 0)
		restore->maps++;
	return r;
}

static int load_region(struct restore *restore, struct machine *machine,
		       const struct both *both, void *ctx, struct err *err)
{
	const int *stop = ctx;

	if (both->flash)
		return read_saved_flash(restore, machine, both->saved,
					both->flash, *stop, err);
	if (restore->way == RESTORE_MAP && !is_always_copied(both))
		return map_region(restore, machine, both, err);
	if (restore->way == RESTORE_LAZY && !is_always_copied(both))
		return lazy_add(restore->lazy, both->saved,
				own_backing(machine, both->region), err);
	clear_region(both->region);
	return image_chain_load(&restore->chain.memory, both->saved,
				both->region->host, *stop, err);
}

static int start_lazy(const struct restore *restore, struct err *err)
{
	const struct snapshot_chain *chain = &restore->chain;

	if (restore->record)
		lazy_record(restore->lazy, chain->fd, chain->about.id);
	else
		lazy_follow(restore->lazy, chain->fd, chain->about.id);
	return lazy_start(restore->lazy, err);
}

int restore_memory(struct restore *restore, struct machine *machine, int stop,
		   struct err *err)
{
	int r = machine_load_memory(machine, &restore->state, err);

	if (r == 0)
		r = choose_way(restore, machine, err);
	if (r == 0)
		r = for_regions(restore, machine, load_region, &stop, err);
	if (r == 0 && restore->lazy)
		r = start_lazy(restore, err);
	if (r < 0)
		return err_wrap(err, "%s", restore->chain.full_path);
	log_info("memory: %s%s%s", restore_ways[restore->way],
		 restore->slower.code < 0 ? ", as " : "",
		 restore->slower.code < 0 ? restore->slower.msg : "");
	return 0;
}

void restore_runs(struct restore *restore)
{
	if (restore->lazy)
		lazy_prefetch(restore->lazy);
}

int restore_error(const struct restore *restore, struct err *err)
{
	const int r = restore->lazy ? lazy_error(restore->lazy, err) : 0;

	return r < 0 ? err_wrap(err, "%s", restore->chain.full_path) : 0;
}

void restore_stop(struct restore *restore)
{
	if (restore->lazy)
		lazy_stop(restore->lazy);
}

int restore_tell(const struct restore *restore, struct err *err)
{
	_cleanup_(freep) char *text = NULL;
	json_t *told;

	if (!restore->tell)
		return 0;
	told = json_pack("{s:s, s:s, s:s*}", "id", restore->chain.about.id,
			 "memory", restore_ways[restore->way], "slower",
			 restore->slower.code < 0 ? restore->slower.msg : NULL);
	text = told ? json_dumps(told, 0) : NULL;
	json_decref(told);
	if (!text)
		return err_set(err, -ENOMEM, "--json: out of memory");
	if (printf("%s\n", text) < 0 || fflush(stdout) != 0)
		return err_sys(err, "standard output");
	return 0;
}

int restore_flashes(struct restore *restore, struct machine *machine,
		    struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < machine->flashes.count; i++)
		r = write_saved_flash(&machine->flashes.flash[i],
				      restore->flash[i], err);
	free_flashes(restore);
	return r < 0 ? err_wrap(err, "%s", restore->chain.full_path) : 0;
}
