/* mem/reclaim.c - guest memory that comes back to the host. */
#include "mem/reclaim.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/zeroes.h"
#include "mem/bitmap.h"
#include "mem/blocks.h"
#include "mem/discard.h"

/* Largest block to wait for: a larger one would never be complete. */
#define BLOCK_MAX ((uint64_t)32 << 20)
#define BLOCK_USUAL ((uint64_t)2 << 20)

/*
 * The RAM of one region. Frames are counted from a block boundary at or below
 * its start; those that are not the region's are never given.
 */
struct area {
	const struct mem_region *region; /* borrowed */
	gpa_t base; /* of frame 0 */
	uint64_t first, end; /* its frames */
	uint64_t page; /* frames that go back as a whole */
	uint64_t block; /* frames that should; a multiple of page */
	/* A bit for each frame: */
	uint64_t *given; /* the guest has given it, and not taken it again */
	uint64_t *gone; /* and it went back since */
	/* A bit for each block: */
	uint64_t *waits; /* it is in reclaim->pending */
	bool failed; /* that is said once */
};

struct pending {
	struct area *area;
	uint64_t block; /* its number in the area */
};

struct reclaim {
	pthread_mutex_t lock; /* of all below, but what reclaim_new() makes */
	struct area *area; /* owned; by address */
	size_t areas;
	uint64_t *bits; /* owned mapping; the areas' */
	size_t bits_size;
	struct pending pending[RECLAIM_PENDING];
	size_t pendings;
	struct reclaim_stats stats;
};

/* The size that one last-level table maps, or a larger page. */
static uint64_t block_size(const struct mem_region *region)
{
	const uint64_t page = region->backing ? region->backing->page
					      : RECLAIM_FRAME;
	uint64_t block = backing_huge_size(page);

	if (block > BLOCK_MAX)
		block = BLOCK_USUAL;
	return block > page ? block : page;
}

static void init_area(struct area *a, const struct mem_region *region)
{
	const uint64_t size = block_size(region);

	*a = (struct area){ .region = region,
			    .base = align_down(region->gpa.start, size),
			    .page = region->backing ? region->backing->page /
							      RECLAIM_FRAME
						    : 1,
			    .block = size / RECLAIM_FRAME };
	a->first = (region->gpa.start - a->base) / RECLAIM_FRAME;
	a->end = a->first + region->gpa.size / RECLAIM_FRAME;
}

static uint64_t area_blocks(const struct area *a)
{
	return (a->end - 1) / a->block + 1;
}

/* Takes the areas' bits from *bits on. With NULL, only counts them. */
static uint64_t place_bits(struct area *a, uint64_t *bits)
{
	const uint64_t frames = bitmap_words(a->end);

	if (bits) {
		a->given = bits;
		a->gone = bits + frames;
		a->waits = bits + 2 * frames;
	}
	return 2 * frames + bitmap_words(area_blocks(a));
}

static int make_bits(struct reclaim *rc, struct err *err)
{
	uint64_t words = 0, at = 0;
	void *p;

	for (size_t i = 0; i < rc->areas; i++)
		words += place_bits(&rc->area[i], NULL);
	if (words == 0)
		return 0;
	p = map_zeroes(words * sizeof(uint64_t));
	if (!p)
		return err_sys(err, "0x%" PRIx64 " bytes for a balloon",
			       words * (uint64_t)sizeof(uint64_t));
	rc->bits = p;
	rc->bits_size = (size_t)(words * sizeof(uint64_t));
	/* A huge page for one bit would be no gain. */
	(void)madvise(p, rc->bits_size, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < rc->areas; i++)
		at += place_bits(&rc->area[i], rc->bits + at);
	return 0;
}

int reclaim_new(struct reclaim **ret, const struct mem_map *mem,
		struct err *err)
{
	struct reclaim *rc = calloc(1, sizeof(*rc));
	int r;

	assert(mem->frozen);
	if (rc)
		rc->area = calloc(mem->count + 1, sizeof(*rc->area));
	if (!rc || !rc->area) {
		free(rc);
		return err_set(err, -ENOMEM, "reclaim: out of memory");
	}
	(void)pthread_mutex_init(&rc->lock, NULL);
	for (size_t i = 0; i < mem->count; i++)
		if (mem->region[i].kind == MEM_RAM)
			init_area(&rc->area[rc->areas++], &mem->region[i]);
	r = make_bits(rc, err);
	if (r < 0)
		(void)reclaim_free(rc);
	else
		*ret = rc;
	return r;
}

