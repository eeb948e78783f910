/*
 * tests/unit/test_migrate.c - vmm/migrate/source.c and target.c, without KVM:
 * a guest is its memory and an empty state.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/event_fd.h"
#include "mem/backing.h"
#include "tests/unit/fake_log.h"
#include "tests/unit/relay.h"
#include "tests/unit/test.h"
#include "vmm/machine/machine.h"
#include "vmm/migrate/source.h"
#include "vmm/migrate/stream.h"
#include "vmm/migrate/target.h"

#define PAGE UINT64_C(4096)
#define PAGES UINT64_C(600)
#define SECOND NS_PER_SECOND

static const struct range place = { UINT64_C(0x80000000), PAGES *PAGE };

static const char about_text[] =
	"{\"format\": 1, \"id\": \"01234567-89ab-4def-8123-456789abcdef\", "
	"\"architecture\": \"arm64\", \"name\": \"web\", \"vmm\": \"0.1.0\", "
	"\"made\": 0, \"page\": 4096, \"disks\": [], "
	"\"command\": [\"--cpus=2\"]}";

struct rig {
	struct err err;
	/* The source. */
	struct loop *loop;
	struct mem_map map;
	struct dirty dirty;
	struct fake_log log;
	struct backing backing;
	struct dirty_reader *reader;
	struct migrate_job *job;
	struct migrate_uri uri;
	struct migrate_place here;
	struct migrate_files files;
	struct migrate_regions regions;
	unsigned holds, releases, give_ups, take_backs, dones, moves;
	unsigned busy; /* passes in which the guest writes */
	unsigned cancel_at; /* the pass, if not 0, in which it is cancelled */
	bool paused; /* by the user */
	bool hold_fails, stays; /* give_up() fails */
	/* The target. */
	struct machine machine;
	struct config config;
	struct backing target_backing;
	struct migrate_target target;
	struct err target_err;
	int target_code;
	bool late; /* the target fails when all is there */
	int interrupt; /* eventfd; as signals are */
	pthread_t thread;
	struct relay relay;
	uint64_t go_bytes; /* of the word to go that pass; 0: all */
};

static void write_page(struct rig *rig, uint64_t page, int byte)
{
	memset(rig->backing.host + page * PAGE, byte, PAGE);
	fake_log_write(&rig->log, 0, page);
}

static int receive_all(struct rig *rig, int fd, struct err *err)
{
	struct channel channel = CHANNEL_NONE;
	int r;

	channel_open(&channel, fd, fd, 0);
	r = migrate_target_begin(&rig->target, &channel, "arm64", err);
	if (r == 0)
		r = migrate_target_memory(&rig->target, &rig->machine, "arm64",
					  rig->interrupt, err);
	if (r == 0 && rig->late)
		r = err_input(err, -ENOTSUP, "register x\033 is not here");
	return r == 0 ? migrate_target_take(&rig->target, err) : r;
}

static void *run_target(void *arg)
{
	struct rig *rig = arg;
	const int fd = rig->interrupt < 0 ? -1 : (int)rig->target_code;

	rig->target_code = receive_all(rig, fd, &rig->target_err);
	if (rig->target_code == 0)
		migrate_target_done(&rig->target);
	else
		migrate_target_fail(&rig->target, &rig->target_err);
	migrate_target_finish(&rig->target);
	return NULL;
}

static int hold(void *ctx, struct state *state, bool *ret_paused,
		struct err *err)
{
	struct rig *rig = ctx;

	if (rig->hold_fails)
		return err_set(err, -EBUSY, "no hold");
	rig->holds++;
	/* The last that the guest did. */
	write_page(rig, 7, 7);
	*ret_paused = rig->paused;
	state_begin(state, "arm64");
	return state_end(state, err);
}

static int drop(void *ctx, struct page_copy *copy, struct err *err)
{
	const struct range given = { place.start + 9 * PAGE, PAGE };

	(void)ctx;
	return page_copy_drop(copy, given, err);
}

static void release(void *ctx)
{
	struct rig *rig = ctx;

	rig->releases++;
}

static int give_up(void *ctx, struct err *err)
{
	struct rig *rig = ctx;

	if (rig->stays)
		return err_set(err, -ECANCELED, "it stays");
	rig->give_ups++;
	/* Next, the source says go; the target waits for that. */
	if (rig->go_bytes)
		relay_let_pass(&rig->relay, rig->go_bytes);
	return 0;
}

static void take_back(void *ctx)
{
	struct rig *rig = ctx;

	rig->take_backs++;
}

