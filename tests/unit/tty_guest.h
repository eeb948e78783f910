/* tests/unit/tty_guest.h - a tty to test, its guest, and its loop. */
#ifndef TESTS_UNIT_TTY_GUEST_H
#define TESTS_UNIT_TTY_GUEST_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "host/tty.h"
#include "tests/unit/test.h"

/* In place of a device. All but the first two are under the lock. */
struct guest {
	struct tty_user user;
	pthread_mutex_t lock;
	size_t room;
	char got[65536];
	size_t len, len_at_brk;
	int brks, drains, quits;
	struct tty_size size; /* of the terminal */
	int sizes; /* how often it was told */
};

struct rig {
	struct guest guest;
	struct loop *loop;
	struct tty *tty;
	struct loop_watch idle;
	int rounds;
	struct loop_timer over;
};

static inline struct guest *guest_of(struct tty_user *user)
{
	struct guest *g = container_of(user, struct guest, user);

	assert_int_equal(pthread_mutex_trylock(&g->lock), EBUSY);
	return g;
}

static inline size_t guest_room(struct tty_user *user)
{
	return guest_of(user)->room;
}

static inline void guest_input(struct tty_user *user, const uint8_t *buf,
			       size_t len)
{
	struct guest *g = guest_of(user);

	assert_true(len > 0 && len <= g->room);
	assert_true(len <= sizeof(g->got) - g->len);
	memcpy(g->got + g->len, buf, len);
	g->len += len;
	g->room -= len;
}

static inline void guest_brk(struct tty_user *user)
{
	struct guest *g = guest_of(user);

	g->brks++;
	g->len_at_brk = g->len;
}

static inline void guest_drained(struct tty_user *user)
{
	guest_of(user)->drains++;
}

static inline void guest_resized(struct tty_user *user, struct tty_size size)
{
	struct guest *g = guest_of(user);

	g->size = size;
	g->sizes++;
}

static inline void guest_quit(void *ctx)
{
	((struct guest *)ctx)->quits++;
}

/* Always ready, so the loop comes by here once in each of its rounds. */
static inline void rig_idle(struct loop_watch *watch, uint32_t events)
{
	struct rig *rig = container_of(watch, struct rig, idle);

	(void)events;
	if (--rig->rounds == 0)
		loop_stop(rig->loop);
}

/* Lets the loop do what there is to do now. */
static inline void settle(struct rig *rig)
{
	struct err err = { 0 };

	rig->rounds = 16;
	assert_int_equal(loop_run(rig->loop, &err), 0);
}

/* The same, while a terminal's bytes are on their way through the kernel. */
#define SETTLE_UNTIL(rig, condition)                           \
	do {                                                   \
		for (int i_ = 0; i_ < 5000 && !(condition);) { \
			settle(rig);                           \
			i_ += 1 + poll(NULL, 0, 1);            \
		}                                              \
		assert_true(condition);                        \
	} while (0)

/* A tty whose guest is not connected yet. */
static inline struct rig *rig_alone(int in, int out, size_t room)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct err err = { 0 };

	assert_non_null(rig);
	(void)signal(SIGPIPE, SIG_IGN);
	assert_int_equal(loop_new(&rig->loop, &err), 0);
	rig->idle.fd = eventfd(1, EFD_CLOEXEC);
	rig->idle.ready = rig_idle;
	assert_int_equal(loop_add(rig->loop, &rig->idle, EPOLLIN, &err), 0);
	(void)pthread_mutex_init(&rig->guest.lock, NULL);
	rig->guest.room = room;
	rig->guest.user = (struct tty_user){
		.lock = &rig->guest.lock,
		.room = guest_room,
		.input = guest_input,
		.brk = guest_brk,
		.drained = guest_drained,
		.resized = guest_resized,
	};
	if (tty_new(&rig->tty, rig->loop, in, out,
		    (struct tty_escape){ guest_quit, &rig->guest }, &err) < 0)
		fail_msg("%s", err.msg);
	return rig;
}

static inline struct rig *rig_new(int in, int out, size_t room)
{
	struct rig *rig = rig_alone(in, out, room);

	tty_attach(rig->tty, &rig->guest.user);
	return rig;
}

static inline void rig_free(struct rig *rig)
{
	tty_attach(rig->tty, NULL);
	assert_null(tty_free(rig->tty));
	loop_remove(rig->loop, &rig->idle);
	(void)close(rig->idle.fd);
	(void)loop_free(rig->loop);
	free(rig);
}

/* Writes as the device would, under its lock. */
static inline size_t guest_write(struct rig *rig, const void *buf, size_t len)
{
	GUARD(&rig->guest.lock);
	return tty_write(rig->tty, buf, len);
}

/* The guest takes what it has, and has room for @room more. */
static inline void guest_takes(struct rig *rig, size_t room)
{
	GUARD(&rig->guest.lock);
	rig->guest.room = room;
	tty_room(rig->tty);
}

static inline void say(int fd, const char *s)
{
	assert_int_equal(write(fd, s, strlen(s)), strlen(s));
}

static inline void assert_got(const struct rig *rig, const char *s)
{
	assert_int_equal(rig->guest.len, strlen(s));
	assert_memory_equal(rig->guest.got, s, strlen(s));
}

static inline void rig_over(struct loop_timer *timer)
{
	loop_stop(container_of(timer, struct rig, over)->loop);
}

/* True if the loop sleeps: it waits 100 ms for nothing, at next to no cost. */
static inline bool is_quiet(struct rig *rig)
{
	struct timespec a, b;
	struct err err = { 0 };

	settle(rig);
	loop_modify(rig->loop, &rig->idle, 0);
	rig->over.expired = rig_over;
	assert_int_equal(loop_timer_add(rig->loop, &rig->over, &err), 0);
	loop_timer_set(&rig->over, 100000000);
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	assert_int_equal(loop_run(rig->loop, &err), 0);
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	loop_timer_remove(rig->loop, &rig->over);
	loop_modify(rig->loop, &rig->idle, EPOLLIN);
	return (b.tv_sec - a.tv_sec) * 1000000000 + b.tv_nsec - a.tv_nsec <
	       10000000;
}

#endif
