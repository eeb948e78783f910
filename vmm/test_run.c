/* vmm/test_run.c - `vmm test`: a command in a guest of its own. */
#include "vmm/test_run.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "host/port_fd.h"
#include "host/port_tty.h"
#include "vmm/config.h"
#include "vmm/machine/machine.h"
#include "vmm/run.h"
#include "vmm/test/console.h"
#include "vmm/test/drive.h"
#include "vmm/test/early.h"
#include "vmm/test/link.h"
#include "vmm/test/merge.h"
#include "vmm/test/plan.h"
#include "vmm/test/suite.h"
#include "vmm/test/verdict.h"

#define END_NS (UINT64_C(10) * 1000000000) /* for the guest to power off */
#define INITRD_MAX ((size_t)2 << 30)
#define KERNEL_WORDS "console=ttyS0 panic=-1 rdinit=/.vmm/init "

/* Made of guest-images/init by meson. */
extern const unsigned char test_init[];
extern const size_t test_init_size;

struct test_run {
	struct test_words words;
	struct test_user user;
	struct modules modules;
	struct plan plan;
	char here[PATH_MAX]; /* the current folder */
	char *folder[TEST_MAX_FOLDERS]; /* owned; absolute */
	char *fetched; /* owned; the same, of --out; NULL: none */
	int initrd; /* owned */
	char initrd_path[32];
	char *cmdline; /* owned */
	int console; /* owned */
	struct port_fd in, out, err;
	struct port_tty tty;
	struct link link;
	struct port *port[4];
	struct machine *machine; /* NULL: it does not run */
	struct loop_timer boot, end;
	struct test_facts facts;
	char refusal[LINK_LINE];
	struct console said;
};

static void finish_test(struct test_run *t)
{
	modules_finish(&t->modules);
	for (size_t i = 0; i < TEST_MAX_FOLDERS; i++)
		free(t->folder[i]);
	free(t->fetched);
	free(t->cmdline);
	fd_closep(&t->initrd);
	fd_closep(&t->console);
	test_words_finish(&t->words);
}

/* The answer to a status goes once all that the command wrote has been passed
 * on: then init powers off, and the guest is gone. */
static void let_guest_go(struct test_run *t)
{
	const bool open = t->plan.terminal ? t->tty.open : t->out.open;

	if ((!t->facts.told || open || t->err.open) && !t->facts.refusal)
		return;
	link_say(&t->link, "bye");
	loop_timer_set(&t->end, END_NS);
}

static void stream_closed(void *ctx)
{
	struct test_run *t = ctx;

	if (t->machine && t->facts.told)
		let_guest_go(t);
}

static void take_status(struct test_run *t, bool signaled, const char *word)
{
	char *end;
	const long code = strtol(word, &end, 10);

	if (*end || end == word || code < 0 || code > (signaled ? 127 : 255))
		return;
	t->facts.told = true;
	t->facts.signaled = signaled;
	t->facts.code = (int)code;
	let_guest_go(t);
}

/* guest-images/init/init.h has what init says. */
static void init_says(void *ctx, const char *line)
{
	struct test_run *t = ctx;
	struct timespec now;

	if (strcmp(line, "boot") == 0) {
		t->facts.booted = true;
		(void)clock_gettime(CLOCK_REALTIME, &now);
		link_say(&t->link, "time %lld %ld", (long long)now.tv_sec,
			 now.tv_nsec);
	} else if (strcmp(line, "run") == 0) {
		t->facts.ran = true;
		loop_timer_cancel(&t->boot);
	} else if (strncmp(line, "fail ", 5) == 0 && !t->facts.told) {
		(void)snprintf(t->refusal, sizeof(t->refusal), "%s", line + 5);
		t->facts.refusal = t->refusal;
		let_guest_go(t);
	} else if (strncmp(line, "lost ", 5) == 0) {
		log_warn("not fetched: %s", line + 5);
	} else if (strncmp(line, "exit ", 5) == 0) {
		take_status(t, false, line + 5);
	} else if (strncmp(line, "signal ", 7) == 0) {
		take_status(t, true, line + 7);
	}
}

static void terminal_resized(void *ctx, struct tty_size size)
{
	struct test_run *t = ctx;

	link_say(&t->link, "size %u %u", size.rows, size.columns);
}

static void terminal_left(void *ctx)
{
	struct test_run *t = ctx;

	t->facts.left = true;
	machine_end(t->machine, OUTCOME_QUIT);
}

static void boot_is_late(struct loop_timer *timer)
{
	struct test_run *t = container_of(timer, struct test_run, boot);

	t->facts.boot_late = true;
	machine_end(t->machine, OUTCOME_QUIT);
}

