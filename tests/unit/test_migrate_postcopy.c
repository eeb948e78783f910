/*
 * tests/unit/test_migrate_postcopy.c - vmm/migrate/rest_run.c, rest_setup.c and
 * source_postcopy.c: memory that follows a guest which runs at the target.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/event_fd.h"
#include "base/log.h"
#include "mem/faults.h"
#include "tests/unit/migrate_rig.h"
#include "tests/unit/temp_folder.h"
#include "tests/unit/test.h"
#include "vmm/migrate/place.h"
#include "vmm/migrate/rest.h"
#include "vmm/migrate/stream.h"

#define PAIRS 8

/* Connections that are cut together after so many bytes, once. */
struct proxy {
	char here[TEMP_PATH_SIZE], there[TEMP_PATH_SIZE];
	int door, stop; /* owned */
	int near[PAIRS], far[PAIRS]; /* owned */
	size_t pairs;
	uint64_t budget; /* bytes in either direction; 0: no end */
	uint64_t passed;
	bool cut; /* it was */
	pthread_t thread;
};

struct follow {
	struct migrate_rig *rig;
	struct temp_folder folder;
	struct proxy proxy;
	char uri[TEMP_PATH_SIZE + 8];
	struct migrate_uri at; /* where the target listens */
	bool took; /* the target has the guest */
	bool checked; /* and has seen all of it */
	bool whole; /* nothing of it came later */
	uint64_t seed;
};

