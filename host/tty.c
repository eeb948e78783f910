/* host/tty.c - the host's end of the guest's console. */
#include "host/tty.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/event_fd.h"
#include "base/log.h"
#include "host/tty_end.h"
#include "host/tty_key.h"
#include "host/tty_mode.h"

#define IN_SIZE 1024 /* read ahead, in bytes */
#define OUT_SIZE 16384 /* waits for the host, in bytes */
#define LAST_WORDS_MS 1000 /* a slow reader's time at the end */

/* Input: the loop thread alone uses it. */
struct input {
	struct tty_end end;
	struct tty_mode mode;
	struct loop_watch watch;
	struct loop_timer look; /* which job has the terminal */
	bool terminal; /* keys have meanings, and are always read */
	bool away; /* the terminal is with another job */
	bool always; /* epoll refused: a file, which is always ready */
	bool armed; /* the watch will tell */
	bool escape; /* state of tty_key() */
	size_t len;
	uint8_t buf[IN_SIZE];
};

/* Output: under the lock. */
struct output {
	pthread_mutex_t lock;
	struct tty_end end;
	struct loop_watch watch;
	bool watched; /* the watch was added */
	bool armed; /* and will tell */
	bool refused; /* the user waits for drained() */
	uint8_t *ring; /* owned; made when first needed */
	size_t head, len;
	/* See tty_observe(). */
	void (*see)(void *ctx, const uint8_t *buf, size_t len);
	void *see_ctx;
};

struct tty {
	struct loop *loop; /* borrowed */
	struct tty_escape escape;
	struct tty_user *user; /* loop thread only; may be NULL */
	struct tty_size size; /* loop thread only */
	struct loop_watch kick; /* its eventfd is owned: there is room */
	uint32_t starved; /* atomic: input waits for tty_room() */
	struct output out;
	struct input in;
};

static void out_dead(struct output *out, int error)
{
	log_warn("console output: %s; it is thrown away from now on",
		 strerrordesc_np(error));
	/* The descriptor stays until tty_free(), for the watch is on it. */
	out->end.how = TTY_END_NONE;
	out->len = 0;
}

/* Asks to be told when the host takes more. False: it never will. */
static bool out_arm(struct tty *tty)
{
	struct output *out = &tty->out;
	const uint32_t events = EPOLLOUT | EPOLLONESHOT;
	struct err err = { 0 };

	if (out->armed)
		return true;
	if (out->watched) {
		loop_modify(tty->loop, &out->watch, events);
	} else if (loop_add(tty->loop, &out->watch, events, &err) < 0) {
		out_dead(out, -err.code);
		return false;
	}
	out->watched = out->armed = true;
	return true;
}

/* Returns how much fits. */
static size_t ring_put(struct output *out, const uint8_t *buf, size_t len)
{
	size_t tail, first;

	if (!out->ring)
		out->ring = malloc(OUT_SIZE);
	if (!out->ring)
		return 0;
	if (len > OUT_SIZE - out->len)
		len = OUT_SIZE - out->len;
	tail = (out->head + out->len) % OUT_SIZE;
	first = len < OUT_SIZE - tail ? len : OUT_SIZE - tail;
	memcpy(out->ring + tail, buf, first);
	memcpy(out->ring, buf + first, len - first);
	out->len += len;
	return len;
}

/* Writes what the host takes of the ring now. */
static void ring_flush(struct output *out)
{
	size_t len;
	ssize_t n;

	do {
		len = OUT_SIZE - out->head;
		if (len > out->len)
			len = out->len;
		n = tty_end_write(&out->end, out->ring + out->head, len);
		if (n < 0)
			return out_dead(out, (int)-n);
		out->head = (out->head + (size_t)n) % OUT_SIZE;
		out->len -= (size_t)n;
	} while ((size_t)n == len && out->len > 0);
}

