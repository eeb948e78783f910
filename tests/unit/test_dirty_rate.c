/* tests/unit/test_dirty_rate.c - mem/dirty_rate.c. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "mem/dirty_rate.h"
#include "tests/unit/fake_log.h"
#include "tests/unit/test.h"

#define PAGE UINT64_C(4096)
#define PAGES UINT64_C(200)
#define MS UINT64_C(1000000)

struct rig {
	struct loop *loop;
	struct mem_map map;
	struct dirty dirty;
	struct fake_log log;
	struct dirty_rate rate;
	unsigned begins, ends, dones;
	int fails; /* what the log is to return once the time has begun */
	struct err err;
};

/* Pages 0 to 9 by the guest and one by a device, in the time that counts. */
static void sample(void *ctx, bool end)
{
	struct rig *rig = ctx;

	rig->begins += !end;
	rig->ends += end;
	rig->log.sync_fails = rig->fails;
	for (uint64_t page = 0; page < 10; page++)
		fake_log_write(&rig->log, 1, page);
	mem_wrote(&rig->map, rig->map.region[0].host, 1);
}

static void done(void *ctx)
{
	struct rig *rig = ctx;

	rig->dones++;
	loop_stop(rig->loop);
}

static void begin(struct rig *rig, enum fake_log_kind kind)
{
	const struct dirty_rate_user user = { sample, done, rig };

	memset(rig, 0, sizeof(*rig));
	for (size_t i = 0; i < 2; i++) {
		/* Never touched. */
		const struct mem_region r = {
			.gpa = { (gpa_t)i << 32, PAGES * PAGE },
			.host = (uint8_t *)((i + 1) << 28),
		};

		assert_int_equal(mem_add(&rig->map, r, &rig->err), 0);
	}
	mem_freeze(&rig->map);
	dirty_init(&rig->dirty, &rig->map, PAGE);
	rig->map.watch = &rig->dirty.watch;
	rig->log.kind = kind;
	rig->log.map = &rig->map;
	assert_int_equal(loop_new(&rig->loop, &rig->err), 0);
	assert_int_equal(dirty_attach(&rig->dirty, fake_log_source(&rig->log),
				      &rig->log, &rig->err),
			 0);
	assert_int_equal(dirty_rate_init(&rig->rate, rig->loop, &rig->dirty,
					 user, &rig->err),
			 0);
}

static void end(struct rig *rig)
{
	dirty_rate_finish(&rig->rate);
	dirty_rate_finish(&rig->rate);
	assert_int_equal(rig->dirty.readers, 0);
	dirty_detach(&rig->dirty);
	dirty_finish(&rig->dirty);
	rig->loop = loop_free(rig->loop);
}

static void measure(struct rig *rig, uint64_t ns)
{
	const unsigned before = rig->dones;

	assert_int_equal(dirty_rate_start(&rig->rate, ns, &rig->err), 0);
	assert_int_equal(rig->rate.state, DIRTY_RATE_MEASURING);
	/* Before the time that counts. */
	fake_log_write(&rig->log, 1, 100);
	mem_wrote(&rig->map, rig->map.region[0].host + 100 * PAGE, 1);
	while (rig->dones == before)
		assert_int_equal(loop_run(rig->loop, &rig->err), 0);
}

static void rate__counts_what_changes_in_its_time(void **state)
{
	struct rig rig;

	(void)state;
	for (int kind = FAKE_BITMAP; kind <= FAKE_CLEAR; kind++) {
		begin(&rig, (enum fake_log_kind)kind);
		assert_int_equal(rig.rate.state, DIRTY_RATE_UNSTARTED);
		for (int i = 0; i < 2; i++) {
			measure(&rig, 20 * MS);
			assert_int_equal(rig.rate.state, DIRTY_RATE_MEASURED);
			assert_int_equal(rig.rate.pages[0], 1);
			assert_int_equal(rig.rate.pages[1], 10);
			assert_true(rig.rate.took_ns >= 20 * MS);
			assert_false(rig.log.on);
		}
		assert_int_equal(rig.begins, 2);
		assert_int_equal(rig.ends, 2);
		end(&rig);
	}
}

