/* vmm/snapshot/create.c - takes a snapshot of a guest, on a thread of its own.
 */
#include "vmm/snapshot/create.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/loop_worker.h"
#include "vmm/snapshot/directory.h"
#include "vmm/snapshot/disk_copy.h"

/* A guest that writes without a pause is never done: passes end after these. */
#define MAX_PASSES 64

/* How long the compressing of a few chunks may take. */
#define STOP_NS (2 * NS_PER_SECOND)

/* Disks are done with while the guest runs once a pass found so little, or no
 * less than the one before. */
#define DISKS_LEFT (UINT64_C(1) << 20)

struct snapshot_job {
	struct snapshot_source source;
	struct snapshot_wish wish;
	struct dirty_reader *reader; /* borrowed */
	struct snapshot_dir dir; /* owned */
	struct image_copy *copy; /* owned */
	struct state state; /* owned; written by the loop, then the thread's */
	struct snapshot_result result; /* the thread's until it is joined */
	uint64_t began; /* monotonic, in ns */
	uint64_t held_at; /* the same */
	struct loop_worker *worker; /* owned */
	bool held; /* the guest is; the loop's */
	bool over; /* done() was called; the loop's */
	int hold_code; /* what hold() returned */
	struct err hold_err; /* why it failed */
	pthread_mutex_t lock; /* of all that follows, and of setting @copy */
	bool cancelled; /* it is to end soon */
	bool lost; /* the guest went on before the copy was complete */
};

static bool is_cancelled(struct snapshot_job *job)
{
	GUARD(&job->lock);
	return job->cancelled;
}

static int fail_cancelled(struct err *err)
{
	return err_set(err, -ECANCELED, "snapshot: ended by request");
}

/*
 * Copies while the guest runs, until what is left fits into the time for which
 * the guest may be held.
 */
static int copy_live(struct snapshot_job *job, struct err *err)
{
	const struct snapshot_wish *wish = &job->wish;
	const struct page_copy_limits limits = {
		.downtime = wish->downtime,
		.until = job->began + wish->timeout,
		.passes = MAX_PASSES,
	};
	const int r = page_copy_live(image_copy_pages(job->copy), job->reader,
				     &limits, err);

	if (r <= 0 || !wish->give_up)
		return r < 0 ? r : 0;
	return err_set(err, -ETIME,
		       "snapshot: the guest writes faster than its memory can "
		       "be copied; a longer --downtime, or --paused, helps");
}

static int fail_lost(struct snapshot_job *job, struct err *err)
{
	GUARD(&job->lock);
	if (!job->lost)
		return 0;
	return err_set(err, -ETIMEDOUT,
		       "%s: the host's storage does not answer",
		       job->wish.path);
}

static int copy_disks_once(struct snapshot_job *job, uint64_t *ret_bytes,
			   struct err *err)
{
	*ret_bytes = 0;
	if (!job->wish.disks)
		return 0;
	return disk_copies_pass(job->wish.disks, job->copy, ret_bytes, err);
}

static int copy_disks_live(struct snapshot_job *job, struct err *err)
{
	uint64_t bytes = UINT64_MAX, was;
	int r;

	do {
		was = bytes;
		r = copy_disks_once(job, &bytes, err);
	} while (r == 0 && bytes > DISKS_LEFT && bytes < was);
	return r;
}

/* Memory changes faster than disks. What is written to those meanwhile is
 * copied behind it, so that little is left. */
static int copy_all_live(struct snapshot_job *job, struct err *err)
{
	uint64_t bytes;
	int r = copy_disks_live(job, err);

	if (r == 0)
		r = copy_live(job, err);
	return r == 0 ? copy_disks_once(job, &bytes, err) : r;
}

static int copy_rest(struct snapshot_job *job, struct err *err)
{
	struct page_copy *pages = image_copy_pages(job->copy);
	uint64_t bytes;
	int r = copy_disks_once(job, &bytes, err);

	if (r == 0)
		r = page_copy_pass(pages, job->reader, err);
	if (r == 0)
		r = page_copy_drop_unplugged(pages, err);
	/* Then the guest's devices may be gone. */
	if (r == 0)
		r = fail_lost(job, err);
	return r == 0 ? job->source.drop(job->source.ctx, pages, err) : r;
}

static void hold_guest(void *ctx)
{
	struct snapshot_job *job = ctx;

	job->held_at = clock_ns();
	if (is_cancelled(job))
		job->hold_code = fail_cancelled(&job->hold_err);
	else
		job->hold_code = job->source.hold(job->source.ctx, &job->state,
						  &job->hold_err);
	job->held = job->hold_code == 0;
}

static void release_guest(void *ctx)
{
	struct snapshot_job *job = ctx;

	if (!job->held)
		return;
	job->held = false;
	job->source.release(job->source.ctx);
	job->result.held = clock_ns() - job->held_at;
}

static int copy_memory(struct snapshot_job *job, struct loop_worker *worker,
		       struct err *err)
{
	int r = job->wish.paused ? 0 : copy_all_live(job, err);

	if (r == 0 && is_cancelled(job))
		r = fail_cancelled(err);
	if (r < 0)
		return r;
	loop_worker_ask(worker, hold_guest);
	if (job->hold_code < 0) {
		*err = job->hold_err;
		return job->hold_code;
	}
	r = copy_rest(job, err);
	loop_worker_ask(worker, release_guest);
	return r == 0 ? fail_lost(job, err) : r;
}