struct reclaim *reclaim_free(struct reclaim *rc)
{
	if (!rc)
		return NULL;
	if (rc->bits)
		(void)munmap(rc->bits, rc->bits_size);
	(void)pthread_mutex_destroy(&rc->lock);
	free(rc->area);
	free(rc);
	return NULL;
}

/* The host's fault, not the guest's; and not one that goes away. */
static void warn_reclaim_failed(struct area *a, int code)
{
	struct err err;

	if (a->failed)
		return;
	a->failed = true;
	errno = code;
	(void)err_sys(&err, "%s: memory that the guest gives up stays with it",
		      a->region->name);
	log_warn("%s", err.msg);
}

/* Frames [from, to) go back to the host. Returns false if they did not. */
static bool discard_frames(struct reclaim *rc, struct area *a, uint64_t from,
			   uint64_t to)
{
	const uint64_t offset = (from - a->first) * RECLAIM_FRAME;
	const uint64_t size = (to - from) * RECLAIM_FRAME;
	int r;

	if (!a->region->backing)
		return false;
	r = backing_discard(a->region->backing, offset, size);
	rc->stats.calls++;
	if (r < 0) {
		rc->stats.failed++;
		warn_reclaim_failed(a, -r);
	}
	return r == 0;
}

/* The same for frames that were given. They are not tried twice. */
static void let_go(struct reclaim *rc, struct area *a, uint64_t from,
		   uint64_t to)
{
	const bool done = discard_frames(rc, a, from, to);
	const uint64_t fresh = bitmap_set(a->gone, from, to);

	if (done)
		rc->stats.bytes += fresh * RECLAIM_FRAME;
}

/* Sets the part of block @b that lies in the area. */
static void block_frames(const struct area *a, uint64_t b, uint64_t *ret_from,
			 uint64_t *ret_to)
{
	const uint64_t from = b * a->block;
	const uint64_t to = from + a->block;

	*ret_from = from > a->first ? from : a->first;
	*ret_to = to < a->end ? to : a->end;
}

/* Lets go what waits of a block: runs of whole pages. */
static void flush_block(struct reclaim *rc, struct area *a, uint64_t b)
{
	uint64_t at, end, from, to;

	block_frames(a, b, &at, &end);
	for (;;) {
		at = bitmap_next_only(a->given, a->gone, at, end);
		if (at == end)
			return;
		/* The page it is in, and all that was given behind it. */
		from = align_down(at, a->page);
		to = bitmap_next_clear(a->given, from, end);
		to = align_down(to, a->page);
		if (to > from)
			let_go(rc, a, from, to);
		at = to > from ? to : from + a->page;
	}
}

static void flush_free_pages(struct reclaim *rc)
{
	while (rc->pendings > 0) {
		const struct pending *p = &rc->pending[--rc->pendings];

		(void)bitmap_clear(p->area->waits, p->block, p->block + 1);
		flush_block(rc, p->area, p->block);
	}
}

void reclaim_flush(struct reclaim *rc)
{
	GUARD(&rc->lock);
	flush_free_pages(rc);
}

bool reclaim_waits(struct reclaim *rc)
{
	GUARD(&rc->lock);
	return rc->pendings > 0;
}

static void wait_for(struct reclaim *rc, struct area *a, uint64_t b)
{
	if (bitmap_set(a->waits, b, b + 1) == 0)
		return;
	if (rc->pendings == RECLAIM_PENDING) {
		flush_free_pages(rc);
		(void)bitmap_set(a->waits, b, b + 1);
	}
	rc->pending[rc->pendings++] = (struct pending){ a, b };
}

static void wait_no_more(struct reclaim *rc, struct area *a, uint64_t b)
{
	size_t i = rc->pendings;

	if (bitmap_clear(a->waits, b, b + 1) == 0)
		return;
	/* It came lately, so it is found at once. */
	do
		i--;
	while (rc->pending[i].area != a || rc->pending[i].block != b);
	rc->pending[i] = rc->pending[--rc->pendings];
}