/* What is known is enough. */
static void guest_stays(struct loop_timer *timer)
{
	struct test_run *t = container_of(timer, struct test_run, end);

	log_warn("the guest did not power off");
	machine_end(t->machine, OUTCOME_POWEROFF);
}

static int test_began(void *ctx, struct machine *machine, struct err *err)
{
	struct test_run *t = ctx;
	int r = loop_timer_add(machine->loop, &t->boot, err);

	if (r < 0)
		return r;
	t->boot.expired = boot_is_late;
	r = loop_timer_add(machine->loop, &t->end, err);
	if (r < 0)
		return r;
	t->end.expired = guest_stays;
	t->machine = machine;
	if (t->words.boot_timeout_ns > 0)
		loop_timer_set(&t->boot, t->words.boot_timeout_ns);
	return 0;
}

static void test_ended(void *ctx, struct machine *machine)
{
	struct test_run *t = ctx;

	if (t->boot.expired)
		loop_timer_remove(machine->loop, &t->boot);
	if (t->end.expired)
		loop_timer_remove(machine->loop, &t->end);
	t->boot.expired = t->end.expired = NULL;
	t->machine = NULL;
}

static void terminal_signal(void *ctx, int signal)
{
	struct test_run *t = ctx;

	if (!t->tty.tty)
		return;
	if (signal == SIGCONT)
		tty_continued(t->tty.tty);
	else
		tty_window_changed(t->tty.tty);
}

static void add_share(struct test_run *t, enum plan_use use, const char *dir,
		      const char *guest)
{
	t->plan.share[t->plan.shares++] = (struct plan_share){ use, dir,
							       guest };
}

static int add_test_folders(struct test_run *t, struct err *err)
{
	for (size_t i = 0; i < t->words.folders; i++) {
		const struct test_folder *folder = &t->words.folder[i];
		const bool same = folder->guest == folder->dir;

		t->folder[i] = realpath(folder->dir, NULL);
		if (!t->folder[i])
			return file_failed(folder->dir, err);
		add_share(t, folder->rw ? PLAN_RW : PLAN_RO, t->folder[i],
			  same ? t->folder[i] : folder->guest);
	}
	return 0;
}

static bool is_below(const char *path, const char *folder)
{
	const size_t len = strlen(folder);

	return strncmp(path, folder, len) == 0 &&
	       (path[len] == '/' || path[len] == '\0');
}

/* The guest's /tmp and /run are its own: the caller's folder, if it is there
 * and no folder of the user's has it, is laid over them. */
static void add_own_folder(struct test_run *t)
{
	static const char *const own[] = { "/tmp", "/run", "/dev/shm" };

	for (size_t i = 0; i < t->plan.shares; i++)
		if (t->plan.share[i].use != PLAN_ROOT &&
		    is_below(t->here, t->plan.share[i].guest))
			return;
	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		if (is_below(t->here, own[i]) && strcmp(t->here, own[i]) != 0)
			add_share(t, PLAN_OVER, t->here, t->here);
}

/* A folder for what is fetched. */
static int plan_fetch(struct test_run *t, struct err *err)
{
	_cleanup_(freep) char *path = NULL;

	if (t->words.fetches == 0)
		return 0;
	if (mkdir(t->words.out, 0777) < 0 && errno != EEXIST)
		return file_failed(t->words.out, err);
	if (asprintf(&path, "%s/" TEST_FETCHED, t->words.out) < 0) {
		path = NULL;
		return err_set(err, -ENOMEM, "out of memory");
	}
	if (mkdir(path, 0777) < 0 && errno != EEXIST)
		return file_failed(path, err);
	t->fetched = realpath(path, NULL);
	if (!t->fetched)
		return file_failed(path, err);
	add_share(t, PLAN_FETCH, t->fetched, "/");
	return 0;
}

static int plan_folders(struct test_run *t, struct err *err)
{
	const char *root = t->words.root ? t->words.root : "/";
	const bool whole = !t->words.initrd && strcmp(root, "/") == 0;

	if (!getcwd(t->here, sizeof(t->here)))
		return err_sys(err, "current folder");
	if (!t->words.initrd)
		add_share(t, PLAN_ROOT, root, "/");
	if (add_test_folders(t, err) < 0)
		return err->code;
	if (t->words.pwd)
		t->plan.pwd = t->words.pwd;
	else
		t->plan.pwd = whole ? t->here : "/";
	if (whole && !t->words.pwd)
		add_own_folder(t);
	return plan_fetch(t, err);
}

/* The user's initrd, behind which ours is to be: Linux takes both. */
static int copy_initrd(struct test_run *t, struct err *err)
{
	_cleanup_(freep) uint8_t *data = NULL;
	size_t size;
	int r;

	if (!t->words.initrd)
		return 0;
	r = file_read_all(t->words.initrd, INITRD_MAX, &data, &size, err);
	if (r == 0)
		r = file_write_at(t->initrd, data, size, 0);
	if (r == 0 &&
	    lseek(t->initrd, (off_t)((size + 3) & ~(size_t)3), SEEK_SET) < 0)
		r = -errno;
	return r == 0 || err->code ? r : err_set(err, r, "initramfs");
}

