/*
 * mem/idle.h - which pages of host memory were not used for a while.
 *
 * idle_mark() has the kernel note all pages that are there as idle. Any use of
 * a page, by the guest or by another user, ends that. Pages that idle_find()
 * finds later were not used in between.
 *
 * A transparent huge page of the usual size is examined as a whole; for another
 * size, or where pages are larger than 4K, its parts count as used. Other users
 * of the same bits, such as a program that tracks the whole host, interfere in
 * both directions.
 *
 * Source: Linux, Documentation/admin-guide/mm/idle_page_tracking.rst and
 * pagemap.rst.
 */
#ifndef MEM_IDLE_H
#define MEM_IDLE_H

#include <stdint.h>

#include "base/err.h"

#define IDLE_BITMAP "/sys/kernel/mm/page_idle/bitmap"

struct idle {
	int pagemap, bitmap; /* owned; -1: none */
	uint64_t page; /* of the host, in bytes */
	uint64_t huge; /* pages of a huge one of the usual size */
};

/*
 * @pagemap, @bitmap: the paths above, or those of a test
 * @page:             of the host, in bytes
 *
 * Returns 0; -ENOTSUP if the kernel does not track (CONFIG_IDLE_PAGE_TRACKING);
 * -EPERM without CAP_SYS_ADMIN; or another errno of open(2). Thread: any.
 */
int idle_open(struct idle *ret, const char *pagemap, const char *bitmap,
	      uint64_t page, struct err *err);
void idle_close(struct idle *idle); /* descriptors of -1 are fine */

/*
 * Notes what is there of [host, host + size) as idle.
 *
 * @host, @size: whole pages; not read or written
 *
 * Returns 0, -EPERM if the kernel hides where pages are, or the errno of
 * pread(2) or pwrite(2). Thread: any.
 */
int idle_mark(const struct idle *idle, uintptr_t host, uint64_t size,
	      struct err *err);

/*
 * Calls @found for each run of pages that are idle still. The same otherwise.
 */
int idle_find(const struct idle *idle, uintptr_t host, uint64_t size,
	      void (*found)(void *ctx, uintptr_t host, uint64_t size),
	      void *ctx, struct err *err);

#endif