static void moved(void *ctx)
{
	struct rig *rig = ctx;
	struct migrate_progress p;

	migrate_job_progress(rig->job, &p);
	if (rig->moves++ < rig->busy)
		for (uint64_t i = 0; i < 5; i++)
			write_page(rig, i, 40 + (int)rig->moves);
	if (rig->cancel_at && p.rates.passes == rig->cancel_at)
		migrate_job_stop(rig->job);
}

static void done(void *ctx)
{
	struct rig *rig = ctx;

	rig->dones++;
	loop_stop(rig->loop);
}

static void add_memory(struct mem_map *map, struct backing *backing,
		       enum mem_source source)
{
	const struct mem_policy policy = { .source = source,
					   .share = source == MEM_MEMFD };
	struct mem_region region = { .gpa = place, .kind = MEM_RAM };
	struct err err;

	assert_int_equal(backing_init(backing, place, PAGE, &policy, &err), 0);
	region.backing = backing;
	region.host = backing->host;
	assert_int_equal(mem_add(map, region, &err), 0);
	mem_freeze(map);
}

static struct rig *begin(void)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	assert_int_equal(loop_new(&rig->loop, &rig->err), 0);
	add_memory(&rig->map, &rig->backing, MEM_ANON);
	add_memory(&rig->machine.mem, &rig->target_backing, MEM_MEMFD);
	rig->machine.config = &rig->config;
	dirty_init(&rig->dirty, &rig->map, PAGE);
	rig->map.watch = &rig->dirty.watch;
	rig->log.map = &rig->map;
	assert_int_equal(dirty_attach(&rig->dirty, fake_log_source(&rig->log),
				      &rig->log, &rig->err),
			 0);
	assert_int_equal(dirty_reader_add(&rig->dirty, DIRTY_ALL, &rig->reader,
					  &rig->err),
			 0);
	for (uint64_t i = 0; i < 20; i++)
		write_page(rig, i, 1 + (int)i);
	write_page(rig, 12, 0); /* it is there, and holds nothing */
	migrate_regions_init(&rig->regions, &rig->map, NULL, 0);
	rig->target = (struct migrate_target)MIGRATE_TARGET_NONE;
	rig->interrupt = eventfd(0, EFD_CLOEXEC);
	rig->relay.there = rig->relay.back = RELAY_ALL;
	return rig;
}

static void end(struct rig *rig)
{
	rig->job = migrate_job_free(rig->job);
	rig->reader = dirty_reader_remove(rig->reader);
	dirty_detach(&rig->dirty);
	dirty_finish(&rig->dirty);
	backing_finish(&rig->backing);
	backing_finish(&rig->target_backing);
	(void)close(rig->interrupt);
	rig->loop = loop_free(rig->loop);
	free(rig);
}

static void make_pair(int pair[2])
{
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
}

/* Starts both sides, with the relay in between. */
static void start(struct rig *rig, const struct migrate_wish *how)
{
	const struct migrate_guest guest = {
		.loop = rig->loop,
		.hold = hold,
		.drop = drop,
		.release = release,
		.give_up = give_up,
		.take_back = take_back,
		.moved = moved,
		.done = done,
		.ctx = rig,
	};
	struct migrate_wish wish = *how;
	int near[2], far[2];
	char text[32];

	make_pair(near);
	make_pair(far);
	rig->relay.near = near[1];
	rig->relay.far = far[0];
	rig->target_code = far[1];
	assert_int_equal(relay_start(&rig->relay), 0);
	assert_int_equal(pthread_create(&rig->thread, NULL, run_target, rig),
			 0);
	(void)snprintf(text, sizeof(text), "fd:%d", near[0]);
	assert_int_equal(migrate_uri_parse(&rig->uri, text, &rig->err), 0);
	wish.uri = &rig->uri;
	wish.arch = "arm64";
	wish.about = about_text;
	wish.place = &rig->here;
	wish.files = &rig->files;
	wish.regions = &rig->regions;
	assert_int_equal(migrate_job_new(&rig->job, &guest, &wish, rig->reader,
					 &rig->err),
			 0);
	while (rig->dones == 0)
		assert_int_equal(loop_run(rig->loop, &rig->err), 0);
	(void)close(near[0]);
	assert_int_equal(pthread_join(rig->thread, NULL), 0);
	(void)pthread_join(rig->relay.thread, NULL);
}

static const struct migrate_wish ample = { .downtime = 3600 * SECOND };

static enum migrate_state state_of(struct rig *rig)
{
	struct migrate_progress p;

	migrate_job_progress(rig->job, &p);
	return p.state;
}

/* The guest is there as it was when it was held. */
static void check_moved(struct rig *rig)
{
	uint8_t *expected = malloc(PAGES * PAGE);

	assert_non_null(expected);
	memcpy(expected, rig->backing.host, PAGES * PAGE);
	memset(expected + 9 * PAGE, 0, PAGE); /* given up */
	assert_memory_equal(rig->target_backing.host, expected, PAGES * PAGE);
	free(expected);
}

