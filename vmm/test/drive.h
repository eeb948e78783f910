/*
 * vmm/test/drive.h - a guest that is driven on its console, as a person would:
 * `vmm run` is a process of its own. [pure]
 */
#ifndef VMM_TEST_DRIVE_H
#define VMM_TEST_DRIVE_H

#include "base/err.h"
#include "vmm/test/words.h"

/*
 * Boots a guest, takes the steps of words->step, and ends it. What its console
 * says goes to the standard output and, with --out, to a file.
 *
 * Returns 0 with *ret_status, that of vmm-test(1), and what went wrong told on
 * the standard error; or a negative errno with @err set. Thread: main, and no
 * other is there.
 */
int drive_guest(const struct test_words *words, int *ret_status,
		struct err *err);

#endif
