/*
 * devices/virtio/balloon.h - virtio memory balloon: the guest gives memory
 * back.
 *
 * The host says how much memory the guest is to keep; the driver takes the rest
 * out of the guest's use and tells which pages that are, and these go back to
 * the host (mem/reclaim.h). A driver that promises to say so before it uses
 * such a page again (MUST_TELL_HOST, as Linux does) lets whole blocks be waited
 * for; one that does not has its pages taken at once, each chain by itself.
 *
 * Besides, the driver reports memory that is free just now (free page
 * reporting), says how the guest is doing when asked (statistics), and can be
 * asked which pages a migration need not copy (free page hinting).
 *
 * Page addresses from the driver are checked. Its numbers (`actual`,
 * statistics) are only passed on and may be anything.
 *
 * All functions below take the device's lock, but for balloon_forget() and
 * balloon_held(), which take none; and are for the loop thread, on which the
 * callbacks are called with the lock held: a callback must not call them.
 * balloon_device.h is the inside of it, and its files are the functions of
 * both. Source: Virtual I/O Device (VIRTIO) 1.2, section 5.5.
 */
#ifndef DEVICES_VIRTIO_BALLOON_H
#define DEVICES_VIRTIO_BALLOON_H

#include <linux/virtio_balloon.h>

#include "devices/virtio/virtio.h"
#include "mem/reclaim.h"

struct balloon_options {
	uint64_t target; /* what the guest is to keep at first, in bytes;
			    UINT64_MAX: all */
	bool reporting; /* ask for reports of free memory */
	bool deflate_on_oom; /* the guest may help itself before it kills */
};

/*
 * @mem, @loop: borrowed; outlive the device
 * @opt:        copied
 *
 * Returns 0, -ENOMEM, or what virtio_init() and loop_timer_add() return.
 * Thread: setup.
 */
int virtio_balloon_new(struct virtio **ret, const struct mem_map *mem,
		       struct loop *loop, const struct balloon_options *opt,
		       struct err *err);

/*
 * Sets how many bytes the guest is to keep; more than its RAM means all. Memory
 * that is plugged or unplugged later is added to this or subtracted from it.
 */
void balloon_set_target(struct virtio *vio, uint64_t bytes);

struct balloon_info {
	uint64_t ram; /* of the guest with no balloon, in bytes; what is
			 plugged counts */
	uint64_t target; /* what it is to keep */
	uint64_t actual; /* what it says it has kept */
	bool driver; /* the guest has a driver, and it is at work */
	struct reclaim_stats reclaim;
};

void balloon_query(struct virtio *vio, struct balloon_info *ret);

/*
 * Forgets @gpa, which was unplugged (mem/blocks.h), and the pages of it that
 * the guest gave. Another device's lock may be held.
 */
void balloon_forget(struct virtio *vio, struct range gpa);

/* How many bytes of @gpa are in the balloon. */
uint64_t balloon_held(struct virtio *vio, struct range gpa);

/* As reclaim_next_held(). Thread: any; takes no lock of the device. */
bool balloon_next_held(struct virtio *vio, gpa_t from, struct range *ret);

struct balloon_stats {
	uint32_t have; /* bit n: val[n] is there */
	uint64_t val[VIRTIO_BALLOON_S_NR]; /* the driver's; not trusted */
	uint64_t time; /* when they came, in seconds since 1970; 0: never */
};

/*
 * Asks the driver for statistics: listener.stats() will be called.
 *
 * Returns 0; -EAGAIN if it was asked before and owes the answer; -EBUSY if the
 * guest is paused, and so answers nothing; -ENOTSUP if there is no driver that
 * has any.
 */
int balloon_ask_stats(struct virtio *vio);

/* The last statistics that came. */
void balloon_last_stats(struct virtio *vio, struct balloon_stats *ret);

/* Callbacks for changes and statistics. Both may be NULL. */
struct balloon_listener {
	/* The guest has given or taken memory; @actual is what it has kept, as
	 * in balloon_info. At most once a second. */
	void (*changed)(void *ctx, uint64_t actual);
	/* The answer to balloon_ask_stats(). */
	void (*stats)(void *ctx, const struct balloon_stats *stats);
	void *ctx;
};

void balloon_listen(struct virtio *vio, struct balloon_listener listener);

/* Callbacks for free page hints. */
struct balloon_hints {
	/*
	 * The content of this memory is of no use to the guest, unless it was
	 * written since balloon_start_hints(). @gpa: RAM
	 */
	void (*free)(void *ctx, struct range gpa);
	/* No more will come: the driver has no more, or was reset. */
	void (*end)(void *ctx);
	void *ctx;
};

/*
 * Asks the driver which memory is free, for a migration that need not copy it.
 * Dirty tracking is on before this is called.
 *
 * Returns 0; -ENOTSUP if there is no driver that can; -EALREADY.
 */
int balloon_start_hints(struct virtio *vio, struct balloon_hints hints);

/* No more hints are needed now; the driver keeps the pages it told of, for a
 * next balloon_start_hints(). */
void balloon_pause_hints(struct virtio *vio);

/* Ends the hinting: the driver frees the pages it told of. */
void balloon_end_hints(struct virtio *vio);

#endif
