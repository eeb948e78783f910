/* vmm/migrate/source.c - sends a running guest to another vmm. */
#include "vmm/migrate/source.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/event_fd.h"
#include "base/loop_worker.h"
#include "vmm/migrate/sender.h"
#include "vmm/migrate/stream.h"

struct migrate_job {
	struct migrate_guest guest;
	struct migrate_wish wish;
	struct dirty_reader *reader; /* borrowed */
	struct loop_worker *worker; /* owned; the loop's */
	struct loop_worker *asker; /* the same, for the thread */
	struct page_copy *copy; /* owned */
	struct sender sender; /* of the pages */
	struct channel channel; /* the thread's */
	int stop; /* owned eventfd: channel.stop */
	struct state guest_state; /* written by the loop, then the thread's */
	bool paused; /* as hold() said */
	int loop_code; /* what hold() or give_up() returned */
	struct err loop_err;
	uint64_t began, held_at; /* by clock_ns() */
	struct migrate_result result; /* the thread's until it is joined */
	uint64_t total; /* bytes of memory */

	pthread_mutex_t lock; /* of all that follows */
	enum migrate_state state;
	bool cancelled;
	bool committed; /* the guest is given up */
	uint64_t setup, took, held; /* in ns */
	uint64_t downtime, bandwidth;
};

static void set_state(struct migrate_job *job, enum migrate_state state)
{
	GUARD(&job->lock);
	/* What was cancelled goes on as that, up to its end. */
	if (job->state != MIGRATE_CANCELLING || state > MIGRATE_CANCELLING)
		job->state = state;
}

static void tell_moved(void *ctx)
{
	struct migrate_job *job = ctx;

	job->guest.moved(job->guest.ctx);
}

static void hold_migrating(void *ctx)
{
	struct migrate_job *job = ctx;

	job->held_at = clock_ns();
	job->loop_code = job->guest.hold(job->guest.ctx, &job->guest_state,
					 &job->paused, &job->loop_err);
	if (job->loop_code == 0) {
		set_state(job, MIGRATE_DEVICE);
		tell_moved(job);
	}
}

static bool was_cancelled(struct migrate_job *job)
{
	GUARD(&job->lock);
	return job->cancelled;
}

static void release_migrating(void *ctx)
{
	struct migrate_job *job = ctx;

	job->guest.release(job->guest.ctx);
}

