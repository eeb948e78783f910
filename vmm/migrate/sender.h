/*
 * vmm/migrate/sender.h - sends pages, and no more in a second than allowed.
 * [pure]
 *
 * Pages of zeroes are told of, not sent. Thread: one at a time, if nothing else
 * is said.
 */
#ifndef VMM_MIGRATE_SENDER_H
#define VMM_MIGRATE_SENDER_H

#include <pthread.h>
#include <stdint.h>

#include "base/err.h"
#include "mem/image_state.h"
#include "vmm/migrate/channel.h"
#include "vmm/migrate/packer.h"
#include "vmm/migrate/stream.h"

struct sender_count {
	uint64_t bytes; /* of messages with pages */
	uint64_t pages; /* sent with their content */
	uint64_t zero_pages; /* told of as zero, or given up */
};

struct sender {
	struct channel *channel; /* borrowed */
	struct packer *packer; /* owned by the caller; NULL: nothing is
				  compressed */
	pthread_mutex_t lock; /* of all that follows */
	uint64_t bandwidth; /* bytes in a second; 0: no limit */
	uint64_t since; /* by clock_ns(): when the limit began to count */
	uint64_t budget; /* bytes sent since then */
	struct sender_count count;
};

void sender_init(struct sender *sender, struct channel *channel);
void sender_finish(struct sender *sender);

/* @bandwidth: bytes in a second from now on; 0: no limit. Less than a page in
 * CHANNEL_PATIENCE_MS is not kept. Thread: any. */
void sender_limit(struct sender *sender, uint64_t bandwidth);

/*
 * Sends pages; those that are to be compressed go later, sender_flush() at the
 * latest.
 *
 * @region: its number in the stream
 * @offset, @size: in the region; whole pages of IMAGE_PAGE
 * @host:   their content, which may change meanwhile; borrowed until they have
 *          gone
 *
 * Returns what channel_write() returns.
 */
int sender_put(struct sender *sender, uint32_t region, uint64_t offset,
	       const uint8_t *host, uint64_t size, struct err *err);

/* Sends all that is being compressed. Returns what channel_write() returns. */
int sender_flush(struct sender *sender, struct err *err);

/* Tells of pages that hold nothing: IMAGE_ZERO, or IMAGE_GONE. What was put
 * before has gone then. */
int sender_clear(struct sender *sender, uint32_t region, uint64_t offset,
		 uint64_t size, enum image_state state, struct err *err);

/* Counts pages that somebody else has sent. Thread: any. */
void sender_note(struct sender *sender, const struct stream_pages *pages);

/* Thread: any. */
void sender_count(struct sender *sender, struct sender_count *ret);

#endif
