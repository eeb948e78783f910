/*
 * vmm/migrate/rest.h - memory of a guest that runs here already, and that is
 * still at the source of its migration. [pure]
 *
 * A thread puts what the source sends in place, and asks for what somebody
 * waits for by a connection of its own. Where a connection breaks, whoever
 * touches what is missing waits until the source comes again. docs/MIGRATION.md
 * has the order of all that.
 *
 *	setup   rest_new ... join ... stale ... begin ... taken  go_on
 *	thread                                     requests, answers    all
 *
 * Nothing that comes is trusted: pages that are not missing are never written.
 */
#ifndef VMM_MIGRATE_REST_H
#define VMM_MIGRATE_REST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "vmm/migrate/channel.h"
#include "vmm/migrate/regions.h"
#include "vmm/migrate/stream.h"
#include "vmm/migrate/uri.h"

struct rest;
struct machine;

/* What is known of the source. */
struct rest_source {
	const struct migrate_regions *regions; /* checked against its own;
						  copied */
	const uint8_t *key; /* STREAM_KEY_SIZE bytes; copied */
	const char *arch; /* arch_name; borrowed */
};

/*
 * Looks whether memory can come so.
 *
 * @door: where the source comes to; taken over if it listens
 *
 * Returns 0; -ENOTSUP, the user's fault, if nobody can come a second time, or
 * the memory's policy is in the way; what missing_open() returns; or -ENOMEM.
 * Thread: setup.
 */
int rest_new(struct rest **ret, struct machine *machine,
	     const struct rest_source *source, struct migrate_door *door,
	     struct err *err);

/* Waits for the connection of requests. @stop: ends the wait when readable.
 * Returns 0; -ETIMEDOUT; -ECANCELED; or what stream_read_join() returns. */
int rest_join(struct rest *a, int stop, struct err *err);

/* Takes a STREAM_STALE: what it names is missing. Returns 0; -EBADMSG; or what
 * channel_read() and missing_add() return. Thread: setup; nothing uses the
 * memory. */
int rest_stale(struct rest *a, struct channel *channel,
	       const struct stream_message *message, struct err *err);

/* All stale pages are known: tells the source what is missing, and starts the
 * thread. From here on whoever touches that waits. */
int rest_begin(struct rest *a, struct channel *channel, struct err *err);

/* The guest may be here from now on: a connection that breaks is waited for.
 * Before that, what is missing is lost then, and an access to it is a SIGBUS.
 * Returns 0, or -ECONNRESET if that was so. */
int rest_taken(struct rest *a, struct err *err);

/* The source has been told that the guest runs: takes its connection over. */
void rest_go_on(struct rest *a, struct channel *channel);

/* Readable once nothing is missing any more. The source goes after rest_end():
 * its name may be taken before. */
int rest_fd(const struct rest *a);
void rest_end(struct rest *a);

/* True while the guest waits for a source that is to come again. Thread: any.
 */
bool rest_is_broken(struct rest *a);

/* The guest is about to end: a connection that is broken, or breaks, is not
 * waited for any more; whoever waits for what is missing finds it lost. Thread:
 * any. */
void rest_give_up(struct rest *a);

/* Ends the thread, and tells the source if anything was missing. Nothing
 * touches the memory any more, and it is there still. NULL is fine; returns
 * NULL. */
struct rest *rest_free(struct rest *a);

#endif
