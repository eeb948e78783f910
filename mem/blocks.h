/*
 * mem/blocks.h - the blocks of a region that come and go while the guest runs.
 *
 * A region that can grow has host addresses for all it may become, and is cut
 * into blocks of one size. A plugged block is ordinary memory. An unplugged
 * block is a hole: mem_ptr() refuses its addresses, the hypervisor has no slot
 * for it, and it has no host memory.
 *
 * A device may still use a buffer that the guest unplugs. Its writes then
 * allocate memory that is not counted; mem_settle() returns that memory to the
 * host once the device is done.
 *
 * Thread: blocks are plugged and unplugged by one thread at a time, and looked
 * at by any.
 */
#ifndef MEM_BLOCKS_H
#define MEM_BLOCKS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/range.h"
#include "mem/backing.h"

/*
 * Each block takes one slot of the hypervisor: by default at most BLOCKS_USUAL,
 * and never more than BLOCKS_MOST.
 */
#define BLOCKS_USUAL 4096
#define BLOCKS_MOST 16384

/* Maps plugged blocks into the guest. */
struct blocks_ops {
	/*
	 * Shows a block to the guest, or takes it away: on return no vCPU
	 * reaches it. Called with blocks->lock held. Returns 0; or a negative
	 * errno with @err set, and nothing has changed.
	 */
	int (*show)(void *ctx, uint64_t block, bool show, struct err *err);
	/*
	 * The guest has given up the content of @gpa. Called without
	 * blocks->lock.
	 */
	void (*gone)(void *ctx, struct range gpa);
};

struct mem_blocks {
	struct range gpa;
	const struct backing *backing; /* of all of it; borrowed */
	uint64_t size; /* of a block, in bytes; a power of two */
	uint64_t count;
	bool populate; /* what is plugged has its memory from the start */
	/*
	 * While it is held, exactly the plugged blocks are shown to the guest.
	 * It may be taken with dirty->lock held, not the other way round.
	 */
	pthread_mutex_t lock;
	uint32_t *plugged; /* owned; a bit for each; words are atomic */
	uint32_t plugged_count; /* atomic; of these bits, how many are set */
	const struct blocks_ops *ops; /* NULL: there is no guest to show to */
	void *ctx;
	bool failed; /* to give memory back; that is said once; under the lock
		      */
};

/*
 * Chooses the size of blocks, or judges the user's.
 *
 * @policy: of the memory; its block is 0 for a choice: 2 MiB, or a larger power
 *          of two that transparent or other huge pages, @page (64 of which are
 *          the least), and BLOCKS_USUAL ask for
 * @size:   of the region, in bytes
 * @page:   of the host
 * @ret:    in bytes
 *
 * Returns 0, or -EINVAL with @err naming the word. Thread: any.
 */
int blocks_choose(const struct mem_policy *policy, uint64_t size, uint64_t page,
		  uint64_t *ret, struct err *err);

/*
 * Where a region of such blocks may begin, in bytes: also where a guest may,
 * with the largest of the sections in which it takes memory.
 */
uint64_t blocks_align(uint64_t block);

/*
 * Sets what mem/backing.h is to make of @policy for memory that can be
 * plugged: nothing is promised or taken before. Returns whether a block is to
 * be populated when it is plugged.
 */
bool blocks_policy(struct mem_policy *policy, uint64_t block, uint64_t page);

/*
 * Makes blocks, none of them plugged.
 *
 * @gpa:     start and size are multiples of @size
 * @backing: of all of @gpa; borrowed; its page is not larger than @size
 *
 * Returns 0 or -ENOMEM. Thread: setup.
 */
int blocks_new(struct mem_blocks **ret, struct range gpa,
	       const struct backing *backing, uint64_t size, bool populate,
	       struct err *err);
struct mem_blocks *blocks_free(struct mem_blocks *blocks); /* NULL is fine */

/*
 * Sets the callbacks that show blocks; NULL: none. Calls none of them: the
 * caller has shown or hidden the plugged blocks.
 */
void blocks_connect(struct mem_blocks *blocks, const struct blocks_ops *ops,
		    void *ctx);

/*
 * How many bytes from @offset on, at most @len of them, are in blocks of one
 * state, which *ret_plugged tells.
 *
 * @offset: in the region
 * @len:    not 0; the end is in the region
 */
uint64_t blocks_run(const struct mem_blocks *blocks, uint64_t offset,
		    uint64_t len, bool *ret_plugged);

/* How many of @count blocks from @first on are plugged. */
uint64_t blocks_plugged(const struct mem_blocks *blocks, uint64_t first,
			uint64_t count);

/* Bytes in plugged blocks. */
uint64_t blocks_bytes(const struct mem_blocks *blocks);

static inline pthread_mutex_t *blocks_lock(struct mem_blocks *blocks)
{
	return blocks ? mutex_lock(&blocks->lock) : NULL;
}

/*
 * Keeps the set of plugged blocks unchanged until the end of the scope. At most
 * one per scope, like GUARD(). NULL: the region has no blocks.
 */
#define GUARD_BLOCKS(blocks) \
	_cleanup_(mutex_unlockp) pthread_mutex_t *guard_ = blocks_lock(blocks)

/*
 * Plugs @count blocks from @first on, none of which is. They are zero. For a
 * region of a memory map use mem_plug().
 *
 * Returns how many were plugged, from @first on: fewer than @count, with @err
 * set, if the host lacks memory or the next block could not be shown.
 */
uint64_t blocks_plug(struct mem_blocks *blocks, uint64_t first, uint64_t count,
		     struct err *err);

/*
 * Unplugs @count blocks from @first on, all of which are plugged. Their content
 * is lost, and their memory goes back to the host.
 *
 * Returns how many were unplugged, from @first on: fewer than @count, with @err
 * set, if ops->show() could not take the next one away, which then is
 * unchanged.
 */
uint64_t blocks_unplug(struct mem_blocks *blocks, uint64_t first,
		       uint64_t count, struct err *err);

/*
 * Gives back to the host the blocks that [offset, offset + len) touches and
 * that are not plugged. Thread: any; a device's lock may be held.
 *
 * @offset, @len: in bytes, in the region
 */
void blocks_settle(struct mem_blocks *blocks, uint64_t offset, uint64_t len);

#endif
