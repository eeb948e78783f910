/*
 * tests/unit/migrate_rig.h - both sides of a migration in one process, without
 * KVM: a guest is its memory and an empty state.
 */
#ifndef TESTS_UNIT_MIGRATE_RIG_H
#define TESTS_UNIT_MIGRATE_RIG_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/loop.h"
#include "mem/backing.h"
#include "tests/unit/fake_log.h"
#include "tests/unit/relay.h"
#include "vmm/machine/machine.h"
#include "vmm/migrate/source.h"
#include "vmm/migrate/target.h"

#define PAGE UINT64_C(4096)
#define PAGES UINT64_C(600)
#define SECOND NS_PER_SECOND

struct migrate_rig {
	struct err err;
	/* The source. */
	struct loop *loop;
	struct mem_map map;
	struct dirty dirty;
	struct fake_log log;
	struct backing backing;
	struct dirty_reader *reader;
	struct migrate_job *job;
	struct migrate_uri uri;
	struct migrate_place here;
	struct migrate_files files;
	struct migrate_regions regions;
	unsigned holds, releases, give_ups, take_backs, dones, writes;
	unsigned busy; /* how often the guest writes before it is looked at */
	bool slow; /* the way, while the guest is held */
	bool hold_stops, moves_stop; /* the loop */
	sem_t *stuck; /* drop() waits for it; NULL: for nothing */
	unsigned cancel_at; /* the pass, if not 0, in which it is cancelled */
	bool paused; /* by the user */
	bool hold_fails, stays; /* give_up() fails */
	/* The target. */
	struct machine machine;
	struct config config;
	struct migrate_target target;
	struct migrate_door door;
	struct err target_err;
	int target_code;
	bool late; /* the target fails when all is there */
	int interrupt; /* eventfd; as signals are */
	pthread_t thread;
	struct relay relay;
	struct loop_timer timer;
	uint64_t go_bytes; /* of the word to go that pass; 0: all */
};

/* The guest writes to a page. */
void migrate_rig_write(struct migrate_rig *rig, uint64_t page, int byte);

struct migrate_rig *migrate_rig_new(void);

/* The same, with target memory of a source: machine.backings.at[0]. */
struct migrate_rig *migrate_rig_new_of(enum mem_source target);
void migrate_rig_free(struct migrate_rig *rig);

/* Begins both sides, with the relay in between. Returns the source's end, for
 * migrate_rig_join(). */
int migrate_rig_start(struct migrate_rig *rig, const struct migrate_wish *how);
void migrate_rig_join(struct migrate_rig *rig, int fd);

/* Begins the source alone, by a URI. */
void migrate_rig_send(struct migrate_rig *rig, const struct migrate_wish *how,
		      const char *uri);

/* Does all of a migration. */
void migrate_rig_run(struct migrate_rig *rig, const struct migrate_wish *how);

enum migrate_state migrate_rig_state(struct migrate_rig *rig);

/* Sees that one of the two has the guest, and the right one. */
void migrate_rig_check(struct migrate_rig *rig);

/* What the source says of the guest. */
extern const char migrate_rig_about[];

/* Where all fits into the downtime. */
extern const struct migrate_wish migrate_rig_ample;

#endif
