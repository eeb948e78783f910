/* vmm/test/drive.c - a guest that is driven on its console. */
#include "vmm/test/drive.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/signal_fd.h"
#include "vmm/test/console.h"
#include "vmm/test/expect.h"
#include "vmm/test/strings.h"
#include "vmm/test/verdict.h"

#define PROGRAM "/proc/self/exe" /* this one */
#define STEP_NS (UINT64_C(120) * 1000000000) /* without --step-timeout */
#define MS_NS UINT64_C(1000000)
#define POLL_MS 60000 /* to wait at once */
#define END_MS 10000 /* for vmm to end the guest */
#define GUEST_WORDS "console=ttyS0 panic=-1"

/* Of vmm-run(1). */
enum { RUN_FAILED = 1, RUN_USAGE = 2, RUN_PANIC = 4 };

struct drive {
	const struct test_words *words;
	pid_t pid; /* 0: it has ended */
	int in, out; /* owned; the guest's console */
	int signals; /* owned; those that end us */
	int console; /* owned; -1: there is no file for it */
	bool ended; /* the console has no more to say */
	int signal; /* that came; 0: none */
	bool late; /* --timeout has passed */
	size_t step; /* that is next, or is waited for */
	uint64_t step_ns; /* that a text may take; 0: for ever */
	uint64_t step_end, end; /* by clock_ns(); 0: never */
	struct expect expect;
	struct console said;
};

static int list_guest_words(const struct test_words *words,
			    struct strings *argv)
{
	int r = strings_add(argv, PROGRAM);

	if (r == 0)
		r = strings_format(argv, "run");
	if (r == 0)
		r = strings_format(argv, "--kernel=%s", words->kernel);
	if (r == 0 && words->initrd)
		r = strings_format(argv, "--initrd=%s", words->initrd);
	if (r == 0 && words->cpus.count > 0)
		r = strings_format(argv, "--cpus=%s", words->cpus.item[0]);
	if (r == 0 && words->mem.count > 0)
		r = strings_format(argv, "--mem=%s", words->mem.item[0]);
	for (size_t i = 0; r == 0 && i < words->passes; i++)
		r = strings_format(argv, "--%s=%s",
				   words->passed[i].option->name,
				   words->passed[i].value);
	if (r == 0)
		r = strings_format(argv, "--cmdline=" GUEST_WORDS "%s%s",
				   *words->cmdline ? " " : "", words->cmdline);
	if (r == 0)
		r = strings_add(argv, "--no-reboot");
	return r == 0 ? strings_add(argv, "--control=none") : r;
}

static int start_guest(struct drive *d, struct err *err)
{
	_cleanup_(strings_finish) struct strings argv = { 0 };
	_cleanup_(fd_closep) int in = -1;
	_cleanup_(fd_closep) int out = -1;
	struct child_spec spec = { .count = 3, .session = true };
	int pair[2];
	int r = list_guest_words(d->words, &argv);

	if (r < 0)
		return err_set(err, r, "out of memory");
	if (pipe2(pair, O_CLOEXEC) < 0)
		return err_sys(err, "pipe");
	in = pair[0];
	d->in = pair[1];
	if (pipe2(pair, O_CLOEXEC) < 0)
		return err_sys(err, "pipe");
	d->out = pair[0];
	out = pair[1];
	if (fcntl(d->in, F_SETFL, O_NONBLOCK) < 0)
		return err_sys(err, "pipe");
	spec.argv = (const char *const *)argv.item;
	spec.fds = (const int[]){ in, out, STDERR_FILENO };
	r = child_spawn(&d->pid, &spec);
	return r < 0 ? err_set(err, r, PROGRAM ": cannot be started: %s",
			       strerrordesc_np(-r))
		     : 0;
}

static int open_drive_console(struct drive *d, struct err *err)
{
	const char *out = d->words->out;
	_cleanup_(freep) char *path = NULL;

	if (!out)
		return 0;
	if (mkdir(out, 0777) < 0 && errno != EEXIST)
		return file_failed(out, err);
	if (asprintf(&path, "%s/console", out) < 0) {
		path = NULL;
		return err_set(err, -ENOMEM, "out of memory");
	}
	d->console = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	return d->console < 0 ? file_failed(path, err) : 0;
}

static int catch_signals(struct drive *d, struct err *err)
{
	sigset_t set;

	(void)sigemptyset(&set);
	signals_add_ending(&set);
	errno = pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (errno)
		return err_sys(err, "signal mask");
	/* What reads our output may leave. */
	(void)signal(SIGPIPE, SIG_IGN);
	d->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return d->signals < 0 ? err_sys(err, "signalfd") : 0;
}

