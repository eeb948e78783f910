/* base/throttle.c - has something told soon, but at most once a second. */
#include "base/throttle.h"

#include "base/cleanup.h"
#include "base/clock.h"

static void throttle_expired(struct loop_timer *timer)
{
	struct throttle *t = container_of(timer, struct throttle, timer);

	t->due = false;
	t->told_at = clock_ns();
	t->tell(t);
}

int throttle_add(struct loop *loop, struct throttle *throttle,
		 pthread_mutex_t *lock, void (*tell)(struct throttle *throttle),
		 struct err *err)
{
	int r;

	throttle->timer.lock = lock;
	throttle->timer.expired = throttle_expired;
	r = loop_timer_add(loop, &throttle->timer, err);
	if (r == 0)
		throttle->tell = tell;
	return r;
}

void throttle_remove(struct loop *loop, struct throttle *throttle)
{
	if (throttle->tell)
		loop_timer_remove(loop, &throttle->timer);
	throttle->tell = NULL;
}

void throttle_post(struct throttle *throttle)
{
	uint64_t since;

	if (throttle->due)
		return;
	throttle->due = true;
	since = clock_ns() - throttle->told_at;
	loop_timer_set(&throttle->timer,
		       since < NS_PER_SECOND ? NS_PER_SECOND - since : 1);
}
