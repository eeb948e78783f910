/*
 * vmm/test/outputs.h - what must be in the outputs of a run, and what must not:
 * extended regular expressions, of which each is looked for in every line.
 * [pure]
 *
 * The guest wrote the outputs, and they are of any size: a line of more than
 * OUTPUT_LINE bytes is looked at in pieces, and a NUL in it is a space.
 */
#ifndef VMM_TEST_OUTPUTS_H
#define VMM_TEST_OUTPUTS_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define OUTPUT_LINE 65536
#define OUTPUT_PATTERNS 32
#define OUTPUT_WHY 256

enum output { OUTPUT_STDOUT, OUTPUT_STDERR, OUTPUT_CONSOLE };

/* The names of their files. */
extern const char *const output_names[];

struct output_pattern {
	enum output output;
	bool lacks; /* it must not be there */
	char *text; /* owned */
	regex_t regex; /* owned */
};

struct outputs {
	struct output_pattern pattern[OUTPUT_PATTERNS];
	size_t count;
};

/* Adds an expression. Returns 0; -ENOMEM; -ENOSPC if there are
 * OUTPUT_PATTERNS; -EINVAL if it is none: the last two are the user's. */
int outputs_add(struct outputs *outputs, enum output output, bool lacks,
		const char *text, struct err *err);
void outputs_finish(struct outputs *outputs);

/*
 * Looks into the outputs of a run.
 *
 * @folder: where their files are
 * @why:    the first expectation that is not met
 *
 * Returns true if all are. A file that cannot be read meets none.
 */
bool outputs_met(const struct outputs *outputs, const char *folder,
		 char why[OUTPUT_WHY]);

#endif
