/* vmm/test/merge.h - one report of the reports of several machines. [pure] */
#ifndef VMM_TEST_MERGE_H
#define VMM_TEST_MERGE_H

#include "base/err.h"
#include "vmm/test/words.h"

/*
 * Tells of the runs of all reports that words->files names, as suite_run()
 * tells of its own. Runs that a report announces and does not tell of, and
 * parts of which there is no report, are told as not run.
 *
 * Returns 0 with *ret_status: 0 if none failed and all were run, else 1; what
 * report_file_read() returns; -EINVAL if reports have a run in common, or are
 * of different divisions: a fault of the user's; or the negative errno of what
 * cannot be written.
 */
int merge_reports(const struct test_words *words, int *ret_status,
		  struct err *err);

#endif
