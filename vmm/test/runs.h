/*
 * vmm/test/runs.h - the runs that the words of `vmm test` ask for: of the
 * command line's command, or of the cases of files. [pure]
 */
#ifndef VMM_TEST_RUNS_H
#define VMM_TEST_RUNS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "vmm/test/spec.h"
#include "vmm/test/strings.h"
#include "vmm/test/words.h"

#define RUN_NAME 192

struct run {
	char name[RUN_NAME]; /* of this run alone; that of a folder, too */
	const struct spec_case *one; /* in struct runs */
	/* Its place in the matrix; NULL: not given. */
	const char *kernel, *cpus, *mem, *cmdline;
	const struct strings *choice; /* options */
};

struct runs {
	struct spec spec; /* the cases, or one of the command line's */
	struct run *item; /* owned */
	size_t count;
};

/*
 * Lists the runs, in their order.
 *
 * @ret: to be finished in any case
 *
 * Returns 0; what spec_read() returns; -EINVAL if a case has no kernel, or two
 * runs have one name, -ENOSPC if they are more than TEST_MAX_RUNS, -E2BIG if
 * there are too many options: faults of the user's; -ENOMEM. Thread: setup.
 */
int runs_plan(struct runs *ret, const struct test_words *words,
	      struct err *err);
void runs_finish(struct runs *runs);

/*
 * The command line of a run: `vmm test` and its words.
 *
 * @program: argv[0]
 * @folder:  its --out
 * @ret:     begins zeroed; to be finished in any case
 *
 * Returns 0 or -ENOMEM.
 */
int run_list_words(const struct run *run, const struct test_words *words,
		   const char *program, const char *folder,
		   struct strings *ret);

#endif
