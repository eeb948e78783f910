/*
 * vmm/control/migration.h - the migrations of a running guest.
 *
 * migration.c begins one and ends it, migration_report.c tells clients how it
 * goes, migration_slow.c slows the guest, migration_settings.c has what they
 * set for all of them. Thread: the loop's.
 */
#ifndef VMM_CONTROL_MIGRATION_H
#define VMM_CONTROL_MIGRATION_H

#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>

#include "base/err.h"
#include "base/loop.h"
#include "vmm/kvm/throttle.h"
#include "vmm/migrate/converge.h"
#include "vmm/migrate/files.h"
#include "vmm/migrate/place.h"
#include "vmm/migrate/regions.h"
#include "vmm/migrate/source.h"
#include "vmm/migrate/uri.h"

/* What QEMU begins with. */
#define MIGRATION_DOWNTIME_MS 300
#define MIGRATION_BANDWIDTH (UINT64_C(128) << 20)

struct control;

/* A guest's migrations, from the first one on. */
struct migration {
	struct control *control; /* borrowed; its member is this */
	uint64_t downtime; /* in ns; of the next one, and the one under way */
	uint64_t bandwidth; /* bytes in a second; 0: all there is */
	bool postcopy; /* capability postcopy-ram: memory may follow the guest
			*/
	bool compress; /* capability compress: pages are, as they are sent */
	bool events; /* a client wants MIGRATION and MIGRATION_PASS */

	/* The last one, or the one under way, if @job. */
	struct migrate_job *job; /* owned */
	struct dirty_reader *reader; /* owned */
	struct migrate_uri uri; /* owned */
	char *about; /* owned */
	struct migrate_place place;
	struct migrate_files files;
	struct migrate_regions regions;
	bool began; /* there has been one */
	const char *arrival; /* if not, how the guest's own coming here went;
				NULL: it has not come */
	bool holds; /* the guest */
	bool paused; /* what the target was told: a client had paused it */
	bool ends; /* the process does with it */
	unsigned passes; /* that clients were told of */
	enum migrate_state told; /* to clients */
	struct migrate_progress last; /* when it ended */
	struct err err; /* why it failed */
	struct loop_timer report; /* on the loop if it has a callback */
	struct {
		bool capability; /* clients want it of each `migrate` */
		unsigned most; /* percent, of the next one */
		bool wanted; /* of the last one, or the one under way */
		struct converge plan;
		struct throttle throttle;
		/* That each vCPU had written when the last pass ended. */
		uint32_t pages[CONFIG_MAX_CPUS];
	} slow;
};

/* Those of a guest: made when they are asked for first. NULL: -ENOMEM, with
 * @err set. */
struct migration *migration_of(struct control *control, struct err *err);

/*
 * Begins one.
 *
 * @wish: all but what the guest says of itself
 * @ends: as in struct migration
 *
 * Returns 0; -EPERM if the guest has moved; -EBUSY if something else copies it;
 * or what migrate_uri_parse(), migrate_files_of(),
 * migrate_files_share() and migrate_job_new() return.
 */
int migration_begin(struct migration *m, const char *uri,
		    struct migrate_wish wish, bool ends, struct err *err);

/*
 * Slows the guest as far as that takes (vmm/migrate/converge.h): one that has
 * begun, if that is @wanted; at the end of each pass; and not any more.
 * migration_slow_percent(): what the vCPU loses that loses most.
 */
void migration_slow_begin(struct migration *m, bool wanted);
void migration_slow_guest(struct migration *m,
			  const struct migrate_progress *p);
unsigned migration_slow_percent(const struct migration *m);
void migration_slow_end(struct migration *m);

/* QEMU's word for a state. */
const char *migration_status_word(enum migrate_state state);

/* How the last one went, or the one under way: as `query-migrate` has it. */
json_t *migration_describe(struct migration *m);

/* Tells the command that waits for it. @passed: a pass has ended */
void migration_report(struct migration *m, bool passed);

/* Tells clients that want to know (event MIGRATION) if that is news. */
void migration_tell_status(struct migration *m, enum migrate_state state);

/* The one under way has moved on: tells all who want to know. @ctx: the
 * migration */
void migration_moved(void *ctx);

#endif
