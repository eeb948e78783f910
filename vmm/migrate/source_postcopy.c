/* vmm/migrate/source_postcopy.c - memory that follows a guest which has moved.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/event_fd.h"
#include "mem/bitmap.h"
#include "vmm/migrate/source_job.h"

/* What is sent at a time, in pages: whole pages of any host, and little enough
 * for a request not to wait long behind it. */
#define PIECE 16
#define BYE_MS 2000

static const struct mem_region *moved_region(const struct migrate_job *job,
					     uint32_t number)
{
	const struct migrate_regions *regions = job->wish.regions;

	return &regions->map->region[regions->of[number]];
}

static uint64_t moved_pages(const struct migrate_job *job, uint32_t number)
{
	return moved_region(job, number)->gpa.size / IMAGE_PAGE;
}

static void count_left(struct migrate_job *job, uint64_t more, uint64_t less)
{
	GUARD(&job->lock);
	job->left_pages = job->left_pages + more - less;
}

static int make_left(struct migrate_job *job, struct err *err)
{
	for (uint32_t i = 0; i < job->wish.regions->count; i++) {
		const uint64_t words = bitmap_words(moved_pages(job, i));

		job->left[i] = calloc((size_t)words, sizeof(*job->left[i]));
		if (!job->left[i])
			return err_set(err, -ENOMEM, "out of memory");
	}
	return 0;
}

static void note_left(struct migrate_job *job, uint32_t number, uint64_t first,
		      uint64_t count)
{
	count_left(job, bitmap_set(job->left[number], first, first + count), 0);
}

static void note_sent(struct migrate_job *job, uint32_t number, uint64_t first,
		      uint64_t count)
{
	count_left(job, 0,
		   bitmap_clear(job->left[number], first, first + count));
}

int source_find_stale(struct migrate_job *job, struct err *err)
{
	struct dirty_run run;
	int r = make_left(job, err);

	if (r == 0)
		r = dirty_harvest(job->reader, err);
	while (r == 0 && (r = dirty_next(job->reader, &run, err)) > 0) {
		const uint32_t number = job->wish.regions->number[run.region];
		const struct mem_region *of =
			&job->wish.regions->map->region[run.region];

		r = 0;
		if (number != REGION_NONE)
			note_left(job, number,
				  (run.gpa.start - of->gpa.start) / IMAGE_PAGE,
				  run.gpa.size / IMAGE_PAGE);
	}
	return r;
}

void source_forget(struct migrate_job *job, uint32_t number, uint64_t offset,
		   uint64_t size)
{
	if (job->left[number])
		note_sent(job, number, offset / IMAGE_PAGE, size / IMAGE_PAGE);
}

int source_join(struct migrate_job *job, enum stream_join what,
		struct channel *channel, struct err *err)
{
	struct stream_message message;
	int r = migrate_uri_connect(
		job->again.text ? &job->again : job->wish.uri, channel, err);

	if (r == 0)
		r = stream_send_join(channel, job->wish.arch, job->key, what,
				     err);
	return r == 0 ? stream_expect(channel, STREAM_JOINED, &message, err)
		      : r;
}

/* The next run that is left of a region, from *@at on. */
static bool next_left(const struct migrate_job *job, uint32_t number,
		      uint64_t *at, struct stream_run *ret)
{
	const uint64_t pages = moved_pages(job, number);
	const uint64_t first = bitmap_next_set(job->left[number], *at, pages);
	const uint64_t last = bitmap_next_clear(job->left[number], first,
						pages);

	*at = last;
	*ret = (struct stream_run){ .region = number,
				    .first = first,
				    .count = last - first };
	return first < pages;
}

static int send_stale(struct migrate_job *job, struct err *err)
{
	struct stream_run run[STREAM_RUNS_MAX];
	size_t count = 0;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < job->wish.regions->count; i++) {
		uint64_t at = 0;

		while (r == 0 && next_left(job, i, &at, &run[count])) {
			if (++count < STREAM_RUNS_MAX)
				continue;
			r = stream_send_runs(&job->channel, STREAM_STALE, run,
					     count, err);
			count = 0;
		}
	}
	if (r == 0 && count > 0)
		r = stream_send_runs(&job->channel, STREAM_STALE, run, count,
				     err);
	return r;
}

static bool is_moved_run(const struct migrate_job *job,
			 const struct stream_run *run)
{
	uint64_t has;

	if (run->region >= job->wish.regions->count)
		return false;
	has = moved_pages(job, run->region);
	return run->first < has && run->count <= has - run->first;
}

static int fail_request(struct err *err)
{
	return err_set(err, -EBADMSG,
		       "the other side asks for what is no memory of the "
		       "guest's");
}

