/* mem/source.h - the memfd or file that a region's memory comes from. */
#ifndef MEM_SOURCE_H
#define MEM_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "mem/policy.h"

/*
 * Makes a memfd, or opens a file, of @size bytes; see mem/backing.h.
 *
 * @policy:   of a file on a hugetlbfs, .huge becomes MEM_HUGE_TLB of its pages
 * @ret_fd:   owned by the caller; -1 for anonymous memory
 * @ret_made: whether it is a file that did not exist
 *
 * Returns 0, or what backing_init() returns for them. A file that was made is
 * removed again on failure. Thread: any.
 */
int source_open(struct mem_policy *policy, uint64_t size, int *ret_fd,
		bool *ret_made, struct err *err);

#endif
