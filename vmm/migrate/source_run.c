/* vmm/migrate/source_run.c - sends a running guest to another vmm. */
#include "vmm/migrate/source.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/event_fd.h"
#include "vmm/migrate/source_job.h"

/* How long the guest may be held, beside HELD_TIMES what its memory is expected
 * to take: the target makes devices and VM. */
#define HELD_NS (30 * NS_PER_SECOND)
#define HELD_TIMES 4
#define QUIT_NS (10 * NS_PER_SECOND) /* for a thread to end its channels */
#define MAX_PAUSE 1e17 /* three years, in ns */

static void tell_moved(void *ctx)
{
	struct migrate_job *job = ctx;

	job->guest.moved(job->guest.ctx);
}

static int fail_by_request(struct err *err)
{
	return err_set(err, -ECANCELED, "migration: ended by request");
}

static bool was_cancelled(struct migrate_job *job)
{
	GUARD(&job->lock);
	return job->cancelled;
}

static void hold_migrating(void *ctx)
{
	struct migrate_job *job = ctx;

	job->held_at = clock_ns();
	if (was_cancelled(job)) {
		job->loop_code = fail_by_request(&job->loop_err);
		return;
	}
	job->loop_code = job->guest.hold(job->guest.ctx, &job->guest_state,
					 &job->paused, &job->loop_err);
	job->holds = job->loop_code == 0;
	if (job->holds) {
		source_set_state(job, MIGRATE_DEVICE);
		tell_moved(job);
	}
}

static void release_migrating(void *ctx)
{
	struct migrate_job *job = ctx;

	if (!job->holds)
		return;
	job->holds = false;
	job->guest.release(job->guest.ctx);
	GUARD(&job->lock);
	job->held = clock_ns() - job->held_at;
}

/* From here on no request ends the migration. Requests come on this thread. */
static void give_up_guest(void *ctx)
{
	struct migrate_job *job = ctx;

	if (was_cancelled(job))
		job->loop_code = fail_by_request(&job->loop_err);
	else
		job->loop_code = job->guest.give_up(job->guest.ctx,
						    &job->loop_err);
	if (job->loop_code < 0)
		return;
	GUARD(&job->lock);
	job->committed = true;
}

static void take_guest_back(void *ctx)
{
	struct migrate_job *job = ctx;

	{
		GUARD(&job->lock);
		job->committed = false;
	}
	job->guest.take_back(job->guest.ctx);
}

static bool is_committed(struct migrate_job *job)
{
	GUARD(&job->lock);
	return job->committed;
}

/* What the loop's thread has refused. */
static int fail_on_loop(const struct migrate_job *job, struct err *err)
{
	*err = job->loop_err;
	return job->loop_code;
}

/* How long the rest would take at the speed so far, in ns; nothing is known
 * before anything was sent. */
static uint64_t expected_pause(struct migrate_job *job)
{
	const uint64_t left = dirty_left(job->reader);
	double ns = (double)(clock_ns() - job->began);
	struct sender_count count;

	sender_count(&job->sender, &count);
	ns *= (double)left / (double)(count.bytes ? count.bytes : 1);
	return ns < MAX_PAUSE ? (uint64_t)ns : (uint64_t)MAX_PAUSE;
}

/* Holds the guest, for which the other side has so long and no longer. */
static int hold_guest_here(struct migrate_job *job, struct err *err)
{
	const uint64_t extra = HELD_TIMES * expected_pause(job);

	loop_worker_ask(job->asker, hold_migrating);
	if (job->loop_code < 0)
		return fail_on_loop(job, err);
	job->held_here = true;
	{
		GUARD(&job->lock);
		job->unlimited = true;
		sender_limit(&job->sender, 0);
	}
	job->channel.deadline = job->held_at + job->wish.held + extra;
	return 0;
}

static bool has_timed_out(const struct migrate_job *job)
{
	const uint64_t timeout = job->wish.timeout;

	return timeout && clock_ns() - job->began >= timeout;
}

static int fail_timed_out(struct err *err)
{
	return err_set(err, -ETIME,
		       "the guest's memory cannot be sent within --timeout: a "
		       "longer --downtime, or --then pause, helps");
}

