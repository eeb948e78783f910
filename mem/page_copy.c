/* mem/page_copy.c - brings guest memory somewhere else. */
#include "mem/page_copy.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "mem/blocks.h"
#include "mem/contents.h"
#include "mem/residency.h"

struct page_copy {
	const struct mem_map *map; /* borrowed */
	const struct page_sink *sink; /* borrowed */
	void *ctx;
	struct residency_source pages; /* owned */
	bool fresh;
	bool later; /* a pass was made */
	bool stop; /* atomic: passes end with -ECANCELED */
	uint64_t last_copied, last_ns; /* the last pass that copied anything */
	pthread_mutex_t lock; /* of @rates */
	struct page_copy_rates rates;
};

/* State of a walk over a run's pages. */
struct run_walk {
	struct page_copy *copy;
	size_t region; /* of the map */
	uint64_t next; /* offset in it of the first byte not told yet */
};

struct page_copy *page_copy_free(struct page_copy *copy)
{
	if (!copy)
		return NULL;
	residency_close(&copy->pages);
	(void)pthread_mutex_destroy(&copy->lock);
	free(copy);
	return NULL;
}

int page_copy_new(struct page_copy **ret, const struct mem_map *map,
		  const struct page_sink *sink, void *ctx, bool fresh,
		  struct err *err)
{
	struct page_copy *copy = calloc(1, sizeof(*copy));
	int r;

	if (!copy)
		return err_set(err, -ENOMEM, "out of memory");
	*copy = (struct page_copy){
		.map = map,
		.sink = sink,
		.ctx = ctx,
		.pages.fd = -1,
		.fresh = fresh,
	};
	(void)pthread_mutex_init(&copy->lock, NULL);
	r = residency_open(&copy->pages, err);
	if (r < 0)
		(void)page_copy_free(copy);
	else
		*ret = copy;
	return r;
}

static bool is_copied(const struct mem_region *region)
{
	return region->kind != MEM_RESERVED;
}

static void count_copied(struct page_copy *copy, uint64_t size)
{
	GUARD(&copy->lock);
	copy->rates.copied += size;
}

static void count_pass(struct page_copy *copy)
{
	GUARD(&copy->lock);
	copy->rates.passes++;
}

/* Tells pages that hold nothing: they are zero. */
static int skip_to(struct run_walk *walk, uint64_t offset, struct err *err)
{
	const struct page_copy *copy = walk->copy;
	const uint64_t from = walk->next;

	walk->next = offset;
	/* A fresh sink has zeroes where it was told nothing. */
	if (from == offset || (copy->fresh && !copy->later))
		return 0;
	return copy->sink->clear(copy->ctx, walk->region, from, offset - from,
				 IMAGE_ZERO, err);
}

static int put_contents(void *ctx, uint64_t offset, const uint8_t *host,
			uint64_t len, struct err *err)
{
	struct run_walk *walk = ctx;
	struct page_copy *copy = walk->copy;
	const int r = skip_to(walk, offset, err);

	if (r < 0)
		return r;
	walk->next = offset + len;
	count_copied(copy, len);
	return copy->sink->put(copy->ctx, walk->region, offset, host, len, err);
}

static int copy_run(struct page_copy *copy, const struct dirty_run *run,
		    struct err *err)
{
	const struct mem_region *region = &copy->map->region[run->region];
	const uint64_t offset = (uint64_t)(run->host - region->host);
	struct run_walk walk = { .copy = copy,
				 .region = run->region,
				 .next = offset };
	const struct contents_part part = { region, offset, run->gpa.size };
	const int r = contents_find(&copy->pages, &part, put_contents, &walk,
				    err);

	return r == 0 ? skip_to(&walk, offset + run->gpa.size, err) : r;
}

static bool is_stopped(const struct page_copy *copy)
{
	return __atomic_load_n(&copy->stop, __ATOMIC_RELAXED);
}

static int fail_stopped(struct err *err)
{
	return err_set(err, -ECANCELED, "stopped");
}

int page_copy_pass(struct page_copy *copy, struct dirty_reader *reader,
		   struct err *err)
{
	struct dirty_run run;
	int r = dirty_harvest(reader, err);

