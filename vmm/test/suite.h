/*
 * vmm/test/suite.h - many runs of `vmm test`: those that vmm/test/runs.h lists.
 * [pure]
 *
 * Each run is a process of its own, `vmm test` again, with a folder of its own:
 * its console, standard output and standard error are there.
 */
#ifndef VMM_TEST_SUITE_H
#define VMM_TEST_SUITE_H

#include "base/err.h"
#include "vmm/test/words.h"

/*
 * Runs all of them, or the part that is asked for, words->jobs at a time, as
 * far as the host has memory for them, and tells how they went: on the standard
 * output, in SUITE_REPORT and in words->junit. With words->list it names them.
 *
 * A signal that ends programs ends the runs at work; the reports are written
 * all the same.
 *
 * Returns 0 with *ret_status: 0 if none failed, 1 if one did, 128+N if signal N
 * came; or a negative errno with @err set. Thread: main, and no other is there.
 */
int suite_run(const struct test_words *words, int *ret_status, struct err *err);

#endif
