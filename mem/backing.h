/*
 * mem/backing.h - the host memory of a region.
 *
 * Anonymous and private; zero; populated when it is touched, so that its size
 * costs neither time nor memory until then; not counted against the host's
 * overcommit limit where the host lets it choose. A page that cannot be touched
 * lies on either side, so an overrun of ours ends in a fault.
 */
#ifndef MEM_BACKING_H
#define MEM_BACKING_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/range.h"

enum backing_flag {
	BACKING_NO_DUMP = 1, /* leave it out of core dumps of the VMM */
};

struct backing {
	uint8_t *host; /* the region's first byte; NULL: none */
	uint64_t size; /* in bytes */
	void *reserved; /* the mapping, with what surrounds the region */
	size_t reserved_size;
};

/*
 * Makes host memory for the guest's @gpa.
 *
 * @gpa:   start and size are multiples of the host's page
 * @block: the largest block, in bytes, that a stage 2 (or nested) page table
 *         here can map at once; a power of two, at least the host's page
 * @flags: enum backing_flag, or'ed
 *
 * Host and guest address are equal modulo @block (or, in a region that is
 * smaller, modulo the largest power of two that fits in it), so that such a
 * block of the one is a block of the other. Where a transparent huge page is at
 * most 32 MiB and fits, the kernel is asked for them.
 *
 * Returns 0; -EINVAL if @gpa is empty, wraps or is not aligned; -ENOMEM if the
 * host's address space or its limits (ulimit -v, overcommit) do not allow it,
 * with the size in the message. Thread: any.
 */
int backing_init(struct backing *ret, struct range gpa, uint64_t block,
		 unsigned flags, struct err *err);

/* Gives the memory back. Nothing may use it any more. Zeroed is fine. */
void backing_finish(struct backing *backing);

#endif
