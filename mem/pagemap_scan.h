/*
 * mem/pagemap_scan.h - the kernel's PAGEMAP_SCAN, which older headers lack.
 *
 * Source: Linux 6.7, include/uapi/linux/fs.h and
 * Documentation/admin-guide/mm/pagemap.rst
 */
#ifndef MEM_PAGEMAP_SCAN_H
#define MEM_PAGEMAP_SCAN_H

#include <stdint.h>
#include <sys/ioctl.h>

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

#define SCAN _IOWR('f', 16, struct scan_arg)

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

#endif
