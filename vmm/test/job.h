/*
 * vmm/test/job.h - a run of a suite: its process, its folder, and how it ended.
 * [pure]
 */
#ifndef VMM_TEST_JOB_H
#define VMM_TEST_JOB_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "vmm/test/report.h"
#include "vmm/test/runs.h"
#include "vmm/test/words.h"

struct job {
	const struct run *run;
	struct report_case told; /* its texts are the run's, or below */
	uint64_t mem; /* bytes that it takes */
	uint64_t began; /* by clock_ns() */
	pid_t pid; /* 0: not at work */
	char *folder; /* owned; of the last try */
	char *tail; /* owned; the end of its standard error */
	char *why; /* owned */
};

/* @run: is borrowed */
void job_init(struct job *ret, const struct run *run);
void job_finish(struct job *job);

/* True if this host has what it needs; else it is told as skipped. Returns
 * that, or -ENOMEM. */
int job_check(struct job *job, struct err *err);

/*
 * Starts it, for the first time or again.
 *
 * Returns 0, -ENOMEM, or the negative errno of what cannot be made in its
 * folder, or of child_spawn().
 */
int job_start(struct job *job, const struct test_words *words, struct err *err);

/* It has ended, with a status of waitpid(2): judges it. */
void job_judge(struct job *job, int status);

/* True if it failed, and is to be tried again. */
bool job_again(const struct job *job);

#endif
