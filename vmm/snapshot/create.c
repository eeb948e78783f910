/* vmm/snapshot/create.c - takes a snapshot of a guest, on a thread of its own.
 */
#include "vmm/snapshot/create.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/event_fd.h"
#include "vmm/snapshot/directory.h"

/* A few frames, and a batch of the index's entries. */
#define JOB_STACK (512UL << 10)

/* A guest that writes without a pause is never done: passes end after these. */
#define MAX_PASSES 64

/* Requests of the thread to the loop. */
enum request { REQUEST_NONE, REQUEST_HOLD, REQUEST_RELEASE, REQUEST_DONE };

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

	pthread_t thread;
	struct loop_watch call; /* its eventfd is owned: a request is there */
	bool watched; /* @call is on the loop */
	pthread_mutex_t lock; /* of all that follows */
	pthread_cond_t answered;
	enum request request;
	int hold_code; /* what hold() returned */
	struct err hold_err; /* why it failed */
	bool cancelled; /* also read without the lock: atomic */
	bool over; /* done() was called */
};

static bool is_cancelled(const struct snapshot_job *job)
{
	return __atomic_load_n(&job->cancelled, __ATOMIC_RELAXED);
}

/* Has the loop do something, and waits for that. REQUEST_DONE is not waited
 * for. */
static void ask_loop(struct snapshot_job *job, enum request request)
{
	GUARD(&job->lock);

	job->request = request;
	event_fd_signal(job->call.fd);
	while (request != REQUEST_DONE && job->request != REQUEST_NONE)
		(void)pthread_cond_wait(&job->answered, &job->lock);
}

static int fail_cancelled(struct err *err)
{
	return err_set(err, -ECANCELED, "snapshot: ended by request");
}

static int copy_pass(struct snapshot_job *job, uint64_t *ret_bytes,
		     struct err *err)
{
	job->result.passes++;
	return image_copy_pass(job->copy, job->reader, ret_bytes, err);
}

/*
 * Copies while the guest runs, until a pass was so short that the next one fits
 * into the time for which the guest may be held.
 */
static int copy_live(struct snapshot_job *job, struct err *err)
{
	const struct snapshot_wish *wish = &job->wish;
	uint64_t bytes;

	for (unsigned i = 0; i < MAX_PASSES; i++) {
		const uint64_t began = clock_ns();
		uint64_t now;
		int r = copy_pass(job, &bytes, err);

		if (r < 0)
			return r;
		now = clock_ns();
		/* What was written in that time takes no longer to copy. */
		if (bytes == 0 || now - began <= wish->downtime)
			return 0;
		if (now - job->began >= wish->timeout)
			break;
	}
	if (!wish->give_up)
		return 0;
	return err_set(err, -ETIME,
		       "snapshot: the guest writes faster than its memory can "
		       "be copied; a longer --downtime, or --paused, helps");
}

static int copy_rest(struct snapshot_job *job, struct err *err)
{
	uint64_t bytes;
	int r = copy_pass(job, &bytes, err);

	if (r == 0)
		r = image_copy_drop_unplugged(job->copy, err);
	return r == 0 ? job->source.drop(job->source.ctx, job->copy, err) : r;
}

