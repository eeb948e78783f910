/*
 * vmm/migrate/source.h - sends a running guest to another vmm, on a thread of
 * its own. [pure]
 *
 *	thread   connect, pass, pass, ...  last pass, state, ready  go, running
 *	loop                             hold                   give_up    done
 *
 * Before give_up() every failure leaves the guest running here as if nothing
 *had been. After it the guest never runs here again, but for one case: nothing
 *of the word to go has left this process (take_back()).
 */
#ifndef VMM_MIGRATE_SOURCE_H
#define VMM_MIGRATE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/loop.h"
#include "base/state.h"
#include "mem/page_copy.h"
#include "vmm/migrate/files.h"
#include "vmm/migrate/place.h"
#include "vmm/migrate/regions.h"
#include "vmm/migrate/uri.h"

/* The guest. All but drop() are called on the loop's thread, with no lock
 * held. */
struct migrate_guest {
	struct loop *loop; /* borrowed */
	/*
	 * Stops the guest and writes its state.
	 *
	 * @ret_paused: its user had paused it
	 *
	 * Returns 0, or a negative errno with @err set, and the guest runs on.
	 */
	int (*hold)(void *ctx, struct state *state, bool *ret_paused,
		    struct err *err);
	/* Tells of memory that the guest gave up, while it is held. Returns 0
	 * or what page_copy_drop() returns. Thread: the migration's. */
	int (*drop)(void *ctx, struct page_copy *copy, struct err *err);
	/* The guest goes on. Called after hold(), unless it has moved. */
	void (*release)(void *ctx);
	/*
	 * It never runs here again. Called once after hold().
	 *
	 * Returns 0, or a negative errno with @err set if the guest is not any
	 * more what hold() has written: then nothing is given up, and the
	 * migration has failed.
	 */
	int (*give_up)(void *ctx, struct err *err);
	/* It may after all; release() follows. */
	void (*take_back)(void *ctx);
	/* A pass has begun or ended, or the state has changed:
	 * migrate_job_progress(). */
	void (*moved)(void *ctx);
	/* All is over: migrate_job_result(). The job may be freed. */
	void (*done)(void *ctx);
	void *ctx;
};

/* The request. */
struct migrate_wish {
	const struct migrate_uri *uri; /* borrowed until done(), as all here */
	const char *arch; /* arch_name */
	const char *about; /* what vm.json would say */
	const struct migrate_place *place;
	struct migrate_files *files; /* shared already */
	const struct migrate_regions *regions;
	uint64_t downtime; /* how long the guest may be held, in ns */
	uint64_t bandwidth; /* bytes in a second while it runs; 0: all there is
			     */
	uint64_t timeout; /* when the passes end even if the downtime cannot be
			     had, in ns; 0: never */
	bool pause; /* then the guest is held for longer; else, there is no
		       migration */
};

enum migrate_state {
	MIGRATE_SETUP, /* no page was sent yet */
	MIGRATE_ACTIVE, /* passes while the guest runs */
	MIGRATE_DEVICE, /* the guest is held */
	MIGRATE_CANCELLING,
	MIGRATE_COMPLETED, /* the guest is the target's */
	MIGRATE_CANCELLED,
	MIGRATE_FAILED,
	MIGRATE_LOST, /* it is given up, and whether it runs is not known */
};

struct migrate_progress {
	enum migrate_state state;
	struct page_copy_rates rates;
	uint64_t total; /* bytes of memory the guest has */
	uint64_t sent; /* bytes that went to the target, of all kinds */
	uint64_t pages; /* sent with their content, repetitions included */
	uint64_t zero_pages; /* told of as zero */
	uint64_t rate; /* bytes in a second, on the average */
	uint64_t setup; /* in ns, until the first pass */
	uint64_t took; /* in ns, so far or in all */
	uint64_t held; /* how long the guest has been held, in ns */
};

/* The result. */
struct migrate_result {
	int code; /* 0, or a negative errno: err says why */
	struct err err;
};

struct migrate_job;

/*
 * Begins a migration.
 *
 * @reader: a new DIRTY_ALL one; borrowed until done()
 *
 * Returns 0; -ENOMEM; or what page_copy_new() and loop_worker_new() return.
 * Thread: the loop's.
 */
int migrate_job_new(struct migrate_job **ret, const struct migrate_guest *guest,
		    const struct migrate_wish *wish,
		    struct dirty_reader *reader, struct err *err);

/* Has the migration end soon, if the guest is not given up yet. done() is
 * called as always. Thread: the loop's. */
void migrate_job_stop(struct migrate_job *job);

/* The same, and returns once done() was called: a guest that is given up is
 * waited for. Thread: the loop's. */
void migrate_job_cancel(struct migrate_job *job);

/* Changes how long the guest may be held, or the bandwidth. NULL: that stays.
 * Thread: any. */
void migrate_job_limit(struct migrate_job *job, const uint64_t *downtime,
		       const uint64_t *bandwidth);

/* Thread: any, until the job is freed. */
void migrate_job_progress(struct migrate_job *job,
			  struct migrate_progress *ret);

/* Valid from done() on. */
const struct migrate_result *migrate_job_result(const struct migrate_job *job);

/* After done(). NULL is fine; returns NULL. Thread: the loop's. */
struct migrate_job *migrate_job_free(struct migrate_job *job);

#endif
