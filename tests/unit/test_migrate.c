/* tests/unit/test_migrate.c - vmm/migrate's source and target, by
 * migrate_rig.h. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/event_fd.h"
#include "tests/unit/migrate_rig.h"
#include "tests/unit/test.h"
#include "vmm/migrate/stream.h"

static void migrate__moves_the_guest(void **state)
{
	struct migrate_progress p;
	struct migrate_rig *rig = migrate_rig_new();

	(void)state;
	migrate_rig_run(rig, &migrate_rig_ample);
	migrate_rig_check(rig);
	migrate_job_progress(rig->job, &p);
	assert_int_equal(p.state, MIGRATE_COMPLETED);
	assert_int_equal(p.rates.passes, 2);
	/* 19 pages that hold something, and one that was written again. */
	assert_int_equal(p.pages, 19 + 1);
	assert_int_equal(p.total, PAGES * PAGE);
	assert_true(p.sent > 20 * PAGE && p.sent < 22 * PAGE);
	assert_true(p.held > 0 && p.took >= p.held);
	assert_false(rig->target.paused);
	migrate_rig_free(rig);
}

static void migrate__goes_on_until_the_rest_fits(void **state)
{
	const struct migrate_wish none = { 0 };
	struct migrate_progress p;
	struct migrate_rig *rig = migrate_rig_new();

	(void)state;
	rig->busy = 4;
	migrate_rig_run(rig, &none);
	migrate_rig_check(rig);
	migrate_job_progress(rig->job, &p);
	assert_int_equal(p.state, MIGRATE_COMPLETED);
	assert_true(p.rates.passes > 3);
	migrate_rig_free(rig);
}

static void migrate__a_paused_guest_stays_paused(void **state)
{
	struct migrate_rig *rig = migrate_rig_new();

	(void)state;
	rig->paused = true;
	migrate_rig_run(rig, &migrate_rig_ample);
	migrate_rig_check(rig);
	assert_true(rig->target.paused);
	migrate_rig_free(rig);
}

static void migrate__what_the_target_had_is_gone(void **state)
{
	struct migrate_rig *rig = migrate_rig_new();

	(void)state;
	/* Told of as zero, or given up, after it had held something. */
	migrate_rig_write(rig, 9, 99);
	migrate_rig_write(rig, 3, 3);
	rig->busy = 1;
	migrate_rig_run(rig, &migrate_rig_ample);
	migrate_rig_check(rig);
	migrate_rig_free(rig);
}

/* Or is not given up, when the target is ready. */
static void fail__a_guest_that_cannot_be_held_goes_on(void **state)
{
	(void)state;
	for (int stays = 0; stays < 2; stays++) {
		const char *why = stays ? "it stays" : "no hold";
		struct migrate_rig *rig = migrate_rig_new();

		rig->stays = stays;
		rig->hold_fails = !stays;
		migrate_rig_run(rig, &migrate_rig_ample);
		migrate_rig_check(rig);
		assert_int_equal(migrate_rig_state(rig), MIGRATE_FAILED);
		assert_int_equal(rig->holds, stays);
		assert_string_equal(migrate_job_result(rig->job)->err.msg, why);
		assert_non_null(strstr(rig->target_err.msg, why));
		migrate_rig_free(rig);
	}
}

/* The other side's words are printed, without what a terminal would obey. */
static void fail__the_targets_reason_is_told(void **state)
{
	struct migrate_rig *rig = migrate_rig_new();

	(void)state;
	rig->late = true;
	migrate_rig_run(rig, &migrate_rig_ample);
	migrate_rig_check(rig);
	assert_int_equal(migrate_rig_state(rig), MIGRATE_FAILED);
	assert_int_equal(rig->holds, 1);
	assert_string_equal(migrate_job_result(rig->job)->err.msg,
			    "the other side: register x? is not here");
	migrate_rig_free(rig);
}

static void fail__other_memory_is_named(void **state)
{
	struct migrate_rig *rig = migrate_rig_new();

	(void)state;
	rig->machine.mem.region[0].gpa.start += PAGE;
	migrate_rig_run(rig, &migrate_rig_ample);
	migrate_rig_check(rig);
	assert_int_equal(rig->holds, 0);
	assert_non_null(strstr(migrate_job_result(rig->job)->err.msg,
			       "the guest has other memory, at 0x80000000"));
	migrate_rig_free(rig);
}

static void fail__other_disks_are_refused(void **state)
{
	struct migrate_rig *rig = migrate_rig_new();

	(void)state;
	rig->config.disks = 1;
	migrate_rig_run(rig, &migrate_rig_ample);
	migrate_rig_check(rig);
	assert_int_equal(rig->holds, 0);
	migrate_rig_free(rig);
}

static void fail__a_signal_at_the_target_leaves_the_guest(void **state)
{
	struct migrate_rig *rig = migrate_rig_new();

	(void)state;
	event_fd_signal(rig->interrupt);
	migrate_rig_run(rig, &migrate_rig_ample);
	migrate_rig_check(rig);
	assert_int_equal(rig->target_code, -ECANCELED);
	migrate_rig_free(rig);
}

