/*
 * base/closest.h - the valid word that a mistyped one was meant to be.
 *
 *	struct closest near = { .word = argv[1] };
 *
 *	for (each valid word)
 *		closest_try(&near, word);
 *	return closest_refuse(&near, "command", err);
 */
#ifndef BASE_CLOSEST_H
#define BASE_CLOSEST_H

#include "base/err.h"

#define CLOSEST_MAX_LEN 31 /* no word longer than this is compared */

struct closest {
	const char *word; /* what was typed; borrowed */
	const char *best; /* the best so far; borrowed; NULL: none */
	unsigned distance; /* edits from word to best */
};

/*
 * Takes @candidate if it is closer than the best so far, and close at all: at
 * most a third of its letters wrong, missing, too many or swapped, or @word is
 * how it begins.
 */
void closest_try(struct closest *near, const char *candidate);

/*
 * Sets @err to "unknown @what 'word'", and what was found: "(did you mean
 * 'best'?)". Returns -EINVAL.
 */
int closest_refuse(const struct closest *near, const char *what,
		   struct err *err);

#endif