static int begin_image(const struct snapshot_job *job, struct image_copy **ret,
		       struct err *err)
{
	const enum image_kind kind = job->wish.about->parent ? IMAGE_DIFF
							     : IMAGE_FULL;
	struct disk_copies *disks = job->wish.disks;
	struct image_region region[CONFIG_MAX_DISKS];
	struct image_disks copies = { region, 0 };

	if (disks) {
		disk_copies_regions(disks, region);
		disks->fresh = kind == IMAGE_FULL;
		copies.count = disks->count;
	}
	return image_copy_new_disks(ret, job->source.map, &copies, job->dir.fd,
				    kind, err);
}

/* Makes the folder and the files: on a file system that may be slow. */
static int begin_files(struct snapshot_job *job, struct err *err)
{
	struct image_copy *copy = NULL;
	int r = snapshot_dir_begin(&job->dir, job->wish.path, err);

	if (r < 0)
		return r;
	r = begin_image(job, &copy, err);
	if (r < 0)
		return err_wrap(err, "%s", job->wish.path);
	if (job->wish.level > 0)
		image_writer_compress(image_copy_writer(copy), job->wish.level);
	GUARD(&job->lock);
	job->copy = copy;
	if (job->cancelled)
		page_copy_stop(image_copy_pages(copy));
	return 0;
}

static int write_snapshot(struct snapshot_job *job, struct err *err)
{
	struct image_writer *writer = image_copy_writer(job->copy);
	const int dir = job->dir.fd;
	int r = image_writer_end(writer, err);

	if (r == 0)
		r = snapshot_file_write(dir, SNAPSHOT_STATE, job->state.data,
					job->state.size, err);
	if (r == 0)
		r = snapshot_about_write(job->wish.about, dir, err);
	if (r < 0)
		return err_wrap(err, "%s", job->wish.path);
	image_writer_count(writer, &job->result.pages);
	job->result.bytes = image_writer_bytes(writer);
	return snapshot_dir_commit(&job->dir, err);
}

static void write_job(void *ctx, struct loop_worker *worker)
{
	struct snapshot_job *job = ctx;
	struct snapshot_result *result = &job->result;
	struct page_copy_rates rates = { 0 };

	result->code = begin_files(job, &result->err);
	if (result->code == 0)
		result->code = copy_memory(job, worker, &result->err);
	if (job->copy)
		page_copy_rates(image_copy_pages(job->copy), &rates);
	result->passes = rates.passes;
	if (result->code == 0)
		result->code = write_snapshot(job, &result->err);
	/* A copy that was told to stop says no more than that it did. */
	if (result->code < 0 && is_cancelled(job))
		result->code = fail_cancelled(&result->err);
	snapshot_dir_finish(&job->dir);
}

static void end_job(void *ctx)
{
	struct snapshot_job *job = ctx;

	job->over = true;
	job->source.done(job->source.ctx);
}

static const struct loop_worker_ops job_ops = {
	.work = write_job,
	.done = end_job,
};

int snapshot_job_new(struct snapshot_job **ret,
		     const struct snapshot_source *source,
		     const struct snapshot_wish *wish,
		     struct dirty_reader *reader, struct err *err)
{
	struct snapshot_job *job = calloc(1, sizeof(*job));
	int r;

	if (!job)
		return err_set(err, -ENOMEM, "snapshot: out of memory");
	*job = (struct snapshot_job){
		.source = *source,
		.wish = *wish,
		.reader = reader,
		.dir = SNAPSHOT_DIR_NONE,
		.began = clock_ns(),
	};
	if (wish->disks)
		disk_copies_go(wish->disks);
	(void)pthread_mutex_init(&job->lock, NULL);
	r = loop_worker_new(&job->worker, source->loop, &job_ops, job, err);
	if (r < 0) {
		(void)snapshot_job_free(job);
		return err_wrap(err, "snapshot");
	}
	*ret = job;
	return 0;
}

void snapshot_job_stop(struct snapshot_job *job)
{
	GUARD(&job->lock);
	job->cancelled = true;
	if (job->copy)
		page_copy_stop(image_copy_pages(job->copy));
	if (job->wish.disks)
		disk_copies_stop(job->wish.disks);
}

static void stop_packing(struct snapshot_job *job)
{
	GUARD(&job->lock);
	if (job->copy)
		image_writer_stop(image_copy_writer(job->copy));
}

/* Lets the guest go from a copy that is not complete. */
static void give_guest_up(struct snapshot_job *job)
{
	{
		GUARD(&job->lock);
		job->lost = true;
	}
	release_guest(job);
}

bool snapshot_job_settle(struct snapshot_job *job, bool whole, uint64_t ns)
{
	const uint64_t deadline = clock_ns() + ns;
	int r = 1;

	snapshot_job_stop(job);
	/* Its requests are answered here, as by the loop. The last answer may
	 * free the job. */
	while (r > 0 && !job->over && (whole || job->held))
		r = loop_worker_serve(job->worker, deadline);
	/* It may not be the storage that takes so long. */
	if (r < 0 && job->wish.level > 0 && !job->held) {
		stop_packing(job);
		for (r = 1; r > 0 && !job->over;)
			r = loop_worker_serve(job->worker, deadline + STOP_NS);
	}
	if (r < 0)
		give_guest_up(job);
	return r >= 0;
}

const struct snapshot_result *
snapshot_job_result(const struct snapshot_job *job)
{
	return &job->result;
}

struct snapshot_job *snapshot_job_free(struct snapshot_job *job)
{
	if (!job)
		return NULL;
	job->worker = loop_worker_free(job->worker);
	job->copy = image_copy_free(job->copy);
	snapshot_dir_finish(&job->dir);
	state_finish(&job->state);
	(void)pthread_mutex_destroy(&job->lock);
	free(job);
	return NULL;
}