static int fail_by_request(struct err *err)
{
	return err_set(err, -ECANCELED, "migration: ended by request");
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

/* Waits for a word of the target's that has no content. */
static int await_word(struct migrate_job *job, enum stream_type type,
		      struct err *err)
{
	struct stream_message message;

	return stream_expect(&job->channel, type, &message, err);
}

static int send_regions(struct migrate_job *job, struct err *err)
{
	uint8_t buf[MEM_MAX_REGIONS * REGION_ENTRY_SIZE];
	const size_t len = migrate_regions_encode(job->wish.regions, buf);

	return stream_send(&job->channel, STREAM_REGIONS, buf, len, err);
}

static int send_files(struct migrate_job *job, struct err *err)
{
	uint8_t buf[MIGRATE_MAX_FILES * FILE_ENTRY_SIZE];
	const size_t len = migrate_files_encode(job->wish.files, buf);

	return stream_send(&job->channel, STREAM_FILES, buf, len, err);
}

/* Says what guest it is, and has the target judge that. */
static int introduce_guest(struct migrate_job *job, struct err *err)
{
	const struct migrate_wish *wish = &job->wish;
	struct channel *channel = &job->channel;
	uint8_t place[PLACE_SIZE];
	int r = stream_send_hello(channel, wish->arch, err);

	migrate_place_encode(wish->place, place);
	if (r == 0)
		r = stream_send(channel, STREAM_ABOUT, wish->about,
				strlen(wish->about), err);
	if (r == 0)
		r = stream_send(channel, STREAM_PLACE, place, sizeof(place),
				err);
	if (r == 0)
		r = send_files(job, err);
	if (r == 0)
		r = send_regions(job, err);
	return r == 0 ? await_word(job, STREAM_ACCEPTED, err) : r;
}

/* A pass has been sent: waits until the target has it, so that the time that
 * took is known. */
static int end_sent_pass(struct migrate_job *job, struct err *err)
{
	struct stream_message message;
	uint8_t number[8], told[8];
	struct page_copy_rates rates;
	int r;

	page_copy_rates(job->copy, &rates);
	store_le64(number, rates.passes);
	r = stream_send(&job->channel, STREAM_PASS, number, sizeof(number),
			err);
	if (r == 0)
		r = stream_expect(&job->channel, STREAM_PASSED, &message, err);
	if (r == 0 && message.len != sizeof(told))
		r = err_set(err, -EBADMSG, "the other side answers nonsense");
	if (r == 0)
		r = channel_read(&job->channel, told, sizeof(told), err);
	if (r == 0 && memcmp(number, told, sizeof(told)) != 0)
		r = err_set(err, -EBADMSG, "the other side answers nonsense");
	return r;
}

static int put_page_run(void *ctx, size_t region, uint64_t offset,
			const uint8_t *host, uint64_t size, struct err *err)
{
	struct migrate_job *job = ctx;
	const uint32_t number = job->wish.regions->number[region];

	return number == REGION_NONE ? 0
				     : sender_put(&job->sender, number, offset,
						  host, size, err);
}

static int clear_page_run(void *ctx, size_t region, uint64_t offset,
			  uint64_t size, enum image_state state,
			  struct err *err)
{
	struct migrate_job *job = ctx;
	const uint32_t number = job->wish.regions->number[region];

	return number == REGION_NONE ? 0
				     : sender_clear(&job->sender, number,
						    offset, size, state, err);
}

static int live_pass_ended(void *ctx, uint64_t looked, struct err *err)
{
	struct migrate_job *job = ctx;
	const int r = end_sent_pass(job, err);

	(void)looked;
	loop_worker_ask(job->asker, tell_moved);
	return r;
}

static const struct page_sink stream_sink = {
	.put = put_page_run,
	.clear = clear_page_run,
	.passed = live_pass_ended,
};

static int send_live(struct migrate_job *job, struct err *err)
{
	const struct migrate_wish *wish = &job->wish;
	int r;

	for (;;) {
		struct page_copy_limits limits = { .passes = 1 };

		{
			GUARD(&job->lock);
			limits.downtime = job->downtime;
			sender_limit(&job->sender, job->bandwidth);
		}
		r = page_copy_live(job->copy, job->reader, &limits, err);
		if (r >= 0)
			loop_worker_ask(job->asker, tell_moved);
		if (r <= 0)
			return r;
		if (wish->timeout && clock_ns() - job->began >= wish->timeout)
			break;
	}
	if (wish->pause)
		return 0;
	return err_set(err, -ETIME,
		       "the guest writes faster than its memory can be sent: a "
		       "longer --downtime, or --then pause, helps");
}

/* The guest is held. */
static int send_rest(struct migrate_job *job, struct err *err)
{
	uint64_t bytes;
	int r;

	sender_limit(&job->sender, 0);
	r = page_copy_pass(job->copy, job->reader, &bytes, err);
	if (r == 0)
		r = page_copy_drop_unplugged(job->copy, err);
	if (r == 0)
		r = job->guest.drop(job->guest.ctx, job->copy, err);
	if (r == 0)
		r = end_sent_pass(job, err);
	if (r == 0)
		r = migrate_files_sync(job->wish.files, err);
	if (r == 0)
		r = stream_send_state(&job->channel,
				      job->paused ? STREAM_STATE_PAUSED : 0,
				      &job->guest_state, err);
	return r == 0 ? await_word(job, STREAM_READY, err) : r;
}

/* What the loop's thread has refused. */
static int fail_on_loop(const struct migrate_job *job, struct err *err)
{
	*err = job->loop_err;
	return job->loop_code;
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
	r = stream_send(&job->channel, STREAM_GO, NULL, 0, err);
	if (r < 0 && job->channel.sent == before) {
		loop_worker_ask(job->asker, take_guest_back);
		return r;
	}
	if (r == 0)
		r = await_word(job, STREAM_RUNNING, err);
	return r;
}

static int move_guest(struct migrate_job *job, struct err *err)
{
	int r;

	loop_worker_ask(job->asker, hold_migrating);
	if (job->loop_code < 0)
		return fail_on_loop(job, err);
	r = send_rest(job, err);
	if (r == 0)
		r = commit_guest(job, err);
	{
		GUARD(&job->lock);
		job->held = clock_ns() - job->held_at;
	}
	if (r < 0 && !is_committed(job))
		loop_worker_ask(job->asker, release_migrating);
	return r;
}

static int run_migration(struct migrate_job *job, struct err *err)
{
	int r = migrate_uri_connect(job->wish.uri, &job->channel, err);

	if (r == 0)
		r = introduce_guest(job, err);
	if (r == 0)
		r = migrate_files_sync(job->wish.files, err);
	if (r < 0)
		return r;
	set_state(job, MIGRATE_ACTIVE);
	{
		GUARD(&job->lock);
		job->setup = clock_ns() - job->began;
	}
	loop_worker_ask(job->asker, tell_moved);
	r = send_live(job, err);
	return r == 0 ? move_guest(job, err) : r;
}

static enum migrate_state how_it_ended(struct migrate_job *job, int code)
{
	if (code == 0)
		return MIGRATE_COMPLETED;
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
		job->channel.patience_ms = 1000;
		stream_send_reason(&job->channel, STREAM_GIVE_UP, &result->err);
	}
	channel_close(&job->channel);
	set_state(job, state);
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
		.began = clock_ns(),
		.total = count_memory(wish->regions),
		.downtime = wish->downtime,
		.bandwidth = wish->bandwidth,
	};
	(void)pthread_mutex_init(&job->lock, NULL);
	sender_init(&job->sender, &job->channel);
	job->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	job->channel.stop = job->stop;
	r = job->stop < 0 ? err_sys(err, "eventfd") : 0;
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
		if (job->committed)
			return;
		job->cancelled = true;
		if (job->state < MIGRATE_CANCELLING)
			job->state = MIGRATE_CANCELLING;
	}
	page_copy_stop(job->copy);
	event_fd_signal(job->stop);
}