	count_pass(copy);
	while (r == 0 && (r = dirty_next(reader, &run, err)) > 0) {
		if (is_stopped(copy))
			r = fail_stopped(err);
		else
			r = copy_run(copy, &run, err);
	}
	copy->later = true;
	return r;
}

/* @n / @ns, times @by. 0 if @ns is. */
static uint64_t scale_rate(uint64_t n, uint64_t ns, uint64_t by)
{
	const double rate = ns ? (double)n * (double)by / (double)ns : 0;

	return rate < 1e18 ? (uint64_t)rate : UINT64_C(1000000000000000000);
}

/* Notes what a pass has found that copied @copied bytes in @ns. */
static void rate_pass(struct page_copy *copy, uint64_t copied, uint64_t ns,
		      uint64_t left)
{
	GUARD(&copy->lock);
	copy->rates.ended++;
	copy->rates.left = left;
	copy->rates.dirty_rate = scale_rate(left, ns, NS_PER_SECOND);
	/* Without a speed of its own the one of before stands. */
	if (copied > 0) {
		copy->last_copied = copied;
		copy->last_ns = ns;
	}
	copy->rates.pause = scale_rate(left, copy->last_copied, copy->last_ns);
}

static uint64_t copied_bytes(struct page_copy *copy)
{
	GUARD(&copy->lock);
	return copy->rates.copied;
}

/* One pass, and what it has left. Returns 1 if that fits into the pause. */
static int pass_and_look(struct page_copy *copy, struct dirty_reader *reader,
			 uint64_t downtime, struct err *err)
{
	const uint64_t began = clock_ns(), before = copied_bytes(copy);
	uint64_t left, ns;
	int r = page_copy_pass(copy, reader, err);

	if (r == 0 && copy->sink->passed)
		r = copy->sink->passed(copy->ctx, err);
	ns = clock_ns() - began;
	/* The next pass, or the last one, begins with a harvest of its own. */
	if (r == 0)
		r = dirty_harvest(reader, err);
	if (r < 0)
		return r;
	left = dirty_left(reader);
	rate_pass(copy, copied_bytes(copy) - before, ns, left);
	return left == 0 || copy->rates.pause <= downtime;
}

int page_copy_live(struct page_copy *copy, struct dirty_reader *reader,
		   const struct page_copy_limits *limits, struct err *err)
{
	for (unsigned i = 0; limits->passes == 0 || i < limits->passes; i++) {
		const int r = pass_and_look(copy, reader, limits->downtime,
					    err);

		if (r != 0)
			return r < 0 ? r : 0;
		if (limits->until && clock_ns() >= limits->until)
			break;
	}
	return 1;
}

void page_copy_rates(struct page_copy *copy, struct page_copy_rates *ret)
{
	GUARD(&copy->lock);
	*ret = copy->rates;
}

void page_copy_stop(struct page_copy *copy)
{
	__atomic_store_n(&copy->stop, true, __ATOMIC_RELAXED);
}

static int drop_from_region(struct page_copy *copy, size_t region,
			    struct range gpa, struct err *err)
{
	const struct range own = copy->map->region[region].gpa;
	struct range part;

	if (!range_valid(gpa) || !range_intersect(own, gpa, &part))
		return 0;
	return copy->sink->clear(copy->ctx, region, part.start - own.start,
				 part.size, IMAGE_GONE, err);
}

int page_copy_drop(struct page_copy *copy, struct range gpa, struct err *err)
{
	int r = 0;

	if (is_stopped(copy))
		return fail_stopped(err);
	for (size_t i = 0; r == 0 && i < copy->map->count; i++)
		if (is_copied(&copy->map->region[i]))
			r = drop_from_region(copy, i, gpa, err);
	return r;
}

static int drop_blocks(struct page_copy *copy, size_t region, struct err *err)
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

int page_copy_drop_unplugged(struct page_copy *copy, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < copy->map->count; i++)
		if (copy->map->region[i].blocks)
			r = drop_blocks(copy, i, err);
	return r;
}
