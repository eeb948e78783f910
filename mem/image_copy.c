/* mem/image_copy.c - copies guest memory to an image. */
#include "mem/image_copy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "mem/backing.h"
#include "mem/blocks.h"
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
	const struct dirty_run *run;
	const uint8_t *next; /* of the run, the first byte not told yet */
	struct err *err;
	int code; /* the first failure */
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

static uint64_t run_offset(const struct run_walk *walk, const uint8_t *host)
{
	return (uint64_t)(host -
			  walk->copy->map->region[walk->run->region].host);
}

/* Tells pages that are not there: they are zero. */
static int skip_to(struct run_walk *walk, const uint8_t *end)
{
	struct image_copy *copy = walk->copy;
	const uint8_t *from = walk->next;

	walk->next = end;
	/* In a full image an unreported page is zero anyway. */
	if (from == end || (copy->kind == IMAGE_FULL && copy->passes == 0))
		return 0;
	return image_writer_clear(
		copy->writer, copy->in_image[walk->run->region],
		run_offset(walk, from), (uint64_t)(end - from), IMAGE_ZERO,
		walk->err);
}

static int put_image_run(struct run_walk *walk, const uint8_t *host,
			 uint64_t size)
{
	const struct image_copy *copy = walk->copy;

	walk->next = host + size;
	return image_writer_put(copy->writer, copy->in_image[walk->run->region],
				run_offset(walk, host), host, size, walk->err);
}

static void copy_found_run(void *ctx, uintptr_t host, uint64_t size)
{
	struct run_walk *walk = ctx;
	const uint8_t *at = walk->run->host +
			    (host - (uintptr_t)walk->run->host);

	if (walk->code == 0)
		walk->code = skip_to(walk, at);
	if (walk->code == 0)
		walk->code = put_image_run(walk, at, size);
}

/* The next run of a file that holds data, at or behind *from and before @end.
 * Returns false if there is none. Where the file system cannot tell, all does.
 */
static bool next_data(int fd, uint64_t *from, uint64_t end, uint64_t *ret_end)
{
	const off_t data = lseek(fd, (off_t)*from, SEEK_DATA);
	off_t hole;

	*ret_end = end;
	if (data < 0)
		return errno != ENXIO;
	if ((uint64_t)data >= end)
		return false;
	hole = lseek(fd, data, SEEK_HOLE);
	*from = (uint64_t)data;
	if (hole > data && (uint64_t)hole < end)
		*ret_end = (uint64_t)hole;
	return true;
}

/* A file that others may have written has no more than its data. */
static int copy_shared(struct run_walk *walk, int fd)
{
	const struct dirty_run *run = walk->run;
	const uint8_t *base = walk->copy->map->region[run->region].host;
	const uint64_t end = run_offset(walk, run->host) + run->gpa.size;
	const uint64_t page = walk->copy->pages.page;
	uint64_t at = run_offset(walk, run->host), stop;
	int r = 0;

	while (r == 0 && at < end && next_data(fd, &at, end, &stop)) {
		at -= at % page;
		stop += (page - stop % page) % page;
		r = skip_to(walk, base + at);
		if (r == 0)
			r = put_image_run(walk, base + at, stop - at);
		at = stop;
	}
	return r == 0 ? skip_to(walk, base + end) : r;
}

/*
 * Huge pages of a pool: to look at one that is not there takes it from the
 * pool, and nothing tells which are there. A read gives zeroes for those.
 */
static int copy_pool(struct run_walk *walk, int fd)
{
	const struct dirty_run *run = walk->run;
	const size_t region = walk->copy->in_image[run->region];
	const uint64_t first = run_offset(walk, run->host);
	_cleanup_(freep) uint8_t *buf = malloc(IMAGE_CHUNK);
	int r = 0;

	if (!buf)
		return err_set(walk->err, -ENOMEM, "snapshot: out of memory");
	for (uint64_t at = 0; r == 0 && at < run->gpa.size; at += IMAGE_CHUNK) {
		const uint64_t left = run->gpa.size - at;
		const uint64_t len = left < IMAGE_CHUNK ? left : IMAGE_CHUNK;

		r = file_read_at(fd, buf, (size_t)len, first + at);
		if (r < 0)
			return err_set(walk->err, r,
				       "guest memory in huge pages: %s",
				       strerrordesc_np(-r));
		r = image_writer_put(walk->copy->writer, region, first + at,
				     buf, len, walk->err);
	}
	return r;
}

static int copy_anonymous(struct run_walk *walk)
{
	const struct dirty_run *run = walk->run;
	const int r = residency_find(&walk->copy->pages, (uintptr_t)run->host,
				     run->gpa.size, copy_found_run, walk,
				     walk->err);

	if (r < 0)
		return r;
	if (walk->code < 0)
		return walk->code;
	return skip_to(walk, run->host + run->gpa.size);
}

static int copy_run(struct image_copy *copy, const struct dirty_run *run,
		    struct err *err)
{
	const struct backing *backing = copy->map->region[run->region].backing;
	struct run_walk walk = {
		.copy = copy, .run = run, .next = run->host, .err = err
	};

	if (backing && backing->fd < 0)
		return copy_anonymous(&walk);
	if (backing && backing->policy.huge == MEM_HUGE_TLB)
		return copy_pool(&walk, backing->fd);
	if (backing && backing->policy.share)
		return copy_shared(&walk, backing->fd);
	return put_image_run(&walk, run->host, run->gpa.size);
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
