/* base/aside.c - a call that its caller need not wait for. */
#include "base/aside.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/event_fd.h"

#define ASIDE_STACK (512UL << 10)

void aside_leave(struct aside *aside)
{
	if (__atomic_sub_fetch(&aside->users, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	fd_closep(&aside->over);
	aside->free(aside);
}

static void *run_aside(void *arg)
{
	struct aside *aside = arg;

	aside->work(aside);
	__atomic_store_n(&aside->done, 1, __ATOMIC_RELEASE);
	event_fd_signal(aside->over);
	aside_leave(aside);
	return NULL;
}

int aside_start(struct aside *aside, struct err *err)
{
	pthread_attr_t attr;
	pthread_t thread;
	int r;

	aside->over = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (aside->over < 0)
		return err_sys(err, "eventfd");
	r = pthread_attr_init(&attr);
	if (r != 0)
		return err_set(err, -r, "thread: %s", strerrordesc_np(r));
	(void)pthread_attr_setstacksize(&attr, ASIDE_STACK);
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	aside->users = 2;
	r = pthread_create(&thread, &attr, run_aside, aside);
	(void)pthread_attr_destroy(&attr);
	if (r == 0)
		return 0;
	aside->users = 1;
	return err_set(err, -r, "thread: %s", strerrordesc_np(r));
}

static int poll_ms(uint64_t deadline)
{
	const uint64_t now = clock_ns();
	uint64_t ms;

	if (deadline == 0)
		return -1;
	ms = deadline > now ? (deadline - now) / NS_PER_MS + 1 : 0;
	return ms < INT_MAX ? (int)ms : INT_MAX;
}

int aside_wait(const struct aside *aside, int stop, uint64_t deadline,
	       struct err *err)
{
	struct pollfd p[] = { { .fd = aside->over, .events = POLLIN },
			      { .fd = stop, .events = POLLIN } };
	int n;

	do
		n = poll(p, 2, poll_ms(deadline));
	while (n < 0 && errno == EINTR);
	if (__atomic_load_n(&aside->done, __ATOMIC_ACQUIRE))
		return 0;
	if (n > 0)
		return err_set(err, -ECANCELED, "ended by request");
	return err_set(err, -ETIMEDOUT, "took too long");
}
