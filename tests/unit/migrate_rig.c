/* tests/unit/migrate_rig.c - both sides of a migration in one process. */
#include "tests/unit/migrate_rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tests/unit/test.h"

static const struct range place = { UINT64_C(0x80000000), PAGES *PAGE };

const char migrate_rig_about[] =
	"{\"format\": 1, \"id\": \"01234567-89ab-4def-8123-456789abcdef\", "
	"\"architecture\": \"arm64\", \"name\": \"web\", \"vmm\": \"0.1.0\", "
	"\"made\": 0, \"page\": 4096, \"disks\": [], "
	"\"command\": [\"--cpus=2\"]}";

void migrate_rig_write(struct migrate_rig *rig, uint64_t page, int byte)
{
	memset(rig->backing.host + page * PAGE, byte, PAGE);
	fake_log_write(&rig->log, 0, page);
}

static int receive_all(struct migrate_rig *rig, int fd, struct err *err)
{
	struct channel channel = CHANNEL_NONE;
	int r;

	channel_open(&channel, fd, fd, 0);
	r = migrate_target_begin(&rig->target, &channel, &rig->door, "arm64",
				 err);
	if (r == 0)
		r = migrate_target_memory(&rig->target, &rig->machine, "arm64",
					  rig->interrupt, err);
	if (r == 0 && rig->late)
		r = err_input(err, -ENOTSUP, "register x\033 is not here");
	return r == 0 ? migrate_target_take(&rig->target, err) : r;
}

static void *run_target(void *arg)
{
	struct migrate_rig *rig = arg;
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
	struct migrate_rig *rig = ctx;

	if (rig->hold_fails)
		return err_set(err, -EBUSY, "no hold");
	rig->holds++;
	/* The last that the guest did. */
	migrate_rig_write(rig, 7, 7);
	if (rig->hold_stops)
		loop_stop(rig->loop);
	if (rig->slow)
		relay_slow(&rig->relay, true);
	*ret_paused = rig->paused;
	state_begin(state, "arm64");
	return state_end(state, err);
}

static int drop(void *ctx, struct page_copy *copy, struct err *err)
{
	const struct range given = { place.start + 9 * PAGE, PAGE };
	const struct migrate_rig *rig = ctx;

	if (rig->stuck) {
		(void)sem_post(&rig->stuck[1]);
		(void)sem_wait(&rig->stuck[0]);
	}
	return page_copy_drop(copy, given, err);
}

static void release(void *ctx)
{
	struct migrate_rig *rig = ctx;

	rig->releases++;
}

static int give_up(void *ctx, struct err *err)
{
	struct migrate_rig *rig = ctx;

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
	struct migrate_rig *rig = ctx;

	rig->take_backs++;
}

/* Pages are about to be looked at. */
static void write_pages(void *ctx)
{
	struct migrate_rig *rig = ctx;

	if (rig->writes++ < rig->busy)
		for (uint64_t i = 0; i < 5; i++)
			migrate_rig_write(rig, i, 40 + (int)(rig->writes % 64));
}

static void moved(void *ctx)
{
	struct migrate_rig *rig = ctx;
	struct migrate_progress p;

	migrate_job_progress(rig->job, &p);
	if (rig->moves_stop)
		loop_stop(rig->loop);
	if (rig->cancel_at && p.rates.passes == rig->cancel_at)
		migrate_job_stop(rig->job);
}

