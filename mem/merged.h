/*
 * mem/merged.h - how much of a region's host memory KSM has merged.
 *
 * The kernel counts it for each mapping of a process, in /proc/self/smaps
 * (Linux 6.8). To read that, it walks the page tables of the whole process,
 * page by page, which takes milliseconds for each GiB that is resident: so it
 * is done only if merging was asked for, once for all regions. Zero pages that
 * KSM has put in the place of empty ones are not counted.
 *
 * Source: Linux, Documentation/filesystems/proc.rst, 3.1 (smaps).
 */
#ifndef MEM_MERGED_H
#define MEM_MERGED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/range.h"

struct merged {
	struct range host; /* addresses of ours; the caller's to set */
	uint64_t told; /* how much of it the kernel told of, in bytes */
	uint64_t bytes; /* of that, what is merged */
};

/* True if @bytes is the whole truth. */
static inline bool merged_known(const struct merged *part)
{
	return part->told == part->host.size;
}

/*
 * Adds what the kernel tells of this process.
 *
 * @part: told and bytes begin as 0; must stay mapped during the call
 *
 * If the kernel does not tell (it is older, it has no
 * CONFIG_PROC_PAGE_MONITOR), or has a mapping that is in a part only with one
 * end, and merged something there, the part is not known. Thread: any; it takes
 * long.
 */
void merged_look(struct merged *part, size_t count);

/* The same from a given text. Lines of another form are ignored. */
void merged_read(FILE *smaps, struct merged *part, size_t count);

#endif
