/* mem/blocks.c - the blocks of a region that come and go. */
#include "mem/blocks.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/size.h"
#include "mem/advise.h"
#include "mem/discard.h"

#define USUAL ((uint64_t)2 << 20)
/* Linux has sections of 128 MiB with 4K pages, of 512 MiB with 64K. */
#define SECTION_MOST ((uint64_t)1 << 30)
#define LEAST_PAGES 64 /* KVM_CLEAR_DIRTY_LOG takes multiples of it */
#define BITS 32 /* a word that every host loads at once */

/* The least size of a block that breaks no page of the host's. */
static uint64_t whole_pages(const struct mem_policy *policy, uint64_t page)
{
	const uint64_t huge = backing_huge_size(page);

	switch (policy->huge) {
	case MEM_HUGE_TLB:
		return policy->huge_size;
	case MEM_HUGE_THP:
		return huge;
	case MEM_HUGE_AUTO:
		return huge <= BACKING_HUGE_MAX && !policy->block ? huge : page;
	default:
		return page;
	}
}

static int check_chosen(uint64_t block, uint64_t least, uint64_t size,
			struct err *err)
{
	char word[SIZE_TEXT], other[SIZE_TEXT];

	(void)size_format(word, block);
	if (block < least)
		return err_input(err, -EINVAL,
				 "block=%s: less than %s, the least here", word,
				 size_format(other, least));
	if (size / block > BLOCKS_MOST)
		return err_input(err, -EINVAL,
				 "block=%s: more than %d blocks; give a larger "
				 "one",
				 word, BLOCKS_MOST);
	return 0;
}

int blocks_choose(const struct mem_policy *policy, uint64_t size, uint64_t page,
		  uint64_t *ret, struct err *err)
{
	const uint64_t pages = LEAST_PAGES * page;
	uint64_t least = whole_pages(policy, page);
	uint64_t block = policy->block;
	char word[SIZE_TEXT], over[SIZE_TEXT];
	int r;

	if (least < pages)
		least = pages;
	if (block) {
		r = check_chosen(block, least, size, err);
		if (r < 0)
			return r;
	} else {
		block = least > USUAL ? least : USUAL;
		while (size / block > BLOCKS_USUAL)
			block *= 2;
	}
	if (!is_aligned(size, block))
		return err_input(err, -EINVAL,
				 "max=%s: the %s it adds are not a multiple of "
				 "its blocks of %s",
				 size_format(word, policy->max),
				 size_format(over, size),
				 size_format((char[SIZE_TEXT]){ 0 }, block));
	*ret = block;
	return 0;
}

uint64_t blocks_align(uint64_t block)
{
	return block > SECTION_MOST ? block : SECTION_MOST;
}

bool blocks_policy(struct mem_policy *policy, uint64_t block, uint64_t page)
{
	/*
	 * Pages promised by a pool would be unusable until plugged; pages not
	 * promised would be a SIGBUS later.
	 */
	const bool populate = policy->prealloc || policy->huge == MEM_HUGE_TLB;

	policy->prealloc = false;
	policy->reserve = false;
	/* A huge page would reach into the next block. */
	if (policy->huge == MEM_HUGE_AUTO && block < backing_huge_size(page))
		policy->huge = MEM_HUGE_OFF;
	return populate;
}

int blocks_new(struct mem_blocks **ret, struct range gpa,
	       const struct backing *backing, uint64_t size, bool populate,
	       struct err *err)
{
	struct mem_blocks *b = calloc(1, sizeof(*b));

	assert(is_pow2(size) && is_aligned(gpa.start | gpa.size, size));
	assert(backing->page <= size && backing->size == gpa.size);
	if (b)
		b->plugged = calloc((size_t)(gpa.size / size / BITS) + 1,
				    sizeof(*b->plugged));
	if (!b || !b->plugged) {
		free(b);
		return err_set(err, -ENOMEM, "out of memory");
	}
	b->gpa = gpa;
	b->backing = backing;
	b->size = size;
	b->count = gpa.size / size;
	b->populate = populate;
	(void)pthread_mutex_init(&b->lock, NULL);
	*ret = b;
	return 0;
}

struct mem_blocks *blocks_free(struct mem_blocks *blocks)
{
	if (!blocks)
		return NULL;
	(void)pthread_mutex_destroy(&blocks->lock);
	free(blocks->plugged);
	free(blocks);
	return NULL;
}

void blocks_connect(struct mem_blocks *blocks, const struct blocks_ops *ops,
		    void *ctx)
{
	GUARD(&blocks->lock);
	blocks->ops = ops;
	blocks->ctx = ctx;
}

static uint32_t load_word(const struct mem_blocks *b, uint64_t block)
{
	return __atomic_load_n(&b->plugged[block / BITS], __ATOMIC_ACQUIRE);
}

static bool is_plugged(const struct mem_blocks *b, uint64_t block)
{
	return load_word(b, block) >> block % BITS & 1;
}

/* The first block behind @block, up to @end, that is of another state. */
static uint64_t next_other(const struct mem_blocks *b, uint64_t block,
			   uint64_t end, bool plugged)
{
	while (block < end) {
		const uint32_t word = plugged ? ~load_word(b, block)
					      : load_word(b, block);
		const uint32_t left = word >> block % BITS;

		if (left) {
			block += (uint64_t)__builtin_ctz(left);
			return block < end ? block : end;
		}
		block += BITS - block % BITS;
	}
	return end;
}

