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

/* Moves what there is, as far as it may go. False: cut. */
static bool forward_bytes(int from, int to, uint64_t *left, uint64_t *passed)
{
	uint8_t buf[16384];
	const uint64_t may = get_limit(left);
	const uint64_t most = may < sizeof(buf) ? may : sizeof(buf);
	const ssize_t n = most ? recv(from, buf, (size_t)most, 0) : 0;

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

		(void)poll(p, 2, -1);
		if (p[0].revents)
			on = forward_bytes(relay->near, relay->far,
					   &relay->there, &relay->passed_there);
		else if (p[1].revents)
			on = forward_bytes(relay->far, relay->near,
					   &relay->back, &relay->passed_back);
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