/* Returns how much is taken. The lock is held. */
static size_t take_output(struct tty *tty, const uint8_t *buf, size_t len)
{
	struct output *out = &tty->out;
	size_t done = 0;

	if (out->len == 0) {
		const ssize_t n = tty_end_write(&out->end, buf, len);

		if (n < 0)
			out_dead(out, (int)-n);
		if (n < 0 || (size_t)n == len)
			return len;
		done = (size_t)n;
	}
	done += ring_put(out, buf + done, len - done);
	if (!out_arm(tty))
		return len;
	if (done < len)
		out->refused = true;
	return done;
}

size_t tty_write(struct tty *tty, const uint8_t *buf, size_t len)
{
	struct output *out = &tty->out;
	size_t done;

	GUARD(&out->lock);
	done = take_output(tty, buf, len);
	if (out->see && done > 0)
		out->see(out->see_ctx, buf, done);
	return done;
}

void tty_observe(struct tty *tty,
		 void (*see)(void *ctx, const uint8_t *buf, size_t len),
		 void *ctx)
{
	tty->out.see = see;
	tty->out.see_ctx = ctx;
}

/* Returns true if the user is to be told. */
static bool out_resume(struct tty *tty)
{
	struct output *out = &tty->out;
	bool tell;

	GUARD(&out->lock);
	out->armed = false;
	if (out->len > 0)
		ring_flush(out);
	if (out->len > 0)
		(void)out_arm(tty);
	/* Not for each byte that the host takes. */
	tell = out->refused && out->len <= OUT_SIZE / 2;
	if (tell)
		out->refused = false;
	return tell;
}

static void out_ready(struct loop_watch *watch, uint32_t events)
{
	struct tty *tty = container_of(watch, struct tty, out.watch);

	(void)events;
	if (out_resume(tty) && tty->user) {
		GUARD(tty->user->lock);
		tty->user->drained(tty->user);
	}
}

static void last_words(struct output *out)
{
	const int64_t end = clock_ms() + LAST_WORDS_MS;
	struct pollfd p = { .fd = out->end.fd, .events = POLLOUT };
	int64_t left;

	for (;;) {
		ring_flush(out);
		left = end - clock_ms();
		if (out->len == 0 || left <= 0)
			return;
		(void)poll(&p, 1, (int)left);
	}
}

static void kick_tty(struct tty *tty)
{
	event_fd_signal(tty->kick.fd);
}

void tty_room(struct tty *tty)
{
	if (__atomic_exchange_n(&tty->starved, 0, __ATOMIC_ACQ_REL))
		kick_tty(tty);
}

/* Gives the user what it takes. */
static void in_feed(struct tty *tty)
{
	struct tty_user *user = tty->user;
	struct input *in = &tty->in;
	size_t n;

	if (!user || in->len == 0)
		return;
	GUARD(user->lock);
	while (in->len > 0) {
		/* Before asking, so that no tty_room() is missed. */
		__atomic_store_n(&tty->starved, 1, __ATOMIC_RELEASE);
		n = user->room(user);
		if (n == 0)
			return;
		if (n > in->len)
			n = in->len;
		user->input(user, in->buf, n);
		in->len -= n;
		memmove(in->buf, in->buf + n, in->len);
	}
	__atomic_store_n(&tty->starved, 0, __ATOMIC_RELEASE);
}

static void send_tty_break(struct tty *tty)
{
	struct tty_user *user = tty->user;

	in_feed(tty);
	if (!user || !user->brk)
		return;
	GUARD(user->lock);
	user->brk(user);
}

static void in_take(struct tty *tty, uint8_t byte)
{
	static const char help[] = TTY_KEY_HELP_TEXT;
	struct input *in = &tty->in;

	switch (in->terminal ? tty_key(&in->escape, &byte) : TTY_KEY_BYTE) {
	case TTY_KEY_BYTE:
		in->buf[in->len++] = byte;
		break;
	case TTY_KEY_BREAK:
		send_tty_break(tty);
		break;
	case TTY_KEY_HELP:
		(void)tty_write(tty, (const uint8_t *)help, sizeof(help) - 1);
		break;
	case TTY_KEY_QUIT:
		tty->escape.quit(tty->escape.ctx);
		break;
	case TTY_KEY_NONE:
		break;
	}
}