/* A pass need not be at its end. */
static int look_at_clock(struct migrate_job *job, struct err *err)
{
	if (job->held_here || !has_timed_out(job))
		return 0;
	return job->wish.pause ? hold_guest_here(job, err)
			       : fail_timed_out(err);
}

static int put_page_run(void *ctx, size_t region, uint64_t offset,
			const uint8_t *host, uint64_t size, struct err *err)
{
	struct migrate_job *job = ctx;
	const uint32_t number = job->wish.regions->number[region];
	const int r = look_at_clock(job, err);

	if (r < 0 || number == REGION_NONE)
		return r;
	return sender_put(&job->sender, number, offset, host, size, err);
}

static int clear_page_run(void *ctx, size_t region, uint64_t offset,
			  uint64_t size, enum image_state state,
			  struct err *err)
{
	struct migrate_job *job = ctx;
	const uint32_t number = job->wish.regions->number[region];
	const int r = look_at_clock(job, err);

	if (r < 0 || number == REGION_NONE)
		return r;
	source_forget(job, number, offset, size);
	return sender_clear(&job->sender, number, offset, size, state, err);
}

static int live_pass_ended(void *ctx, struct err *err)
{
	return source_end_pass(ctx, err);
}

static const struct page_sink stream_sink = {
	.put = put_page_run,
	.clear = clear_page_run,
	.passed = live_pass_ended,
};

/* Brings what the guest has written to its disks while it runs: there is little
 * left for the time while it is held. Returns 1 if that took so long that much
 * of its memory may have changed. */
static int sync_early(struct migrate_job *job, uint64_t downtime,
		      struct err *err)
{
	const uint64_t began = clock_ns();
	int r;

	if (job->synced || job->held_here)
		return 0;
	job->synced = true;
	r = migrate_files_sync(job->wish.files, job->stop,
			       job->channel.deadline, err);
	return r == 0 ? clock_ns() - began > downtime / 2 : r;
}

static int send_one_pass(struct migrate_job *job, struct err *err)
{
	struct page_copy_limits limits = { .passes = 1 };
	int r;

	{
		GUARD(&job->lock);
		limits.downtime = job->downtime;
	}
	r = page_copy_live(job->copy, job->reader, &limits, err);
	if (r >= 0)
		loop_worker_ask(job->asker, tell_moved);
	return r == 0 ? sync_early(job, limits.downtime, err) : r;
}

/* True if the rest of the memory follows the guest. */
static bool is_switching(struct migrate_job *job)
{
	GUARD(&job->lock);
	return job->switches;
}

static int send_live(struct migrate_job *job, struct err *err)
{
	int r;

	do
		r = send_one_pass(job, err);
	while (r > 0 && !job->held_here && !has_timed_out(job) &&
	       !is_switching(job));
	if (r > 0 && !job->wish.pause && !is_switching(job))
		return fail_timed_out(err);
	return r < 0 ? r : 0;
}

/* The guest is held. */
static int send_rest(struct migrate_job *job, struct err *err)
{
	int r;

	/* From here on a wish to switch comes too late. */
	job->follows = is_switching(job);
	r = job->follows ? source_find_stale(job, err)
			 : page_copy_pass(job->copy, job->reader, err);
	if (r == 0)
		r = page_copy_drop_unplugged(job->copy, err);
	/* Then the guest's devices may be gone. */
	if (r == 0 && was_cancelled(job))
		r = fail_by_request(err);
	if (r == 0)
		r = job->guest.drop(job->guest.ctx, job->copy, err);
	if (r == 0)
		r = source_end_pass(job, err);
	if (r == 0 && job->follows)
		r = source_tell_stale(job, err);
	if (r == 0)
		r = migrate_files_sync(job->wish.files, job->stop,
				       job->channel.deadline, err);
	if (r == 0)
		r = stream_send_state(&job->channel,
				      job->paused ? STREAM_STATE_PAUSED : 0,
				      &job->guest_state, err);
	if (r < 0)
		return r;
	/* The deadline of the whole is this one's, too. */
	job->channel.patience_ms = -1;
	return job->follows ? source_await_ready(job, err)
			    : source_await_word(job, STREAM_READY, err);
}

/*
 * The guest is given up, and the target told to go. From then on it is nobody's
 * to run here, whatever comes. A word of which nothing has left can be taken
 * back: the target cannot have got it.
 */
