/* tests/unit/relay.c - a connection that can be cut at any byte. */
#include "tests/unit/relay.h"

#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

/* Moves what there is, as far as it may go. False: cut. */
static bool forward_bytes(int from, int to, uint64_t *left, uint64_t *passed)
{
	uint8_t buf[16384];
	const uint64_t may = __atomic_load_n(left, __ATOMIC_ACQUIRE);
	const uint64_t most = may < sizeof(buf) ? may : sizeof(buf);
	const ssize_t n = most ? recv(from, buf, (size_t)most, 0) : 0;

	if (n <= 0 || send(to, buf, (size_t)n, MSG_NOSIGNAL) != n)
		return false;
	*passed += (uint64_t)n;
	if (may == RELAY_ALL)
		return true;
	__atomic_store_n(left, may - (uint64_t)n, __ATOMIC_RELEASE);
	return may > (uint64_t)n;
}

static void *run_relay(void *arg)
{
	struct relay *relay = arg;
	bool on = __atomic_load_n(&relay->there, __ATOMIC_ACQUIRE) > 0 &&
		  relay->back > 0;

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
	__atomic_store_n(&relay->there, bytes, __ATOMIC_RELEASE);
}
