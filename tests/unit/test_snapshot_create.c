/* tests/unit/test_snapshot_create.c - vmm/snapshot/create.c, without KVM. */
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mem/backing.h"
#include "tests/unit/fake_log.h"
#include "tests/unit/temp_folder.h"
#include "tests/unit/test.h"
#include "vmm/snapshot/chain.h"
#include "vmm/snapshot/create.h"

#define PAGE UINT64_C(4096)
#define PAGES UINT64_C(600)
#define SECOND UINT64_C(1000000000)

static const struct range place = { UINT64_C(0x80000000), PAGES *PAGE };

struct rig {
	struct temp_folder folder;
	char path[TEMP_PATH_SIZE];
	struct loop *loop;
	struct mem_map map;
	struct dirty dirty;
	struct fake_log log;
	struct backing backing;
	struct dirty_reader *reader;
	struct snapshot_job *job;
	struct err err;

	unsigned holds, releases, dones;
	int hold_fails, drop_fails; /* 0, or what is returned */
	bool drop_sticks; /* until @stuck is posted */
	int level; /* of compression */
	sem_t reached, stuck;
};

static void write_page(struct rig *rig, uint64_t page, int byte)
{
	memset(rig->backing.host + page * PAGE, byte, PAGE);
	fake_log_write(&rig->log, 0, page);
}

static int hold(void *ctx, struct state *state, struct err *err)
{
	struct rig *rig = ctx;

	rig->holds++;
	if (rig->hold_fails)
		return err_set(err, rig->hold_fails, "no hold");
	if (rig->drop_sticks)
		loop_stop(rig->loop);
	/* The last that the guest did. */
	write_page(rig, 7, 7);
	state_begin(state, "arm64");
	return state_end(state, err);
}

static int drop(void *ctx, struct page_copy *copy, struct err *err)
{
	struct rig *rig = ctx;
	const struct range given = { place.start + 9 * PAGE, PAGE };

	if (rig->drop_sticks) {
		assert_int_equal(sem_post(&rig->reached), 0);
		assert_int_equal(sem_wait(&rig->stuck), 0);
	}
	if (rig->drop_fails)
		return err_set(err, rig->drop_fails, "no drop");
	return page_copy_drop(copy, given, err);
}

static void release(void *ctx)
{
	struct rig *rig = ctx;

	rig->releases++;
	/* What comes later is not in the snapshot. */
	write_page(rig, 8, 99);
}

static void done(void *ctx)
{
	struct rig *rig = ctx;

	rig->dones++;
	loop_stop(rig->loop);
}

static int rig_begin(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct mem_region region = { .gpa = place, .kind = MEM_RAM };

	assert_non_null(rig);
	assert_int_equal(temp_folder_make(&rig->folder, "/tmp"), 0);
	temp_folder_path(&rig->folder, "snap", rig->path);
	assert_int_equal(loop_new(&rig->loop, &rig->err), 0);
	assert_int_equal(
		backing_init(&rig->backing, place, PAGE, NULL, &rig->err), 0);
	region.backing = &rig->backing;
	region.host = rig->backing.host;
	assert_int_equal(mem_add(&rig->map, region, &rig->err), 0);
	mem_freeze(&rig->map);
	dirty_init(&rig->dirty, &rig->map, PAGE);
	rig->map.watch = &rig->dirty.watch;
	rig->log.map = &rig->map;
	assert_int_equal(dirty_attach(&rig->dirty, fake_log_source(&rig->log),
				      &rig->log, &rig->err),
			 0);
	assert_int_equal(dirty_reader_add(&rig->dirty, DIRTY_ALL, &rig->reader,
					  &rig->err),
			 0);
	memset(rig->backing.host, 1, 20 * PAGE);
	*state = rig;
	return 0;
}

static int rig_end(void **state)
{
	struct rig *rig = *state;

	rig->job = snapshot_job_free(rig->job);
	rig->reader = dirty_reader_remove(rig->reader);
	dirty_detach(&rig->dirty);
	dirty_finish(&rig->dirty);
	backing_finish(&rig->backing);
	rig->loop = loop_free(rig->loop);
	assert_int_equal(temp_folder_remove(&rig->folder), 0);
	free(rig);
	return 0;
}

static char arm64[] = "arm64", name[] = "web", version[] = "0.1.0";
static char *words[] = { NULL };

