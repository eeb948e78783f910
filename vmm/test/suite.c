/* vmm/test/suite.c - many runs of `vmm test`. */
#include "vmm/test/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/signal_fd.h"
#include "base/size.h"
#include "vmm/cli.h"
#include "vmm/test/job.h"
#include "vmm/test/report.h"
#include "vmm/test/report_file.h"
#include "vmm/test/runs.h"
#include "vmm/test/shard.h"

#define SECOND UINT64_C(1000000000)
#define PROGRESS 79 /* columns of the line that tells it */

struct suite {
	const struct test_words *words;
	enum report_form form;
	bool shown; /* the standard output is a terminal */
	struct runs runs;
	struct job *job; /* owned; in the order of the runs */
	size_t count;
	uint64_t division; /* see struct report_file */
	size_t next; /* to be started */
	size_t working, ended;
	uint64_t mem, used; /* of the host, for guests; by those at work */
	int signal; /* that ends the suite; 0: none */
	FILE *report; /* owned */
};

/* The times of the runs, as far as an earlier report knows them. */
static int read_times(const struct suite *suite, uint64_t *ns, struct err *err)
{
	struct report_file file;
	int r;

	if (!suite->words->times)
		return 0;
	r = report_file_read(&file, suite->words->times, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < suite->runs.count; i++) {
		const struct report_case *one = report_file_find(
			&file, suite->runs.item[i].name);

		ns[i] = one ? one->ns : 0;
	}
	report_file_finish(&file);
	return 0;
}

/* The part that each run is of; 1 for all if there are none. */
static int divide_suite(const struct suite *suite, uint64_t *part,
			struct err *err)
{
	const uint64_t shards = suite->words->shards;
	_cleanup_(freep) uint64_t *ns = calloc(suite->runs.count, sizeof(*ns));
	int r;

	if (!ns)
		return err_set(err, -ENOMEM, "out of memory");
	r = read_times(suite, ns, err);
	return r == 0 ? shard_divide(ns, suite->runs.count,
				     shards > 0 ? shards : 1, part, err)
		      : r;
}

static uint64_t hash_division(const struct runs *runs, const uint64_t *part)
{
	char line[RUN_NAME + 32];
	uint64_t hash = 0;

	for (size_t i = 0; i < runs->count; i++) {
		(void)snprintf(line, sizeof(line), "%s %" PRIu64 "\n",
			       runs->item[i].name, part[i]);
		hash = XXH64(line, strlen(line), hash);
	}
	return hash;
}

static int plan_suite(struct suite *suite, struct err *err)
{
	const uint64_t shard = suite->words->shard;
	_cleanup_(freep) uint64_t *part = NULL;
	int r = runs_plan(&suite->runs, suite->words, err);

	if (r < 0)
		return r;
	part = calloc(suite->runs.count, sizeof(*part));
	suite->job = calloc(suite->runs.count, sizeof(*suite->job));
	if (!part || !suite->job)
		return err_set(err, -ENOMEM, "out of memory");
	r = divide_suite(suite, part, err);
	suite->division = hash_division(&suite->runs, part);
	for (size_t i = 0; r == 0 && i < suite->runs.count; i++)
		if (part[i] == (shard > 0 ? shard : 1))
			job_init(&suite->job[suite->count++],
				 &suite->runs.item[i]);
	return r;
}

static void list_suite(const struct suite *suite)
{
	for (size_t i = 0; i < suite->count; i++)
		(void)printf("%s\n", suite->job[i].run->name);
}

static void hide_suite_progress(const struct suite *suite)
{
	if (suite->shown)
		(void)fputs("\r\033[K", stdout);
}

/* Tells what is at work, in a line that the next one takes the place of. */
static void show_suite_progress(const struct suite *suite)
{
	int columns;

	if (!suite->shown || suite->working == 0)
		return;
	hide_suite_progress(suite);
	columns = printf("[%zu/%zu]", suite->ended, suite->count);
	for (size_t i = 0; i < suite->next && columns < PROGRESS - 16; i++) {
		const struct job *job = &suite->job[i];

		if (job->pid > 0)
			columns += printf(" %.*s (%" PRIu64 " s)",
					  PROGRESS - 12 - columns,
					  job->run->name,
					  (clock_ns() - job->began) / SECOND);
	}
	(void)fflush(stdout);
}

static void tell_job(struct suite *suite, const struct job *job)
{
	hide_suite_progress(suite);
	report_one(stdout, suite->form, &job->told, ++suite->ended);
	report_one(suite->report, REPORT_JSON, &job->told, suite->ended);
}

static int start_job(struct suite *suite, struct job *job, struct err *err)
{
	const int r = job_start(job, suite->words, err);

	if (r < 0)
		return r;
	suite->used += job->mem;
	suite->working++;
	return 0;
}

static int finish_job(struct suite *suite, struct job *job, int status,
		      struct err *err)
{
	job_judge(job, status);
	suite->working--;
	suite->used -= job->mem;
	/* One that we ended has no result. */
	if (suite->signal)
		job->told.end = REPORT_NOT_RUN;
	else if (job_again(job))
		return start_job(suite, job, err);
	else
		tell_job(suite, job);
	return 0;
}

static int reap_jobs(struct suite *suite, struct err *err)
{
	int status, r = 0;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (size_t i = 0; i < suite->next; i++)
			if (suite->job[i].pid == pid) {
				if (finish_job(suite, &suite->job[i], status,
					       err) < 0)
					r = err->code;
				break;
			}
	return r;
}

static void stop_jobs(const struct suite *suite)
{
	for (size_t i = 0; i < suite->next; i++)
		if (suite->job[i].pid > 0)
			(void)kill(suite->job[i].pid, SIGTERM);
}

