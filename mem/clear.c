/* mem/clear.c - makes guest memory zero. */
#include "mem/clear.h"

#include <string.h>

#include "base/align.h"
#include "base/bytes.h"
#include "mem/backing.h"
#include "mem/discard.h"
#include "mem/image_state.h"

/* A write to what is zero already would only cost memory. */
static void zero_bytes(uint8_t *host, uint64_t size)
{
	for (uint64_t at = 0; at < size; at += IMAGE_PAGE)
		if (!bytes_are_zero(host + at, IMAGE_PAGE))
			memset(host + at, 0, IMAGE_PAGE);
}

void clear_region(const struct mem_region *region)
{
	const struct backing *backing = region->backing;

	if (!backing || backing->policy.source != MEM_FILE)
		return;
	if (backing->policy.share &&
	    backing_discard(backing, 0, backing->size) == 0)
		return;
	zero_bytes(region->host, region->gpa.size);
}

void clear_part(const struct mem_region *region, uint64_t offset, uint64_t size)
{
	const struct backing *backing = region->backing;
	const uint64_t end = offset + size;
	uint64_t first, last;

	if (!backing || !backing_discards_to_zero(backing)) {
		zero_bytes(region->host + offset, size);
		return;
	}
	last = align_down(end, backing->page);
	if (!align_up(offset, backing->page, &first) || first >= last ||
	    backing_discard(backing, first, last - first) < 0)
		first = last = end;
	zero_bytes(region->host + offset, first - offset);
	zero_bytes(region->host + last, end - last);
}
