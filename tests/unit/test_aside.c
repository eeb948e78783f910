/* tests/unit/test_aside.c - base/aside.c. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/aside.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/event_fd.h"
#include "tests/unit/test.h"

struct call {
	struct aside aside;
	int go; /* borrowed; the work ends when it is readable */
	int freed; /* borrowed; signalled */
	int answer;
};

static void work(struct aside *aside)
{
	struct call *call = container_of(aside, struct call, aside);
	struct pollfd p = { .fd = call->go, .events = POLLIN };

	(void)poll(&p, 1, -1);
	call->answer = 42;
}

static void free_call(struct aside *aside)
{
	struct call *call = container_of(aside, struct call, aside);
	const int freed = call->freed;

	free(call);
	event_fd_signal(freed);
}

static struct call *start(void)
{
	struct call *call = calloc(1, sizeof(*call));
	struct err err;

	assert_non_null(call);
	call->aside = (struct aside)ASIDE(work, free_call);
	call->go = eventfd(0, EFD_CLOEXEC);
	call->freed = eventfd(0, EFD_CLOEXEC);
	assert_int_equal(aside_start(&call->aside, &err), 0);
	return call;
}

/* Leaves it, and sees that it is freed once, by whoever is the last. */
static void end(struct call *call, bool ended)
{
	const int go = call->go, freed = call->freed;
	uint64_t count = 0;

	aside_leave(&call->aside);
	if (!ended)
		event_fd_signal(go);
	/* Not poll(2), which orders nothing before the close. */
	assert_int_equal(read(freed, &count, sizeof(count)), sizeof(count));
	assert_int_equal(count, 1);
	(void)close(go);
	(void)close(freed);
}

static void wait__returns_what_the_work_left(void **state)
{
	struct call *call = start();
	struct err err;

	(void)state;
	event_fd_signal(call->go);
	assert_int_equal(aside_wait(&call->aside, -1, 0, &err), 0);
	assert_int_equal(call->answer, 42);
	end(call, true);
}

static void wait__ends_by_its_deadline_and_by_request(void **state)
{
	struct call *call = start();
	const int stop = eventfd(1, EFD_CLOEXEC);
	struct err err;

	(void)state;
	assert_int_equal(aside_wait(&call->aside, -1, clock_ns() + 1, &err),
			 -ETIMEDOUT);
	assert_int_equal(aside_wait(&call->aside, stop, 0, &err), -ECANCELED);
	end(call, false);
	(void)close(stop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wait__returns_what_the_work_left),
		cmocka_unit_test(wait__ends_by_its_deadline_and_by_request),
	};

	return RUN_TESTS(tests);
}
