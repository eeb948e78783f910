/*
 * mem/contents.h - which parts of guest memory hold anything.
 *
 * A guest of many GiB has touched few of them. What was never touched is zero,
 * and a look at it would only cost memory, so that the kernel is asked: by the
 * page tables for anonymous memory, by the file system for shared files. Where
 * it cannot tell, all of a region may hold something.
 */
#ifndef MEM_CONTENTS_H
#define MEM_CONTENTS_H

#include <stdint.h>

#include "base/err.h"
#include "mem/map.h"
#include "mem/residency.h"

/*
 * Called for each run of memory that may hold something, in order.
 *
 * @offset: in the region, in bytes; a multiple of the host's page
 * @host:   its bytes, in guest memory or in a copy; valid during the call
 *
 * Returns 0 to go on, or a negative errno with @err set, which ends the walk.
 */
typedef int (*contents_found)(void *ctx, uint64_t offset, const uint8_t *host,
			      uint64_t len, struct err *err);

/* What is looked at. */
struct contents_part {
	const struct mem_region *region; /* with memory; borrowed */
	uint64_t offset, len; /* of it, in bytes; whole pages of the host */
};

/*
 * Finds what a part of a region holds. All else of it is zero, if it does not
 * change meanwhile.
 *
 * @pages: open; of this process
 *
 * Returns 0; what @found returned; what residency_find() returns; the errno of
 * pread(2) or -ENOMEM, for huge pages of a pool. Thread: any.
 */
int contents_find(const struct residency_source *pages,
		  const struct contents_part *part, contents_found found,
		  void *ctx, struct err *err);

#endif