/* What the target lacks is left to be sent, and nothing else is. */
static int read_missing(struct migrate_job *job, struct err *err)
{
	struct stream_run run[STREAM_RUNS_MAX] = { 0 };
	struct stream_message message;
	size_t count = 0;
	int r;

	for (uint32_t i = 0; i < job->wish.regions->count; i++)
		note_sent(job, i, 0, moved_pages(job, i));
	for (;;) {
		r = stream_read_header(&job->channel, &message, err);
		if (r == 0 && message.type == STREAM_MISSING_END)
			return 0;
		if (r == 0 && message.type != STREAM_MISSING)
			return err_set(err, -EBADMSG,
				       "the other side answers nonsense");
		if (r == 0)
			r = stream_read_runs(&job->channel, &message, run,
					     &count, err);
		if (r < 0)
			return r;
		for (size_t i = 0; i < count; i++) {
			if (!is_moved_run(job, &run[i]))
				return fail_request(err);
			note_left(job, run[i].region, run[i].first,
				  run[i].count);
		}
	}
}

int source_tell_stale(struct migrate_job *job, struct err *err)
{
	int r = send_stale(job, err);

	if (r == 0)
		r = stream_send(&job->channel, STREAM_STALE_END, NULL, 0, err);
	return r == 0 ? read_missing(job, err) : r;
}

/* Sends pages that are left; at most STREAM_DATA_MAX. */
static int send_left(struct migrate_job *job, struct channel *channel,
		     const struct stream_run *run, struct err *err)
{
	const uint8_t *host = moved_region(job, run->region)->host +
			      run->first * IMAGE_PAGE;
	const bool zero = bytes_are_zero(host,
					 (size_t)(run->count * IMAGE_PAGE));
	const struct stream_pages pages = {
		.region = run->region,
		.state = zero ? IMAGE_ZERO : IMAGE_DATA,
		.first = run->first,
		.count = run->count,
	};
	const int r = stream_send_pages(channel, &pages, zero ? NULL : host,
					err);

	if (r < 0)
		return r;
	sender_note(&job->sender, &pages);
	note_sent(job, run->region, run->first, run->count);
	return 0;
}

/* What was sent already is on its way, or there: it is not sent twice. */
static int answer_request(struct migrate_job *job, struct err *err)
{
	struct stream_run run[STREAM_RUNS_MAX] = { 0 };
	struct stream_message message;
	uint64_t at, end;
	size_t count;
	int r = stream_expect(&job->pages, STREAM_REQUEST, &message, err);

	if (r == 0)
		r = stream_read_runs(&job->pages, &message, run, &count, err);
	if (r == 0 && (!is_moved_run(job, run) || run->count > PIECE))
		r = fail_request(err);
	if (r < 0)
		return r;
	at = run->first;
	end = run->first + run->count;
	while (r == 0 && next_left(job, run->region, &at, run) &&
	       run->first < end) {
		if (run->first + run->count > end)
			run->count = end - run->first;
		at = run->first + run->count;
		r = send_left(job, &job->pages, run, err);
	}
	return r;
}

/* The next piece of what nobody has asked for. Returns 1 if there is none. */
static int send_left_piece(struct migrate_job *job, struct err *err)
{
	for (uint32_t i = 0; i < job->wish.regions->count; i++) {
		struct stream_run run;
		uint64_t at = job->next[i];

		if (!next_left(job, i, &at, &run))
			continue;
		if (run.count > PIECE - run.first % PIECE)
			run.count = PIECE - run.first % PIECE;
		job->next[i] = run.first;
		return send_left(job, &job->channel, &run, err);
	}
	return 1;
}

int source_await_ready(struct migrate_job *job, struct err *err)
{
	int r = 0;

	while (r == 0) {
		struct pollfd p[] = {
			{ .fd = job->pages.in, .events = POLLIN },
			{ .fd = job->channel.in, .events = POLLIN },
			{ .fd = job->stop, .events = POLLIN },
		};

		if (poll(p, 3, channel_wait_ms(&job->channel)) == 0)
			return err_set(err, -ETIMEDOUT,
				       "the other side takes too long");
		if (p[0].revents)
			r = answer_request(job, err);
		else if (p[1].revents)
			return source_await_word(job, STREAM_READY, err);
		else if (p[2].revents)
			return err_set(err, -ECANCELED, "ended by request");
	}
	return r;
}

/* All has come there: it need not wait for this process any more. Returns 1. */
static int end_following(struct migrate_job *job, bool all, struct err *err)
{
	int r = source_await_word(job, STREAM_ARRIVED, err);
	uint8_t byte;

	if (r == 0 && !all)
		r = err_set(err, -EBADMSG, "the other side answers nonsense");
	if (r < 0)
		return r;
	/* Where that is lost, nothing is. The target closes its door, and then
	 * the connection. */
	channel_limit(&job->channel, BYE_MS);
	if (stream_send(&job->channel, STREAM_BYE, NULL, 0, err) == 0)
		(void)channel_read(&job->channel, &byte, 1, err);
	return 1;
}

