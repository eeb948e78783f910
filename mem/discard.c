/* mem/discard.c - gives host memory of a region back to the host. */
#include "mem/discard.h"

#include <assert.h>
#include <linux/falloc.h>
#include <sys/mman.h>

#include "base/align.h"
#include "mem/advise.h"
#include "mem/fill.h"

/* The source's own page goes, and with it every mapping of it. */
static int punch_source(const struct backing *backing, uint64_t offset,
			uint64_t size)
{
	const int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

	return mem_allocate(backing->fd, mode, offset, size);
}

/* Our copy goes; of a private file, what is below it comes to light. */
static int drop_private_copy(const struct backing *backing, uint64_t offset,
			     uint64_t size)
{
	const bool locked = backing->policy.lock &&
			    backing->policy.huge != MEM_HUGE_TLB;

	return mem_advise(backing->host + offset, size,
			  locked ? MADV_DONTNEED_LOCKED : MADV_DONTNEED);
}

int backing_discard(const struct backing *backing, uint64_t offset,
		    uint64_t size)
{
	assert(is_aligned(offset | size, backing->page));
	assert(offset <= backing->size && size <= backing->size - offset);
	if (backing->fill)
		return backing->fill->ops->discard(backing->fill, backing,
						   offset, size);
	return backing_drop(backing, offset, size);
}

int backing_drop(const struct backing *backing, uint64_t offset, uint64_t size)
{
	return backing->policy.share ? punch_source(backing, offset, size)
				     : drop_private_copy(backing, offset, size);
}

bool backing_discards_to_zero(const struct backing *backing)
{
	return backing->policy.share || backing->policy.source != MEM_FILE;
}
