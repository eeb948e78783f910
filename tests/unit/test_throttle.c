/* tests/unit/test_throttle.c - base/throttle.c. */
#include "base/throttle.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "tests/unit/test.h"

struct rig {
	struct throttle throttle;
	struct loop *loop;
	struct err err;
	unsigned told;
};

static void tell(struct throttle *throttle)
{
	struct rig *rig = container_of(throttle, struct rig, throttle);

	rig->told++;
	loop_stop(rig->loop);
}

static void begin(struct rig *rig)
{
	*rig = (struct rig){ .told = 0 };
	assert_int_equal(loop_new(&rig->loop, &rig->err), 0);
	assert_int_equal(
		throttle_add(rig->loop, &rig->throttle, NULL, tell, &rig->err),
		0);
}

static void end(struct rig *rig)
{
	throttle_remove(rig->loop, &rig->throttle);
	throttle_remove(rig->loop, &rig->throttle);
	rig->loop = loop_free(rig->loop);
}

static void post__many_are_told_once(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig);
	for (unsigned i = 0; i < 3; i++)
		throttle_post(&rig.throttle);
	assert_int_equal(rig.told, 0);
	assert_int_equal(loop_run(rig.loop, &rig.err), 0);
	assert_int_equal(rig.told, 1);
	/* Nothing is left of them. */
	loop_stop(rig.loop);
	assert_int_equal(loop_run(rig.loop, &rig.err), 0);
	assert_int_equal(rig.told, 1);
	end(&rig);
}

static void post__the_next_is_told_a_second_later(void **state)
{
	struct rig rig;
	uint64_t first;

	(void)state;
	begin(&rig);
	throttle_post(&rig.throttle);
	assert_int_equal(loop_run(rig.loop, &rig.err), 0);
	first = rig.throttle.told_at;
	throttle_post(&rig.throttle);
	assert_int_equal(loop_run(rig.loop, &rig.err), 0);
	assert_int_equal(rig.told, 2);
	assert_true(clock_ns() - first >= NS_PER_SECOND);
	end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(post__many_are_told_once),
		cmocka_unit_test(post__the_next_is_told_a_second_later),
	};

	return RUN_TESTS(tests);
}
