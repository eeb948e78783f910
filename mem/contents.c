/* mem/contents.c - which parts of guest memory hold anything. */
#include "mem/contents.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "mem/backing.h"
#include "mem/fill.h"

#define POOL_PIECE ((size_t)1 << 20) /* bytes that are copied at a time */

/* A walk over a part of a region. */
struct contents_walk {
	const struct mem_region *region;
	uint64_t at, end; /* offsets in it */
	contents_found found;
	void *ctx;
	struct err *err;
	int code; /* the first failure */
};

static int tell_contents(const struct contents_walk *walk, uint64_t offset,
			 uint64_t len)
{
	return walk->found(walk->ctx, offset, walk->region->host + offset, len,
			   walk->err);
}

static void tell_resident(void *ctx, uintptr_t host, uint64_t size)
{
	struct contents_walk *walk = ctx;

	if (walk->code == 0)
		walk->code = tell_contents(
			walk, host - (uintptr_t)walk->region->host, size);
}

static int find_in_anonymous(struct contents_walk *walk,
			     const struct residency_source *pages)
{
	const int r = residency_find(
		pages, (uintptr_t)(walk->region->host + walk->at),
		walk->end - walk->at, tell_resident, walk, walk->err);

	return r < 0 ? r : walk->code;
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
static int find_in_shared(struct contents_walk *walk, int fd, uint64_t page)
{
	uint64_t at = walk->at, stop;
	int r = 0;

	while (r == 0 && at < walk->end &&
	       next_data(fd, &at, walk->end, &stop)) {
		at -= at % page;
		stop += (page - stop % page) % page;
		r = tell_contents(walk, at, stop - at);
		at = stop;
	}
	return r;
}

/*
 * Huge pages of a pool: to look at one that is not there takes it from the
 * pool, and nothing tells which are there. A read gives zeroes for those.
 */
static int find_in_pool(struct contents_walk *walk, int fd)
{
	_cleanup_(freep) uint8_t *buf = malloc(POOL_PIECE);
	int r = 0;

	if (!buf)
		return err_set(walk->err, -ENOMEM,
			       "guest memory in huge pages: out of memory");
	for (uint64_t at = walk->at; r == 0 && at < walk->end;) {
		const uint64_t left = walk->end - at;
		const size_t len = left < POOL_PIECE ? (size_t)left
						     : POOL_PIECE;

		r = file_read_at(fd, buf, len, at);
		if (r < 0)
			return err_set(walk->err, r,
				       "guest memory in huge pages: %s",
				       strerrordesc_np(-r));
		r = walk->found(walk->ctx, at, buf, len, walk->err);
		at += len;
	}
	return r;
}

/*
 * Memory that a snapshot fills: a page that is not there may hold something,
 * and comes when it is read.
 */
static int find_in_filled(struct contents_walk *walk,
			  const struct residency_source *pages,
			  struct mem_fill *fill)
{
	const uint64_t end = walk->end;
	uint64_t from = walk->at, stop;
	int r = 0;

	while (r == 0 && from < end &&
	       fill->ops->next(fill, &from, end, &stop)) {
		walk->end = from;
		r = find_in_anonymous(walk, pages);
		if (r == 0)
			r = tell_contents(walk, from, stop - from);
		walk->at = from = stop;
	}
	walk->end = end;
	return r == 0 ? find_in_anonymous(walk, pages) : r;
}

static int find_in_backing(struct contents_walk *walk,
			   const struct residency_source *pages,
			   const struct backing *backing)
{
	if (backing->fill)
		return find_in_filled(walk, pages, backing->fill);
	if (backing->fd < 0)
		return find_in_anonymous(walk, pages);
	if (backing->policy.huge == MEM_HUGE_TLB)
		return find_in_pool(walk, backing->fd);
	if (backing->policy.share)
		return find_in_shared(walk, backing->fd, pages->page);
	return tell_contents(walk, walk->at, walk->end - walk->at);
}

int contents_find(const struct residency_source *pages,
		  const struct contents_part *part, contents_found found,
		  void *ctx, struct err *err)
{
	const struct backing *backing = part->region->backing;
	struct contents_walk walk = {
		.region = part->region,
		.at = part->offset,
		.end = part->offset + part->len,
		.found = found,
		.ctx = ctx,
		.err = err,
	};

	return backing ? find_in_backing(&walk, pages, backing)
		       : tell_contents(&walk, part->offset, part->len);
}
