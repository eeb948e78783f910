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

/* A zeroed one is the default: anonymous memory, taken when it is touched. */
struct mem_policy {
	enum mem_source source;
	const char *path; /* MEM_FILE; borrowed */
	bool share; /* writes reach the source: MEM_MEMFD, or a file */
	enum mem_huge huge;
	uint64_t huge_size; /* MEM_HUGE_TLB: a power of two, in bytes; or 0 */
	bool prealloc; /* take all pages before the guest runs */
	bool reserve; /* have the host promise them */
	bool lock; /* what is touched is never swapped out */
	bool merge; /* KSM may share equal pages */
	bool dump; /* is part of a core dump of the VMM */
	bool bind; /* take pages of @node alone */
	unsigned node;
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
