/*
 * vmm/migrate/target.h - takes a guest that another vmm sends. [pure]
 *
 * In this order: migrate_target_begin() learns what guest it is; the machine is
 * made; migrate_target_memory() takes its memory and its state; devices and VM
 * are made, and loaded; migrate_target_take() tells the source so, and has the
 * guest when it returns. Before that every failure leaves the guest to the
 * source, which is told why by migrate_target_fail().
 *
 * Nothing that comes is trusted. Thread: setup.
 */
#ifndef VMM_MIGRATE_TARGET_H
#define VMM_MIGRATE_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/state.h"
#include "vmm/migrate/channel.h"
#include "vmm/migrate/place.h"
#include "vmm/migrate/unpacker.h"
#include "vmm/migrate/uri.h"
#include "vmm/snapshot/about.h"

struct rest;
struct machine;

struct migrate_target {
	struct channel channel; /* owned */
	struct snapshot_about about; /* owned; what guest it is */
	struct migrate_place place; /* of the source's control socket */
	uint8_t *data; /* owned; the state's bytes */
	struct state_view state; /* of @data */
	bool paused; /* its user had paused it */
	bool taken; /* the guest is here */
	uint32_t needs; /* of the stream: of enum stream_needs */
	struct unpacker unpacker; /* of pages that are compressed */
	struct migrate_door door; /* owned; where the source has come in */
	struct rest *rest; /* owned; of memory that comes later; NULL: all
				    of it is here */
	bool stale; /* some of it was named as missing */
	bool late; /* it may be missing from here on */
};

#define MIGRATE_TARGET_NONE                                    \
	{                                                      \
		.channel = CHANNEL_NONE, .door = { .fd = -1 }, \
		.unpacker = UNPACKER_NONE                      \
	}

/*
 * Reads what guest it is.
 *
 * @channel: open; taken over
 * @door:    where it has come in; taken over
 * @arch:    arch_name
 *
 * Returns 0; what stream_read_hello(), stream_expect() and
 * snapshot_about_parse() return. To be finished in any case.
 */
int migrate_target_begin(struct migrate_target *target,
			 const struct channel *channel,
			 struct migrate_door *door, const char *arch,
			 struct err *err);

/*
 * Takes memory and state.
 *
 * @machine: of the guest's configuration, new; its memory is zero
 * @signals: ends the wait when readable
 *
 * Returns 0; -ECANCELED if @signals is readable; -EXDEV or -ESTALE if the
 * machine has other memory or files; -EBADMSG if what comes is no migration;
 * -EREMOTEIO if the source has ended it; what channel_read() and state_open()
 * return.
 */
int migrate_target_memory(struct migrate_target *target,
			  struct machine *machine, const char *arch,
			  int signals, struct err *err);

/*
 * Says that all is loaded, and waits for the guest.
 *
 * Returns 0, and then the guest is here and nowhere else; or what
 * stream_expect() returns, and then it is the source's.
 */
int migrate_target_take(struct migrate_target *target, struct err *err);

/* Says that the guest runs; does not wait. @state is gone then. The channel is
 * closed, or the rest's. */
void migrate_target_done(struct migrate_target *target);

/* Says why there is no migration, unless the source has said so. @why: empty: a
 * signal has ended this process. */
void migrate_target_fail(struct migrate_target *target, const struct err *why);

void migrate_target_finish(struct migrate_target *target); /* NONE is fine */

#endif
