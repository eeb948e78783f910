/* tests/unit/relay.h - a connection that can be cut at any byte. */
#ifndef TESTS_UNIT_RELAY_H
#define TESTS_UNIT_RELAY_H

#include <pthread.h>
#include <stdint.h>

#define RELAY_ALL UINT64_MAX /* bytes that may pass: as many as come */

/* Forwards bytes between the two sides, and cuts one way after so many. */
struct relay {
	int near, far; /* owned */
	uint64_t there, back; /* bytes that may pass */
	uint64_t passed_there, passed_back;
	pthread_t thread;
};

/* Begins, with all but the last three members set. Returns 0, or an errno; the
 * thread is to be joined. */
int relay_start(struct relay *relay);

/* Cuts it when so many bytes more have gone there. All that was sent there has
 * passed. Thread: any. */
void relay_let_pass(struct relay *relay, uint64_t bytes);

#endif
