/*
 * vmm/migrate/source_job.h - what the files of a migration's source share.
 * [pure]
 */
#ifndef VMM_MIGRATE_SOURCE_JOB_H
#define VMM_MIGRATE_SOURCE_JOB_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/loop_worker.h"
#include "base/state.h"
#include "mem/page_copy.h"
#include "vmm/migrate/channel.h"
#include "vmm/migrate/sender.h"
#include "vmm/migrate/source.h"
#include "vmm/migrate/stream.h"

struct migrate_job {
	struct migrate_guest guest;
	struct migrate_wish wish;
	struct dirty_reader *reader; /* borrowed */
	struct loop_worker *worker; /* owned; the loop's */
	struct loop_worker *asker; /* the same, for the thread */
	struct page_copy *copy; /* owned */
	struct sender sender; /* of the pages */
	struct channel channel; /* the thread's */
	int stop; /* owned eventfd: channel.stop */
	/* Of a guest whose memory follows it: */
	struct channel pages; /* the thread's: requests, and their answers */
	uint8_t key[STREAM_KEY_SIZE];
	uint64_t *left[MEM_MAX_REGIONS]; /* owned; by number; a bit for each
					    page that the target lacks; the
					    thread's */
	uint64_t next[MEM_MAX_REGIONS]; /* nothing is left before; the same */
	void (*tell)(void *ctx); /* asks the loop to tell of the state */
	struct err broke; /* why a connection did; under @lock */
	uint64_t left_pages; /* under @lock */
	int quit, resumed; /* owned eventfds: the thread is to end; it may go
			      on by @again */
	struct migrate_uri again; /* owned; under @lock */
	bool switches; /* under @lock: after the pass */
	bool heard; /* under @lock: the target has said that the guest runs */
	bool followed; /* under @lock: @left_pages counts */
	struct state guest_state; /* written by the loop, then the thread's */
	bool paused; /* as hold() said */
	bool holds; /* the guest; the loop's */
	bool held_here; /* it was held once; the thread's */
	bool follows; /* the rest of its memory follows it; the thread's */
	bool synced; /* what disks were written before is on them */
	int loop_code; /* what hold() or give_up() returned */
	struct err loop_err;
	uint64_t began, held_at; /* by clock_ns() */
	struct migrate_result result; /* the thread's until it is joined */
	uint64_t total; /* bytes of memory */

	pthread_mutex_t lock; /* of all that follows */
	enum migrate_state state;
	bool cancelled;
	bool unlimited; /* no bandwidth counts any more */
	bool committed; /* the guest is given up */
	uint64_t setup, took, held; /* in ns */
	uint64_t downtime;
};

/* All return 0 or what the stream's functions return. Thread: the job's. */

/* Says what guest it is, and has the target judge that. */
int source_introduce(struct migrate_job *job, struct err *err);

/* A pass has been sent: waits until the target has it, so that the time that
 * took is known. */
int source_end_pass(struct migrate_job *job, struct err *err);

/* Waits for a word of the target's that has no content. */
int source_await_word(struct migrate_job *job, enum stream_type type,
		      struct err *err);

/* Of a guest whose memory is to follow it (source_postcopy.c). */

/* Makes the connection for requests. */
int source_join(struct migrate_job *job, enum stream_join what,
		struct channel *channel, struct err *err);

/* The guest is held: notes what was changed since it was sent. */
int source_find_stale(struct migrate_job *job, struct err *err);

/* But for what it gave up, which is told of at once. */
void source_forget(struct migrate_job *job, uint32_t number, uint64_t offset,
		   uint64_t size);

/* The guest is held: tells what was changed since it was sent, and learns what
 * the target lacks. */
int source_tell_stale(struct migrate_job *job, struct err *err);

/* Waits for STREAM_READY, and sends what is asked for meanwhile. */
int source_await_ready(struct migrate_job *job, struct err *err);

/*
 * The guest runs there: sends all that it lacks, over new connections where
 * they break.
 *
 * @code: of what has told the target to run it; with @err
 *
 * Returns 0; -ECANCELED if the process ends; or -EREMOTEIO if the
 * target has ended it.
 */
int source_follow(struct migrate_job *job, int code, struct err *err);

void source_set_state(struct migrate_job *job, enum migrate_state state);

#endif