static int commit_guest(struct migrate_job *job, struct err *err)
{
	const uint64_t before = job->channel.sent;
	int r;

	loop_worker_ask(job->asker, give_up_guest);
	if (job->loop_code < 0)
		return fail_on_loop(job, err);
	/* What ends waits has no say any more. */
	job->channel.stop = -1;
	channel_limit(&job->channel, CHANNEL_PATIENCE_MS);
	r = stream_send(&job->channel, STREAM_GO, NULL, 0, err);
	if (r < 0 && job->channel.sent == before) {
		loop_worker_ask(job->asker, take_guest_back);
		return r;
	}
	if (r == 0)
		r = source_await_word(job, STREAM_RUNNING, err);
	return r;
}

static int move_guest(struct migrate_job *job, struct err *err)
{
	int r = job->held_here ? 0 : hold_guest_here(job, err);

	if (r == 0)
		r = send_rest(job, err);
	if (r == 0)
		r = commit_guest(job, err);
	{
		GUARD(&job->lock);
		if (job->held_here)
			job->held = clock_ns() - job->held_at;
	}
	return job->follows && is_committed(job) ? source_follow(job, r, err)
						 : r;
}

/* When what the target does while the guest runs is to have an end; --then
 * pause looks at the clock by itself. */
static uint64_t live_deadline(const struct migrate_job *job)
{
	const struct migrate_wish *wish = &job->wish;

	return wish->timeout && !wish->pause ? job->began + wish->timeout : 0;
}

static int open_and_introduce(struct migrate_job *job, struct err *err)
{
	int r;

	job->channel.deadline = live_deadline(job);
	r = migrate_uri_connect(job->wish.uri, &job->channel, err);
	if (r == 0)
		r = source_introduce(job, err);
	if (r == 0 && job->wish.postcopy)
		r = source_join(job, JOIN_PAGES, &job->pages, err);
	if (r == 0 && job->wish.compress > 0)
		r = packer_new(&job->sender.packer, job->wish.compress, err);
	if (r == 0)
		r = migrate_files_sync(job->wish.files, job->stop,
				       job->channel.deadline, err);
	return r;
}

/* All while the guest runs. */
static int copy_running_guest(struct migrate_job *job, struct err *err)
{
	int r = open_and_introduce(job, err);

	if (r < 0)
		return r;
	source_set_state(job, MIGRATE_ACTIVE);
	{
		GUARD(&job->lock);
		job->setup = clock_ns() - job->began;
	}
	loop_worker_ask(job->asker, tell_moved);
	return send_live(job, err);
}

static int run_migration(struct migrate_job *job, struct err *err)
{
	int r = copy_running_guest(job, err);

	/* A wait for the other side, or for a disk, ends then, too. */
	if (r == -ETIMEDOUT && !job->held_here && has_timed_out(job))
		r = fail_timed_out(err);
	if (r == 0)
		r = move_guest(job, err);
	if (r < 0 && !is_committed(job))
		loop_worker_ask(job->asker, release_migrating);
	return r;
}

static bool was_heard(struct migrate_job *job)
{
	GUARD(&job->lock);
	return job->heard;
}

static enum migrate_state how_it_ended(struct migrate_job *job, int code)
{
	if (code == 0)
		return MIGRATE_COMPLETED;
	/* It runs there, or has ended, and said so. A target that fails in
	 * place of running breaks the rules, and is not believed. */
	if (was_heard(job) ||
	    (code == -EREMOTEIO && is_committed(job) && job->follows))
		return MIGRATE_FAILED;
	if (is_committed(job))
		return MIGRATE_LOST;
	return was_cancelled(job) ? MIGRATE_CANCELLED : MIGRATE_FAILED;
}

static void migrate_work(void *ctx, struct loop_worker *worker)
{
	struct migrate_job *job = ctx;
	struct migrate_result *result = &job->result;
	enum migrate_state state;

	job->asker = worker;
	result->code = run_migration(job, &result->err);
	state = how_it_ended(job, result->code);
	if (state == MIGRATE_CANCELLED)
		result->code = fail_by_request(&result->err);
	/* A target that has failed knows. */
	if (result->code < 0 && state != MIGRATE_LOST &&
	    result->code != -EREMOTEIO && job->channel.out >= 0) {
		job->channel.stop = -1;
		channel_limit(&job->channel, 1000);
		stream_send_reason(&job->channel, STREAM_GIVE_UP, &result->err);
	}
	job->sender.packer = packer_free(job->sender.packer);
	channel_close(&job->channel);
	channel_close(&job->pages);
	source_set_state(job, state);
	GUARD(&job->lock);
	job->took = clock_ns() - job->began;
}

