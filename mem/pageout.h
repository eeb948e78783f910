/*
 * mem/pageout.h - has the host swap guest memory out before it must.
 *
 * No content is lost; an access to a swapped page waits for it.
 */
#ifndef MEM_PAGEOUT_H
#define MEM_PAGEOUT_H

#include <stdint.h>

#include "base/err.h"
#include "mem/backing.h"

#define PAGEOUT_SWAPS "/proc/swaps"

/*
 * Judges whether the pages of @backing can go anywhere.
 *
 * @swaps: the path above, or that of a test
 *
 * Returns 0; -ENOTSUP with @err saying why they stay: they are locked, or of a
 * pool of huge pages, or the host has no swap space. Thread: any.
 */
int backing_check_pageout(const struct backing *backing, const char *swaps,
			  struct err *err);

/*
 * Has the host write out pages that are there, and drop them. It may leave out
 * any, as those that others use as well.
 *
 * @offset, @size: in bytes; whole pages of the host, in the backing
 *
 * Returns 0, or the errno of madvise(2): -EINVAL before Linux 5.4.
 * Thread: any; it takes as long as the swap device does.
 */
int backing_pageout(const struct backing *backing, uint64_t offset,
		    uint64_t size);

/*
 * Names resident pages to the host as first candidates when memory is short.
 * Pages used before then stay. Otherwise like backing_pageout().
 */
int backing_cool(const struct backing *backing, uint64_t offset, uint64_t size);

#endif