static void done(void *ctx)
{
	struct migrate_rig *rig = ctx;

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

struct migrate_rig *migrate_rig_new(void)
{
	return migrate_rig_new_of(MEM_MEMFD);
}

struct migrate_rig *migrate_rig_new_of(enum mem_source target)
{
	struct migrate_rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	assert_int_equal(loop_new(&rig->loop, &rig->err), 0);
	add_memory(&rig->map, &rig->backing, MEM_ANON);
	add_memory(&rig->machine.mem, &rig->machine.backings.at[0], target);
	rig->machine.config = &rig->config;
	dirty_init(&rig->dirty, &rig->map, PAGE);
	rig->map.watch = &rig->dirty.watch;
	rig->log.map = &rig->map;
	rig->log.asked = write_pages;
	rig->log.ctx = rig;
	assert_int_equal(dirty_attach(&rig->dirty, fake_log_source(&rig->log),
				      &rig->log, &rig->err),
			 0);
	assert_int_equal(dirty_reader_add(&rig->dirty, DIRTY_ALL, &rig->reader,
					  &rig->err),
			 0);
	for (uint64_t i = 0; i < 20; i++)
		migrate_rig_write(rig, i, 1 + (int)i);
	migrate_rig_write(rig, 12, 0); /* it is there, and holds nothing */
	migrate_regions_init(&rig->regions, &rig->map, NULL, 0);
	rig->target = (struct migrate_target)MIGRATE_TARGET_NONE;
	rig->door.fd = -1;
	rig->interrupt = eventfd(0, EFD_CLOEXEC);
	rig->relay.there = rig->relay.back = RELAY_ALL;
	return rig;
}

void migrate_rig_free(struct migrate_rig *rig)
{
	rig->job = migrate_job_free(rig->job);
	migrate_uri_finish(&rig->uri);
	rig->reader = dirty_reader_remove(rig->reader);
	dirty_detach(&rig->dirty);
	dirty_finish(&rig->dirty);
	backing_finish(&rig->backing);
	backing_finish(&rig->machine.backings.at[0]);
	(void)close(rig->interrupt);
	rig->loop = loop_free(rig->loop);
	free(rig);
}

static void make_pair(int pair[2])
{
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
}

void migrate_rig_send(struct migrate_rig *rig, const struct migrate_wish *how,
		      const char *uri)
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

	assert_int_equal(migrate_uri_parse(&rig->uri, uri, &rig->err), 0);
	wish.uri = &rig->uri;
	wish.arch = "arm64";
	wish.about = migrate_rig_about;
	wish.place = &rig->here;
	wish.files = &rig->files;
	wish.regions = &rig->regions;
	assert_int_equal(migrate_job_new(&rig->job, &guest, &wish, rig->reader,
					 &rig->err),
			 0);
}

int migrate_rig_start(struct migrate_rig *rig, const struct migrate_wish *how)
{
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
	migrate_rig_send(rig, how, text);
	return near[0];
}

void migrate_rig_join(struct migrate_rig *rig, int fd)
{
	relay_slow(&rig->relay, false);
	(void)close(fd);
	assert_int_equal(pthread_join(rig->thread, NULL), 0);
	(void)pthread_join(rig->relay.thread, NULL);
}

void migrate_rig_run(struct migrate_rig *rig, const struct migrate_wish *how)
{
	const int fd = migrate_rig_start(rig, how);

	while (rig->dones == 0)
		assert_int_equal(loop_run(rig->loop, &rig->err), 0);
	migrate_rig_join(rig, fd);
}

const struct migrate_wish migrate_rig_ample = { .downtime = 3600 * SECOND };

enum migrate_state migrate_rig_state(struct migrate_rig *rig)
{
	struct migrate_progress p;

	migrate_job_progress(rig->job, &p);
	return p.state;
}

/* The guest is there as it was when it was held. */
static void check_moved(struct migrate_rig *rig)
{
	uint8_t *expected = malloc(PAGES * PAGE);

	assert_non_null(expected);
	memcpy(expected, rig->backing.host, PAGES * PAGE);
	memset(expected + 9 * PAGE, 0, PAGE); /* given up */
	assert_memory_equal(rig->machine.backings.at[0].host, expected,
			    PAGES * PAGE);
	free(expected);
}

void migrate_rig_check(struct migrate_rig *rig)
{
	assert_int_equal(rig->dones, 1);
	switch (migrate_rig_state(rig)) {
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