/* One of the two has the guest, and the right one. */
static void check_outcome(struct rig *rig)
{
	assert_int_equal(rig->dones, 1);
	switch (state_of(rig)) {
	case MIGRATE_COMPLETED:
		assert_int_equal(rig->target_code, 0);
		assert_int_equal(rig->releases, 0);
		assert_int_equal(rig->give_ups, 1);
		check_moved(rig);
		break;
	case MIGRATE_LOST:
		/* It does not run here, whether or not it runs there. */
		assert_int_equal(rig->releases, 0);
		assert_int_equal(rig->give_ups - rig->take_backs, 1);
		assert_true(migrate_job_result(rig->job)->code < 0);
		if (rig->target_code == 0)
			check_moved(rig);
		break;
	default:
		assert_true(rig->target_code < 0);
		assert_int_equal(rig->releases, rig->holds);
		assert_int_equal(rig->give_ups, rig->take_backs);
		assert_true(migrate_job_result(rig->job)->code < 0);
		assert_true(migrate_job_result(rig->job)->err.msg[0]);
		break;
	}
}

static void migrate__moves_the_guest(void **state)
{
	struct migrate_progress p;
	struct rig *rig = begin();

	(void)state;
	start(rig, &ample);
	check_outcome(rig);
	migrate_job_progress(rig->job, &p);
	assert_int_equal(p.state, MIGRATE_COMPLETED);
	assert_int_equal(p.rates.passes, 2);
	/* 19 pages that hold something, and one that was written again. */
	assert_int_equal(p.pages, 19 + 1);
	assert_int_equal(rig->target.pages, 19 + 1);
	assert_int_equal(p.total, PAGES * PAGE);
	assert_true(p.sent > 20 * PAGE && p.sent < 22 * PAGE);
	assert_true(p.held > 0 && p.took >= p.held);
	assert_false(rig->target.paused);
	end(rig);
}

static void migrate__goes_on_until_the_rest_fits(void **state)
{
	const struct migrate_wish none = { 0 };
	struct migrate_progress p;
	struct rig *rig = begin();

	(void)state;
	rig->busy = 4;
	start(rig, &none);
	check_outcome(rig);
	migrate_job_progress(rig->job, &p);
	assert_int_equal(p.state, MIGRATE_COMPLETED);
	assert_true(p.rates.passes > 3);
	end(rig);
}

static void migrate__a_paused_guest_stays_paused(void **state)
{
	struct rig *rig = begin();

	(void)state;
	rig->paused = true;
	start(rig, &ample);
	check_outcome(rig);
	assert_true(rig->target.paused);
	end(rig);
}

static void migrate__what_the_target_had_is_gone(void **state)
{
	struct rig *rig = begin();

	(void)state;
	/* Told of as zero, or given up, after it had held something. */
	write_page(rig, 9, 99);
	write_page(rig, 3, 3);
	rig->busy = 1;
	start(rig, &ample);
	check_outcome(rig);
	end(rig);
}

/* Or is not given up, when the target is ready. */
static void fail__a_guest_that_cannot_be_held_goes_on(void **state)
{
	(void)state;
	for (int stays = 0; stays < 2; stays++) {
		const char *why = stays ? "it stays" : "no hold";
		struct rig *rig = begin();

		rig->stays = stays;
		rig->hold_fails = !stays;
		start(rig, &ample);
		check_outcome(rig);
		assert_int_equal(state_of(rig), MIGRATE_FAILED);
		assert_int_equal(rig->holds, stays);
		assert_string_equal(migrate_job_result(rig->job)->err.msg, why);
		assert_non_null(strstr(rig->target_err.msg, why));
		end(rig);
	}
}

/* The other side's words are printed, without what a terminal would obey. */
static void fail__the_targets_reason_is_told(void **state)
{
	struct rig *rig = begin();

	(void)state;
	rig->late = true;
	start(rig, &ample);
	check_outcome(rig);
	assert_int_equal(state_of(rig), MIGRATE_FAILED);
	assert_int_equal(rig->holds, 1);
	assert_string_equal(migrate_job_result(rig->job)->err.msg,
			    "the other side: register x? is not here");
	end(rig);
}

static void fail__other_memory_is_named(void **state)
{
	struct rig *rig = begin();

	(void)state;
	rig->machine.mem.region[0].gpa.start += PAGE;
	start(rig, &ample);
	check_outcome(rig);
	assert_int_equal(rig->holds, 0);
	assert_non_null(strstr(migrate_job_result(rig->job)->err.msg,
			       "the guest has other memory, at 0x80000000"));
	end(rig);
}

