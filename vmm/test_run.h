/* vmm/test_run.h - `vmm test`: a command in a guest of its own. */
#ifndef VMM_TEST_RUN_H
#define VMM_TEST_RUN_H

#include "base/err.h"

/*
 * Runs the command.
 *
 * Returns 0 with the exit status of vmm-test(1); or a negative errno with @err
 * set, and *ret_status the status of a failure of vmm's. Thread: main.
 */
int test_run_main(int argc, char *const argv[], int *ret_status,
		  struct err *err);

#endif