/* One request, or one piece. Returns 1 once all has come there. */
static int follow_once(struct migrate_job *job, bool *all, struct err *err)
{
	struct pollfd p[] = {
		{ .fd = job->pages.in, .events = POLLIN },
		{ .fd = job->channel.in, .events = POLLIN },
		{ .fd = job->quit, .events = POLLIN },
		{ .fd = *all ? -1 : job->channel.out, .events = POLLOUT },
	};
	int r;

	if (poll(p, 4, CHANNEL_CALL_MS) == 0)
		return err_set(err, -ETIMEDOUT,
			       "the other side has done nothing for %d seconds",
			       CHANNEL_CALL_MS / 1000);
	if (p[2].revents)
		return err_set(err, -ECANCELED, "the process ends");
	if (p[1].revents)
		return end_following(job, *all, err);
	if (p[0].revents)
		return answer_request(job, err);
	r = p[3].revents ? send_left_piece(job, err) : 0;
	if (r <= 0)
		return r;
	*all = true;
	return stream_send(&job->channel, STREAM_ALL, NULL, 0, err);
}

static int follow_guest(struct migrate_job *job, struct err *err)
{
	bool all = false;
	int r = 0;

	job->channel.stop = job->pages.stop = job->quit;
	job->channel.patience_ms = CHANNEL_PATIENCE_MS;
	job->channel.deadline = job->pages.deadline = 0;
	for (uint32_t i = 0; i < job->wish.regions->count; i++)
		job->next[i] = 0;
	source_set_state(job, MIGRATE_POSTCOPY);
	loop_worker_ask(job->asker, job->tell);
	while (r == 0)
		r = follow_once(job, &all, err);
	return r;
}

/* Waits until somebody says where the target is now. */
static int await_resume(struct migrate_job *job, struct err *err)
{
	struct pollfd p[] = { { .fd = job->resumed, .events = POLLIN },
			      { .fd = job->quit, .events = POLLIN } };
	uint64_t count;

	(void)poll(p, 2, -1);
	if (p[1].revents)
		return err_set(err, -ECANCELED, "the process ends");
	(void)!read(job->resumed, &count, sizeof(count));
	return 0;
}

static int connect_again(struct migrate_job *job, struct err *err)
{
	struct channel *channels[] = { &job->channel, &job->pages };
	int r;

	for (size_t i = 0; i < 2; i++) {
		*channels[i] = (struct channel)CHANNEL_NONE;
		channels[i]->stop = job->quit;
	}
	r = source_join(job, JOIN_RESUME, &job->channel, err);
	if (r == 0)
		r = read_missing(job, err);
	return r == 0 ? source_join(job, JOIN_PAGES, &job->pages, err) : r;
}

static void note_heard(struct migrate_job *job)
{
	GUARD(&job->lock);
	job->heard = true;
}

int source_follow(struct migrate_job *job, int code, struct err *err)
{
	int r = code;

	{
		GUARD(&job->lock);
		job->followed = true;
		job->heard = r == 0;
	}
	if (r == 0)
		r = follow_guest(job, err);
	while (r < 0 && r != -ECANCELED && r != -EREMOTEIO) {
		channel_close(&job->channel);
		channel_close(&job->pages);
		{
			GUARD(&job->lock);
			job->broke = *err;
		}
		source_set_state(job, MIGRATE_POSTCOPY_PAUSED);
		loop_worker_ask(job->asker, job->tell);
		r = await_resume(job, err);
		if (r == 0)
			r = connect_again(job, err);
		if (r == 0)
			note_heard(job);
		if (r == 0)
			r = follow_guest(job, err);
	}
	return r < 0 ? r : 0;
}

int migrate_job_switch(struct migrate_job *job, struct err *err)
{
	GUARD(&job->lock);
	if (!job->wish.postcopy)
		return err_set(err, -EINVAL,
			       "the migration was not begun with postcopy-ram");
	job->switches = true;
	return 0;
}

int migrate_job_resume(struct migrate_job *job, const struct migrate_uri *uri,
		       struct err *err)
{
	struct migrate_uri copy;
	int r;
	GUARD(&job->lock);

	if (job->state != MIGRATE_POSTCOPY_PAUSED)
		return err_set(err, -EINVAL,
			       "no migration waits for a new connection");
	r = migrate_uri_copy(&copy, uri, err);
	if (r < 0)
		return r;
	migrate_uri_finish(&job->again);
	job->again = copy;
	job->state = MIGRATE_POSTCOPY_RECOVER;
	event_fd_signal(job->resumed);
	return 0;
}
