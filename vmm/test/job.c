/* vmm/test/job.c - a run of a suite. */
#include "vmm/test/job.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/size.h"

#define MIB (UINT64_C(1) << 20)
#define DEFAULT_MEM (512 * MIB) /* of vmm-run(1) */
#define VMM_MEM (64 * MIB) /* of ours, for each guest */
#define ERR_TAIL 4096 /* bytes of its standard error that are told */
#define PROGRAM "/proc/self/exe" /* this one */

/* What a guest takes; what is no plain size is the child's to judge. */
static uint64_t size_run(const char *mem)
{
	uint64_t size = DEFAULT_MEM;
	char word[32];

	if (mem) {
		(void)snprintf(word, sizeof(word), "%.*s",
			       (int)strcspn(mem, ",@"), mem);
		(void)size_parse(word, MIB, &size);
	}
	return size + VMM_MEM;
}

void job_init(struct job *ret, const struct run *run)
{
	*ret = (struct job){
		.run = run,
		.mem = size_run(run->mem),
		.told = { .name = run->name,
			  .kernel = run->kernel,
			  .cpus = run->cpus,
			  .mem = run->mem,
			  .cmdline = run->cmdline },
	};
}

void job_finish(struct job *job)
{
	free(job->folder);
	free(job->tail);
	free(job->why);
}

/* Says why it ended so. */
static void set_why(struct job *job, const char *why)
{
	free(job->why);
	job->why = why ? strdup(why) : NULL;
	job->told.why = job->why;
}

int job_check(struct job *job, struct err *err)
{
	char why[NEEDS_WHY];

	if (needs_met(&job->run->one->needs, why))
		return true;
	set_why(job, why);
	if (!job->why)
		return err_set(err, -ENOMEM, "out of memory");
	job->told.end = REPORT_SKIPPED;
	return false;
}

/* The folder of a try: that of the run, or for further ones another. */
static int make_job_folder(struct job *job, const char *out, struct err *err)
{
	const unsigned tries = job->told.tries;
	char suffix[16] = "";

	if (tries > 1)
		(void)snprintf(suffix, sizeof(suffix), "~%u", tries);
	free(job->folder);
	if (asprintf(&job->folder, "%s/%s%s", out, job->run->name, suffix) <
	    0) {
		job->folder = NULL;
		return err_set(err, -ENOMEM, "out of memory");
	}
	if (mkdir(job->folder, 0777) < 0 && errno != EEXIST)
		return file_failed(job->folder, err);
	return 0;
}

static int open_output(const struct job *job, const char *name, struct err *err)
{
	_cleanup_(freep) char *path = NULL;
	int fd;

	if (asprintf(&path, "%s/%s", job->folder, name) < 0) {
		path = NULL;
		return err_set(err, -ENOMEM, "out of memory");
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	return fd < 0 ? file_failed(path, err) : fd;
}

static int spawn_job(struct job *job, const struct strings *words,
		     struct err *err)
{
	_cleanup_(fd_closep) int out = open_output(job, "stdout", err);
	_cleanup_(fd_closep) int error = -1;
	struct child_spec spec = {
		.argv = (const char *const *)words->item,
		.count = 3,
		.session = true,
	};
	int r;

	if (out < 0)
		return out;
	error = open_output(job, "stderr", err);
	if (error < 0)
		return error;
	spec.fds = (const int[]){ -1, out, error };
	r = child_spawn(&job->pid, &spec);
	return r < 0 ? err_set(err, r, PROGRAM ": cannot be started: %s",
			       strerrordesc_np(-r))
		     : 0;
}

int job_start(struct job *job, const struct test_words *words, struct err *err)
{
	struct strings argv = { 0 };
	int r;

	job->told.tries++;
	r = make_job_folder(job, words->out, err);
	if (r == 0) {
		r = run_list_words(job->run, words, PROGRAM, job->folder,
				   &argv);
		r = r < 0 ? err_set(err, r, "out of memory")
			  : spawn_job(job, &argv, err);
	}
	strings_finish(&argv);
	job->began = clock_ns();
	return r;
}

/* The last line of a job's that says what went wrong, of its standard error. */
static const char *find_reason(char *tail)
{
	static const char *const starts[] = { "vmm test: ", "Fatal: " };
	const char *found = NULL;

	for (char *line = tail; line && *line;) {
		for (size_t i = 0; i < 2; i++)
			if (strncmp(line, starts[i], strlen(starts[i])) == 0)
				found = line + strlen(starts[i]);
		line = strchr(line, '\n');
		if (line)
			line++;
	}
	return found;
}

/* Reads the end of its standard error. */
static void read_tail(struct job *job)
{
	_cleanup_(freep) char *path = NULL;
	struct err none = { 0 };
	struct file file;
	uint64_t len;

	free(job->tail);
	job->tail = calloc(1, ERR_TAIL + 1);
	job->told.err = job->tail;
	if (!job->tail || asprintf(&path, "%s/stderr", job->folder) < 0) {
		path = NULL;
		return;
	}
	if (file_open(&file, path, O_RDONLY, FILE_REGULAR, &none) < 0)
		return;
	len = file.size < ERR_TAIL ? file.size : ERR_TAIL;
	if (file_read_at(file.fd, job->tail, (size_t)len, file.size - len) < 0)
		*job->tail = '\0';
	(void)close(file.fd);
}

/* What a status that is another one than expected came from. */
static void explain_status(struct job *job)
{
	const int expected = job->run->one->status;
	const char *reason = job->tail ? find_reason(job->tail) : NULL;
	char why[ERR_TAIL];

	if (reason)
		(void)snprintf(why, sizeof(why), "%.*s",
			       (int)strcspn(reason, "\n"), reason);
	else
		(void)snprintf(why, sizeof(why), "%d was expected", expected);
	set_why(job, reason || expected != 0 ? why : NULL);
}

void job_judge(struct job *job, int status)
{
	const struct spec_case *one = job->run->one;
	char why[OUTPUT_WHY];

	job->pid = 0;
	job->told.ns = clock_ns() - job->began;
	job->told.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status)
					       : WEXITSTATUS(status);
	read_tail(job);
	job->told.end = REPORT_FAILED;
	if (job->told.status != one->status) {
		explain_status(job);
	} else if (!outputs_met(&one->outputs, job->folder, why)) {
		set_why(job, why);
	} else {
		job->told.end = REPORT_PASSED;
		set_why(job, NULL);
	}
}

bool job_again(const struct job *job)
{
	return job->told.end == REPORT_FAILED &&
	       job->told.tries <= job->run->one->retries;
}
