/*
 * vmm/snapshot/create.h - takes a snapshot of a guest, on a thread of its own.
 * [pure]
 *
 * The thread copies memory while the guest runs, in passes. When what a further
 * pass would find is little enough, the loop's thread holds the guest and
 * writes its state; the thread copies the rest, and the guest goes on. What
 * brings the files to stable storage comes after that.
 *
 *	thread   pass, pass, ...        last pass              sync, rename
 *	loop                      hold              release                done
 *
 * Whatever fails, the guest goes on as if nothing had been, and nothing is left
 * on the disk.
 */
#ifndef VMM_SNAPSHOT_CREATE_H
#define VMM_SNAPSHOT_CREATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/loop.h"
#include "base/state.h"
#include "mem/image_copy.h"
#include "vmm/snapshot/about.h"

/*
 * The machine that a snapshot is taken of. All but drop() are called on the
 * loop's thread, with no lock held.
 */
struct snapshot_source {
	struct loop *loop; /* borrowed */
	const struct mem_map *map; /* borrowed; frozen */
	/*
	 * Stops the guest and writes its state. Returns 0, or a negative errno
	 * with @err set, and the guest runs on.
	 */
	int (*hold)(void *ctx, struct state *state, struct err *err);
	/*
	 * Takes memory that the guest gave up out of the image. The guest is
	 * held. Returns 0 or what page_copy_drop() returns. Thread: the
	 * snapshot's.
	 */
	int (*drop)(void *ctx, struct page_copy *copy, struct err *err);
	/* The guest goes on. Called once for each hold() that succeeded. */
	void (*release)(void *ctx);
	/* The snapshot is there, or not: snapshot_job_result(). The job may be
	 * freed. */
	void (*done)(void *ctx);
	void *ctx;
};

/* The request. */
struct snapshot_wish {
	const char *path; /* where; borrowed until done() */
	const struct snapshot_about *about; /* what vm.json is to say; borrowed
					       until done(). With a parent, it
					       is a diff */
	struct disk_copies *disks; /* to be copied, too; borrowed until done();
				      NULL: none are */
	bool paused; /* all of it while the guest is held */
	uint64_t downtime; /* how long the guest may be held; in ns */
	uint64_t timeout; /* when the passes end even if that cannot be had; in
			     ns */
	bool give_up; /* then there is no snapshot; else, a longer hold */
	int level; /* of image_writer_compress(); 0: not compressed */
};

/* The result. */
struct snapshot_result {
	int code; /* 0, or a negative errno: err says why */
	struct err err;
	struct image_count pages;
	uint64_t bytes; /* written, repetitions included */
	unsigned passes; /* the last one included; 0: the reader has told
			    nothing yet */
	uint64_t held; /* how long the guest was held, in ns */
};

struct disk_copies;
struct snapshot_job;

/*
 * Begins a snapshot.
 *
 * @reader: what has changed since the parent, or a new DIRTY_ALL one for a full
 *          snapshot; borrowed until done(). After a success it has told all
 *          that the snapshot holds, and so serves the next diff. After a
 *          failure what it has told is lost, and it serves no diff any more
 *
 * Returns 0; -ENOMEM; or what loop_worker_new() returns. What is wrong with the
 * place is told by done(). Thread: the loop's.
 */
int snapshot_job_new(struct snapshot_job **ret,
		     const struct snapshot_source *source,
		     const struct snapshot_wish *wish,
		     struct dirty_reader *reader, struct err *err);

/* Has the snapshot end soon, unless its memory is complete. done() is called as
 * always. Thread: the loop's. */
void snapshot_job_stop(struct snapshot_job *job);

/*
 * Does that, and waits until the guest is not held any more: what follows needs
 * no VM, and ends by the loop. With @whole, until done() has been called: the
 * job may be freed then.
 *
 * Storage that does not answer may keep the thread for ever. After @ns the
 * guest is let go all the same, and then the snapshot fails.
 *
 * Returns false if the time has passed. A job that is left then still uses what
 * it borrowed, and must not be freed. Thread: the loop's.
 */
bool snapshot_job_settle(struct snapshot_job *job, bool whole, uint64_t ns);

/* Valid from done() on. */
const struct snapshot_result *
snapshot_job_result(const struct snapshot_job *job);

/* After done(). NULL is fine; returns NULL. Thread: the loop's. */
struct snapshot_job *snapshot_job_free(struct snapshot_job *job);

#endif