static void migrate_ended(void *ctx)
{
	struct migrate_job *job = ctx;

	job->guest.done(job->guest.ctx);
}

static const struct loop_worker_ops migrate_ops = {
	.work = migrate_work,
	.done = migrate_ended,
};

static uint64_t count_memory(const struct migrate_regions *regions)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < regions->count; i++)
		bytes += mem_present(&regions->map->region[regions->of[i]]);
	return bytes;
}

int migrate_job_new(struct migrate_job **ret, const struct migrate_guest *guest,
		    const struct migrate_wish *wish,
		    struct dirty_reader *reader, struct err *err)
{
	struct migrate_job *job = calloc(1, sizeof(*job));
	int r;

	if (!job)
		return err_set(err, -ENOMEM, "migration: out of memory");
	*job = (struct migrate_job){
		.guest = *guest,
		.wish = *wish,
		.reader = reader,
		.channel = CHANNEL_NONE,
		.pages = CHANNEL_NONE,
		.tell = tell_moved,
		.began = clock_ns(),
		.total = count_memory(wish->regions),
		.downtime = wish->downtime,
	};
	(void)pthread_mutex_init(&job->lock, NULL);
	if (wish->held == 0)
		job->wish.held = HELD_NS;
	sender_init(&job->sender, &job->channel);
	sender_limit(&job->sender, wish->bandwidth);
	job->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	job->quit = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	job->resumed = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	job->channel.stop = job->stop;
	r = job->stop < 0 || job->quit < 0 || job->resumed < 0
		  ? err_sys(err, "eventfd")
		  : 0;
	if (r == 0)
		r = page_copy_new(&job->copy, wish->regions->map, &stream_sink,
				  job, true, err);
	if (r == 0)
		r = loop_worker_new(&job->worker, guest->loop, &migrate_ops,
				    job, err);
	if (r < 0) {
		(void)migrate_job_free(job);
		return err_wrap(err, "migration");
	}
	*ret = job;
	return 0;
}

void migrate_job_stop(struct migrate_job *job)
{
	{
		GUARD(&job->lock);
		/* Whether the target runs it is not known: its user may end the
		 * wait. */
		if (job->state == MIGRATE_POSTCOPY_PAUSED && !job->heard)
			event_fd_signal(job->quit);
		if (job->committed)
			return;
		job->cancelled = true;
		if (job->state < MIGRATE_CANCELLING)
			job->state = MIGRATE_CANCELLING;
	}
	page_copy_stop(job->copy);
	event_fd_signal(job->stop);
}

bool migrate_job_settle(struct migrate_job *job, uint64_t ns)
{
	const uint64_t deadline = clock_ns() + ns;
	int r = 1;

	migrate_job_stop(job);
	/* The last answer may free the job. */
	while (r > 0)
		r = loop_worker_serve(job->worker, deadline);
	/* Memory that follows the guest had this time. */
	if (r < 0 && is_committed(job)) {
		event_fd_signal(job->quit);
		for (r = 1; r > 0;)
			r = loop_worker_serve(job->worker, deadline + QUIT_NS);
	}
	if (r < 0 && !is_committed(job))
		release_migrating(job);
	return r >= 0;
}

struct migrate_job *migrate_job_free(struct migrate_job *job)
{
	if (!job)
		return NULL;
	job->worker = loop_worker_free(job->worker);
	job->copy = page_copy_free(job->copy);
	fd_closep(&job->stop);
	fd_closep(&job->quit);
	fd_closep(&job->resumed);
	migrate_uri_finish(&job->again);
	for (size_t i = 0; i < MEM_MAX_REGIONS; i++)
		free(job->left[i]);
	state_finish(&job->guest_state);
	sender_finish(&job->sender);
	(void)pthread_mutex_destroy(&job->lock);
	free(job);
	return NULL;
}
