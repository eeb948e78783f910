/*
 * mem/reclaim.h - guest memory that comes back to the host, and is taken again.
 *
 * A balloon tells of memory in frames of 4 KiB, one by one and in any order.
 * The host gives and takes pages, which may be larger (16K, 64K, a huge page),
 * and maps blocks of them, which are quick as long as they are whole. So what
 * the guest gives is collected:
 *
 * - A page goes back when all its frames were given.
 * - A block whose frames were all given goes back in one piece, with the
 *   neighbours that are complete as well.
 * - A block of which only a part was given waits, up to RECLAIM_PENDING of them
 *   at a time, until it is complete or reclaim_flush() is called.
 *
 * The guest may take waiting memory back, which then is never touched. This
 * needs a guest that announces each use: see reclaim_give() and reclaim_take().
 * Memory that the guest may use again unannounced goes back at once or never:
 * reclaim_drop().
 *
 * Frames that are no RAM, or are not plugged (mem/blocks.h), are refused; one
 * that was given twice counts once. Nothing here reads or writes guest memory.
 * Thread: any. There is a lock inside, and no other is taken under it.
 */
#ifndef MEM_RECLAIM_H
#define MEM_RECLAIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/err.h"
#include "mem/map.h"

#define RECLAIM_FRAME ((uint64_t)4096) /* what a guest gives, in bytes */
#define RECLAIM_PENDING 256 /* blocks that wait */

struct reclaim_stats {
	uint64_t bytes; /* given back; what was taken and given again counts
			   again */
	uint64_t calls; /* of the host's kernel, for that */
	uint64_t failed; /* of these calls */
	uint64_t held; /* bytes the guest has given and not taken again */
};

struct reclaim;

/*
 * Prepares for the RAM in @mem. The state of frames costs nothing until frames
 * are given, then 64 KiB for each GiB they lie in.
 *
 * @mem: frozen; borrowed, outlives @ret
 *
 * Returns 0 or -ENOMEM. Thread: setup.
 */
int reclaim_new(struct reclaim **ret, const struct mem_map *mem,
		struct err *err);
struct reclaim *reclaim_free(struct reclaim *rc); /* NULL is fine */

/*
 * The guest gives memory, and will say so before it uses any of it again.
 *
 * @gpa: whole frames; where they are is not trusted
 *
 * Returns how many bytes of it are no RAM; those are left alone.
 */
uint64_t reclaim_give(struct reclaim *rc, struct range gpa);

/*
 * The guest is about to use memory again. On return nothing discards it.
 * Returns how many bytes of it were not given.
 */
uint64_t reclaim_take(struct reclaim *rc, struct range gpa);

/* Returns waiting memory to the host, in whole pages. */
void reclaim_flush(struct reclaim *rc);

/* True if something waits. */
bool reclaim_waits(struct reclaim *rc);

/* The guest uses all its memory again: it was reset. */
void reclaim_forget(struct reclaim *rc);

/*
 * The guest has no use for memory now, and may use it again at any time after
 * this call: whole pages go back before it returns.
 *
 * @gpa, @count: whole or broken frames; not trusted; sorted and merged in place
 * @zero:        only where it is zero afterwards
 *
 * Returns how many bytes of it are no RAM.
 */
uint64_t reclaim_drop(struct reclaim *rc, struct range *gpa, size_t count,
		      bool zero);

/*
 * Where the pieces of mem_iov() lie. Pieces of other memory than RAM are left
 * out.
 *
 * @gpa: has room for @count
 *
 * Returns how many there are.
 */
size_t reclaim_ranges(const struct reclaim *rc, const struct iovec *iov,
		      size_t count, struct range *gpa);

void reclaim_stats(struct reclaim *rc, struct reclaim_stats *ret);

/*
 * Finds the first memory at or behind @from that the guest has given and not
 * taken again, as far as it goes on in one region. Returns false if there is
 * none.
 */
bool reclaim_next_held(struct reclaim *rc, gpa_t from, struct range *ret);

/* How many bytes of @gpa the guest has given and not taken again. */
uint64_t reclaim_held(struct reclaim *rc, struct range gpa);

#endif
