/*
 * mem/pageout_job.h - has the host swap a guest's memory out, in small steps.
 *
 * The steps are made on a loop, which does in between what else there is to do.
 * A job can wait first, and leave what is used in that time.
 *
 * Thread: the loop's.
 */
#ifndef MEM_PAGEOUT_JOB_H
#define MEM_PAGEOUT_JOB_H

#include <stdint.h>

#include "base/err.h"
#include "mem/cold.h"

struct loop;
struct mem_map;
struct pageout_job;

/* Result of a job. Sizes are in bytes. */
struct pageout_result {
	uint64_t looked_at;
	uint64_t paged_out;
	uint64_t cooled; /* named to the host as cold, with COLD_UNWRITTEN */
	enum cold_way way; /* how use was seen, of a job that waited */
	struct err err; /* what went wrong; code 0: nothing */
};

struct pageout_request {
	const char *region; /* an address in it, or its name; NULL: all. Only
			       looked at by pageout_job_new() */
	uint64_t watch_ns; /* only what is cold for so long; 0: all */
	/* The job has ended, and is to be freed; it may be in here. */
	void (*done)(void *ctx, const struct pageout_result *result);
	void *ctx;
};

/*
 * Makes a job, which begins on the loop.
 *
 * @map: frozen; borrowed; outlives the job
 *
 * Returns 0; -ENOENT if there is no such region; what backing_check_pageout()
 * returns if none of those wanted can be swapped out; -ENOMEM; or what
 * residency_open(), cold_open() and loop_timer_add() return.
 */
int pageout_job_new(struct pageout_job **ret, struct loop *loop,
		    const struct mem_map *map,
		    const struct pageout_request *want, struct err *err);

/* Ends a job as one whose place another took: -ECANCELED, unless it has an
 * error. Calls done(). */
void pageout_job_give_way(struct pageout_job *job);

/* Stops a job where it is. NULL is fine; returns NULL. */
struct pageout_job *pageout_job_free(struct pageout_job *job);

#endif
