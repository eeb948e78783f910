/* vmm/migrate/rest_run.c - memory that follows a guest: while it runs. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/event_fd.h"
#include "base/log.h"
#include "mem/bitmap.h"
#include "mem/faults.h"
#include "mem/image_state.h"
#include "vmm/migrate/rest_state.h"

#define REST_STACK (512UL << 10) /* a message of runs, twice */

static int put_page(const struct missing_region *r, uint64_t unit,
		    const uint8_t *from, struct err *err)
{
	uint8_t *host = r->backing->host + unit * r->unit;

	if (from)
		return faults_put(r->all->fd, host, from, r->unit, r->unit,
				  err);
	missing_put_zero(r, (uintptr_t)host);
	return 0;
}

/* Puts those that are missing; all others are left as they are. */
static int put_pages(struct rest *a, struct missing_region *r,
		     const struct stream_pages *pages, struct err *err)
{
	const uint64_t per = r->unit / IMAGE_PAGE;
	const uint64_t first = pages->first / per;
	const bool data = pages->state == IMAGE_DATA;
	int code = 0;
	GUARD(&a->memory.lock);

	if (pages->first % per != 0 || pages->count % per != 0)
		return rest_fail_run(err);
	for (uint64_t i = 0; code == 0 && i < pages->count / per; i++) {
		if (missing_is_done(r, first + i))
			continue;
		code = put_page(r, first + i,
				data ? a->buf + i * r->unit : NULL, err);
		if (code == 0)
			missing_done(r, first + i, first + i + 1);
	}
	return code;
}

static int take_arrived(struct rest *a, struct channel *channel,
			const struct stream_message *message, struct err *err)
{
	struct stream_pages pages;
	int r = stream_read_pages(channel, message, &pages, err);

	if (r == 0 && !rest_has_run(a, pages.region, pages.first, pages.count))
		r = rest_fail_run(err);
	if (r == 0 && pages.state == IMAGE_DATA)
		r = channel_read(channel, a->buf,
				 (size_t)(pages.count * IMAGE_PAGE), err);
	if (r < 0 || !a->of[pages.region])
		return r;
	return put_pages(a, a->of[pages.region], &pages, err);
}

static void close_connections(struct rest *a)
{
	bool given;

	{
		GUARD(&a->memory.lock);
		given = a->given;
	}
	channel_close(&a->pages);
	if (given)
		channel_close(&a->main);
}

/* All is here: the source may go. It comes again if it does not hear that. */
static int tell_complete_rest(struct rest *a, struct err *err)
{
	a->told = true;
	a->all_sent = false;
	return stream_send(&a->main, STREAM_ARRIVED, NULL, 0, err);
}

/* The source goes. */
static void finish_rest(struct rest *a)
{
	rest_set_state(a, REST_ALL);
	migrate_door_close(&a->door);
	close_connections(a);
}

static int take_word(struct rest *a, struct channel *channel, struct err *err)
{
	struct stream_message message;
	const int r = stream_read_header(channel, &message, err);

	if (r < 0)
		return r;
	if (message.type == STREAM_PAGES)
		return take_arrived(a, channel, &message, err);
	if (message.type == STREAM_ALL && channel == &a->main) {
		a->all_sent = true;
		return 0;
	}
	if (message.type == STREAM_BYE && channel == &a->main && a->told) {
		finish_rest(a);
		return 0;
	}
	return err_input(err, -EBADMSG,
			 "the stream is damaged: a message of type %d among "
			 "the pages",
			 (int)message.type);
}

static int ask_for(struct rest *a, const struct missing_region *r,
		   uint64_t unit, struct err *err)
{
	const uint64_t per = r->unit / IMAGE_PAGE;
	const struct stream_run run = { .region = (uint32_t)r->number,
					.first = unit * per,
					.count = per };

	(void)bitmap_set(a->asked[r->number], unit, unit + 1);
	return stream_send_runs(&a->pages, STREAM_REQUEST, &run, 1, err);
}

/* Somebody waits at an address. */
static int serve_rest_fault(struct rest *a, uint64_t address, struct err *err)
{
	struct missing_region *r = missing_find(&a->memory, address);
	uint64_t unit;

	if (!r)
		return 0;
	unit = (address - (uintptr_t)r->backing->host) / r->unit;
	{
		GUARD(&a->memory.lock);
		/* It was never touched, or is not wanted any more. */
		if (missing_is_done(r, unit)) {
			missing_put_zero(r, address);
			return 0;
		}
	}
	return bitmap_count(a->asked[r->number], unit, unit + 1)
		     ? 0
		     : ask_for(a, r, unit, err);
}