static int make_initrd(struct test_run *t, struct err *err)
{
	int r;

	t->initrd = memfd_create("initramfs", MFD_CLOEXEC);
	if (t->initrd < 0)
		return err_sys(err, "initramfs");
	r = copy_initrd(t, err);
	return r == 0 ? plan_write(&t->plan, t->initrd, err) : r;
}

static int open_console_file(struct test_run *t, struct err *err)
{
	_cleanup_(freep) char *path = NULL;

	if (!t->words.out) {
		t->console = memfd_create("console", MFD_CLOEXEC);
		return t->console < 0 ? err_sys(err, "console") : 0;
	}
	if (mkdir(t->words.out, 0777) < 0 && errno != EEXIST)
		return file_failed(t->words.out, err);
	if (asprintf(&path, "%s/console", t->words.out) < 0) {
		path = NULL;
		return err_set(err, -ENOMEM, "out of memory");
	}
	t->console = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	return t->console < 0 ? file_failed(path, err) : 0;
}

static void plan_streams(struct test_run *t)
{
	struct tty_size size = { 0 };

	t->plan.terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	t->plan.separate = t->plan.terminal && !isatty(STDERR_FILENO);
	port_fd_init(&t->in, "stdin", STDIN_FILENO, true);
	port_fd_init(&t->out, "stdout", STDOUT_FILENO, false);
	port_fd_init(&t->err, "stderr", STDERR_FILENO, false);
	t->out.closed = t->err.closed = stream_closed;
	t->out.ctx = t->err.ctx = t;
	port_tty_init(&t->tty);
	t->tty.resized = terminal_resized;
	t->tty.closed = stream_closed;
	t->tty.ctx = t;
	t->tty.escape = (struct tty_escape){ terminal_left, t };
	link_init(&t->link, init_says, t);
	if (t->plan.terminal)
		(void)tty_size_get(STDIN_FILENO, &size);
	t->plan.rows = size.rows;
	t->plan.columns = size.columns;
}

/* A path as the value of an option, whose commas are doubled. */
static char *share_value(const struct plan_share *share, size_t i)
{
	char *ret = malloc(2 * strlen(share->dir) + PLAN_TAG_SIZE + 64);
	char tag[PLAN_TAG_SIZE];
	char *to = ret;

	if (!ret)
		return NULL;
	to = stpcpy(to, "path=");
	for (const char *from = share->dir; *from; from++) {
		*to++ = *from;
		if (*from == ',')
			*to++ = ',';
	}
	plan_tag(tag, i);
	(void)sprintf(to, ",tag=%s,uid=same%s", tag,
		      share->use == PLAN_RW || share->use == PLAN_FETCH ? ",rw"
									: "");
	return ret;
}

static int configure_shares(const struct test_run *t, struct config *config,
			    struct err *err)
{
	for (size_t i = 0; i < t->plan.shares; i++) {
		_cleanup_(freep) char *value = share_value(&t->plan.share[i],
							   i);
		const int r = value ? share_words_add(config->share,
						      &config->shares, value,
						      err)
				    : err_set(err, -ENOMEM, "out of memory");

		if (r < 0)
			return r;
		config->share[config->shares - 1].flat =
			t->plan.share[i].use == PLAN_ROOT ||
			t->plan.share[i].use == PLAN_OVER;
	}
	return 0;
}

static int add_guest_word(char *words[], const char *name, const char *value,
			  struct err *err)
{
	size_t n = 1;

	while (words[n])
		n++;
	if (value && asprintf(&words[n], "--%s=%s", name, value) < 0) {
		words[n] = NULL;
		return err_set(err, -ENOMEM, "out of memory");
	}
	return 0;
}

/* The words of `vmm run` that were given, as it would parse them. */
static int configure_guest(const struct test_run *t, struct config *config,
			   char *words[], struct err *err)
{
	int r = add_guest_word(words, "kernel", t->words.kernel, err);
	int count = 1;

	if (r == 0)
		r = add_guest_word(words, "cpus", t->words.cpus.item[0], err);
	if (r == 0)
		r = add_guest_word(words, "mem", t->words.mem.item[0], err);
	for (size_t i = 0; r == 0 && i < t->words.passes; i++)
		r = add_guest_word(words, t->words.passed[i].option->name,
				   t->words.passed[i].value, err);
	while (words[count])
		count++;
	return r == 0 ? config_parse(config, count, words, err) : r;
}

