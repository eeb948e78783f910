/* tests/unit/test_loop.c - base/loop.c. */
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/loop.h"
#include "tests/unit/test.h"

static struct loop *loop;
static struct err err;

static int setup(void **state)
{
	(void)state;
	return loop_new(&loop, &err);
}

static int teardown(void **state)
{
	(void)state;
	loop = loop_free(loop);
	return 0;
}

/* A watch on an eventfd, and what its ready() is to do. */
struct probe {
	struct loop_watch watch;
	struct probe *victim; /* removed and freed by ready(); may be itself */
	struct probe **survivor; /* where it says who did */
	bool stop;
	unsigned calls;
	uint32_t events;
};

static void probe_ready(struct loop_watch *watch, uint32_t events)
{
	struct probe *p = container_of(watch, struct probe, watch);

	p->calls++;
	p->events = events;
	if (p->victim) {
		struct probe **survivor = p->survivor;

		loop_remove(loop, &p->victim->watch);
		(void)close(p->victim->watch.fd);
		free(p->victim);
		if (survivor) {
			*survivor = p;
			p->victim = NULL;
		}
	} else if (p->stop) {
		loop_stop(loop);
	}
}

static struct probe *probe_new(uint64_t count)
{
	struct probe *p = calloc(1, sizeof(*p));

	p->watch.fd = eventfd((unsigned)count, EFD_NONBLOCK | EFD_CLOEXEC);
	p->watch.ready = probe_ready;
	assert_int_equal(loop_add(loop, &p->watch, EPOLLIN, &err), 0);
	return p;
}

static void probe_free(struct probe *p)
{
	loop_remove(loop, &p->watch);
	(void)close(p->watch.fd);
	free(p);
}

static void run__stop_before_it_ends_it(void **state)
{
	(void)state;
	loop_stop(loop);
	loop_stop(loop);
	assert_int_equal(loop_run(loop, &err), 0);
	/* Both stops were one; and the loop can run again. */
	loop_stop(loop);
	assert_int_equal(loop_run(loop, &err), 0);
}

static void run__tells_what_is_ready(void **state)
{
	struct probe *p = probe_new(1);

	(void)state;
	p->stop = true;
	assert_int_equal(loop_run(loop, &err), 0);
	assert_in_range(p->calls, 1, 2);
	assert_int_equal(p->events, EPOLLIN);
	probe_free(p);
}

static void *stop_soon(void *arg)
{
	(void)arg;
	loop_stop(loop);
	return NULL;
}

static void stop__works_from_another_thread(void **state)
{
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, stop_soon, NULL), 0);
	assert_int_equal(loop_run(loop, &err), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

static void remove__own_watch_may_be_freed_in_its_callback(void **state)
{
	struct probe *p = probe_new(1);
	struct probe *last = probe_new(1);

	(void)state;
	p->victim = p;
	last->stop = true;
	assert_int_equal(loop_run(loop, &err), 0);
	probe_free(last);
}

static void remove__another_in_the_same_batch_is_not_told(void **state)
{
	struct probe *a = probe_new(1);
	struct probe *b = probe_new(1);
	struct probe *left = NULL;

	(void)state;
	/*
	 * Whichever is told first frees the other: a late call would be seen
	 * by ASan, and would free this one.
	 */
	a->victim = b;
	a->survivor = &left;
	b->victim = a;
	b->survivor = &left;
	loop_stop(loop);
	assert_int_equal(loop_run(loop, &err), 0);
	assert_non_null(left);
	if (!left)
		return;
	assert_int_equal(left->calls, 1);
	probe_free(left);
}

static void modify__no_events_is_silence(void **state)
{
	struct probe *p = probe_new(1);

	(void)state;
	loop_modify(loop, &p->watch, 0);
	loop_stop(loop);
	assert_int_equal(loop_run(loop, &err), 0);
	assert_int_equal(p->calls, 0);
	loop_modify(loop, &p->watch, EPOLLIN | EPOLLET);
	p->stop = true;
	assert_int_equal(loop_run(loop, &err), 0);
	assert_int_equal(p->calls, 1);
	probe_free(p);
}

static void add__refuses_what_cannot_be_watched(void **state)
{
	struct loop_watch watch = { .ready = probe_ready };
	struct probe *p = probe_new(0);

	(void)state;
	watch.fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	assert_int_equal(loop_add(loop, &watch, EPOLLIN, &err), -EPERM);
	(void)close(watch.fd);
	watch.fd = -1;
	assert_int_equal(loop_add(loop, &watch, EPOLLIN, &err), -EBADF);
	watch.fd = p->watch.fd;
	assert_int_equal(loop_add(loop, &watch, EPOLLIN, &err), -EEXIST);
	probe_free(p);
}

static void locked_ready(struct loop_watch *watch, uint32_t events)
{
	(void)events;
	assert_int_equal(pthread_mutex_trylock(watch->lock), EBUSY);
	loop_stop(loop);
}

static void run__holds_the_lock_of_the_watch(void **state)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct loop_watch watch = { .lock = &lock, .ready = locked_ready };

	(void)state;
	watch.fd = eventfd(1, EFD_CLOEXEC);
	assert_int_equal(loop_add(loop, &watch, EPOLLIN, &err), 0);
	assert_int_equal(loop_run(loop, &err), 0);
	assert_int_equal(pthread_mutex_trylock(&lock), 0);
	(void)pthread_mutex_unlock(&lock);
	loop_remove(loop, &watch);
	(void)close(watch.fd);
}