static void fail__other_disks_are_refused(void **state)
{
	struct rig *rig = begin();

	(void)state;
	rig->config.disks = 1;
	start(rig, &ample);
	check_outcome(rig);
	assert_int_equal(rig->holds, 0);
	end(rig);
}

static void fail__a_signal_at_the_target_leaves_the_guest(void **state)
{
	struct rig *rig = begin();

	(void)state;
	event_fd_signal(rig->interrupt);
	start(rig, &ample);
	check_outcome(rig);
	assert_int_equal(rig->target_code, -ECANCELED);
	end(rig);
}

static void timeout__cancels_or_pauses(void **state)
{
	/* Every pass finds what was written in it. */
	struct migrate_wish wish = { .timeout = 1 };
	struct rig *rig = begin();

	(void)state;
	rig->busy = 1000000;
	start(rig, &wish);
	check_outcome(rig);
	assert_int_equal(migrate_job_result(rig->job)->code, -ETIME);
	assert_int_equal(rig->holds, 0);
	end(rig);

	rig = begin();
	wish.pause = true;
	rig->busy = 1000000;
	start(rig, &wish);
	check_outcome(rig);
	assert_int_equal(state_of(rig), MIGRATE_COMPLETED);
	end(rig);
}

static void stop__leaves_the_guest_running(void **state)
{
	const struct migrate_wish none = { 0 };
	struct rig *rig = begin();

	(void)state;
	rig->busy = 1000000;
	rig->cancel_at = 3;
	start(rig, &none);
	check_outcome(rig);
	assert_int_equal(state_of(rig), MIGRATE_CANCELLED);
	assert_int_equal(rig->holds, 0);
	end(rig);
}

static void bandwidth__is_kept(void **state)
{
	/* 80 KiB in 16 pages, at 1 MiB in a second. */
	const struct migrate_wish wish = { .downtime = 3600 * SECOND,
					   .bandwidth = 1 << 20 };
	struct migrate_progress p;
	struct rig *rig = begin();

	(void)state;
	start(rig, &wish);
	check_outcome(rig);
	migrate_job_progress(rig->job, &p);
	assert_true(p.took >= 19 * PAGE * SECOND / (1 << 20) * 9 / 10);
	end(rig);
}

/* A connection that ends anywhere leaves the guest to one of the two. */
static void cut__at_any_byte(void **state)
{
	uint64_t there, back;
	unsigned lost = 0, failed = 0, seed = 1;
	struct rig *rig = begin();

	(void)state;
	start(rig, &ample);
	there = rig->relay.passed_there;
	back = rig->relay.passed_back;
	end(rig);
	for (unsigned i = 0; i < 400; i++) {
		rig = begin();
		if (i % 2)
			rig->relay.back = i < 2 * back
						? i / 2
						: (unsigned)rand_r(&seed) %
							  back;
		else
			rig->relay.there = (unsigned)rand_r(&seed) % there;
		start(rig, &ample);
		check_outcome(rig);
		lost += state_of(rig) == MIGRATE_LOST;
		failed += state_of(rig) == MIGRATE_FAILED;
		end(rig);
	}
	/* Only the answer to go, which has 16 bytes. */
	assert_true(lost >= 16 && failed > 300);
}

/* The word to go, cut: the target has not got it, and the source cannot know.
 */
static void cut__in_the_word_to_go(void **state)
{
	(void)state;
	for (uint64_t i = 1; i <= STREAM_HEADER_SIZE; i++) {
		struct rig *rig = begin();

		rig->go_bytes = i;
		start(rig, &ample);
		check_outcome(rig);
		assert_int_equal(state_of(rig), MIGRATE_LOST);
		assert_int_equal(rig->target_code == 0,
				 i == STREAM_HEADER_SIZE);
		end(rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(migrate__moves_the_guest),
		cmocka_unit_test(migrate__goes_on_until_the_rest_fits),
		cmocka_unit_test(migrate__a_paused_guest_stays_paused),
		cmocka_unit_test(migrate__what_the_target_had_is_gone),
		cmocka_unit_test(fail__a_guest_that_cannot_be_held_goes_on),
		cmocka_unit_test(fail__the_targets_reason_is_told),
		cmocka_unit_test(fail__other_memory_is_named),
		cmocka_unit_test(fail__other_disks_are_refused),
		cmocka_unit_test(fail__a_signal_at_the_target_leaves_the_guest),
		cmocka_unit_test(timeout__cancels_or_pauses),
		cmocka_unit_test(stop__leaves_the_guest_running),
		cmocka_unit_test(bandwidth__is_kept),
		cmocka_unit_test(cut__at_any_byte),
		cmocka_unit_test(cut__in_the_word_to_go),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return RUN_TESTS(tests);
}