/* Passes on what the console says. The reader of our output may have gone. */
static int take_console(struct drive *d, struct err *err)
{
	char buf[4096];
	const ssize_t n = read(d->out, buf, sizeof(buf));

	if (n < 0 && errno == EINTR)
		return 0;
	if (n <= 0) {
		d->ended = true;
		return 0;
	}
	console_read(&d->said, buf, (size_t)n);
	expect_read(&d->expect, buf, (size_t)n);
	(void)fwrite(buf, 1, (size_t)n, stdout);
	(void)fflush(stdout);
	for (ssize_t at = 0; d->console >= 0 && at < n;) {
		const ssize_t done = write(d->console, buf + at,
					   (size_t)(n - at));

		if (done < 0 && errno != EINTR)
			return err_sys(err, "%s/console", d->words->out);
		at += done > 0 ? done : 0;
	}
	return 0;
}

static uint64_t end_after(uint64_t ns)
{
	return ns > 0 ? clock_ns() + ns : 0;
}

static bool is_past(uint64_t end)
{
	return end > 0 && clock_ns() >= end;
}

/* Waits for what comes next, but not beyond the ends that are set. */
static int await_console(struct drive *d, struct err *err)
{
	struct pollfd fds[] = { { .fd = d->out, .events = POLLIN },
				{ .fd = d->signals, .events = POLLIN } };
	const uint64_t ends[] = { d->step_end, d->end };
	const uint64_t now = clock_ns();
	uint64_t ms = POLL_MS;
	struct signalfd_siginfo info;

	for (size_t i = 0; i < 2; i++) {
		const uint64_t left = ends[i] > now ? ends[i] - now : 0;

		if (ends[i] > 0 && left / MS_NS + 1 < ms)
			ms = left / MS_NS + 1;
	}
	if (poll(fds, 2, (int)ms) < 0 && errno != EINTR)
		return err_sys(err, "poll");
	if (fds[1].revents &&
	    read(d->signals, &info, sizeof(info)) == sizeof(info))
		d->signal = (int)info.ssi_signo;
	return fds[0].revents ? take_console(d, err) : 0;
}

/* Waits until the console has said what a step expects. Returns 1 then, 0 if
 * that cannot come any more. */
static int await_text(struct drive *d, const char *text, struct err *err)
{
	regex_t regex;
	int r = expect_compile(&regex, text, err);

	if (r < 0)
		return r;
	d->step_end = end_after(d->step_ns);
	for (;;) {
		r = expect_met(&d->expect, &regex);
		if (r != 0 || d->ended || d->signal || is_past(d->step_end) ||
		    is_past(d->end))
			break;
		r = await_console(d, err);
		if (r < 0)
			break;
	}
	regfree(&regex);
	return r;
}

/* Hears the last of a guest that has ended. */
static int hear_end(struct drive *d, struct err *err)
{
	int r = 0;

	d->step_end = end_after(END_MS * MS_NS);
	while (r == 0 && !d->ended && !is_past(d->step_end))
		r = await_console(d, err);
	return r;
}

/* Types a text. Returns 1, or 0 if the guest takes none. */
static int type_text(struct drive *d, const char *text, struct err *err)
{
	const size_t len = strlen(text);

	if (write(d->in, text, len) == (ssize_t)len)
		return 1;
	return errno == EPIPE ? hear_end(d, err) : 0;
}

/* Takes the steps, up to one that cannot be. */
static int take_steps(struct drive *d, struct err *err)
{
	for (; d->step < d->words->steps; d->step++) {
		const struct test_step *step = &d->words->step[d->step];
		int r = 1;

		if (step->kind == STEP_TIMEOUT)
			d->step_ns = step->ns;
		else if (step->kind == STEP_SEND)
			r = type_text(d, step->text, err);
		else
			r = await_text(d, step->text, err);
		if (r <= 0)
			return r;
	}
	return 0;
}

/* True if the guest is to end by itself: its answer to what was typed last is
 * that it ends. */
static bool is_to_end(const struct drive *d)
{
	size_t i = d->words->steps;

	while (i > 0 && d->words->step[i - 1].kind == STEP_TIMEOUT)
		i--;
	return i == 0 || d->words->step[i - 1].kind == STEP_SEND;
}