void migrate_job_cancel(struct migrate_job *job)
{
	migrate_job_stop(job);
	loop_worker_settle(job->worker);
}

void migrate_job_limit(struct migrate_job *job, const uint64_t *downtime,
		       const uint64_t *bandwidth)
{
	GUARD(&job->lock);
	if (downtime)
		job->downtime = *downtime;
	if (bandwidth)
		job->bandwidth = *bandwidth;
}

void migrate_job_progress(struct migrate_job *job, struct migrate_progress *ret)
{
	struct sender_count count;

	*ret = (struct migrate_progress){ .total = job->total };
	page_copy_rates(job->copy, &ret->rates);
	sender_count(&job->sender, &count);
	ret->sent = count.bytes;
	ret->pages = count.pages;
	ret->zero_pages = count.zero_pages;
	GUARD(&job->lock);
	ret->state = job->state;
	ret->setup = job->setup;
	ret->held = job->held;
	ret->took = job->took ? job->took : clock_ns() - job->began;
	if (ret->took > ret->setup)
		ret->rate = (uint64_t)((double)ret->sent * 1e9 /
				       (double)(ret->took - ret->setup));
}

const struct migrate_result *migrate_job_result(const struct migrate_job *job)
{
	return &job->result;
}

struct migrate_job *migrate_job_free(struct migrate_job *job)
{
	if (!job)
		return NULL;
	job->worker = loop_worker_free(job->worker);
	job->copy = page_copy_free(job->copy);
	fd_closep(&job->stop);
	state_finish(&job->guest_state);
	sender_finish(&job->sender);
	(void)pthread_mutex_destroy(&job->lock);
	free(job);
	return NULL;
}