/* How many bytes the user takes; if none, tty_room() follows. */
static size_t user_room(struct tty *tty)
{
	size_t n;
	GUARD(tty->user->lock);

	/* Before asking, so that no tty_room() is missed. */
	__atomic_store_n(&tty->starved, 1, __ATOMIC_RELEASE);
	n = tty->user->room(tty->user);
	if (n > 0)
		__atomic_store_n(&tty->starved, 0, __ATOMIC_RELEASE);
	return n;
}

/*
 * How many bytes are read. A terminal's keys are looked at even if the guest
 * takes none. Of all else what the guest does not take stays where it is, for
 * who reads it when the guest has gone to another process.
 */
static size_t in_wanted(struct tty *tty)
{
	const struct input *in = &tty->in;
	size_t room;

	if (in->end.how == TTY_END_NONE || in->away)
		return 0;
	if (in->terminal)
		return IN_SIZE - in->len;
	if (!tty->user || in->len > 0)
		return 0;
	room = user_room(tty);
	return room < IN_SIZE ? room : IN_SIZE;
}

/* In the foreground the terminal is made raw. In the background the mode and
 * the input are the other job's: looks again later. */
static int in_look(struct tty *tty, struct err *err)
{
	struct input *in = &tty->in;

	in->away = tty_mode_background(in->end.fd);
	if (!in->away)
		return tty_mode_raw(&in->mode, in->end.fd, err);
	loop_timer_set(&in->look, TTY_MODE_LOOK_MS * NS_PER_MS);
	return 0;
}

static void in_read(struct tty *tty)
{
	struct input *in = &tty->in;
	uint8_t buf[IN_SIZE];
	struct err err = { 0 };
	const size_t most = in_wanted(tty);
	ssize_t n;

	if (most == 0)
		return;
	n = tty_end_read(&in->end, buf, most);
	for (ssize_t i = 0; i < n; i++)
		in_take(tty, buf[i]);
	if (n > 0 || n == -EAGAIN)
		return;
	if (in->terminal && tty_mode_background(in->end.fd)) {
		(void)in_look(tty, &err);
		return;
	}
	/* The end, or a terminal that is gone. tty_free() closes it. */
	loop_remove(tty->loop, &in->watch);
	in->end.how = TTY_END_NONE;
}

/* Earlier input goes first, as far as there is room. */
void tty_break(struct tty *tty)
{
	in_read(tty);
	send_tty_break(tty);
}

/* Passes on what came, and asks for more where there is place for it. */
static void in_resume(struct tty *tty)
{
	struct input *in = &tty->in;

	in_feed(tty);
	if (in->armed || in_wanted(tty) == 0)
		return;
	if (in->always) {
		kick_tty(tty);
		return;
	}
	loop_modify(tty->loop, &in->watch, EPOLLIN | EPOLLONESHOT);
	in->armed = true;
}

static void in_ready(struct loop_watch *watch, uint32_t events)
{
	struct tty *tty = container_of(watch, struct tty, in.watch);

	(void)events;
	tty->in.armed = false;
	in_read(tty);
	in_resume(tty);
}

static void kick_ready(struct loop_watch *watch, uint32_t events)
{
	struct tty *tty = container_of(watch, struct tty, kick);

	(void)events;
	if (tty->in.always)
		in_read(tty);
	in_resume(tty);
}

static void pass_size(struct tty *tty)
{
	struct tty_user *user = tty->user;

	if (!user || !user->resized)
		return;
	GUARD(user->lock);
	user->resized(user, tty->size);
}

void tty_set_size(struct tty *tty, struct tty_size size)
{
	if (tty_size_equal(size, tty->size))
		return;
	tty->size = size;
	pass_size(tty);
}

void tty_window_changed(struct tty *tty)
{
	struct tty_size size;

	if (tty_size_get(tty->out.end.fd, &size) ||
	    tty_size_get(tty->in.end.fd, &size))
		tty_set_size(tty, size);
}

void tty_attach(struct tty *tty, struct tty_user *user)
{
	tty->user = user;
	pass_size(tty);
	in_resume(tty);
}