/* Frames [from, to) of an area were given. */
static uint64_t give_frames(struct reclaim *rc, struct area *a, uint64_t from,
			    uint64_t to)
{
	const uint64_t fresh = bitmap_set(a->given, from, to);
	uint64_t whole_from = 0, whole_to = 0;

	if (fresh == 0)
		return 0;
	rc->stats.held += fresh * RECLAIM_FRAME;
	for (uint64_t b = from / a->block; b * a->block < to; b++) {
		uint64_t first, end;

		block_frames(a, b, &first, &end);
		if (bitmap_next_clear(a->given, first, end) < end) {
			wait_for(rc, a, b);
			continue;
		}
		wait_no_more(rc, a, b);
		if (whole_to != first && whole_to > whole_from)
			let_go(rc, a, whole_from, whole_to);
		if (whole_to != first || whole_to == whole_from)
			whole_from = first;
		whole_to = end;
	}
	if (whole_to > whole_from)
		let_go(rc, a, whole_from, whole_to);
	return 0;
}

/* Returns the bytes that were not given. */
static uint64_t take_frames_back(struct reclaim *rc, struct area *a,
				 uint64_t from, uint64_t to)
{
	const uint64_t was = bitmap_clear(a->given, from, to);

	(void)bitmap_clear(a->gone, from, to);
	rc->stats.held -= was * RECLAIM_FRAME;
	return (to - from - was) * RECLAIM_FRAME;
}

/* The first area that is not below @gpa; NULL: none. */
static struct area *find_area(const struct reclaim *rc, gpa_t gpa)
{
	for (size_t i = 0; i < rc->areas; i++) {
		struct area *a = &rc->area[i];

		if (gpa < a->region->gpa.start ||
		    gpa - a->region->gpa.start < a->region->gpa.size)
			return a;
	}
	return NULL;
}

/* How much of @size bytes at @gpa in an area is there, or is not. */
static uint64_t measure_area_run(const struct area *a, gpa_t gpa, uint64_t size,
				 bool *ret_there)
{
	const struct mem_region *r = a->region;

	*ret_there = true;
	return r->blocks ? blocks_run(r->blocks, gpa - r->gpa.start, size,
				      ret_there)
			 : size;
}

/*
 * Calls @fn for each piece of @gpa that is RAM. Returns the bytes that are
 * none, and what @fn returned.
 *
 * @gone: also for what is not plugged
 */
static uint64_t each_area(struct reclaim *rc, struct range gpa, bool gone,
			  uint64_t (*fn)(struct reclaim *rc, struct area *a,
					 uint64_t from, uint64_t to))
{
	uint64_t wrong = 0;
	bool there;

	assert(range_valid(gpa));
	assert(is_aligned(gpa.start | gpa.size, RECLAIM_FRAME));
	while (gpa.size > 0) {
		struct area *a = find_area(rc, gpa.start);
		uint64_t from, skip, left, size;

		if (!a)
			return wrong + gpa.size;
		skip = a->region->gpa.start > gpa.start
			     ? a->region->gpa.start - gpa.start
			     : 0;
		if (skip >= gpa.size)
			return wrong + gpa.size;
		wrong += skip;
		gpa.start += skip;
		gpa.size -= skip;
		left = a->region->gpa.size - (gpa.start - a->region->gpa.start);
		size = measure_area_run(a, gpa.start,
					gpa.size < left ? gpa.size : left,
					&there);
		from = (gpa.start - a->base) / RECLAIM_FRAME;
		wrong += there || gone
			       ? fn(rc, a, from, from + size / RECLAIM_FRAME)
			       : size;
		gpa.start += size;
		gpa.size -= size;
	}
	return wrong;
}

uint64_t reclaim_give(struct reclaim *rc, struct range gpa)
{
	GUARD(&rc->lock);
	return each_area(rc, gpa, false, give_frames);
}

uint64_t reclaim_take(struct reclaim *rc, struct range gpa)
{
	GUARD(&rc->lock);
	return each_area(rc, gpa, true, take_frames_back);
}

void reclaim_forget(struct reclaim *rc)
{
	GUARD(&rc->lock);

	/* It fails only where all of the VMM is locked. */
	if (rc->bits && madvise(rc->bits, rc->bits_size, MADV_DONTNEED) < 0)
		memset(rc->bits, 0, rc->bits_size);
	rc->pendings = 0;
	rc->stats.held = 0;
}

/* Whole pages of frames [from, to) go back. */
static uint64_t drop_whole_pages(struct reclaim *rc, struct area *a,
				 uint64_t from, uint64_t to)
{
	/* The area itself begins and ends with a page. */
	from = align_down(from + a->page - 1, a->page);
	to = align_down(to, a->page);
	if (from < to && discard_frames(rc, a, from, to))
		rc->stats.bytes += (to - from) * RECLAIM_FRAME;
	return 0;
}