static int await_end(struct drive *d, struct err *err)
{
	int r = 0;

	if (d->step < d->words->steps || !is_to_end(d))
		return 0;
	d->step_end = end_after(d->step_ns);
	while (r == 0 && !d->ended && !d->signal && !is_past(d->step_end) &&
	       !is_past(d->end))
		r = await_console(d, err);
	return r;
}

static int judge_step(const struct drive *d, char text[VERDICT_TEXT])
{
	const struct test_step *step = d->words->step + d->step;
	const uint64_t ms = d->step_ns / MS_NS;

	if (d->step == d->words->steps)
		(void)snprintf(text, VERDICT_TEXT,
			       "the guest did not end within %" PRIu64
			       ".%03" PRIu64 " s of the last step",
			       ms / 1000, ms % 1000);
	else if (step->kind == STEP_SEND)
		(void)snprintf(text, VERDICT_TEXT,
			       "the guest took no input in step %zu",
			       d->step + 1);
	else
		(void)snprintf(text, VERDICT_TEXT,
			       "step %zu: the console did not say '%.200s' "
			       "within %" PRIu64 ".%03" PRIu64 " s",
			       d->step + 1, step->text, ms / 1000, ms % 1000);
	return 1;
}

static int judge_done(const struct drive *d, char text[VERDICT_TEXT])
{
	if (d->said.reports == 0 || d->words->ignore_reports)
		return 0;
	(void)snprintf(text, VERDICT_TEXT,
		       "all steps passed, but the kernel reported %u fault%s",
		       d->said.reports, d->said.reports == 1 ? "" : "s");
	return TEST_REPORTED;
}

/* @status: of `vmm run`; -1: it was ended */
static int judge_drive(const struct drive *d, int status,
		       char text[VERDICT_TEXT])
{
	*text = '\0';
	if (d->signal)
		return 128 + d->signal;
	if (d->said.panicked || status == RUN_PANIC) {
		(void)snprintf(text, VERDICT_TEXT,
			       "the guest's kernel panicked");
		return TEST_PANIC;
	}
	if (status == RUN_FAILED || status == RUN_USAGE) {
		(void)snprintf(text, VERDICT_TEXT,
			       "the guest could not be run");
		return TEST_FAILED;
	}
	if (d->step == d->words->steps && (d->ended || !is_to_end(d)))
		return judge_done(d, text);
	if (status >= 0 || d->ended) {
		(void)snprintf(text, VERDICT_TEXT,
			       "the guest ended in step %zu", d->step + 1);
		return TEST_GONE;
	}
	if (d->late) {
		(void)snprintf(text, VERDICT_TEXT,
			       "--timeout passed in step %zu", d->step + 1);
		return TEST_TIMEOUT;
	}
	return judge_step(d, text);
}

/* Ends the guest, if it has not. Returns the status of `vmm run`, or -1. */
static int end_guest(struct drive *d)
{
	const bool by_itself = d->ended;
	int status;

	if (d->pid == 0)
		return -1;
	fd_closep(&d->in);
	if (!by_itself)
		(void)kill(d->pid, SIGTERM);
	status = child_end(d->pid, END_MS, END_MS);
	d->pid = 0;
	return by_itself && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int tell_drive(struct drive *d, int status)
{
	char text[VERDICT_TEXT];

	console_end(&d->said);
	status = judge_drive(d, status, text);
	if (!d->words->ignore_reports)
		console_print_report(&d->said, stderr);
	if (*text) {
		console_print_last(&d->said, stderr);
		(void)fprintf(stderr, "vmm test: %s\n", text);
	}
	return status;
}

int drive_guest(const struct test_words *words, int *ret_status,
		struct err *err)
{
	struct drive *d = malloc(sizeof(*d)); /* too large for a stack */
	int r, status;

	if (!d)
		return err_set(err, -ENOMEM, "out of memory");
	*d = (struct drive){ .words = words,
			     .in = -1,
			     .out = -1,
			     .signals = -1,
			     .console = -1,
			     .step_ns = STEP_NS,
			     .end = end_after(words->timeout_ns) };
	r = catch_signals(d, err);
	if (r == 0)
		r = open_drive_console(d, err);
	if (r == 0)
		r = start_guest(d, err);
	if (r == 0)
		r = take_steps(d, err);
	if (r == 0)
		r = await_end(d, err);
	/* What follows takes its time. */
	d->late = is_past(d->end);
	status = end_guest(d);
	if (r == 0)
		*ret_status = tell_drive(d, status);
	fd_closep(&d->in);
	fd_closep(&d->out);
	fd_closep(&d->signals);
	fd_closep(&d->console);
	free(d);
	return r;
}
