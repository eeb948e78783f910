/*
 * vmm/test/report.h - tells how the runs of a suite went: lines, TAP, JSON,
 * JUnit's XML. [pure]
 *
 * What a guest wrote is in there, and any bytes are made harmless: XML gets
 * none that it does not allow, and a line stays a line.
 */
#ifndef VMM_TEST_REPORT_H
#define VMM_TEST_REPORT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

enum report_form { REPORT_LINES, REPORT_TAP, REPORT_JSON };

/* How a run ended. */
enum report_end {
	REPORT_NOT_RUN, /* not to its end */
	REPORT_SKIPPED, /* this host has not what it needs */
	REPORT_PASSED,
	REPORT_FAILED,
};

struct report_case {
	const char *name;
	const char *kernel; /* path */
	const char *cpus, *mem; /* as given; NULL: not given */
	const char *cmdline; /* the same */
	enum report_end end;
	/* Of one that ran: */
	int status; /* exit status */
	unsigned tries; /* times it was run */
	uint64_t ns; /* the last of them took */
	const char *why; /* a line that says what went wrong, or what is
			    missing here; NULL: none */
	const char *err; /* the end of its standard error; NULL: none */
};

/* How many ended so. */
size_t report_count(const struct report_case *all, size_t count,
		    enum report_end end);

/* Begins to tell of @count runs. */
void report_begin(FILE *to, enum report_form form, size_t count);

/* Tells of the @number-th, from 1 on, as it ends. */
void report_one(FILE *to, enum report_form form, const struct report_case *one,
		size_t number);

/* Tells the sum, where the form has one. */
void report_end(FILE *to, enum report_form form, const struct report_case *all,
		size_t count);

/* Writes a JUnit report of all. Runs that did not come to their end are
 * "skipped", too. */
void report_junit(FILE *to, const struct report_case *all, size_t count);

/* Writes it to a file. Returns 0, -ENOMEM, or what file_write_all() returns. */
int report_junit_file(const char *path, const struct report_case *all,
		      size_t count, struct err *err);

#endif
