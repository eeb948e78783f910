/* mem/pageout_job.c - has the host swap a guest's memory out, in small steps.
 */
#include "mem/pageout_job.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/loop.h"
#include "base/size.h"
#include "mem/map.h"
#include "mem/pageout.h"
#include "mem/residency.h"

#define MARK_PAGES 16384 /* looked at in a step */
#define OUT_PAGES 512 /* written out in a step: a huge page's */

enum phase {
	MARKING, /* pages */
	WATCHING, /* which of them are used */
	WRITING, /* the others out, or naming them to the host */
};

struct pageout_job {
	struct pageout_request want;
	struct loop *loop; /* borrowed */
	struct loop_timer timer;
	struct residency_source source;
	struct cold cold; /* open if want.watch_ns */
	uint64_t page; /* of the host, in bytes */

	const struct mem_region *region[MEM_MAX_REGIONS]; /* to look at */
	size_t regions;

	enum phase phase;
	size_t at; /* the region it is at */
	uint64_t offset; /* and where in it */
	struct pageout_result result;
};

struct pageout_job *pageout_job_free(struct pageout_job *job)
{
	if (!job)
		return NULL;
	if (job->timer.expired)
		loop_timer_remove(job->loop, &job->timer);
	cold_close(&job->cold);
	residency_close(&job->source);
	free(job);
	return NULL;
}

static void pageout_end(struct pageout_job *job)
{
	job->result.way = job->cold.way;
	job->want.done(job->want.ctx, &job->result);
}

void pageout_job_give_way(struct pageout_job *job)
{
	if (job->result.err.code == 0)
		(void)err_set(&job->result.err, -ECANCELED,
			      "another pageout took its place");
	pageout_end(job);
}

/* Sets the next step's memory: up to @pages, ending where a huge page may. */
static uint64_t pageout_next_step(const struct pageout_job *job, uint64_t pages,
				  uintptr_t *ret_host)
{
	const struct mem_region *region = job->region[job->at];
	const uint64_t step = pages * job->page;
	const uint64_t left = region->gpa.size - job->offset;
	uint64_t size;

	*ret_host = (uintptr_t)(region->host + job->offset);
	size = step - (*ret_host & (step - 1));
	return size < left ? size : left;
}

/* Goes on behind @size bytes. Returns false if that was all. */
static bool pageout_advance(struct pageout_job *job, uint64_t size)
{
	job->offset += size;
	if (job->offset == job->region[job->at]->gpa.size) {
		job->offset = 0;
		job->at++;
	}
	return job->at < job->regions;
}

static void pageout_write_out(void *ctx, uintptr_t host, uint64_t size)
{
	struct pageout_job *job = ctx;
	const struct mem_region *region = job->region[job->at];
	const int r = backing_pageout(region->backing,
				      host - (uintptr_t)region->host, size);

	job->result.looked_at += size;
	if (r < 0 && job->result.err.code == 0)
		(void)err_set(&job->result.err, r, "%s: MADV_PAGEOUT: %s",
			      region->name, strerrordesc_np(-r));
}

static void pageout_name_cold(void *ctx, uintptr_t host, uint64_t size)
{
	struct pageout_job *job = ctx;
	const struct mem_region *region = job->region[job->at];
	const int r = backing_cool(region->backing,
				   host - (uintptr_t)region->host, size);

	if (r == 0)
		job->result.cooled += size;
	else if (job->result.err.code == 0)
		(void)err_set(&job->result.err, r, "%s: MADV_COLD: %s",
			      region->name, strerrordesc_np(-r));
}

static int pageout_resident(const struct pageout_job *job, uintptr_t host,
			    uint64_t size, uint64_t *ret, struct err *err)
{
	struct residency sum = { 0 };
	const int r = residency_add(&job->source, host, size, &sum, err);

	*ret = sum.resident;
	return r;
}

/* Part of a region may have been mapped anew since it is watched, in the place
 * of a snapshot's file (backing_renew()). Returns true if it is watched now. */
static bool watch_again(const struct pageout_job *job, int r, uintptr_t host,
			uint64_t size)
{
	struct err err;

	return r == -EPERM && cold_watch(&job->cold, host, size, &err) == 0;
}

static int pageout_mark(struct pageout_job *job, uintptr_t host, uint64_t size)
{
	struct err err = { 0 };
	int r = cold_mark(&job->cold, host, size, &err);

	if (watch_again(job, r, host, size))
		r = cold_mark(&job->cold, host, size, &err);
	if (r < 0)
		job->result.err = err;
	return r;
}

static int pageout_find(struct pageout_job *job, uintptr_t host, uint64_t size,
			void (*found)(void *ctx, uintptr_t host, uint64_t size))
{
	struct err err = { 0 };
	int r = cold_find(&job->cold, host, size, found, job, &err);

	if (watch_again(job, r, host, size))
		r = cold_find(&job->cold, host, size, found, job, &err);
	if (r < 0)
		job->result.err = err;
	return r;
}