static uint64_t drop_zero(struct reclaim *rc, struct area *a, uint64_t from,
			  uint64_t to)
{
	if (a->region->backing && backing_discards_to_zero(a->region->backing))
		return drop_whole_pages(rc, a, from, to);
	return 0;
}

/* The whole frames of a range; its size is 0 if there are none. */
static struct range whole_frames(struct range r)
{
	const uint64_t over = r.start % RECLAIM_FRAME;
	const uint64_t skip = over ? RECLAIM_FRAME - over : 0;

	if (r.size < skip)
		return (struct range){ r.start, 0 };
	return (struct range){ r.start + skip,
			       align_down(r.size - skip, RECLAIM_FRAME) };
}

static int by_address(const void *left, const void *right)
{
	const struct range *a = left, *b = right;

	return (a->start > b->start) - (a->start < b->start);
}

static bool is_sorted(const struct range *gpa, size_t count)
{
	for (size_t i = 1; i < count; i++)
		if (gpa[i - 1].start > gpa[i].start)
			return false;
	return true;
}

/* Sorts ranges by address, and makes one of those that touch or overlap.
 * Returns how many are left. */
static size_t merge_ranges(struct range *gpa, size_t count)
{
	size_t n = 0;

	if (!is_sorted(gpa, count))
		qsort(gpa, count, sizeof(*gpa), by_address);
	for (size_t i = 0; i < count; i++) {
		struct range *last = &gpa[n - (n > 0)];
		const uint64_t gap = gpa[i].start - last->start;

		if (n == 0 || gap > last->size)
			gpa[n++] = gpa[i];
		else if (gpa[i].size > last->size - gap)
			last->size = gap + gpa[i].size;
	}
	return n;
}

uint64_t reclaim_drop(struct reclaim *rc, struct range *gpa, size_t count,
		      bool zero)
{
	uint64_t wrong = 0;
	GUARD(&rc->lock);

	count = merge_ranges(gpa, count);
	for (size_t i = 0; i < count; i++) {
		const struct range r = whole_frames(gpa[i]);

		if (r.size > 0)
			wrong += each_area(rc, r, false,
					   zero ? drop_zero : drop_whole_pages);
	}
	return wrong;
}

size_t reclaim_ranges(const struct reclaim *rc, const struct iovec *iov,
		      size_t count, struct range *gpa)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		const uintptr_t at = (uintptr_t)iov[i].iov_base;

		for (size_t j = 0; j < rc->areas; j++) {
			const struct mem_region *r = rc->area[j].region;
			const uintptr_t offset = at - (uintptr_t)r->host;

			if (offset >= r->gpa.size)
				continue;
			gpa[n++] = (struct range){ r->gpa.start + offset,
						   iov[i].iov_len };
			break;
		}
	}
	return n;
}

void reclaim_stats(struct reclaim *rc, struct reclaim_stats *ret)
{
	GUARD(&rc->lock);
	*ret = rc->stats;
}

uint64_t reclaim_held(struct reclaim *rc, struct range gpa)
{
	uint64_t held = 0;
	GUARD(&rc->lock);

	for (size_t i = 0; i < rc->areas; i++) {
		const struct area *a = &rc->area[i];
		const struct range all = a->region->gpa;
		uint64_t from = 0, to = all.size;

		if (!range_overlaps(gpa, all))
			continue;
		if (gpa.start > all.start)
			from = gpa.start - all.start;
		else if (gpa.size < all.size + (all.start - gpa.start))
			to = gpa.size - (all.start - gpa.start);
		if (gpa.start > all.start && gpa.size < all.size - from)
			to = from + gpa.size;
		held += bitmap_count(a->given, a->first + from / RECLAIM_FRAME,
				     a->first + to / RECLAIM_FRAME) *
			RECLAIM_FRAME;
	}
	return held;
}

bool reclaim_next_held(struct reclaim *rc, gpa_t from, struct range *ret)
{
	GUARD(&rc->lock);

	for (size_t i = 0; i < rc->areas; i++) {
		const struct area *a = &rc->area[i];
		const struct range all = a->region->gpa;
		uint64_t first = a->first, end;

		if (from > all.start && from - all.start >= all.size)
			continue;
		if (from > all.start)
			first += (from - all.start) / RECLAIM_FRAME;
		first = bitmap_next_set(a->given, first, a->end);
		if (first == a->end)
			continue;
		end = bitmap_next_clear(a->given, first, a->end);
		*ret = (struct range){ all.start + (first - a->first) *
							   RECLAIM_FRAME,
				       (end - first) * RECLAIM_FRAME };
		return true;
	}
	return false;
}
