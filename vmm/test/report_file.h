/*
 * vmm/test/report_file.h - the report of a suite as a file, of which others are
 * made: a line of JSON of the whole, and one of each run. [pure]
 *
 * Another machine may have written what is read, and it is not trusted.
 */
#ifndef VMM_TEST_REPORT_FILE_H
#define VMM_TEST_REPORT_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "vmm/test/report.h"
#include "vmm/test/strings.h"

#define SUITE_REPORT "report.jsonl" /* in the folder of --out */

/* What was read of a report. */
struct report_file {
	struct report_case *item; /* owned */
	size_t count;
	struct strings texts; /* theirs */
	uint64_t runs; /* that it is of */
	uint64_t shard, shards; /* the part that it is; 0, 0: the whole */
	uint64_t division; /* a hash of the names of all runs, and the part of
			      each: that of all parts which make a whole; 0:
			      there are no parts */
};

/* Writes the line of the whole: the numbers of a report. */
void report_file_begin(FILE *to, const struct report_file *file);

/*
 * Reads a report.
 *
 * Returns 0; what file_read_all() returns; -EINVAL if it is no report, a fault
 * of the user's; -ENOMEM. report_file_finish() is needed after 0 alone.
 */
int report_file_read(struct report_file *ret, const char *path,
		     struct err *err);
int report_file_parse(struct report_file *ret, const char *path,
		      const char *text, size_t size, struct err *err);
void report_file_finish(struct report_file *file);

/* The run of a name, or NULL. */
const struct report_case *report_file_find(const struct report_file *file,
					   const char *name);

#endif