static int dial(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(at.sun_path, path, strlen(path));
	if (connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

static void cut_all(struct proxy *proxy)
{
	for (size_t i = 0; i < proxy->pairs; i++) {
		(void)close(proxy->near[i]);
		(void)close(proxy->far[i]);
	}
	proxy->pairs = 0;
}

static void drop_pair(struct proxy *proxy, size_t i)
{
	(void)close(proxy->near[i]);
	(void)close(proxy->far[i]);
	proxy->pairs--;
	proxy->near[i] = proxy->near[proxy->pairs];
	proxy->far[i] = proxy->far[proxy->pairs];
}

static void let_in(struct proxy *proxy)
{
	const int near = accept(proxy->door, NULL, NULL);
	const int far = dial(proxy->there);

	if (near < 0 || far < 0 || proxy->pairs == PAIRS) {
		(void)close(near);
		(void)close(far);
		return;
	}
	proxy->near[proxy->pairs] = near;
	proxy->far[proxy->pairs++] = far;
}

/* False: the pair has ended. */
static bool forward(struct proxy *proxy, int from, int to)
{
	uint8_t buf[4096];
	const uint64_t left = proxy->budget - proxy->passed;
	const size_t most = proxy->budget && left < sizeof(buf) ? (size_t)left
								: sizeof(buf);
	const ssize_t n = recv(from, buf, most, 0);

	if (n <= 0 || send(to, buf, (size_t)n, MSG_NOSIGNAL) != n)
		return false;
	proxy->passed += (uint64_t)n;
	return true;
}

static void serve_pairs(struct proxy *proxy, const struct pollfd *p)
{
	for (size_t i = proxy->pairs; i-- > 0;) {
		bool on = true;

		if (p[2 * i].revents)
			on = forward(proxy, proxy->near[i], proxy->far[i]);
		else if (p[2 * i + 1].revents)
			on = forward(proxy, proxy->far[i], proxy->near[i]);
		if (!on)
			drop_pair(proxy, i);
		if (proxy->budget && proxy->passed == proxy->budget) {
			cut_all(proxy);
			proxy->cut = true;
			proxy->budget = 0;
			return;
		}
	}
}

static void *run_proxy(void *arg)
{
	struct proxy *proxy = arg;

	for (;;) {
		struct pollfd p[2 * PAIRS + 2];
		const size_t pairs = proxy->pairs;

		for (size_t i = 0; i < pairs; i++) {
			p[2 * i] = (struct pollfd){ proxy->near[i], POLLIN, 0 };
			p[2 * i + 1] = (struct pollfd){ proxy->far[i], POLLIN,
							0 };
		}
		p[2 * pairs] = (struct pollfd){ proxy->door, POLLIN, 0 };
		p[2 * pairs + 1] = (struct pollfd){ proxy->stop, POLLIN, 0 };
		(void)poll(p, 2 * pairs + 2, -1);
		if (p[2 * pairs + 1].revents)
			break;
		serve_pairs(proxy, p);
		if (p[2 * pairs].revents)
			let_in(proxy);
	}
	cut_all(proxy);
	return NULL;
}

/* What the guest writes while the first pass goes on. */
static void write_many(void *ctx)
{
	struct migrate_rig *rig = ctx;

	if (rig->writes++ == 1)
		for (uint64_t i = 20; i < PAGES; i += 3)
			migrate_rig_write(rig, i, i % 5 ? (int)i % 250 : 0);
}

/* The guest reads all of its memory, here and there. */
static void check_as_guest(struct follow *f)
{
	const struct migrate_rig *rig = f->rig;
	const uint8_t *here = rig->machine.backings.at[0].host;
	const uint8_t *there = rig->backing.host;
	bool same = true;

	for (uint64_t i = 0; i < PAGES; i++) {
		const uint64_t page = (i * 7919 + f->seed) % PAGES;

		if (page != 9)
			same = same && memcmp(here + page * PAGE,
					      there + page * PAGE, PAGE) == 0;
	}
	f->checked = same;
}

static int take_all(struct follow *f, struct err *err)
{
	struct migrate_rig *rig = f->rig;
	struct channel channel = CHANNEL_NONE;
	int r = migrate_uri_accept(&rig->door, &channel, err);

	if (r == 0)
		r = migrate_target_begin(&rig->target, &channel, &rig->door,
					 "arm64", err);
	if (r == 0)
		r = migrate_target_memory(&rig->target, &rig->machine, "arm64",
					  rig->interrupt, err);
	return r == 0 ? migrate_target_take(&rig->target, err) : r;
}

/* The source is done with it; or keeps what it was not told of. */
static void await_end(struct follow *f)
{
	struct pollfd p = { .fd = f->rig->interrupt, .events = POLLIN };

	(void)poll(&p, 1, -1);
}

static void *run_taker(void *arg)
{
	struct follow *f = arg;
	struct migrate_rig *rig = f->rig;
	struct pollfd all = { .events = POLLIN };

	rig->target_code = take_all(f, &rig->target_err);
	f->took = rig->target_code == 0;
	if (f->took) {
		migrate_target_done(&rig->target);
		check_as_guest(f);
		f->whole = !rig->target.rest;
		if (!f->whole) {
			all.fd = rest_fd(rig->target.rest);
			(void)poll(&all, 1, -1);
			rest_end(rig->target.rest);
		}
		await_end(f);
	} else {
		migrate_target_fail(&rig->target, &rig->target_err);
	}
	migrate_target_finish(&rig->target);
	return NULL;
}

static void listen_here(struct proxy *proxy)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	memcpy(at.sun_path, proxy->here, strlen(proxy->here));
	proxy->door = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(proxy->door, (struct sockaddr *)&at, sizeof(at)),
			 0);
	assert_int_equal(listen(proxy->door, PAIRS), 0);
	proxy->stop = eventfd(0, EFD_CLOEXEC);
	assert_int_equal(pthread_create(&proxy->thread, NULL, run_proxy, proxy),
			 0);
}

static struct follow *begin(uint64_t budget)
{
	struct follow *f = calloc(1, sizeof(*f));
	struct err err;
	char text[TEMP_PATH_SIZE + 8];
	const int fd = faults_open(&err);

