/*
 * mem/policy.h - where a region's memory comes from, and how it is kept.
 *
 * Only words are judged here; what the host can do of them, mem/backing.h
 * finds out. docs/MEMORY.md explains each to users.
 */
#ifndef MEM_POLICY_H
#define MEM_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/range.h"

enum mem_source {
	MEM_ANON, /* private to the process */
	MEM_MEMFD, /* shared, without a name, of a size that stays */
	MEM_FILE, /* of the policy's path */
};

enum mem_huge {
	MEM_HUGE_AUTO, /* transparent ones where that is cheap; else none */
	MEM_HUGE_OFF,
	MEM_HUGE_THP, /* transparent ones, or an error */
	MEM_HUGE_TLB, /* of huge_size, from the host's pool */
};

#define MEM_MAX_NODES 1024 /* nodes are numbered below this */

/*
 * A zeroed one is the default: anonymous memory, taken when it is touched.
 * Packed, as a configuration and a machine hold many.
 */
struct mem_policy {
	const char *path; /* MEM_FILE; borrowed */
	uint64_t huge_size; /* MEM_HUGE_TLB: a power of two, in bytes; or 0 */
	uint64_t max; /* what it may grow to in all, in bytes; 0: it does not */
	uint64_t block; /* in which it grows: a power of two, in bytes; 0: as
			   mem/blocks.h chooses */
	enum mem_source source : 8;
	enum mem_huge huge : 8;
	uint16_t node; /* if @bind */
	bool bind : 1; /* take pages of @node alone */
	bool share : 1; /* writes reach the source: MEM_MEMFD, or a file */
	bool prealloc : 1; /* take all pages before the guest runs */
	bool reserve : 1; /* have the host promise them */
	bool overcommit : 1; /* reserve=off: the user wants no promise */
	bool lock : 1; /* what is touched is never swapped out */
	bool merge : 1; /* KSM may share equal pages */
	bool dump : 1; /* is part of a core dump of the VMM */
};

/*
 * Parses "PLACE[,key=value]...", as docs/MEMORY.md has it.
 *
 * @text:      cut up in place; ret->path and *ret_place point into it
 * @ret_place: what stands before the first key: "SIZE[@ADDRESS]", not parsed,
 *             or "" if nothing does
 *
 * Returns 0, or -EINVAL with @err naming the key, or the two that contradict
 * each other. Thread: any.
 */
int mem_policy_parse(struct mem_policy *ret, char *text, const char **ret_place,
		     struct err *err);

/*
 * Judges whether memory of @policy can be of this size and lie there: whole
 * huge pages, and on one's boundary.
 *
 * @at:     not empty; its start counts only if @placed
 *
 * Returns 0, or -EINVAL. Thread: any.
 */
int mem_policy_fits(const struct mem_policy *policy, struct range at,
		    bool placed, struct err *err);

#endif
