/* tests/unit/relay.c - a connection that can be cut at any byte. */
#include "tests/unit/relay.h"

#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

/* Of the limits: a 32-bit CPU has no atomic access to 64 bits. */
static pthread_mutex_t limit_lock = PTHREAD_MUTEX_INITIALIZER;

static uint64_t get_limit(const uint64_t *limit)
{
	uint64_t ret;

	(void)pthread_mutex_lock(&limit_lock);
	ret = *limit;
	(void)pthread_mutex_unlock(&limit_lock);
	return ret;
}

static void set_limit(uint64_t *limit, uint64_t bytes)
{
	(void)pthread_mutex_lock(&limit_lock);
	*limit = bytes;
	(void)pthread_mutex_unlock(&limit_lock);
}

void relay_slow(struct relay *relay, bool slow)
{
	(void)pthread_mutex_lock(&limit_lock);
	relay->slow = slow;
	(void)pthread_mutex_unlock(&limit_lock);
}

static bool is_slow(const struct relay *relay)
{
	bool ret;

	(void)pthread_mutex_lock(&limit_lock);
	ret = relay->slow;
	(void)pthread_mutex_unlock(&limit_lock);
	return ret;
}

/* Of @n bytes that pass, after @passed of them. */
static void damage_byte(const struct relay *relay, uint8_t *buf, ssize_t n,
			uint64_t passed)
{
	if (relay->damage > passed && relay->damage <= passed + (uint64_t)n)
		buf[relay->damage - passed - 1] ^= relay->flip;
}

/* Moves what there is, as far as it may go. False: cut. */
static bool forward_bytes(const struct relay *relay, int from, int to,
			  uint64_t *left, uint64_t *passed, bool slow)
{
	uint8_t buf[16384];
	const uint64_t may = get_limit(left), room = slow ? 1 : sizeof(buf);
	const uint64_t most = may < room ? may : room;
	const ssize_t n = most ? recv(from, buf, (size_t)most, 0) : 0;

	if (n > 0 && from == relay->far)
		damage_byte(relay, buf, n, *passed);
	if (n <= 0 || send(to, buf, (size_t)n, MSG_NOSIGNAL) != n)
		return false;
	*passed += (uint64_t)n;
	if (may == RELAY_ALL)
		return true;
	set_limit(left, may - (uint64_t)n);
	return may > (uint64_t)n;
}

static void *run_relay(void *arg)
{
	struct relay *relay = arg;
	bool on = get_limit(&relay->there) > 0 && relay->back > 0;

	while (on) {
		struct pollfd p[] = { { relay->near, POLLIN, 0 },
				      { relay->far, POLLIN, 0 } };
		const bool slow = is_slow(relay);

		if (slow)
			(void)poll(NULL, 0, 1);
		(void)poll(p, 2, -1);
		if (p[0].revents)
			on = forward_bytes(relay, relay->near, relay->far,
					   &relay->there, &relay->passed_there,
					   slow);
		else if (p[1].revents)
			on = forward_bytes(relay, relay->far, relay->near,
					   &relay->back, &relay->passed_back,
					   slow);
	}
	(void)close(relay->near);
	(void)close(relay->far);
	return NULL;
}

int relay_start(struct relay *relay)
{
	return pthread_create(&relay->thread, NULL, run_relay, relay);
}

void relay_let_pass(struct relay *relay, uint64_t bytes)
{
	set_limit(&relay->there, bytes);
}