static int serve_rest_faults(struct rest *a, struct err *err)
{
	uint64_t address[MISSING_FAULTS];
	const size_t n = missing_read(&a->memory, address);
	int r = 0;

	for (size_t i = 0; i < n; i++) {
		const int code = serve_rest_fault(a, address[i], err);

		/* The others are asked for when the source comes again. */
		r = r < 0 ? r : code;
	}
	return r;
}

/* What was asked for and has not come is asked for again. */
static int ask_again(struct rest *a, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < a->memory.regions; i++) {
		struct missing_region *region = &a->memory.region[i];
		uint64_t *asked = a->asked[region->number];
		uint64_t at = 0;

		while (r == 0 &&
		       (at = bitmap_next_set(asked, at, region->units)) <
			       region->units) {
			bool done;

			{
				GUARD(&a->memory.lock);
				done = missing_is_done(region, at);
			}
			if (!done)
				r = ask_for(a, region, at, err);
			at++;
		}
	}
	return r;
}

static uint64_t count_missing(struct rest *a)
{
	uint64_t left = 0;
	GUARD(&a->memory.lock);

	for (size_t i = 0; i < a->memory.regions; i++)
		left += a->memory.region[i].left;
	return left;
}

/* The lock is held. */
static void rest_lose_all(struct rest *a)
{
	for (size_t i = 0; i < a->memory.regions; i++) {
		struct missing_region *r = &a->memory.region[i];
		uint64_t at = 0;

		while ((at = bitmap_next_clear(r->done, at, r->units)) <
		       r->units) {
			const uint64_t to = bitmap_next_set(r->done, at,
							    r->units);

			missing_lose(r, at, to);
			missing_done(r, at, to);
		}
	}
	a->state = REST_LOST;
}

/* Before the guest is here, the source keeps it. */
static void break_rest(struct rest *a, const struct err *why)
{
	bool lost;

	close_connections(a);
	if (a->told) {
		rest_set_state(a, REST_BROKEN);
		return;
	}
	{
		GUARD(&a->memory.lock);
		lost = a->state == REST_EARLY || a->last;
		if (lost)
			rest_lose_all(a);
	}
	if (lost)
		return;
	rest_set_state(a, REST_BROKEN);
	log_warn("the connection to the guest's memory broke: %s: what is "
		 "missing is waited for until 'vmm migrate --resume' at the "
		 "source",
		 why->msg);
}

static bool gets_end(struct rest *a)
{
	GUARD(&a->memory.lock);
	return a->ends || a->state >= REST_ALL;
}

static bool has_main(struct rest *a)
{
	GUARD(&a->memory.lock);
	return a->given;
}

/* Takes what there is, first who waits, then what was asked for, then the
 * rest. */
static int take_turn(struct rest *a, const struct pollfd *p, struct err *err)
{
	if (p[0].revents)
		return serve_rest_faults(a, err);
	if (p[1].revents)
		return take_word(a, &a->pages, err);
	if (p[2].revents)
		return take_word(a, &a->main, err);
	return err_set(err, -ETIMEDOUT,
		       "the source has done nothing for %d "
		       "seconds",
		       CHANNEL_CALL_MS / 1000);
}

/* The source comes again: both connections are new. */
static int resume_rest(struct rest *a, struct channel *main, struct err *err)
{
	int r;

	close_connections(a);
	{
		GUARD(&a->memory.lock);
		/* One that rest_go_on() has just given is the old one. */
		if (a->given)
			channel_close_aside(&a->main);
		a->main = *main;
		a->given = true;
	}
	a->all_sent = false;
	r = rest_tell_missing(a, &a->main, err);
	if (r == 0)
		r = rest_await_join(a, &a->pages, a->quit, JOIN_PAGES, err);
	if (r == 0)
		r = ask_again(a, err);
	if (r == 0)
		rest_set_state(a, REST_ON);
	return r;
}

/* Somebody is at the door. */
static void answer_door(struct rest *a)
{
	struct channel channel = CHANNEL_NONE;
	enum stream_join what;
	struct err err = { 0 };

	channel.stop = a->quit;
	if (rest_let_in(a, &channel, &what, &err) < 0)
		return;
	if (what != JOIN_RESUME || rest_get_state(a) == REST_EARLY)
		channel_close(&channel);
	else if (resume_rest(a, &channel, &err) < 0)
		break_rest(a, &err);
}

/* True if nothing is missing, and who was to know that does. */
static bool is_complete(struct rest *a)
{
	if (count_missing(a) > 0)
		return false;
	if (!a->complete) {
		log_info("memory: all has come from the source");
		event_fd_signal(a->done);
	}
	a->complete = true;
	GUARD(&a->memory.lock);
	return a->may_end;
}