	assert_non_null(f);
	if (fd < 0) {
		free(f);
		skip();
	}
	(void)close(fd);
	f->rig = migrate_rig_new_of(MEM_ANON);
	f->rig->log.asked = write_many;
	assert_int_equal(temp_folder_make(&f->folder, "/tmp"), 0);
	temp_folder_path(&f->folder, "p", f->proxy.here);
	temp_folder_path(&f->folder, "s", f->proxy.there);
	(void)snprintf(text, sizeof(text), "unix:%s", f->proxy.there);
	(void)snprintf(f->uri, sizeof(f->uri), "unix:%s", f->proxy.here);
	assert_int_equal(migrate_uri_parse(&f->at, text, &err), 0);
	assert_int_equal(migrate_uri_listen(&f->at, &f->rig->door, &err), 0);
	f->proxy.budget = budget;
	listen_here(&f->proxy);
	return f;
}

static void end(struct follow *f)
{
	(void)close(f->proxy.door);
	(void)close(f->proxy.stop);
	migrate_door_close(&f->rig->door);
	migrate_uri_finish(&f->at);
	migrate_rig_free(f->rig);
	assert_int_equal(temp_folder_remove(&f->folder), 0);
	free(f);
}

/* The connection broke: the user says where the target is. */
static void resume_paused(struct follow *f)
{
	struct migrate_uri uri;
	struct err err;

	assert_int_equal(migrate_uri_parse(&uri, f->uri, &err), 0);
	assert_int_equal(migrate_job_resume(f->rig->job, &uri, &err), 0);
	migrate_uri_finish(&uri);
}

static void end_all(struct follow *f)
{
	event_fd_signal(f->rig->interrupt);
	assert_int_equal(pthread_join(f->rig->thread, NULL), 0);
	event_fd_signal(f->proxy.stop);
	assert_int_equal(pthread_join(f->proxy.thread, NULL), 0);
}

/* Moves the guest, whose memory follows if that is asked for, @switches times.
 */
static void move_following(struct follow *f, unsigned switches)
{
	const struct migrate_wish wish = {
		.postcopy = true,
		.downtime = switches ? 0 : 10 * NS_PER_SECOND,
	};
	struct migrate_rig *rig = f->rig;

	rig->hold_stops = true;
	rig->moves_stop = true;
	assert_int_equal(pthread_create(&rig->thread, NULL, run_taker, f), 0);
	migrate_rig_send(rig, &wish, f->uri);
	for (unsigned i = 0; i < switches; i++)
		assert_int_equal(migrate_job_switch(rig->job, &rig->err), 0);
	while (rig->dones == 0) {
		assert_int_equal(loop_run(rig->loop, &rig->err), 0);
		if (migrate_rig_state(rig) == MIGRATE_POSTCOPY_PAUSED)
			resume_paused(f);
	}
	end_all(f);
}

static void postcopy__the_memory_follows(void **state)
{
	struct migrate_progress p;
	struct follow *f = begin(0);

	(void)state;
	move_following(f, 1);
	assert_int_equal(f->rig->target_code, 0);
	assert_true(f->checked);
	migrate_job_progress(f->rig->job, &p);
	assert_int_equal(p.state, MIGRATE_COMPLETED);
	assert_int_equal(p.rates.left, 0);
	assert_int_equal(p.rates.passes, 1);
	assert_int_equal(f->rig->releases, 0);
	end(f);
}

static void postcopy__asked_for_twice_is_begun_once(void **state)
{
	struct follow *f = begin(0);

	(void)state;
	move_following(f, 2);
	assert_int_equal(migrate_rig_state(f->rig), MIGRATE_COMPLETED);
	assert_true(f->took && f->checked);
	assert_int_equal(f->rig->holds, 1);
	assert_int_equal(f->rig->give_ups, 1);
	end(f);
}

static void postcopy__that_is_not_begun_leaves_nothing_to_come(void **state)
{
	struct migrate_progress p;
	struct follow *f = begin(0);

	(void)state;
	move_following(f, 0);
	assert_int_equal(f->rig->target_code, 0);
	assert_true(f->whole && f->checked);
	migrate_job_progress(f->rig->job, &p);
	assert_int_equal(p.state, MIGRATE_COMPLETED);
	end(f);
}

