/*
 * vmm/snapshot/lazy.h - guest memory that comes from a snapshot when it is
 * touched. [pure]
 *
 * The memory is empty, and registered with userfaultfd(2): whoever touches a
 * page that is not there, a vCPU in KVM, a device, a system call, waits for a
 * thread, which reads the chunk that holds it (mem/image.h), compares its
 * checksum, and puts it in place. Beside that the thread fetches what nobody
 * has asked for yet. When all is there, the memory is as any other.
 *
 * The thread touches no guest memory, and takes no lock but one of its own,
 * under which nothing waits but for the files: so a thread that waits for a
 * page may hold whatever it likes.
 *
 * Memory that is discarded before it was fetched never is (mem/fill.h).
 *
 * A chunk that is damaged or cannot be read ends the run. As whoever waits for
 * it must not see what was not saved, failed() stops the guest first; zeroes
 * come afterwards.
 *
 * Source: Linux, Documentation/admin-guide/mm/userfaultfd.rst
 */
#ifndef VMM_SNAPSHOT_LAZY_H
#define VMM_SNAPSHOT_LAZY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "mem/backing.h"
#include "mem/image_chain.h"

struct lazy;

/* Whether memory of a policy can come so. Returns 0; or -ENOTSUP with @err
 * naming the word that is in the way. */
int lazy_check(const struct mem_policy *policy, struct err *err);

/*
 * Begins without memory.
 *
 * @chain:  borrowed, outlives lazy_free(); used by this alone from here on
 * @failed: the guest must not run on; any thread, the lock is held; may be NULL
 *
 * Returns 0; -ENOTSUP if the kernel has no userfaultfd; -EPERM if this user may
 * not have it, with @err saying what helps; -ENOMEM; or the errno of the system
 * call that failed. Thread: setup.
 */
int lazy_new(struct lazy **ret, const struct image_chain *chain,
	     void (*failed)(void *ctx), void *ctx, struct err *err);

/*
 * Adds a region, and sets backing->fill.
 *
 * @region:  of the chain, and of the backing's size
 * @backing: of a policy that lazy_check() takes; not touched yet; outlives
 *           lazy_stop()
 *
 * Returns 0, -ENOMEM, or the errno of ioctl(2). Thread: setup.
 */
int lazy_add(struct lazy *lazy, size_t region, struct backing *backing,
	     struct err *err);

/*
 * Fetches what nobody asks for in the order that is noted in the snapshot's
 * folder, if there is one.
 *
 * @dir: the folder; borrowed, outlives lazy_stop()
 * @id:  of the snapshot; borrowed
 *
 * Thread: setup.
 */
void lazy_follow(struct lazy *lazy, int dir, const char *id);

/*
 * Notes there in which order chunks are asked for in the first LAZY_RECORD_MS
 * that the guest runs, or until lazy_stop(). Meanwhile nothing is fetched that
 * nobody asks for. That the file cannot be written is logged. The arguments and
 * the thread are those of lazy_follow().
 */
void lazy_record(struct lazy *lazy, int dir, const char *id);

#define LAZY_RECORD_MS 3000

/* Starts the thread. From here on the memory may be touched. Returns 0, or what
 * making a thread returned. Thread: setup. */
int lazy_start(struct lazy *lazy, struct err *err);

/* The guest runs: has the thread fetch what nobody has asked for, too. Once.
 * Thread: any. */
void lazy_prefetch(struct lazy *lazy);

/* Counts, as they are now. Thread: any. */
struct lazy_stats {
	uint64_t faults; /* that waited for a chunk, or for zeroes */
	uint64_t fetched; /* chunks, for them */
	uint64_t prefetched; /* chunks, for nobody */
	uint64_t followed; /* of @prefetched: by the order that was noted */
	bool complete; /* nothing is left to fetch */
};

void lazy_stats(struct lazy *lazy, struct lazy_stats *ret);

/* Returns 0, or why memory could not be had, with @err set. Thread: any. */
int lazy_error(struct lazy *lazy, struct err *err);

/* Ends the thread. Nothing touches the memory any more. Idempotent. */
void lazy_stop(struct lazy *lazy);

/* Stops, and frees. The backings are gone, or are not used. NULL is fine. */
struct lazy *lazy_free(struct lazy *lazy);

#endif
