/*
 * vmm/migrate/source.h - sends a running guest to another vmm, on a thread of
 * its own. [pure]
 *
 *	thread   connect, pass, pass, ...  last pass, state, ready  go, running
 *	loop                             hold                   give_up    done
 *
 * Before give_up() every failure leaves the guest running here as if nothing
 * had been. After it the guest never runs here again, but for one case: nothing
 * of the word to go has left this process (take_back()).
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
	uint64_t timeout; /* when the passes end, wherever they are, in ns; 0:
			     when the downtime can be had */
	uint64_t held; /* how long it may be held beyond four times what its
			  memory is expected to take, in ns; 0: 30 s */
	int compress; /* level of zstd; 0: pages are not compressed */
	bool postcopy; /* the target is asked whether memory may follow the
			  guest; migrate_job_switch() then has it do so */
	bool pause; /* then the guest is held for longer; else, there is no
		       migration */
};

enum migrate_state {
	MIGRATE_SETUP, /* no page was sent yet */
	MIGRATE_ACTIVE, /* passes while the guest runs */
	MIGRATE_DEVICE, /* the guest is held */
	MIGRATE_POSTCOPY, /* it runs there, and its memory follows */
	MIGRATE_POSTCOPY_PAUSED, /* the connection broke: what it touches there
				    waits */
	MIGRATE_POSTCOPY_RECOVER, /* a new one is made */
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
	struct err broke; /* why MIGRATE_POSTCOPY_PAUSED */
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

/* Has the migration end soon, if the guest is not given up yet; or if it may
 * not have got to a target whose connection broke. done() is called as always.
 * Thread: the loop's. */
void migrate_job_stop(struct migrate_job *job);

/*
 * The same, and waits until done() was called: a guest that is given up is
 * waited for, too, which takes CHANNEL_PATIENCE_MS at most. The job may be
 * freed then.
 *
 * Returns false if @ns have passed: then the guest is not held any more, unless
 * it was given up. A job that is left so still uses what it borrowed, and must
 * not be freed; it will not give the guest up. Thread: the loop's.
 */
bool migrate_job_settle(struct migrate_job *job, uint64_t ns);

/* Changes how long the guest may be held, or the bandwidth. NULL: that stays.
 * Thread: any. */
void migrate_job_limit(struct migrate_job *job, const uint64_t *downtime,
		       const uint64_t *bandwidth);

/*
 * Has the guest run at the target after the pass that is under way, or after
 * the first one. Its memory follows.
 *
 * Returns 0, or -EINVAL if the wish was another. Thread: any.
 */
int migrate_job_switch(struct migrate_job *job, struct err *err);

/*
 * Goes on over new connections.
 *
 * @uri: where the target is now; copied
 *
 * Returns 0; -EINVAL if no connection is broken; or -ENOMEM. Thread: any.
 */
int migrate_job_resume(struct migrate_job *job, const struct migrate_uri *uri,
		       struct err *err);

/* Thread: any, until the job is freed. */
void migrate_job_progress(struct migrate_job *job,
			  struct migrate_progress *ret);

/* Valid from done() on. */
const struct migrate_result *migrate_job_result(const struct migrate_job *job);

/* After done(). NULL is fine; returns NULL. Thread: the loop's. */
struct migrate_job *migrate_job_free(struct migrate_job *job);

#endif