/* Wherever it is cut, the guest is at one of the two, with all of its memory.
 */
static void postcopy__is_cut_anywhere(void **state)
{
	struct follow *f = begin(0);
	unsigned resumed = 0, stayed = 0, lost = 0, seed = 7;
	uint64_t bytes;

	(void)state;
	move_following(f, 1);
	bytes = f->proxy.passed;
	end(f);
	for (unsigned i = 0; i < 200; i++) {
		f = begin(1 + (unsigned)rand_r(&seed) % (bytes - 1));
		f->seed = i;
		move_following(f, 1);
		switch (migrate_rig_state(f->rig)) {
		case MIGRATE_COMPLETED:
			assert_true(f->took && f->checked);
			assert_int_equal(f->rig->releases, 0);
			resumed += f->proxy.cut;
			break;
		case MIGRATE_LOST:
			assert_int_equal(f->rig->releases, 0);
			lost++;
			break;
		default:
			assert_false(f->took);
			assert_int_equal(f->rig->releases, f->rig->holds);
			stayed++;
			break;
		}
		end(f);
	}
	assert_true(resumed > 50 && stayed > 5);
	(void)lost;
}

/* A source that breaks the rules: what it says is in the test. */
struct liar {
	struct follow *f;
	struct channel main, pages;
	struct err err;
};

static const uint8_t key[STREAM_KEY_SIZE] = "sixteen bytes..";

static void connect_liar(struct liar *liar, struct channel *channel)
{
	*channel = (struct channel)CHANNEL_NONE;
	assert_int_equal(migrate_uri_connect(&liar->f->at, channel, &liar->err),
			 0);
}

/* True if the target lets it in. */
static bool join(struct liar *liar, struct channel *channel,
		 const uint8_t with[STREAM_KEY_SIZE], enum stream_join what)
{
	struct stream_message message;

	connect_liar(liar, channel);
	assert_int_equal(
		stream_send_join(channel, "arm64", with, what, &liar->err), 0);
	if (stream_expect(channel, STREAM_JOINED, &message, &liar->err) == 0)
		return true;
	channel_close(channel);
	return false;
}

/* The target closes. */
static void hear_end(struct liar *liar, struct channel *channel)
{
	uint8_t byte[64];
	int r;

	do
		r = channel_read(channel, byte, 1, &liar->err);
	while (r == 0);
	assert_int_equal(r, -ECONNRESET);
	channel_close(channel);
}

static void say(struct liar *liar, enum stream_type type, const void *content,
		size_t len)
{
	assert_int_equal(
		stream_send(&liar->main, type, content, len, &liar->err), 0);
}

static void hear(struct liar *liar, enum stream_type type)
{
	struct stream_message message;

	assert_int_equal(stream_expect(&liar->main, type, &message, &liar->err),
			 0);
}

static void say_page(struct liar *liar, uint64_t page, int byte)
{
	const struct stream_pages pages = { 0, IMAGE_DATA, page, 1 };
	uint8_t content[PAGE];

	memset(content, byte, sizeof(content));
	assert_int_equal(
		stream_send_pages(&liar->main, &pages, content, &liar->err), 0);
}

/* Reads that page 7, and nothing else, is missing. */
static void hear_missing(struct liar *liar)
{
	struct stream_run run[STREAM_RUNS_MAX];
	struct stream_message message;
	size_t count;

	assert_int_equal(stream_expect(&liar->main, STREAM_MISSING, &message,
				       &liar->err),
			 0);
	assert_int_equal(stream_read_runs(&liar->main, &message, run, &count,
					  &liar->err),
			 0);
	assert_int_equal(count, 1);
	assert_int_equal(run[0].first, 7);
	assert_int_equal(run[0].count, 1);
	hear(liar, STREAM_MISSING_END);
}

