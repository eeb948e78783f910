/* mem/image_copy.c - copies guest memory to an image. */
#include "mem/image_copy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "mem/blocks.h"
#include "mem/contents.h"
#include "mem/residency.h"

struct image_copy {
	const struct mem_map *map; /* borrowed */
	struct image_writer *writer; /* owned */
	struct residency_source pages; /* owned */
	enum image_kind kind;
	unsigned passes;
	bool stop; /* atomic: passes end with -ECANCELED */
	size_t in_image[MEM_MAX_REGIONS]; /* index there of map->region[i] */
};

/* State of a walk over a run's pages. */
struct run_walk {
	struct image_copy *copy;
	size_t region; /* of the map */
	uint64_t next; /* offset in it of the first byte not told yet */
};

struct image_copy *image_copy_free(struct image_copy *copy)
{
	if (!copy)
		return NULL;
	copy->writer = image_writer_free(copy->writer);
	residency_close(&copy->pages);
	free(copy);
	return NULL;
}

static void image_copy_freep(struct image_copy **copy)
{
	*copy = image_copy_free(*copy);
}

static bool is_in_image(const struct mem_region *region)
{
	return region->kind != MEM_RESERVED;
}

int image_copy_new(struct image_copy **ret, const struct mem_map *map, int dir,
		   enum image_kind kind, struct err *err)
{
	_cleanup_(image_copy_freep) struct image_copy *copy = calloc(
		1, sizeof(*copy));
	struct image_region region[MEM_MAX_REGIONS];
	size_t count = 0;
	int r;

	if (!copy)
		return err_set(err, -ENOMEM, "snapshot: out of memory");
	*copy = (struct image_copy){ .map = map, .kind = kind, .pages.fd = -1 };
	for (size_t i = 0; i < map->count; i++) {
		const struct mem_region *from = &map->region[i];

		if (!is_in_image(from))
			continue;
		copy->in_image[i] = count;
		region[count].gpa = from->gpa;
		region[count].kind = from->kind;
		memcpy(region[count].name, from->name, MEM_NAME_MAX);
		count++;
	}
	r = residency_open(&copy->pages, err);
	if (r == 0)
		r = image_writer_new(&copy->writer, dir, kind, region, count,
				     err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(copy);
	return 0;
}

/* Tells pages that hold nothing: they are zero. */
static int skip_to(struct run_walk *walk, uint64_t offset, struct err *err)
{
	struct image_copy *copy = walk->copy;
	const uint64_t from = walk->next;

	walk->next = offset;
	/* In a full image an unreported page is zero anyway. */
	if (from == offset || (copy->kind == IMAGE_FULL && copy->passes == 0))
		return 0;
	return image_writer_clear(copy->writer, copy->in_image[walk->region],
				  from, offset - from, IMAGE_ZERO, err);
}

static int put_contents(void *ctx, uint64_t offset, const uint8_t *host,
			uint64_t len, struct err *err)
{
	struct run_walk *walk = ctx;
	const struct image_copy *copy = walk->copy;
	const int r = skip_to(walk, offset, err);

	if (r < 0)
		return r;
	walk->next = offset + len;
	return image_writer_put(copy->writer, copy->in_image[walk->region],
				offset, host, len, err);
}

static int copy_run(struct image_copy *copy, const struct dirty_run *run,
		    struct err *err)
{
	const struct mem_region *region = &copy->map->region[run->region];
	const uint64_t offset = (uint64_t)(run->host - region->host);
	struct run_walk walk = { .copy = copy,
				 .region = run->region,
				 .next = offset };
	const int r = contents_find(&copy->pages, region, offset, run->gpa.size,
				    put_contents, &walk, err);

	return r == 0 ? skip_to(&walk, offset + run->gpa.size, err) : r;
}

int image_copy_pass(struct image_copy *copy, struct dirty_reader *reader,
		    uint64_t *ret_bytes, struct err *err)
{
	struct dirty_run run;
	int r = dirty_harvest(reader, err);

	*ret_bytes = 0;
	while (r == 0 && (r = dirty_next(reader, &run, err)) > 0) {
		*ret_bytes += run.gpa.size;
		if (__atomic_load_n(&copy->stop, __ATOMIC_RELAXED))
			r = err_set(err, -ECANCELED, "snapshot: stopped");
		else
			r = copy_run(copy, &run, err);
	}
	copy->passes++;
	return r;
}

void image_copy_stop(struct image_copy *copy)
{
	__atomic_store_n(&copy->stop, true, __ATOMIC_RELAXED);
}

static int drop_from_region(struct image_copy *copy, size_t region,
			    struct range gpa, struct err *err)
{
	const struct range own = copy->map->region[region].gpa;
	gpa_t end, own_end = own.start + (own.size - 1);

	if (gpa.size == 0 ||
	    __builtin_add_overflow(gpa.start, gpa.size - 1, &end))
		return 0;
	if (gpa.start > own_end || end < own.start)
		return 0;
	if (gpa.start < own.start)
		gpa.start = own.start;
	if (end > own_end)
		end = own_end;
	return image_writer_clear(copy->writer, copy->in_image[region],
				  gpa.start - own.start, end - gpa.start + 1,
				  IMAGE_GONE, err);
}

int image_copy_drop(struct image_copy *copy, struct range gpa, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < copy->map->count; i++)
		if (is_in_image(&copy->map->region[i]))
			r = drop_from_region(copy, i, gpa, err);
	return r;
}

static int drop_blocks(struct image_copy *copy, size_t region, struct err *err)
{
	const struct mem_region *of = &copy->map->region[region];
	uint64_t at = 0;
	int r = 0;

	while (r == 0 && at < of->gpa.size) {
		bool plugged;
		const uint64_t len = blocks_run(of->blocks, at,
						of->gpa.size - at, &plugged);

		if (!plugged)
			r = drop_from_region(
				copy, region,
				(struct range){ of->gpa.start + at, len }, err);
		at += len;
	}
	return r;
}

int image_copy_drop_unplugged(struct image_copy *copy, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < copy->map->count; i++)
		if (copy->map->region[i].blocks)
			r = drop_blocks(copy, i, err);
	return r;
}

struct image_writer *image_copy_writer(struct image_copy *copy)
{
	return copy->writer;
}
