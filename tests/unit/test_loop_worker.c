/* tests/unit/test_loop_worker.c - base/loop_worker.c. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/loop_worker.h"
#include "tests/unit/test.h"

struct rig {
	struct loop *loop;
	struct loop_worker *worker;
	struct err err;
	pthread_t loop_thread;
	unsigned asks, asked, dones;
	bool sticks; /* the work waits for @stuck first */
	sem_t stuck;
	bool elsewhere; /* something ran on another thread than the loop's */
};

static void note_thread(struct rig *rig)
{
	if (!pthread_equal(pthread_self(), rig->loop_thread))
		rig->elsewhere = true;
}

static void count_ask(void *ctx)
{
	struct rig *rig = ctx;

	note_thread(rig);
	rig->asked++;
}

static void work(void *ctx, struct loop_worker *worker)
{
	struct rig *rig = ctx;

	if (rig->sticks)
		assert_int_equal(sem_wait(&rig->stuck), 0);
	for (unsigned i = 0; i < rig->asks; i++) {
		loop_worker_ask(worker, count_ask);
		/* It is done when this returns. */
		assert_int_equal(rig->asked, i + 1);
	}
}

static void done(void *ctx)
{
	struct rig *rig = ctx;

	note_thread(rig);
	rig->dones++;
	rig->worker = loop_worker_free(rig->worker);
	loop_stop(rig->loop);
}

static const struct loop_worker_ops ops = { work, done };

static int begin(void **state)
{
	static struct rig rig;

	rig = (struct rig){ .loop_thread = pthread_self(), .asks = 3 };
	*state = &rig;
	assert_int_equal(sem_init(&rig.stuck, 0, 0), 0);
	return loop_new(&rig.loop, &rig.err);
}

static int end(void **state)
{
	struct rig *rig = *state;

	rig->loop = loop_free(rig->loop);
	return 0;
}

static void start(struct rig *rig)
{
	assert_int_equal(
		loop_worker_new(&rig->worker, rig->loop, &ops, rig, &rig->err),
		0);
}

static void ask__is_done_by_the_loop(void **state)
{
	struct rig *rig = *state;

	start(rig);
	assert_int_equal(loop_run(rig->loop, &rig->err), 0);
	assert_int_equal(rig->asked, 3);
	assert_int_equal(rig->dones, 1);
	assert_null(rig->worker);
	assert_false(rig->elsewhere);
}

static void settle__does_what_is_asked_without_a_loop(void **state)
{
	struct rig *rig = *state;

	start(rig);
	loop_worker_settle(rig->worker);
	assert_int_equal(rig->asked, 3);
	assert_int_equal(rig->dones, 1);
}

static void done__comes_without_a_request(void **state)
{
	struct rig *rig = *state;

	rig->asks = 0;
	start(rig);
	loop_worker_settle(rig->worker);
	assert_int_equal(rig->asked, 0);
	assert_int_equal(rig->dones, 1);
}

static void serve__gives_up_a_thread_that_asks_nothing(void **state)
{
	struct rig *rig = *state;

	rig->sticks = true;
	start(rig);
	assert_int_equal(loop_worker_serve(rig->worker, 0), -ETIMEDOUT);
	assert_int_equal(loop_worker_serve(rig->worker, clock_ns() + 1000),
			 -ETIMEDOUT);
	assert_int_equal(rig->dones, 0);
	assert_int_equal(sem_post(&rig->stuck), 0);
	loop_worker_settle(rig->worker);
	assert_int_equal(rig->asked, 3);
	assert_int_equal(rig->dones, 1);
}

static void serve__does_one_thing_at_a_time(void **state)
{
	struct rig *rig = *state;

	start(rig);
	for (unsigned i = 1; i <= 3; i++) {
		assert_int_equal(loop_worker_serve(rig->worker, UINT64_MAX), 1);
		assert_int_equal(rig->asked, i);
	}
	assert_int_equal(loop_worker_serve(rig->worker, UINT64_MAX), 0);
	assert_int_equal(rig->dones, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ask__is_done_by_the_loop),
		TEST(settle__does_what_is_asked_without_a_loop),
		TEST(done__comes_without_a_request),
		TEST(serve__gives_up_a_thread_that_asks_nothing),
		TEST(serve__does_one_thing_at_a_time),
	};

	return RUN_TESTS(tests);
}