static void start(struct rig *rig, struct snapshot_about *about, bool paused)
{
	const struct snapshot_source source = {
		.loop = rig->loop,
		.map = &rig->map,
		.hold = hold,
		.drop = drop,
		.release = release,
		.done = done,
		.ctx = rig,
	};
	const struct snapshot_wish wish = { .path = rig->path,
					    .about = about,
					    .paused = paused,
					    .level = rig->level,
					    .downtime = SECOND,
					    .timeout = 60 * SECOND };

	*about = (struct snapshot_about){ .architecture = arm64,
					  .name = name,
					  .vmm = version,
					  .page = 4096,
					  .word = words };
	assert_int_equal(snapshot_make_id(about->id, &rig->err), 0);
	assert_int_equal(snapshot_job_new(&rig->job, &source, &wish,
					  rig->reader, &rig->err),
			 0);
}

static int run(struct rig *rig, bool paused)
{
	struct snapshot_about about;

	start(rig, &about, paused);
	while (rig->dones == 0)
		assert_int_equal(loop_run(rig->loop, &rig->err), 0);
	return snapshot_job_result(rig->job)->code;
}

static bool nothing_is_left(const struct rig *rig)
{
	char partial[TEMP_PATH_SIZE];

	temp_folder_path(&rig->folder, "snap.partial", partial);
	return access(rig->path, F_OK) < 0 && access(partial, F_OK) < 0;
}

/* What a chain holds is the memory as it was when the guest was held. */
static void check_snapshot(struct rig *rig)
{
	struct snapshot_chain chain = { 0 };
	uint8_t *got = calloc(PAGES, PAGE);

	assert_int_equal(
		snapshot_chain_open(&chain, rig->path, "arm64", &rig->err), 0);
	assert_int_equal(snapshot_chain_verify(&chain, &rig->err), 0);
	assert_int_equal(image_chain_load(&chain.memory, 0, got, -1, &rig->err),
			 0);
	assert_int_equal(got[6 * PAGE], 1);
	assert_int_equal(got[7 * PAGE], 7);
	assert_int_equal(got[8 * PAGE], 1);
	assert_int_equal(got[9 * PAGE], 0);
	assert_int_equal(got[20 * PAGE], 0);
	snapshot_chain_finish(&chain);
	free(got);
}

static void job__live_copies_what_the_guest_had_when_held(void **state)
{
	struct rig *rig = *state;
	const struct snapshot_result *result;

	assert_int_equal(run(rig, false), 0);
	result = snapshot_job_result(rig->job);
	assert_int_equal(rig->holds, 1);
	assert_int_equal(rig->releases, 1);
	assert_int_equal(result->passes, 2);
	assert_int_equal(result->pages.state[IMAGE_DATA], 19);
	assert_int_equal(result->pages.state[IMAGE_GONE], 1);
	check_snapshot(rig);
}

static void job__paused_makes_one_pass(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(run(rig, true), 0);
	assert_int_equal(snapshot_job_result(rig->job)->passes, 1);
	check_snapshot(rig);
}

static void job__compresses_what_it_copied(void **state)
{
	struct rig *rig = *state;

	rig->level = 3;
	assert_int_equal(run(rig, false), 0);
	assert_in_range(snapshot_job_result(rig->job)->bytes, 1, PAGE);
	check_snapshot(rig);
}

static void job__a_guest_that_cannot_be_held_goes_on(void **state)
{
	struct rig *rig = *state;

	rig->hold_fails = -EBUSY;
	assert_int_equal(run(rig, false), -EBUSY);
	assert_string_equal(snapshot_job_result(rig->job)->err.msg, "no hold");
	assert_int_equal(rig->releases, 0);
	assert_true(nothing_is_left(rig));
}

static void job__a_failure_while_held_releases_the_guest(void **state)
{
	struct rig *rig = *state;

	rig->drop_fails = -EIO;
	assert_int_equal(run(rig, false), -EIO);
	assert_int_equal(rig->releases, 1);
	assert_true(nothing_is_left(rig));
}

static void job__a_log_that_fails_leaves_nothing(void **state)
{
	struct rig *rig = *state;

	rig->log.sync_fails = -EIO;
	assert_int_equal(run(rig, false), -EIO);
	assert_int_equal(rig->holds, 0);
	assert_true(nothing_is_left(rig));
}

