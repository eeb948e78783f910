/* vmm/test/spec_case.h - a case of a file of cases. [pure] */
#ifndef VMM_TEST_SPEC_CASE_H
#define VMM_TEST_SPEC_CASE_H

#include <stddef.h>

#include "vmm/test/needs.h"
#include "vmm/test/outputs.h"
#include "vmm/test/strings.h"

#define SPEC_MAX_CHOICES 16 /* of a row of the matrix */
#define SPEC_MAX_COUNT 1000 /* of repeat and retries */
#define SPEC_NAME 60 /* bytes of a case's name */

/* A case of the file. */
struct spec_case {
	char *name; /* owned; that of a file, too */
	const char *file; /* borrowed; NULL: the command line's */
	size_t line; /* of the file, where it begins */
	struct strings options; /* "--user=nobody", ... */
	/* The matrix; a row that is empty says nothing. */
	struct strings kernel, cpus, mem, cmdline;
	struct strings choice[SPEC_MAX_CHOICES]; /* rows of options */
	size_t choices;
	struct strings command;
	struct strings steps; /* in its place: "--expect=login:", ... */
	int status; /* that it must end with */
	unsigned repeat; /* at least 1 */
	unsigned retries;
	struct outputs outputs;
	struct needs needs;
};

#endif