void tty_continued(struct tty *tty)
{
	struct err err = { 0 };

	if (!tty->in.terminal || tty->in.end.how == TTY_END_NONE)
		return;
	/* A terminal that is hung up fails. Reading it tells. */
	(void)in_look(tty, &err);
	/* SIGWINCH goes to the foreground only. */
	tty_window_changed(tty);
	in_resume(tty);
}

static void in_look_again(struct loop_timer *timer)
{
	tty_continued(container_of(timer, struct tty, in.look));
}

static int in_watch(struct tty *tty, struct err *err)
{
	struct input *in = &tty->in;
	struct err why = { 0 };
	int r;

	in->watch.fd = in->end.fd;
	/* One shot, not to be told again and again of input that waits. */
	r = loop_add(tty->loop, &in->watch, EPOLLONESHOT, &why);
	in->always = r == -EPERM;
	if (r == 0 || in->always)
		return 0;
	*err = why;
	return r;
}

static int in_init(struct tty *tty, int fd, struct err *err)
{
	struct input *in = &tty->in;
	int r;

	r = tty_end_open(&in->end, fd, O_RDONLY, err);
	if (r < 0)
		return r;
	tty->kick.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (tty->kick.fd < 0)
		return err_sys(err, "eventfd");
	/* Edge: it is told of each write, and need not read. */
	r = loop_add(tty->loop, &tty->kick, EPOLLIN | EPOLLET, err);
	if (r < 0)
		return r;
	r = in_watch(tty, err);
	if (r < 0)
		return r;

	if (!in->end.terminal)
		return 0;
	r = loop_timer_add(tty->loop, &in->look, err);
	if (r < 0)
		return r;
	in->look.expired = in_look_again;
	in->terminal = true;
	r = in_look(tty, err);
	if (in->away)
		log_info("in the background: the terminal is left alone");
	return r;
}

static int out_init(struct tty *tty, int fd, struct err *err)
{
	const int r = tty_end_open(&tty->out.end, fd, O_WRONLY, err);

	tty->out.watch.fd = tty->out.end.fd;
	return r;
}

static void tty_freep(struct tty **tty)
{
	*tty = tty_free(*tty);
}

int tty_new(struct tty **ret, struct loop *loop, int in_fd, int out_fd,
	    struct tty_escape escape, struct err *err)
{
	_cleanup_(tty_freep) struct tty *tty = calloc(1, sizeof(*tty));

	if (!tty)
		return err_set(err, -ENOMEM, "console: out of memory");
	(void)pthread_mutex_init(&tty->out.lock, NULL);
	tty->loop = loop;
	tty->escape = escape;
	tty->kick = (struct loop_watch){ .fd = -1, .ready = kick_ready };
	tty->in.end.fd = tty->out.end.fd = -1;
	tty->in.watch.ready = in_ready;
	tty->out.watch.ready = out_ready;

	if (out_fd >= 0 && out_init(tty, out_fd, err) < 0)
		return err_wrap(err, "console output");
	if (in_fd >= 0 && in_init(tty, in_fd, err) < 0)
		return err_wrap(err, "console input");
	tty_window_changed(tty);
	in_resume(tty);
	*ret = TAKE_PTR(tty);
	return 0;
}

struct tty *tty_free(struct tty *tty)
{
	if (!tty)
		return NULL;
	if (tty->out.len > 0)
		last_words(&tty->out);
	if (tty->out.watched)
		loop_remove(tty->loop, &tty->out.watch);
	if (tty->in.end.how != TTY_END_NONE)
		loop_remove(tty->loop, &tty->in.watch);
	if (tty->in.terminal)
		loop_timer_remove(tty->loop, &tty->in.look);
	if (tty->kick.fd >= 0)
		loop_remove(tty->loop, &tty->kick);
	tty_mode_restore(&tty->in.mode, tty->in.end.fd);
	tty_end_close(&tty->in.end);
	tty_end_close(&tty->out.end);
	fd_closep(&tty->kick.fd);
	(void)pthread_mutex_destroy(&tty->out.lock);
	free(tty->out.ring);
	free(tty);
	return NULL;
}