/* True if another run may begin now: one always may, if it is alone. */
static bool may_start(const struct suite *suite)
{
	const uint64_t jobs = suite->words->jobs > 0 ? suite->words->jobs : 1;

	if (suite->signal || suite->next == suite->count ||
	    suite->working >= jobs)
		return false;
	return suite->working == 0 ||
	       suite->used + suite->job[suite->next].mem <= suite->mem;
}

static int start_jobs(struct suite *suite, struct err *err)
{
	int r = 0;

	while (r >= 0 && may_start(suite)) {
		struct job *job = &suite->job[suite->next++];

		r = job_check(job, err);
		if (r > 0)
			r = start_job(suite, job, err);
		else if (r == 0)
			tell_job(suite, job);
	}
	return r;
}

static int work_through(struct suite *suite, const sigset_t *signals,
			struct err *err)
{
	const struct timespec second = { .tv_sec = 1 };
	int r = 0;

	for (;;) {
		if (r == 0)
			r = start_jobs(suite, err);
		if (r < 0 && !suite->signal) {
			suite->signal = SIGTERM;
			stop_jobs(suite);
		}
		if (suite->working == 0)
			return r;
		show_suite_progress(suite);
		const int signal = suite->shown
					 ? sigtimedwait(signals, NULL, &second)
					 : sigwaitinfo(signals, NULL);

		if (signal == SIGCHLD) {
			if (reap_jobs(suite, err) < 0)
				r = err->code;
		} else if (signal > 0 && !suite->signal) {
			suite->signal = signal;
			stop_jobs(suite);
		}
	}
}

/* What guests may take of the host's memory, now. */
static uint64_t host_memory(void)
{
	static const char key[] = "MemAvailable:";
	char text[4096];
	const char *at;
	uint64_t kib;

	if (file_read_text("/proc/meminfo", text, sizeof(text)) < 0)
		return UINT64_MAX;
	at = strstr(text, key);
	if (!at || !number_scan(at + strlen(key), &kib))
		return UINT64_MAX;
	return kib / 10 * 9 * 1024;
}

/* Tells of those that did not come to their end, and of the sum. */
static int end_report(struct suite *suite, const struct report_case *all,
		      struct err *err)
{
	bool whole;

	for (size_t i = 0; i < suite->count; i++)
		if (all[i].end == REPORT_NOT_RUN)
			report_one(suite->report, REPORT_JSON, &all[i], 0);
	hide_suite_progress(suite);
	report_end(stdout, suite->form, all, suite->count);
	whole = !ferror(suite->report);
	whole = fclose(suite->report) == 0 && whole;
	suite->report = NULL;
	return whole ? 0
		     : err_set(err, -EIO, "%s/" SUITE_REPORT ": write failed",
			       suite->words->out);
}

static int write_reports(struct suite *suite, struct err *err)
{
	struct report_case *all = calloc(suite->count + 1, sizeof(*all));
	int r;

	if (!all)
		return err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < suite->count; i++)
		all[i] = suite->job[i].told;
	r = end_report(suite, all, err);
	if (r == 0 && suite->words->junit)
		r = report_junit_file(suite->words->junit, all, suite->count,
				      err);
	free(all);
	return r;
}

static void finish_suite(struct suite *suite)
{
	for (size_t i = 0; i < suite->count; i++)
		job_finish(&suite->job[i]);
	free(suite->job);
	runs_finish(&suite->runs);
	if (suite->report)
		(void)fclose(suite->report);
}

static int open_report(struct suite *suite, struct err *err)
{
	const struct test_words *words = suite->words;
	_cleanup_(freep) char *path = NULL;

	if (mkdir(words->out, 0777) < 0 && errno != EEXIST)
		return file_failed(words->out, err);
	if (asprintf(&path, "%s/" SUITE_REPORT, words->out) < 0) {
		path = NULL;
		return err_set(err, -ENOMEM, "out of memory");
	}
	suite->report = fopen(path, "we");
	if (!suite->report)
		return file_failed(path, err);
	report_file_begin(suite->report, &(struct report_file){
						 .runs = suite->count,
						 .shard = words->shard,
						 .shards = words->shards,
						 .division = suite->division,
					 });
	return 0;
}

static int run_all_of(struct suite *suite, struct err *err)
{
	sigset_t signals;
	int r;

	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGCHLD);
	signals_add_ending(&signals);
	errno = pthread_sigmask(SIG_BLOCK, &signals, NULL);
	if (errno)
		return err_sys(err, "signal mask");
	/* What reads our output may leave. */
	(void)signal(SIGPIPE, SIG_IGN);
	suite->mem = host_memory();
	suite->shown = suite->form == REPORT_LINES && isatty(STDOUT_FILENO);
	report_begin(stdout, suite->form, suite->count);
	r = work_through(suite, &signals, err);
	return r == 0 ? write_reports(suite, err) : r;
}

static int status_of(const struct suite *suite)
{
	if (suite->signal)
		return 128 + suite->signal;
	for (size_t i = 0; i < suite->count; i++)
		if (suite->job[i].told.end == REPORT_FAILED)
			return 1;
	return 0;
}

int suite_run(const struct test_words *words, int *ret_status, struct err *err)
{
	struct suite suite = {
		.words = words,
		.form = words->tap  ? REPORT_TAP
		      : words->json ? REPORT_JSON
				    : REPORT_LINES,
	};
	int r = plan_suite(&suite, err);

	if (r == 0 && words->list) {
		list_suite(&suite);
		*ret_status = 0;
		r = cli_flush(err);
	} else if (r == 0) {
		r = open_report(&suite, err);
		if (r == 0)
			r = run_all_of(&suite, err);
		if (r == 0)
			*ret_status = status_of(&suite);
	}
	finish_suite(&suite);
	return r;
}