static void serve_rest(struct rest *a)
{
	const enum rest_state state = rest_get_state(a);
	const bool broken = state == REST_BROKEN;
	struct pollfd p[] = {
		{ .fd = broken ? -1 : a->memory.fd, .events = POLLIN },
		{ .fd = broken ? -1 : a->pages.in, .events = POLLIN },
		{ .fd = broken || !has_main(a) ? -1 : a->main.in,
		  .events = POLLIN },
		{ .fd = a->door.fd, .events = POLLIN },
		{ .fd = a->wake, .events = POLLIN },
		{ .fd = a->quit, .events = POLLIN },
	};
	const bool waits = state == REST_ON && has_main(a);
	struct err err = { 0 };
	uint64_t count;

	if (poll(p, 6, waits ? CHANNEL_CALL_MS : -1) < 0 || p[5].revents)
		return;
	if (p[4].revents)
		(void)!read(a->wake, &count, sizeof(count));
	/* The door comes last: others wait for memory. */
	else if (p[3].revents && !p[0].revents && !p[1].revents &&
		 !p[2].revents)
		answer_door(a);
	else if (take_turn(a, p, &err) < 0 && !gets_end(a))
		break_rest(a, &err);
	if (a->all_sent && rest_get_state(a) == REST_ON && is_complete(a) &&
	    tell_complete_rest(a, &err) < 0)
		break_rest(a, &err);
}

static void *run_rest(void *arg)
{
	struct rest *a = arg;

	while (!gets_end(a))
		serve_rest(a);
	return NULL;
}

int rest_begin(struct rest *a, struct channel *channel, struct err *err)
{
	pthread_attr_t attr;
	int r = rest_tell_missing(a, channel, err);

	if (r < 0)
		return r;
	r = pthread_attr_init(&attr);
	if (r == 0) {
		(void)pthread_attr_setstacksize(&attr, REST_STACK);
		r = pthread_create(&a->thread, &attr, run_rest, a);
		(void)pthread_attr_destroy(&attr);
	}
	if (r != 0)
		return err_set(err, -r, "thread: %s", strerrordesc_np(r));
	a->started = true;
	return 0;
}

int rest_taken(struct rest *a, struct err *err)
{
	rest_set_state(a, REST_ON);
	return rest_get_state(a) == REST_LOST
		     ? err_set(err, -ECONNRESET,
			       "the connection to the guest's memory broke")
		     : 0;
}

void rest_go_on(struct rest *a, struct channel *channel)
{
	{
		GUARD(&a->memory.lock);
		/* One that has come again has a newer one. */
		if (!a->given) {
			a->main = *channel;
			a->main.stop = a->quit;
			a->main.patience_ms = CHANNEL_CALL_MS;
			a->given = true;
			*channel = (struct channel)CHANNEL_NONE;
		}
	}
	channel_close_aside(channel);
	event_fd_signal(a->wake);
}

int rest_fd(const struct rest *a)
{
	return a->done;
}

void rest_end(struct rest *a)
{
	{
		GUARD(&a->memory.lock);
		a->may_end = true;
	}
	event_fd_signal(a->wake);
}

bool rest_is_broken(struct rest *a)
{
	return rest_get_state(a) == REST_BROKEN;
}

void rest_give_up(struct rest *a)
{
	GUARD(&a->memory.lock);
	a->last = true;
	if (a->state == REST_BROKEN)
		rest_lose_all(a);
}

/* The source need not keep the rest of a guest that has ended. */
static void tell_rest_ended(struct rest *a)
{
	const struct err why = { .msg = "the guest has ended there" };

	if (a->state != REST_ON || !a->given || a->told)
		return;
	a->main.stop = -1;
	channel_limit(&a->main, 1000);
	stream_send_reason(&a->main, STREAM_FAILED, &why);
}

struct rest *rest_free(struct rest *a)
{
	if (!a)
		return NULL;
	{
		GUARD(&a->memory.lock);
		a->ends = true;
	}
	if (a->quit >= 0)
		event_fd_signal(a->quit);
	if (a->started)
		(void)pthread_join(a->thread, NULL);
	tell_rest_ended(a);
	channel_close(&a->pages);
	channel_close(&a->main);
	migrate_door_close(&a->door);
	migrate_uri_finish(&a->uri);
	fd_closep(&a->quit);
	fd_closep(&a->wake);
	fd_closep(&a->done);
	free(a->buf);
	for (uint32_t i = 0; i < MEM_MAX_REGIONS; i++)
		free(a->asked[i]);
	missing_close(&a->memory);
	free(a);
	return NULL;
}
