/*
 * mem/iov.h - guest buffers as host memory, across regions.
 *
 * A guest buffer is contiguous to the guest; in the host it is one piece for
 * each region it touches. Lengths and offsets are in bytes.
 */
#ifndef MEM_IOV_H
#define MEM_IOV_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#include "mem/map.h"

/*
 * Translates a guest buffer to host memory, as mem_ptr() does, but over as many
 * regions as it touches.
 *
 * @at:  what the guest asked for; not trusted
 * @iov: filled with the pieces, in order
 * @max: entries there is room for
 *
 * Returns the entries used, at least 1; -EFAULT if @at is empty, wraps, or a
 * byte of it does not allow @access; -ENOSPC if @max is too small. On failure
 * @iov may hold some pieces. Thread: any, after mem_freeze().
 */
int mem_iov(const struct mem_map *map, struct range at, enum mem_access access,
	    struct iovec *iov, size_t max);

/* The bytes in @iov. */
size_t iov_length(const struct iovec *iov, size_t count);

/* A walk over a part of some buffers. */
struct iov_walk {
	const struct iovec *iov; /* borrowed; the next entry */
	size_t count; /* entries left */
	size_t skip; /* bytes before the part */
	size_t left; /* bytes of the part that were not given yet */
};

/* Begins a walk over the @len bytes from @offset on. Bytes that are not there
 * are left out. */
static inline struct iov_walk iov_walk(const struct iovec *iov, size_t count,
				       size_t offset, size_t len)
{
	return (struct iov_walk){ iov, count, offset, len };
}

/* Sets @ret to the next piece, which has at least one byte. Returns false at
 * the end. */
bool iov_next(struct iov_walk *walk, struct iovec *ret);

/*
 * Copies up to @len bytes out of @iov, from @offset on. Returns how many there
 * were. The bytes are shared with running vCPUs: check the copy.
 */
size_t iov_read(const struct iovec *iov, size_t count, size_t offset, void *buf,
		size_t len);

/* Copies up to @len bytes into @iov, from @offset on. Returns how many fit. */
size_t iov_write(const struct iovec *iov, size_t count, size_t offset,
		 const void *buf, size_t len);

/*
 * Narrows @iov in place to the @len bytes from @offset on; *@count is updated.
 * Entries are moved to the front. Bytes that are not there are left out.
 */
void iov_narrow(struct iovec *iov, size_t *count, size_t offset, size_t len);

/*
 * Reads a byte of each page of the first @len bytes. A system call that fails
 * with EFAULT does not say at which page. Reading the pages from this thread
 * raises SIGBUS at the one that cannot be had (vmm/kvm/sigbus.h).
 */
void iov_touch(const struct iovec *iov, size_t count, size_t len);

#endif
