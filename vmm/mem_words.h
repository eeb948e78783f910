/* vmm/mem_words.h - the value of --mem. [pure] */
#ifndef VMM_MEM_WORDS_H
#define VMM_MEM_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/range.h"
#include "mem/policy.h"

#define MEM_WORDS_MAX 32

/* One --mem SIZE[@ADDRESS][,key=value]... */
struct mem_spec {
	char *text; /* owned; policy.path points into it; or NULL */
	uint64_t size; /* in bytes, at the start; never 0 */
	gpa_t at; /* where, if placed; else the layout chooses */
	bool placed;
	bool implied; /* the default size: a layout with less room takes less */
	struct mem_policy policy;
	const char *word; /* the argument as given, for messages */
};

/*
 * Parses a value, and adds it to a list with room for MEM_WORDS_MAX.
 * mem_words_finish() frees what each of the list owns.
 *
 * @value: stays the caller's, and outlives the list
 *
 * Returns 0; -EINVAL, -ERANGE, -EEXIST or -ENOSPC with @err naming what is
 * wrong; or -ENOMEM. Thread: setup.
 */
int mem_words_add(struct mem_spec *list, size_t *count, const char *value,
		  struct err *err);
void mem_words_finish(struct mem_spec *spec);

#endif
