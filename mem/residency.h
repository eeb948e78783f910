/*
 * mem/residency.h - how much of a region's host memory is there, and how.
 *
 * Asked of the kernel for this process, with /proc/self/pagemap: by its
 * PAGEMAP_SCAN (Linux 6.7), which passes over what was never touched in steps
 * of a page table, and over neighbours in one state in one go; else by reading
 * it, 8 bytes for each page, which does not tell huge pages and zero pages
 * apart.
 *
 * Pages come and go meanwhile, so that two looks differ. A look touches no page
 * and faults none in; it holds up only changes of this process' mappings.
 */
#ifndef MEM_RESIDENCY_H
#define MEM_RESIDENCY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* All in bytes. Memory in none of these was not touched, or was given back. */
struct residency {
	uint64_t resident; /* in memory, and this process' */
	uint64_t huge; /* of @resident: mapped by huge pages */
	uint64_t zero; /* the host's one page of zeroes: read, not written */
	uint64_t swapped;
};

struct residency_source {
	int fd; /* owned; of a pagemap; -1: none */
	uint64_t page; /* of the host, in bytes */
	bool scan; /* it has PAGEMAP_SCAN: @huge and @zero are known */
};

/*
 * Opens this process' pagemap. Returns 0, or the errno of open(2): -ENOENT if
 * the kernel has none (CONFIG_PROC_PAGE_MONITOR). Thread: any.
 */
int residency_open(struct residency_source *ret, struct err *err);
void residency_close(struct residency_source *source); /* fd -1 is fine */

/* How many bytes one look may span so that it ends within milliseconds. */
uint64_t residency_step(const struct residency_source *source);

/*
 * Adds what is in [host, host + size) to *sum.
 *
 * @host, @size: whole pages; not read or written; must stay mapped
 *
 * Returns 0, or the errno of ioctl(2) or pread(2). Thread: any.
 */
int residency_add(const struct residency_source *source, uintptr_t host,
		  uint64_t size, struct residency *sum, struct err *err);

/*
 * Calls @found for each run of pages in [host, host + size) that are in memory
 * or swapped out, in order. In anonymous memory all other pages are zero, and
 * some of these may be. Otherwise as residency_add().
 */
int residency_find(const struct residency_source *source, uintptr_t host,
		   uint64_t size,
		   void (*found)(void *ctx, uintptr_t host, uint64_t size),
		   void *ctx, struct err *err);

/*
 * How many bytes of this process KSM has merged, all regions together. Returns
 * 0; or -ENOENT if the kernel does not tell (Linux 5.19, CONFIG_KSM).
 */
int residency_merged(uint64_t *ret);

#endif
