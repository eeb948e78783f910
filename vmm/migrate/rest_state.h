/*
 * vmm/migrate/rest_state.h - what the files of memory that follows a guest
 * share. [pure]
 */
#ifndef VMM_MIGRATE_REST_STATE_H
#define VMM_MIGRATE_REST_STATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "mem/missing.h"
#include "vmm/migrate/channel.h"
#include "vmm/migrate/regions.h"
#include "vmm/migrate/rest.h"
#include "vmm/migrate/stream.h"
#include "vmm/migrate/uri.h"

enum rest_state {
	REST_EARLY, /* the guest is the source's still */
	REST_ON, /* pages come */
	REST_BROKEN, /* the source is to come again */
	REST_ALL, /* nothing is missing */
	REST_LOST, /* and what is missing will not come */
};

struct rest {
	struct missing memory; /* owned; in pages of the host */
	struct machine *machine; /* borrowed */
	struct migrate_regions regions;
	struct missing_region *of[MEM_MAX_REGIONS]; /* by number; NULL: all of
						       it is here */
	uint64_t *asked[MEM_MAX_REGIONS]; /* owned; a bit for each page of
					     the host; the thread's */
	struct migrate_uri uri; /* owned; of @door */
	struct migrate_door door; /* owned */
	uint8_t key[STREAM_KEY_SIZE];
	const char *arch; /* borrowed */
	uint8_t *buf; /* owned; the content of a message */
	/* Owned eventfds: the thread is to end; it has something new to look
	 * at; nothing is missing. */
	int quit, wake, done;
	pthread_t thread;
	bool started;
	struct channel pages; /* owned; the thread's once it has started */
	struct channel main; /* the same, once @given */
	bool all_sent; /* the thread's: STREAM_ALL has come */
	bool complete; /* the same: nothing is missing */
	bool told; /* the same: nothing is missing, and the source was told */

	/* Under memory.lock: */
	enum rest_state state;
	bool given; /* @main is */
	bool ends; /* the thread does */
	bool may_end; /* rest_end() */
	bool last; /* a connection that breaks will not come again */
};

/* Thread: any. */
enum rest_state rest_get_state(struct rest *a);

/* Changes it, unless it is an end. Thread: any. */
void rest_set_state(struct rest *a, enum rest_state state);

/* -EBADMSG: pages that are in no memory. */
int rest_fail_run(struct err *err);

/* True if pages are in a region of the guest's. Not trusted: all three. */
bool rest_has_run(const struct rest *a, uint32_t number, uint64_t first,
		  uint64_t count);

/* What follows is for setup, and then for the thread. */

/* Lets one in that connects, and looks whether it is the source. */
int rest_let_in(struct rest *a, struct channel *channel, enum stream_join *ret,
		struct err *err);

/* Waits at the door for a connection for one purpose. Others are turned away.
 */
int rest_await_join(struct rest *a, struct channel *channel, int stop,
		    enum stream_join what, struct err *err);

/* Tells the source what is missing. */
int rest_tell_missing(struct rest *a, struct channel *channel, struct err *err);

#endif