uint64_t blocks_run(const struct mem_blocks *blocks, uint64_t offset,
		    uint64_t len, bool *ret_plugged)
{
	const uint64_t first = offset / blocks->size;
	const uint64_t last = (offset + (len - 1)) / blocks->size;
	uint64_t end;

	assert(len > 0 && last < blocks->count);
	*ret_plugged = is_plugged(blocks, first);
	end = next_other(blocks, first, last + 1, *ret_plugged);
	return end > last ? len : end * blocks->size - offset;
}

uint64_t blocks_plugged(const struct mem_blocks *blocks, uint64_t first,
			uint64_t count)
{
	const uint64_t end = first + count;
	uint64_t sum = 0;

	assert(first <= blocks->count && count <= blocks->count - first);
	while (first < end) {
		const bool plugged = is_plugged(blocks, first);
		const uint64_t next = next_other(blocks, first, end, plugged);

		sum += plugged ? next - first : 0;
		first = next;
	}
	return sum;
}

uint64_t blocks_bytes(const struct mem_blocks *blocks)
{
	return blocks->size *
	       __atomic_load_n(&blocks->plugged_count, __ATOMIC_RELAXED);
}

static void mark_blocks(struct mem_blocks *b, uint64_t block, bool plugged)
{
	const uint32_t bit = UINT32_C(1) << block % BITS;
	uint32_t *word = &b->plugged[block / BITS];

	if (plugged) {
		(void)__atomic_fetch_or(word, bit, __ATOMIC_RELEASE);
		(void)__atomic_fetch_add(&b->plugged_count, 1,
					 __ATOMIC_RELAXED);
	} else {
		(void)__atomic_fetch_and(word, ~bit, __ATOMIC_RELEASE);
		(void)__atomic_fetch_sub(&b->plugged_count, 1,
					 __ATOMIC_RELAXED);
	}
}

/* Returns how many blocks it came to, all of them unless @err is set. The lock
 * is held. */
static uint64_t show_blocks(struct mem_blocks *b, uint64_t first,
			    uint64_t count, bool plugged, struct err *err)
{
	for (uint64_t i = 0; i < count; i++) {
		if (b->ops && b->ops->show(b->ctx, first + i, plugged, err) < 0)
			return i;
		mark_blocks(b, first + i, plugged);
	}
	return count;
}

static void discard_blocks(struct mem_blocks *b, uint64_t offset, uint64_t size)
{
	struct err err;
	int r;

	if (size == 0)
		return;
	r = backing_discard(b->backing, offset, size);
	if (r == 0 || b->failed)
		return;
	b->failed = true;
	errno = -r;
	(void)err_sys(&err, "0x%" PRIx64, b->gpa.start + offset);
	log_warn("memory that is unplugged stays with the guest: %s", err.msg);
}

static int populate_blocks(struct mem_blocks *b, uint64_t offset, uint64_t size,
			   struct err *err)
{
	int r;

	if (!b->populate)
		return 0;
	r = mem_advise(b->backing->host + offset, size, MADV_POPULATE_WRITE);
	if (r == 0)
		return 0;
	errno = -r;
	r = err_sys(err, "0x%" PRIx64 " bytes at 0x%" PRIx64, size,
		    b->gpa.start + offset);
	discard_blocks(b, offset, size);
	return r;
}

uint64_t blocks_plug(struct mem_blocks *blocks, uint64_t first, uint64_t count,
		     struct err *err)
{
	const uint64_t offset = first * blocks->size;
	uint64_t done, size;
	GUARD(&blocks->lock);

	assert(blocks_plugged(blocks, first, count) == 0);
	if (populate_blocks(blocks, offset, count * blocks->size, err) < 0)
		return 0;
	done = show_blocks(blocks, first, count, true, err);
	size = done * blocks->size;
	discard_blocks(blocks, offset + size, (count - done) * blocks->size);
	return done;
}

static uint64_t take_away(struct mem_blocks *b, uint64_t first, uint64_t count,
			  struct err *err)
{
	uint64_t done;
	GUARD(&b->lock);

	assert(blocks_plugged(b, first, count) == count);
	done = show_blocks(b, first, count, false, err);
	discard_blocks(b, first * b->size, done * b->size);
	return done;
}

uint64_t blocks_unplug(struct mem_blocks *blocks, uint64_t first,
		       uint64_t count, struct err *err)
{
	const uint64_t done = take_away(blocks, first, count, err);

	/* Without the lock: the callback may take locks of its own. */
	if (done > 0 && blocks->ops && blocks->ops->gone)
		blocks->ops->gone(blocks->ctx,
				  (struct range){ blocks->gpa.start +
							  first * blocks->size,
						  done * blocks->size });
	return done;
}

void blocks_settle(struct mem_blocks *b, uint64_t offset, uint64_t len)
{
	uint64_t part;
	/* No block is plugged in the meantime: what the guest wrote to it would
	 * be lost. */
	GUARD(&b->lock);

	for (; len > 0; offset += part, len -= part) {
		/* Whole blocks: the host may have put a huge page there. */
		const uint64_t from = align_down(offset, b->size);
		uint64_t last;
		bool plugged;

		part = blocks_run(b, offset, len, &plugged);
		last = align_down(offset + (part - 1), b->size);
		if (!plugged)
			discard_blocks(b, from, last - from + b->size);
	}
}
