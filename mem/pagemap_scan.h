/*
 * mem/pagemap_scan.h - the kernel's PAGEMAP_SCAN, which older headers lack.
 *
 * Source: Linux 6.7, include/uapi/linux/fs.h and
 * Documentation/admin-guide/mm/pagemap.rst
 */
#ifndef MEM_PAGEMAP_SCAN_H
#define MEM_PAGEMAP_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define PAGEMAP "/proc/self/pagemap"

struct scan_region {
	uint64_t start, end; /* addresses */
	uint64_t categories;
};

struct scan_arg {
	uint64_t size; /* of this */
	uint64_t flags;
	uint64_t start, end; /* addresses */
	uint64_t walk_end; /* out */
	uint64_t vec, vec_len;
	uint64_t max_pages;
	uint64_t category_inverted, category_mask, category_anyof_mask;
	uint64_t return_mask;
};

enum { /* flags */
       SCAN_WP_MATCHING = 1 << 0, /* write-protects what it finds */
       SCAN_CHECK_WPASYNC = 1 << 1, /* -EPERM where nothing would tell */
};

enum { /* categories */
       IS_WRITTEN = 1 << 1,
       IS_PRESENT = 1 << 3,
       IS_SWAPPED = 1 << 4,
       IS_ZERO = 1 << 5,
       IS_HUGE = 1 << 6,
};

/* Whether the kernel has it. @pagemap: PAGEMAP, open */
bool pagemap_scans(int pagemap);

/*
 * Calls @found for each piece of [start, end) that @what looks for, in order.
 *
 * @what: its size and vec are set here
 *
 * Returns 0, or the errno of PAGEMAP_SCAN; -EIO if it gets no further. Thread:
 * any.
 */
int pagemap_scan(int pagemap, const struct scan_arg *what,
		 void (*found)(void *ctx, const struct scan_region *region),
		 void *ctx, struct err *err);

#endif
