/*
 * mem/discard.h - gives host memory of a region back to the host.
 *
 * How depends on what the region is made of: private memory is unmapped, a hole
 * is punched into what others share. It needs a hypervisor that follows the
 * host's page tables (KVM_CAP_SYNC_MMU), else the guest goes on with the pages
 * it has.
 */
#ifndef MEM_DISCARD_H
#define MEM_DISCARD_H

#include <stdbool.h>
#include <stdint.h>

#include "mem/backing.h"

/*
 * Gives the pages of [offset, offset + size) back. Their content is lost; the
 * next access finds what backing_init() began with: zeroes, or a private
 * file's content. What a snapshot fills (backing->fill) is zero afterwards.
 *
 * @offset, @size: in bytes; whole pages (backing->page), in the backing
 *
 * Returns 0; -EOPNOTSUPP if the file system punches no holes; or another errno
 * of madvise(2) or fallocate(2). Thread: any.
 */
int backing_discard(const struct backing *backing, uint64_t offset,
		    uint64_t size);

/* The same, whatever fills the memory: for the one who does. */
int backing_drop(const struct backing *backing, uint64_t offset, uint64_t size);

/* True if what was discarded is zero afterwards. */
bool backing_discards_to_zero(const struct backing *backing);

#endif