struct alarm {
	struct loop_timer timer;
	struct loop_timer *cancel; /* when it expires */
	unsigned calls;
};

static void alarm_expired(struct loop_timer *timer)
{
	struct alarm *a = container_of(timer, struct alarm, timer);

	a->calls++;
	if (a->cancel)
		loop_timer_cancel(a->cancel);
	else
		loop_stop(loop);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void timer__fires_once_and_not_early(void **state)
{
	struct alarm a = { .timer.expired = alarm_expired };
	const uint64_t start = now_ns();

	(void)state;
	assert_int_equal(loop_timer_add(loop, &a.timer, &err), 0);
	loop_timer_set(&a.timer, 20000000);
	assert_int_equal(loop_run(loop, &err), 0);
	assert_true(now_ns() - start >= 20000000);
	assert_int_equal(a.calls, 1);
	loop_timer_set(&a.timer, 0);
	assert_int_equal(loop_run(loop, &err), 0);
	assert_int_equal(a.calls, 2);
	loop_timer_remove(loop, &a.timer);
}

static void timer__the_longest_time_never_comes(void **state)
{
	struct alarm a = { .timer.expired = alarm_expired };

	(void)state;
	assert_int_equal(loop_timer_add(loop, &a.timer, &err), 0);
	loop_timer_set(&a.timer, UINT64_MAX);
	loop_stop(loop);
	assert_int_equal(loop_run(loop, &err), 0);
	assert_int_equal(a.calls, 0);
	loop_timer_remove(loop, &a.timer);
}

static void timer__cancelled_in_the_same_batch_does_not_fire(void **state)
{
	struct alarm a = { .timer.expired = alarm_expired };
	struct alarm b = { .timer.expired = alarm_expired };

	(void)state;
	assert_int_equal(loop_timer_add(loop, &a.timer, &err), 0);
	assert_int_equal(loop_timer_add(loop, &b.timer, &err), 0);
	a.cancel = &b.timer;
	b.cancel = &a.timer;
	loop_timer_set(&a.timer, 0);
	loop_timer_set(&b.timer, 0);
	/* Both have expired before the loop looks. */
	(void)clock_nanosleep(CLOCK_MONOTONIC, 0,
			      &(struct timespec){ .tv_nsec = 1000000 }, NULL);
	loop_stop(loop);
	assert_int_equal(loop_run(loop, &err), 0);
	assert_int_equal(a.calls + b.calls, 1);
	loop_timer_remove(loop, &a.timer);
	loop_timer_remove(loop, &b.timer);
}

static void free__null_is_fine(void **state)
{
	(void)state;
	assert_null(loop_free(NULL));
}

#define LOOP_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOOP_TEST(run__stop_before_it_ends_it),
		LOOP_TEST(run__tells_what_is_ready),
		LOOP_TEST(stop__works_from_another_thread),
		LOOP_TEST(remove__own_watch_may_be_freed_in_its_callback),
		LOOP_TEST(remove__another_in_the_same_batch_is_not_told),
		LOOP_TEST(modify__no_events_is_silence),
		LOOP_TEST(add__refuses_what_cannot_be_watched),
		LOOP_TEST(run__holds_the_lock_of_the_watch),
		LOOP_TEST(timer__fires_once_and_not_early),
		LOOP_TEST(timer__the_longest_time_never_comes),
		LOOP_TEST(timer__cancelled_in_the_same_batch_does_not_fire),
		cmocka_unit_test(free__null_is_fine),
	};

	return RUN_TESTS(tests);
}