/* As a source does, up to RUNNING: page 5 was sent, page 7 is stale. */
static void give_guest(struct liar *liar)
{
	const struct stream_run stale = { 0, 7, 1 };
	uint8_t regions[MEM_MAX_REGIONS * REGION_ENTRY_SIZE];
	const uint8_t place[PLACE_SIZE] = { 0 };
	struct migrate_rig *rig = liar->f->rig;
	struct state state = { 0 };

	connect_liar(liar, &liar->main);
	assert_int_equal(stream_send_hello(&liar->main, "arm64",
					   STREAM_POSTCOPY_NEEDED, &liar->err),
			 0);
	say(liar, STREAM_ABOUT, migrate_rig_about, strlen(migrate_rig_about));
	say(liar, STREAM_PLACE, place, sizeof(place));
	say(liar, STREAM_FILES, NULL, 0);
	say(liar, STREAM_REGIONS, regions,
	    migrate_regions_encode(&rig->regions, regions));
	say(liar, STREAM_POSTCOPY, key, sizeof(key));
	hear(liar, STREAM_ACCEPTED);
	assert_true(join(liar, &liar->pages, key, JOIN_PAGES));
	say_page(liar, 5, 0x55);
	say_page(liar, 7, 0x11);
	assert_int_equal(stream_send_runs(&liar->main, STREAM_STALE, &stale, 1,
					  &liar->err),
			 0);
	say(liar, STREAM_STALE_END, NULL, 0);
	hear_missing(liar);
	state_begin(&state, "arm64");
	assert_int_equal(state_end(&state, &liar->err), 0);
	assert_int_equal(stream_send_state(&liar->main, 0, &state, &liar->err),
			 0);
	state_finish(&state);
	hear(liar, STREAM_READY);
	say(liar, STREAM_GO, NULL, 0);
	hear(liar, STREAM_RUNNING);
}

/* What is there is not written, what is not memory ends the connection, and
 * nobody else may make a new one. */
static void target__believes_no_source(void **state)
{
	const uint8_t other[STREAM_KEY_SIZE] = "another key";
	struct follow *f = begin(0);
	const uint8_t *host = f->rig->machine.backings.at[0].host;
	struct liar liar = { .f = f };

	(void)state;
	assert_int_equal(pthread_create(&f->rig->thread, NULL, run_taker, f),
			 0);
	give_guest(&liar);
	say_page(&liar, 5, 0x66);
	say_page(&liar, PAGES, 0x66);
	/* That closed both. */
	hear_end(&liar, &liar.main);
	hear_end(&liar, &liar.pages);
	assert_false(join(&liar, &liar.main, other, JOIN_RESUME));
	assert_true(join(&liar, &liar.main, key, JOIN_RESUME));
	hear_missing(&liar);
	assert_true(join(&liar, &liar.pages, key, JOIN_PAGES));
	/* Asked for by nobody, or by the guest that reads all: once. */
	say_page(&liar, 7, 0x77);
	say_page(&liar, 7, 0x78);
	say(&liar, STREAM_ALL, NULL, 0);
	hear(&liar, STREAM_ARRIVED);
	assert_int_equal(host[5 * PAGE], 0x55);
	assert_int_equal(host[7 * PAGE], 0x77);
	say(&liar, STREAM_BYE, NULL, 0);
	hear_end(&liar, &liar.main);
	channel_close(&liar.pages);
	end_all(f);
	assert_true(f->took);
	end(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(postcopy__the_memory_follows),
		cmocka_unit_test(postcopy__asked_for_twice_is_begun_once),
		cmocka_unit_test(
			postcopy__that_is_not_begun_leaves_nothing_to_come),
		cmocka_unit_test(postcopy__is_cut_anywhere),
		cmocka_unit_test(target__believes_no_source),
	};

	log_set_level(LOG_ERROR);
	(void)signal(SIGPIPE, SIG_IGN);
	return RUN_TESTS(tests);
}
