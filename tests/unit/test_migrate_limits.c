/* tests/unit/test_migrate_limits.c - when a migration ends that does not get
 * on. */
#include <errno.h>
#include <semaphore.h>
#include <signal.h>

#include "base/cleanup.h"
#include "tests/unit/migrate_rig.h"
#include "tests/unit/test.h"

/* It applies to the pass that is under way: this one would last for hours. */
static void lift_limit(struct loop_timer *timer)
{
	struct migrate_rig *rig = container_of(timer, struct migrate_rig,
					       timer);
	const uint64_t none = 0;

	migrate_job_limit(rig->job, NULL, &none);
}

static void bandwidth__changes_at_once(void **state)
{
	const struct migrate_wish wish = { .downtime = 3600 * SECOND,
					   .bandwidth = 1 };
	struct migrate_rig *rig = migrate_rig_new();

	(void)state;
	assert_int_equal(loop_timer_add(rig->loop, &rig->timer, &rig->err), 0);
	rig->timer.expired = lift_limit;
	loop_timer_set(&rig->timer, SECOND / 20);
	migrate_rig_run(rig, &wish);
	migrate_rig_check(rig);
	assert_int_equal(migrate_rig_state(rig), MIGRATE_COMPLETED);
	loop_timer_remove(rig->loop, &rig->timer);
	migrate_rig_free(rig);
}

/* The other side is never silent for long, and never done. */
static void timeout__ends_a_pass(void **state)
{
	const struct migrate_wish wish = { .timeout = SECOND / 5 };
	struct migrate_rig *rig = migrate_rig_new();

	(void)state;
	rig->relay.slow = true;
	migrate_rig_run(rig, &wish);
	migrate_rig_check(rig);
	assert_int_equal(migrate_rig_state(rig), MIGRATE_FAILED);
	assert_int_equal(migrate_job_result(rig->job)->code, -ETIME);
	migrate_rig_free(rig);
}

/* In the middle of a pass, which goes on while the guest is held. */
static void timeout__pauses_within_a_pass(void **state)
{
	const struct migrate_wish wish = { .timeout = 1, .pause = true };
	struct migrate_progress p;
	struct migrate_rig *rig = migrate_rig_new();

	(void)state;
	migrate_rig_run(rig, &wish);
	migrate_rig_check(rig);
	migrate_job_progress(rig->job, &p);
	assert_int_equal(p.state, MIGRATE_COMPLETED);
	/* It was held before the second page was sent. */
	assert_int_equal(p.rates.passes, 2);
	assert_int_equal(rig->holds, 1);
	migrate_rig_free(rig);
}

static void held__has_an_end(void **state)
{
	const struct migrate_wish wish = { .downtime = 3600 * SECOND,
					   .held = SECOND / 50 };
	struct migrate_rig *rig = migrate_rig_new();

	(void)state;
	rig->slow = true;
	migrate_rig_run(rig, &wish);
	migrate_rig_check(rig);
	assert_int_equal(migrate_rig_state(rig), MIGRATE_FAILED);
	assert_int_equal(migrate_job_result(rig->job)->code, -ETIMEDOUT);
	assert_int_equal(rig->holds, 1);
	assert_int_equal(rig->releases, 1);
	migrate_rig_free(rig);
}

/* A host that does not answer keeps neither the guest nor the process. */
static void settle__lets_the_guest_go_when_the_time_has_passed(void **state)
{
	struct migrate_rig *rig = migrate_rig_new();
	sem_t stuck[2];
	int fd;

	(void)state;
	assert_int_equal(sem_init(&stuck[0], 0, 0), 0);
	assert_int_equal(sem_init(&stuck[1], 0, 0), 0);
	rig->stuck = stuck;
	fd = migrate_rig_start(rig, &migrate_rig_ample);
	rig->hold_stops = true;
	while (rig->holds == 0)
		assert_int_equal(loop_run(rig->loop, &rig->err), 0);
	assert_int_equal(sem_wait(&stuck[1]), 0);
	assert_false(migrate_job_settle(rig->job, SECOND / 100));
	assert_int_equal(rig->releases, 1);
	assert_int_equal(sem_post(&stuck[0]), 0);
	assert_true(migrate_job_settle(rig->job, 3600 * SECOND));
	assert_int_equal(rig->releases, 1);
	assert_int_equal(migrate_rig_state(rig), MIGRATE_CANCELLED);
	migrate_rig_join(rig, fd);
	migrate_rig_check(rig);
	migrate_rig_free(rig);
	(void)sem_destroy(&stuck[0]);
	(void)sem_destroy(&stuck[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bandwidth__changes_at_once),
		cmocka_unit_test(timeout__ends_a_pass),
		cmocka_unit_test(timeout__pauses_within_a_pass),
		cmocka_unit_test(held__has_an_end),
		cmocka_unit_test(
			settle__lets_the_guest_go_when_the_time_has_passed),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return RUN_TESTS(tests);
}
