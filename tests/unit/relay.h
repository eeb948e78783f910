/* tests/unit/relay.h - a connection that can be cut, or damaged, at any byte.
 */
#ifndef TESTS_UNIT_RELAY_H
#define TESTS_UNIT_RELAY_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define RELAY_ALL UINT64_MAX /* bytes that may pass: as many as come */

/* Forwards bytes between the two sides, and cuts one way after so many. */
struct relay {
	int near, far; /* owned */
	uint64_t there, back; /* bytes that may pass */
	uint64_t passed_there, passed_back;
	uint64_t damage; /* place of a byte on the way back, from 1 on, that is
			    changed; 0: none */
	uint8_t flip; /* its bits that are */
	bool slow; /* a byte in a millisecond; relay_slow() */
	pthread_t thread;
};

/* Begins, with those set that are not counted. Returns 0, or an errno; the
 * thread is to be joined. */
int relay_start(struct relay *relay);

/* Cuts it when so many bytes more have gone there. All that was sent there has
 * passed. Thread: any. */
void relay_let_pass(struct relay *relay, uint64_t bytes);

/* Has bytes pass one by one, or not any more. Thread: any. */
void relay_slow(struct relay *relay, bool slow);

#endif
