/*
 * mem/unwritten.h - which pages of host memory were not written for a while.
 *
 * unwritten_mark() write-protects resident pages; the kernel removes the
 * protection on a write (userfaultfd, UFFD_FEATURE_WP_ASYNC) by a thread of
 * ours, a system call, or a vCPU, whose stage 2 follows. unwritten_find() finds
 * pages that are still protected. No privilege is needed.
 *
 * Reads leave no trace. So a page found is only a candidate for being cold: see
 * mem/cold.h.
 *
 * A huge page that is written while it is watched is mapped page by page
 * afterwards, until khugepaged makes it whole again. A page that a disk request
 * was about to write when it was marked may count as unwritten.
 *
 * Source: Linux, Documentation/admin-guide/mm/pagemap.rst (PAGEMAP_SCAN, Linux
 * 6.7; write-protection on arm64, 6.10) and userfaultfd.rst.
 */
#ifndef MEM_UNWRITTEN_H
#define MEM_UNWRITTEN_H

#include <stdint.h>

#include "base/err.h"

struct unwritten {
	int pagemap, uffd; /* owned; -1: none */
};

/*
 * Returns 0; -ENOTSUP if the kernel lacks PAGEMAP_SCAN, or userfaultfd with
 * what it takes here; or another errno of open(2) or userfaultfd(2). Thread:
 * any.
 */
int unwritten_open(struct unwritten *ret, struct err *err);

/* Ends all watches. Descriptors of -1 are fine. */
void unwritten_close(struct unwritten *u);

/*
 * Has writes to [host, host + size) be noted. Once, before the other two.
 *
 * @host, @size: whole pages of one mapping; not read or written
 *
 * Returns 0, or the errno of ioctl(2): -EBUSY if another userfaultfd watches
 * it. Thread: any.
 */
int unwritten_watch(const struct unwritten *u, uintptr_t host, uint64_t size,
		    struct err *err);

/* Notes what is there of a part of that as not written. Returns 0, or the errno
 * of ioctl(2). Thread: any. */
int unwritten_mark(const struct unwritten *u, uintptr_t host, uint64_t size,
		   struct err *err);

/*
 * Calls @found for each run of pages that are there and were not written. The
 * same otherwise.
 */
int unwritten_find(const struct unwritten *u, uintptr_t host, uint64_t size,
		   void (*found)(void *ctx, uintptr_t host, uint64_t size),
		   void *ctx, struct err *err);

#endif
