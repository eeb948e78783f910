/* vmm/test/spec_option.h - options of `vmm test` that a file of cases says.
 * [pure] */
#ifndef VMM_TEST_SPEC_OPTION_H
#define VMM_TEST_SPEC_OPTION_H

#include <stdbool.h>

#include "base/err.h"
#include "vmm/test/strings.h"

/* True if an option is for all runs, and not for each: --out, say. */
bool option_is_of_suite(const char *name);

/*
 * Checks an option as `vmm test` will, and `vmm run` if it is its.
 *
 * @word:   "--name" or "--name=value"; the name is not abbreviated
 * @listed: it is of a list of options: --kernel, --cpus and --mem have keys
 *
 * Returns 0; -EINVAL, -ERANGE or -ENOSPC if it is none, or is not for a case,
 * a fault of the user's; -ENOMEM.
 */
int option_check(const char *word, bool listed, struct err *err);

/* Checks that options may be together, as option_check() checks one. */
int option_check_all(const struct strings *words, struct err *err);

#endif