/* Returns the bytes it has dealt with, or a negative errno in job->result.err.
 */
static uint64_t pageout_write_step(struct pageout_job *job)
{
	uint64_t before = 0, after = 0;
	uintptr_t host;
	const uint64_t size = pageout_next_step(job, OUT_PAGES, &host);
	int r = pageout_resident(job, host, size, &before, &job->result.err);

	if (r < 0 || before == 0)
		return size;
	if (job->cold.way == COLD_UNWRITTEN) {
		job->result.looked_at += before;
		(void)pageout_find(job, host, size, pageout_name_cold);
		return size;
	}
	if (job->want.watch_ns)
		r = pageout_find(job, host, size, pageout_write_out);
	else
		pageout_write_out(job, host, size);
	if (r == 0)
		r = pageout_resident(job, host, size, &after, &job->result.err);
	if (r == 0 && before > after)
		job->result.paged_out += before - after;
	return size;
}

static uint64_t pageout_mark_step(struct pageout_job *job)
{
	uintptr_t host;
	const uint64_t size = pageout_next_step(job, MARK_PAGES, &host);

	if (job->offset == 0) {
		const struct mem_region *region = job->region[job->at];

		(void)cold_watch(&job->cold, (uintptr_t)region->host,
				 region->gpa.size, &job->result.err);
	}
	if (job->result.err.code == 0)
		(void)pageout_mark(job, host, size);
	return size;
}

static void pageout_start(struct pageout_job *job, enum phase phase)
{
	job->phase = phase;
	job->at = 0;
	job->offset = 0;
}

static void pageout_step(struct loop_timer *timer)
{
	struct pageout_job *job = container_of(timer, struct pageout_job,
					       timer);
	uint64_t wait = 0;
	bool more = true;

	switch (job->phase) {
	case MARKING:
		if (!pageout_advance(job, pageout_mark_step(job))) {
			pageout_start(job, WATCHING);
			wait = job->want.watch_ns;
		}
		break;
	case WATCHING:
		pageout_start(job, WRITING);
		break;
	case WRITING:
		more = pageout_advance(job, pageout_write_step(job));
	}
	if (more && job->result.err.code == 0)
		loop_timer_set(&job->timer, wait);
	else
		pageout_end(job);
}

/* @wanted: an address in it, or its name; NULL: any */
static bool pageout_is_wanted(const struct mem_region *region,
			      const char *wanted)
{
	uint64_t at;

	if (region->kind != MEM_RAM || !region->backing)
		return false;
	if (!wanted || strcmp(region->name, wanted) == 0)
		return true;
	return number_parse(wanted, &at) == 0 &&
	       at - region->gpa.start < region->gpa.size;
}

/* Chooses the regions that are wanted and can be swapped out. */
static int pageout_choose_regions(struct pageout_job *job,
				  const struct mem_map *map, struct err *err)
{
	const char *name = job->want.region;
	bool found = false;

	for (size_t i = 0; i < map->count; i++) {
		const struct mem_region *region = &map->region[i];

		if (!pageout_is_wanted(region, name))
			continue;
		found = true;
		if (backing_check_pageout(region->backing, PAGEOUT_SWAPS, err) <
		    0)
			(void)err_wrap(err, "%s at 0x%" PRIx64, region->name,
				       region->gpa.start);
		else
			job->region[job->regions++] = region;
	}
	if (!found)
		return err_set(err, -ENOENT,
			       "'%s' is neither the address nor the name of "
			       "memory",
			       name ? name : "");
	return job->regions > 0 ? 0 : err->code;
}

static int pageout_open_sources(struct pageout_job *job, struct err *err)
{
	int r = residency_open(&job->source, err);

	if (r == 0 && job->want.watch_ns)
		r = cold_open(&job->cold, IDLE_BITMAP, job->page, err);
	return r;
}

int pageout_job_new(struct pageout_job **ret, struct loop *loop,
		    const struct mem_map *map,
		    const struct pageout_request *want, struct err *err)
{
	struct pageout_job *job = calloc(1, sizeof(*job));
	int r;

	if (!job)
		return err_set(err, -ENOMEM, "pageout: out of memory");
	job->want = *want;
	job->loop = loop;
	job->page = (uint64_t)sysconf(_SC_PAGESIZE);
	job->source.fd = -1;
	r = pageout_choose_regions(job, map, err);
	if (r == 0)
		r = pageout_open_sources(job, err);
	if (r == 0)
		r = loop_timer_add(loop, &job->timer, err);
	if (r < 0) {
		(void)pageout_job_free(job);
		return r;
	}
	job->timer.expired = pageout_step;
	pageout_start(job, job->want.watch_ns ? MARKING : WRITING);
	loop_timer_set(&job->timer, 0);
	*ret = job;
	return 0;
}