static int copy_memory(struct snapshot_job *job, struct err *err)
{
	int r = job->wish.paused ? 0 : copy_live(job, err);

	if (r == 0 && is_cancelled(job))
		r = fail_cancelled(err);
	if (r < 0)
		return r;
	ask_loop(job, REQUEST_HOLD);
	if (job->hold_code < 0) {
		*err = job->hold_err;
		return job->hold_code;
	}
	r = copy_rest(job, err);
	ask_loop(job, REQUEST_RELEASE);
	return r;
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

static void *run_job(void *arg)
{
	struct snapshot_job *job = arg;
	struct snapshot_result *result = &job->result;

	result->code = copy_memory(job, &result->err);
	if (result->code == 0)
		result->code = write_snapshot(job, &result->err);
	/* A copy that was told to stop says no more than that it did. */
	if (result->code < 0 && is_cancelled(job))
		result->code = fail_cancelled(&result->err);
	snapshot_dir_finish(&job->dir);
	ask_loop(job, REQUEST_DONE);
	return NULL;
}

static void hold_guest(struct snapshot_job *job)
{
	job->held_at = clock_ns();
	job->hold_code = job->source.hold(job->source.ctx, &job->state,
					  &job->hold_err);
}

static void release_guest(struct snapshot_job *job)
{
	job->source.release(job->source.ctx);
	job->result.held = clock_ns() - job->held_at;
}

static void end_job(struct snapshot_job *job)
{
	if (job->over)
		return;
	(void)pthread_join(job->thread, NULL);
	job->over = true;
	job->source.done(job->source.ctx);
}

static enum request next_request(struct snapshot_job *job)
{
	GUARD(&job->lock);
	return job->request;
}

static void answer_request(struct snapshot_job *job)
{
	GUARD(&job->lock);
	job->request = REQUEST_NONE;
	(void)pthread_cond_broadcast(&job->answered);
}

/* Does what the thread asks for. Returns false once it asks for nothing more;
 * the job may be freed then. */
static bool serve_job(struct snapshot_job *job)
{
	uint64_t count;

	(void)!read(job->call.fd, &count, sizeof(count));
	switch (next_request(job)) {
	case REQUEST_NONE:
		return true;
	case REQUEST_HOLD:
		hold_guest(job);
		break;
	case REQUEST_RELEASE:
		release_guest(job);
		break;
	case REQUEST_DONE:
		end_job(job);
		return false;
	}
	answer_request(job);
	return true;
}

static void job_calls(struct loop_watch *watch, uint32_t events)
{
	(void)events;
	(void)serve_job(container_of(watch, struct snapshot_job, call));
}

static int watch_job(struct snapshot_job *job, struct err *err)
{
	int r;

	job->call.ready = job_calls;
	job->call.fd = eventfd(0, EFD_CLOEXEC);
	if (job->call.fd < 0)
		return err_sys(err, "snapshot: eventfd");
	r = loop_add(job->source.loop, &job->call, EPOLLIN, err);
	job->watched = r == 0;
	return r;
}

static int start_thread(struct snapshot_job *job, struct err *err)
{
	pthread_attr_t attr;
	int r = pthread_attr_init(&attr);

	job->began = clock_ns();
	if (r == 0) {
		(void)pthread_attr_setstacksize(&attr, JOB_STACK);
		r = pthread_create(&job->thread, &attr, run_job, job);
		(void)pthread_attr_destroy(&attr);
	}
	if (r != 0)
		return err_set(err, -r, "snapshot: thread: %s",
			       strerrordesc_np(r));
	job->over = false;
	return 0;
}

static int start_job(struct snapshot_job *job, struct err *err)
{
	int r = snapshot_dir_begin(&job->dir, job->wish.path, err);

	if (r == 0)
		r = image_copy_new(
			&job->copy, job->source.map, job->dir.fd,
			job->wish.about->parent ? IMAGE_DIFF : IMAGE_FULL, err);
	if (r == 0)
		r = watch_job(job, err);
	if (r < 0)
		return r;
	return start_thread(job, err);
}

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
		.call.fd = -1,
		.over = true,
	};
	(void)pthread_mutex_init(&job->lock, NULL);
	(void)pthread_cond_init(&job->answered, NULL);
	r = start_job(job, err);
	if (r < 0)
		(void)snapshot_job_free(job);
	else
		*ret = job;
	return r;
}

void snapshot_job_stop(struct snapshot_job *job)
{
	__atomic_store_n(&job->cancelled, true, __ATOMIC_RELAXED);
	image_copy_stop(job->copy);
}

void snapshot_job_cancel(struct snapshot_job *job)
{
	snapshot_job_stop(job);
	/* What it has still to ask is answered here, as by the loop. The last
	 * answer may free it. */
	while (!job->over && serve_job(job))
		;
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
	if (job->watched)
		loop_remove(job->source.loop, &job->call);
	fd_closep(&job->call.fd);
	job->copy = image_copy_free(job->copy);
	snapshot_dir_finish(&job->dir);
	state_finish(&job->state);
	(void)pthread_cond_destroy(&job->answered);
	(void)pthread_mutex_destroy(&job->lock);
	free(job);
	return NULL;
}