static bool has_word(const char *text, const char *word)
{
	const size_t len = strlen(word);

	for (const char *at = text; (at = strstr(at, word)); at += len)
		if ((at == text || at[-1] == ' ') &&
		    (at[len] == ' ' || !at[len]))
			return true;
	return false;
}

/* The ports of a piped run, or of one on a terminal. Returns how many. */
static size_t list_ports(struct test_run *t)
{
	const bool shown = t->plan.terminal;

	t->port[0] = &t->link.port;
	t->port[1] = shown ? &t->tty.in : &t->in.port;
	t->port[2] = shown ? &t->tty.out : &t->out.port;
	t->port[3] = &t->err.port;
	return shown && !t->plan.separate ? 3 : 4;
}

static int run_configured(struct test_run *t, struct config *config,
			  struct err *err)
{
	/* Of what "quiet" hides, warnings are not to be missed. */
	if (asprintf(&t->cmdline, KERNEL_WORDS "%s%s", t->words.cmdline,
		     has_word(t->words.cmdline, "quiet") ? " loglevel=5" : "") <
	    0) {
		t->cmdline = NULL;
		return err_set(err, -ENOMEM, "out of memory");
	}
	(void)snprintf(t->initrd_path, sizeof(t->initrd_path),
		       "/proc/self/fd/%d", t->initrd);
	config->initrd = t->initrd_path;
	config->cmdline = t->cmdline;
	config->control = "none";
	config->no_reboot = true;
	config->timeout_ns = t->words.timeout_ns;
	config->terminal = TERMINAL_FILE;
	config->attendant = (struct config_attendant){
		.port = t->port,
		.ports = list_ports(t),
		.console_fd = t->console,
		.began = test_began,
		.ended = test_ended,
		.terminal = terminal_signal,
		.ctx = t,
	};
	return run_guest(config, NULL, NULL, &t->facts.run_status, err);
}

static int run_test_guest(struct test_run *t, struct err *err)
{
	_cleanup_(config_finish) struct config config = { 0 };
	char *words[TEST_MAX_PASSED + 5] = { (char[]){ "run" } };
	int r = configure_guest(t, &config, words, err);

	if (r == 0)
		r = configure_shares(t, &config, err);
	if (r == 0)
		r = run_configured(t, &config, err);
	for (size_t i = 1; words[i]; i++)
		free(words[i]);
	return r;
}

static void read_console(struct test_run *t)
{
	char buf[4096];
	off_t at = 0;
	ssize_t n;

	while ((n = pread(t->console, buf, sizeof(buf), at)) > 0) {
		console_read(&t->said, buf, (size_t)n);
		at += n;
	}
	console_end(&t->said);
}

static int tell_verdict(struct test_run *t)
{
	char text[VERDICT_TEXT];
	int status;

	read_console(t);
	t->facts.console = &t->said;
	t->facts.ignore_reports = t->words.ignore_reports;
	status = test_judge(&t->facts, text);
	if (!t->facts.ignore_reports)
		console_print_report(&t->said, stderr);
	if (*text) {
		console_print_last(&t->said, stderr);
		(void)fprintf(stderr, "vmm test: %s\n", text);
	}
	return status;
}

static int prepare_test(struct test_run *t, struct err *err)
{
	int r;

	plan_streams(t);
	t->plan.init = test_init;
	t->plan.init_size = test_init_size;
	t->plan.words = &t->words;
	t->plan.user = &t->user;
	t->plan.modules = &t->modules;
	r = plan_folders(t, err);
	if (r == 0)
		r = test_user_find(&t->user,
				   t->words.initrd ? NULL
				   : t->words.root ? t->words.root
						   : "",
				   t->words.user, err);
	if (r == 0)
		r = early_modules_read(&t->modules, &t->words, err);
	if (r == 0)
		r = make_initrd(t, err);
	return r == 0 ? open_console_file(t, err) : r;
}

int test_run_main(int argc, char *const argv[], int *ret_status,
		  struct err *err)
{
	static struct test_run t; /* zeroed, and too large for a stack */
	int r = test_words_parse(&t.words, argc, argv, err);

	*ret_status = r > 0 ? 0 : TEST_FAILED;
	if (r == 0 && (t.words.merge || test_words_many(&t.words))) {
		r = t.words.merge ? merge_reports(&t.words, ret_status, err)
				  : suite_run(&t.words, ret_status, err);
		test_words_finish(&t.words);
		return r;
	}
	if (r == 0 && t.words.steps > 0) {
		r = drive_guest(&t.words, ret_status, err);
		test_words_finish(&t.words);
		return r;
	}
	if (r != 0)
		return r;
	t.initrd = t.console = -1;
	log_set_level(LOG_WARN);
	r = prepare_test(&t, err);
	if (r == 0)
		r = run_test_guest(&t, err);
	if (r == 0)
		*ret_status = tell_verdict(&t);
	finish_test(&t);
	return r;
}
