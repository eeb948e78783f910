/* devices/virtio/balloon_device.h - the balloon's inside, for its own files. */
#ifndef DEVICES_VIRTIO_BALLOON_DEVICE_H
#define DEVICES_VIRTIO_BALLOON_DEVICE_H

#include "base/cleanup.h"
#include "base/throttle.h"
#include "devices/virtio/balloon.h"

/* Source: section 5.5.2. */
enum {
	BALLOON_INFLATE,
	BALLOON_DEFLATE,
	BALLOON_STATS,
	BALLOON_HINTS,
	BALLOON_REPORTS,
	BALLOON_QUEUES
};

/*
 * Work on a range of memory takes the more time the larger it is, even if
 * nothing is there: so much of it counts as a byte of a turn, which ends after
 * about 4 GiB.
 */
#define BALLOON_RANGE_PER_WORK ((uint64_t)64 * 1024)

/* The chain of page numbers a queue is at. */
struct balloon_pages {
	struct virtq_chain chain;
	bool taken; /* @chain is valid */
	size_t done; /* bytes of it that were looked at */
	uint64_t skip; /* bytes of the next chain that were: it was taken
			  before this device was saved */
};

enum balloon_hinting {
	HINTS_OFF,
	HINTS_ASKED, /* the driver has not begun */
	HINTS_ON, /* it tells */
};

struct balloon {
	struct virtio vio;
	struct virtio_balloon_config config;
	const struct mem_map *mem; /* borrowed */
	struct reclaim *reclaim; /* owned */
	struct balloon_pages pages[2]; /* INFLATE, DEFLATE */

	struct loop_timer hold; /* runs while something waits */
	bool holding; /* it does */
	bool filled; /* more was given since it was set */

	struct balloon_listener listener;
	struct throttle change; /* calls listener.changed() */

	struct virtq_chain stats_chain; /* to give it back asks for more */
	bool stats_taken; /* @stats_chain is valid */
	bool stats_asked; /* and the driver owes the answer */
	struct balloon_stats stats;
	uint64_t stats_seen; /* when the next buffer came: it was taken before
				this device was saved; 0: it was not */

	struct balloon_hints hints;
	enum balloon_hinting hinting;
	uint32_t hint_id; /* the last one used */
};

static inline struct balloon *balloon_of(struct virtio *vio)
{
	return container_of(vio, struct balloon, vio);
}

/* True if the driver is ready and has kept to the rules. */
static inline bool balloon_works(const struct balloon *b)
{
	return (b->vio.status & VIRTIO_DRIVER_OK) &&
	       !(b->vio.status & VIRTIO_NEEDS_RESET);
}

/* All that follow are called with the device's lock held. */

/* balloon_pages.c: what the guest gives and takes. */
void balloon_notify_pages(struct balloon *b, unsigned queue);
void balloon_notify_reports(struct balloon *b);
size_t balloon_ranges(struct balloon *b, const struct virtq_chain *chain,
		      struct range *ret);
void balloon_hold_expired(struct loop_timer *timer); /* balloon->hold's */

/* balloon_state.c: what is saved and loaded. */
unsigned balloon_kept(struct virtio *vio, unsigned queue);
void balloon_save(struct virtio *vio, struct state *state);
int balloon_load(struct virtio *vio, struct state_records *from,
		 struct err *err);

/* balloon_queries.c: what the guest is asked. */
void balloon_notify_stats(struct balloon *b);
void balloon_notify_hints(struct balloon *b);
void balloon_reset_queries(struct balloon *b);

#endif