/* Without a disk to fill: a limit on the size of files does the same. */
static void job__a_file_that_cannot_grow_leaves_nothing(void **state)
{
	struct rig *rig = *state;
	struct rlimit was;
	int code;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	(void)signal(SIGXFSZ, SIG_IGN);
	write_page(rig, PAGES - 1, 1);
	assert_int_equal(
		setrlimit(RLIMIT_FSIZE,
			  &(struct rlimit){ PAGES * PAGE - 1, RLIM_INFINITY }),
		0);
	code = run(rig, false);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	assert_int_equal(code, -EFBIG);
	assert_int_equal(snapshot_job_result(rig->job)->passes, 0);
	assert_true(nothing_is_left(rig));
}

static void job__a_place_that_is_taken_is_refused(void **state)
{
	struct rig *rig = *state;

	temp_folder_put(&rig->folder, "snap/mine", "");
	assert_int_equal(run(rig, false), -EEXIST);
	assert_non_null(strstr(snapshot_job_result(rig->job)->err.msg,
			       "is no snapshot"));
	/* The reader may serve a diff as before. */
	assert_int_equal(snapshot_job_result(rig->job)->passes, 0);
	assert_int_equal(rig->holds, 0);
}

static void settle__ends_the_job_and_says_so_once(void **state)
{
	struct rig *rig = *state;
	struct snapshot_about about;

	start(rig, &about, false);
	assert_true(snapshot_job_settle(rig->job, true, 60 * SECOND));
	assert_int_equal(rig->dones, 1);
	assert_int_equal(rig->holds, rig->releases);
	/* It may have been done before that. */
	if (snapshot_job_result(rig->job)->code < 0) {
		assert_int_equal(snapshot_job_result(rig->job)->code,
				 -ECANCELED);
		assert_true(nothing_is_left(rig));
	}
	/* Once it is over, that does nothing. */
	assert_true(snapshot_job_settle(rig->job, true, 60 * SECOND));
	assert_int_equal(rig->dones, 1);
}

static void settle__a_guest_that_is_not_held_is_not_waited_for(void **state)
{
	struct rig *rig = *state;
	struct snapshot_about about;

	start(rig, &about, false);
	assert_true(snapshot_job_settle(rig->job, false, 60 * SECOND));
	assert_int_equal(rig->dones, 0);
	/* What the thread asks for is answered, or refused, later. */
	while (rig->dones == 0)
		assert_int_equal(loop_run(rig->loop, &rig->err), 0);
	assert_int_equal(rig->holds, rig->releases);
}

/* A copy that does not end, as on a disk that does not answer. */
static void settle__lets_the_guest_go_when_the_time_has_passed(void **state)
{
	struct rig *rig = *state;
	struct snapshot_about about;

	assert_int_equal(sem_init(&rig->stuck, 0, 0), 0);
	assert_int_equal(sem_init(&rig->reached, 0, 0), 0);
	rig->drop_sticks = true;
	start(rig, &about, true);
	while (rig->holds == 0)
		assert_int_equal(loop_run(rig->loop, &rig->err), 0);
	assert_int_equal(sem_wait(&rig->reached), 0);
	assert_false(snapshot_job_settle(rig->job, false, SECOND / 100));
	assert_int_equal(rig->releases, 1);
	assert_false(snapshot_job_settle(rig->job, true, SECOND / 100));
	assert_int_equal(rig->dones, 0);
	assert_int_equal(rig->releases, 1);
	assert_int_equal(sem_post(&rig->stuck), 0);
	assert_true(snapshot_job_settle(rig->job, true, 60 * SECOND));
	assert_int_equal(rig->dones, 1);
	assert_int_equal(rig->releases, 1);
	assert_true(snapshot_job_result(rig->job)->code < 0);
	assert_true(nothing_is_left(rig));
	assert_int_equal(sem_destroy(&rig->stuck), 0);
	assert_int_equal(sem_destroy(&rig->reached), 0);
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, rig_begin, rig_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(job__live_copies_what_the_guest_had_when_held),
		TEST(job__paused_makes_one_pass),
		TEST(job__compresses_what_it_copied),
		TEST(job__a_guest_that_cannot_be_held_goes_on),
		TEST(job__a_failure_while_held_releases_the_guest),
		TEST(job__a_log_that_fails_leaves_nothing),
		TEST(job__a_file_that_cannot_grow_leaves_nothing),
		TEST(job__a_place_that_is_taken_is_refused),
		TEST(settle__ends_the_job_and_says_so_once),
		TEST(settle__a_guest_that_is_not_held_is_not_waited_for),
		TEST(settle__lets_the_guest_go_when_the_time_has_passed),
	};

	return RUN_TESTS(tests);
}