static void rate__is_by_the_second_and_rounded(void **state)
{
	struct dirty_rate rate = { .took_ns = 0 };

	(void)state;
	assert_int_equal(dirty_rate_per_second(&rate, 5), 0);
	rate.took_ns = 2000 * MS;
	assert_int_equal(dirty_rate_per_second(&rate, 10), 5);
	assert_int_equal(dirty_rate_per_second(&rate, 11), 6);
	rate.took_ns = 50 * MS;
	assert_int_equal(dirty_rate_per_second(&rate, UINT64_C(1) << 40),
			 (UINT64_C(1) << 40) * 20);
}

static void start__one_at_a_time(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig, FAKE_CLEAR);
	assert_int_equal(dirty_rate_start(&rig.rate, MS, &rig.err), 0);
	assert_int_equal(dirty_rate_start(&rig.rate, MS, &rig.err), -EBUSY);
	end(&rig); /* in the middle of it */
	assert_int_equal(rig.log.stops, 1);
	assert_int_equal(rig.dones, 0);
}

static void start__failures_are_told(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig, FAKE_BITMAP);
	rig.log.start_fails = -ENOMEM;
	assert_int_equal(dirty_rate_start(&rig.rate, MS, &rig.err), -ENOMEM);
	rig.log.start_fails = 0;
	rig.log.sync_fails = -EIO;
	assert_int_equal(dirty_rate_start(&rig.rate, MS, &rig.err), -EIO);
	assert_string_equal(rig.err.msg, "no sync");
	assert_int_equal(rig.rate.state, DIRTY_RATE_UNSTARTED);
	assert_int_equal(rig.dirty.readers, 0);
	rig.log.sync_fails = 0;
	rig.fails = -EIO;
	measure(&rig, MS);
	assert_int_equal(rig.rate.state, DIRTY_RATE_FAILED);
	assert_string_equal(rig.rate.err.msg, "no sync");
	assert_int_equal(rig.dirty.readers, 0);
	rig.log.sync_fails = rig.fails = 0;
	measure(&rig, MS);
	assert_int_equal(rig.rate.state, DIRTY_RATE_MEASURED);
	end(&rig);
}

struct after {
	struct loop_timer timer;
	struct loop *loop;
};

static void stop(struct loop_timer *timer)
{
	loop_stop(container_of(timer, struct after, timer)->loop);
}

static void run_on(struct rig *rig, uint64_t ns)
{
	struct after after = { .timer.expired = stop, .loop = rig->loop };

	assert_int_equal(loop_timer_add(rig->loop, &after.timer, &rig->err), 0);
	loop_timer_set(&after.timer, ns);
	assert_int_equal(loop_run(rig->loop, &rig->err), 0);
	loop_timer_remove(rig->loop, &after.timer);
}

static void start__a_failure_before_the_time_begins_is_the_end(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig, FAKE_BITMAP);
	assert_int_equal(dirty_rate_start(&rig.rate, MS, &rig.err), 0);
	rig.log.sync_fails = -EIO;
	while (rig.dones == 0)
		assert_int_equal(loop_run(rig.loop, &rig.err), 0);
	assert_int_equal(rig.rate.state, DIRTY_RATE_FAILED);
	assert_int_equal(rig.begins, 0);
	run_on(&rig, 5 * MS);
	assert_int_equal(rig.dones, 1);
	end(&rig);
}

static void start__a_failure_leaves_what_was_measured(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig, FAKE_BITMAP);
	measure(&rig, MS);
	rig.log.sync_fails = -EIO;
	assert_int_equal(dirty_rate_start(&rig.rate, MS, &rig.err), -EIO);
	assert_int_equal(rig.rate.state, DIRTY_RATE_MEASURED);
	assert_int_equal(rig.rate.pages[1], 10);
	assert_true(rig.rate.took_ns >= MS);
	end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rate__counts_what_changes_in_its_time),
		cmocka_unit_test(rate__is_by_the_second_and_rounded),
		cmocka_unit_test(start__one_at_a_time),
		cmocka_unit_test(start__failures_are_told),
		cmocka_unit_test(
			start__a_failure_before_the_time_begins_is_the_end),
		cmocka_unit_test(start__a_failure_leaves_what_was_measured),
	};

	return RUN_TESTS(tests);
}