static void timeout__cancels_or_pauses(void **state)
{
	/* Every pass finds what was written in it. */
	struct migrate_wish wish = { .timeout = 1 };
	struct migrate_rig *rig = migrate_rig_new();

	(void)state;
	rig->busy = 1000000;
	migrate_rig_run(rig, &wish);
	migrate_rig_check(rig);
	assert_int_equal(migrate_job_result(rig->job)->code, -ETIME);
	assert_int_equal(rig->holds, 0);
	migrate_rig_free(rig);

	rig = migrate_rig_new();
	wish.pause = true;
	rig->busy = 1000000;
	migrate_rig_run(rig, &wish);
	migrate_rig_check(rig);
	assert_int_equal(migrate_rig_state(rig), MIGRATE_COMPLETED);
	migrate_rig_free(rig);
}

static void stop__leaves_the_guest_running(void **state)
{
	const struct migrate_wish none = { 0 };
	struct migrate_rig *rig = migrate_rig_new();

	(void)state;
	rig->busy = 1000000;
	rig->cancel_at = 3;
	migrate_rig_run(rig, &none);
	migrate_rig_check(rig);
	assert_int_equal(migrate_rig_state(rig), MIGRATE_CANCELLED);
	assert_int_equal(rig->holds, 0);
	migrate_rig_free(rig);
}

/* The guest moves as it was asked to. */
static void switch__needs_a_migration_that_was_begun_for_it(void **state)
{
	struct migrate_rig *rig = migrate_rig_new();
	const int fd = migrate_rig_start(rig, &migrate_rig_ample);

	(void)state;
	assert_int_equal(migrate_job_switch(rig->job, &rig->err), -EINVAL);
	assert_non_null(strstr(rig->err.msg, "postcopy-ram"));
	while (rig->dones == 0)
		assert_int_equal(loop_run(rig->loop, &rig->err), 0);
	migrate_rig_join(rig, fd);
	migrate_rig_check(rig);
	assert_int_equal(migrate_rig_state(rig), MIGRATE_COMPLETED);
	migrate_rig_free(rig);
}

static void bandwidth__is_kept(void **state)
{
	/* 80 KiB in 16 pages, at 1 MiB in a second. */
	const struct migrate_wish wish = { .downtime = 3600 * SECOND,
					   .bandwidth = 1 << 20 };
	struct migrate_progress p;
	struct migrate_rig *rig = migrate_rig_new();

	(void)state;
	migrate_rig_run(rig, &wish);
	migrate_rig_check(rig);
	migrate_job_progress(rig->job, &p);
	assert_true(p.took >= 19 * PAGE * SECOND / (1 << 20) * 9 / 10);
	migrate_rig_free(rig);
}

/* A connection that ends anywhere leaves the guest to one of the two. */
static void cut__at_any_byte(void **state)
{
	uint64_t there, back;
	unsigned lost = 0, failed = 0, seed = 1;
	struct migrate_rig *rig = migrate_rig_new();

	(void)state;
	migrate_rig_run(rig, &migrate_rig_ample);
	there = rig->relay.passed_there;
	back = rig->relay.passed_back;
	migrate_rig_free(rig);
	for (unsigned i = 0; i < 400; i++) {
		rig = migrate_rig_new();
		if (i % 2)
			rig->relay.back = i < 2 * back
						? i / 2
						: (unsigned)rand_r(&seed) %
							  back;
		else
			rig->relay.there = (unsigned)rand_r(&seed) % there;
		migrate_rig_run(rig, &migrate_rig_ample);
		migrate_rig_check(rig);
		lost += migrate_rig_state(rig) == MIGRATE_LOST;
		failed += migrate_rig_state(rig) == MIGRATE_FAILED;
		migrate_rig_free(rig);
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
		struct migrate_rig *rig = migrate_rig_new();

		rig->go_bytes = i;
		migrate_rig_run(rig, &migrate_rig_ample);
		migrate_rig_check(rig);
		assert_int_equal(migrate_rig_state(rig), MIGRATE_LOST);
		assert_int_equal(rig->target_code == 0,
				 i == STREAM_HEADER_SIZE);
		migrate_rig_free(rig);
	}
}

/* A target that lies: each byte of its answers, changed in several ways. */
static void damage__in_any_answer(void **state)
{
	static const uint8_t flips[] = { 0x01, 0x04, 0x80, 0xff };
	unsigned completed = 0, lost = 0, failed = 0;
	struct migrate_rig *rig = migrate_rig_new();
	uint64_t back;

	(void)state;
	migrate_rig_run(rig, &migrate_rig_ample);
	back = rig->relay.passed_back;
	migrate_rig_free(rig);
	for (uint64_t i = 0; i < back * sizeof(flips); i++) {
		rig = migrate_rig_new();
		rig->relay.damage = 1 + i / sizeof(flips);
		rig->relay.flip = flips[i % sizeof(flips)];
		migrate_rig_run(rig, &migrate_rig_ample);
		migrate_rig_check(rig);
		completed += migrate_rig_state(rig) == MIGRATE_COMPLETED;
		lost += migrate_rig_state(rig) == MIGRATE_LOST;
		failed += migrate_rig_state(rig) == MIGRATE_FAILED;
		migrate_rig_free(rig);
	}
	/* Only the answer to go is one too late. */
	assert_int_equal(completed, 0);
	assert_int_equal(lost, STREAM_HEADER_SIZE * sizeof(flips));
	assert_int_equal(lost + failed, back * sizeof(flips));
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
		cmocka_unit_test(
			switch__needs_a_migration_that_was_begun_for_it),
		cmocka_unit_test(bandwidth__is_kept),
		cmocka_unit_test(cut__at_any_byte),
		cmocka_unit_test(cut__in_the_word_to_go),
		cmocka_unit_test(damage__in_any_answer),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return RUN_TESTS(tests);
}
