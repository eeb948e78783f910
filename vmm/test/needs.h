/* vmm/test/needs.h - what a case of `vmm test` needs of the host. [pure] */
#ifndef VMM_TEST_NEEDS_H
#define VMM_TEST_NEEDS_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/test/strings.h"

struct needs {
	struct strings archs; /* one of these; empty: any */
	struct strings programs, files; /* all of these */
	uint64_t cpus;
	uint64_t mem; /* bytes */
};

#define NEEDS_WHY 256

/* True if this host has all. @why: the first thing that it lacks. Thread: any.
 */
bool needs_met(const struct needs *needs, char why[NEEDS_WHY]);
void needs_finish(struct needs *needs);

#endif
