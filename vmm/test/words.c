/* vmm/test/words.c - the words of `vmm test`. */
#include "vmm/test/words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "vmm/test/expect.h"

#define BOOT_TIMEOUT_NS (UINT64_C(120) * 1000000000)

static int set_test_duration(void *ctx, const struct cli_option *option,
			     const char *value, struct err *err)
{
	uint64_t *ns = (uint64_t *)(void *)((char *)ctx + option->offset);
	const int r = duration_parse(value, ns);

	if (r == -ERANGE)
		return err_input(err, r, "too long");
	if (r < 0)
		return err_input(err, r, "not a duration, as in 10s or 500ms");
	return 0;
}

/* "DIR" or "DIR=GUEST": an '=' of the folder's cannot be written. */
static int add_test_folder(struct test_words *words, const char *value, bool rw,
			   struct err *err)
{
	struct test_folder *folder = &words->folder[words->folders];
	char *equals;

	if (words->folders == TEST_MAX_FOLDERS)
		return err_input(err, -ENOSPC, "at most %d folders",
				 TEST_MAX_FOLDERS);
	folder->text = strdup(value);
	if (!folder->text)
		return err_set(err, -ENOMEM, "out of memory");
	words->folders++;
	folder->rw = rw;
	folder->dir = folder->guest = folder->text;
	equals = strchr(folder->text, '=');
	if (equals) {
		*equals = '\0';
		folder->guest = equals + 1;
	}
	if (!*folder->dir)
		return err_input(err, -EINVAL, "a folder needs a name");
	if (equals && *folder->guest != '/')
		return err_input(err, -EINVAL,
				 "'%s': its place in the guest is no absolute "
				 "path",
				 folder->guest);
	return 0;
}

static int set_rwdir(void *ctx, const struct cli_option *option,
		     const char *value, struct err *err)
{
	(void)option;
	return add_test_folder(ctx, value, true, err);
}

static int set_rodir(void *ctx, const struct cli_option *option,
		     const char *value, struct err *err)
{
	(void)option;
	return add_test_folder(ctx, value, false, err);
}

static int set_test_env(void *ctx, const struct cli_option *option,
			const char *value, struct err *err)
{
	struct test_words *words = ctx;

	(void)option;
	if (words->envs == TEST_MAX_ENV)
		return err_input(err, -ENOSPC, "at most %d variables",
				 TEST_MAX_ENV);
	if (!*value || *value == '=')
		return err_input(err, -EINVAL, "a variable needs a name");
	words->env[words->envs++] = value;
	return 0;
}

/* True if a part of a path leads up. */
static bool leads_up(const char *path)
{
	for (; *path; path += *path == '/') {
		const size_t len = strcspn(path, "/");

		if (len == 2 && strncmp(path, "..", 2) == 0)
			return true;
		path += len;
	}
	return false;
}

static int add_fetch(void *ctx, const struct cli_option *option,
		     const char *value, struct err *err)
{
	struct test_words *words = ctx;

	(void)option;
	if (words->fetches == TEST_MAX_FETCH)
		return err_input(err, -ENOSPC, "at most %d of them",
				 TEST_MAX_FETCH);
	if (!value[strspn(value, "/")] || leads_up(value))
		return err_input(err, -EINVAL,
				 "a file or folder, without '..'");
	words->fetch[words->fetches++] = value;
	return 0;
}

static int add_step(struct test_words *words, enum test_step_kind kind,
		    const char *text, uint64_t ns, struct err *err)
{
	if (words->steps == TEST_MAX_STEPS)
		return err_input(err, -ENOSPC, "at most %d steps",
				 TEST_MAX_STEPS);
	words->step[words->steps++] = (struct test_step){ kind, text, ns };
	return 0;
}

static int add_expect(void *ctx, const struct cli_option *option,
		      const char *value, struct err *err)
{
	regex_t regex;
	const int r = expect_compile(&regex, value, err);

	(void)option;
	if (r < 0)
		return r;
	regfree(&regex);
	return add_step(ctx, STEP_EXPECT, value, 0, err);
}

static int add_send(void *ctx, const struct cli_option *option,
		    const char *value, struct err *err)
{
	(void)option;
	if (!*value || strlen(value) > TEST_MAX_SEND)
		return err_input(err, -EINVAL, "from 1 to %d bytes",
				 TEST_MAX_SEND);
	return add_step(ctx, STEP_SEND, value, 0, err);
}

static int add_step_timeout(void *ctx, const struct cli_option *option,
			    const char *value, struct err *err)
{
	struct test_words *words = ctx;
	int r = add_step(words, STEP_TIMEOUT, value, 0, err);

	(void)option;
	if (r == 0 &&
	    duration_parse(value, &words->step[words->steps - 1].ns) < 0)
		r = err_input(err, -EINVAL,
			      "not a duration, as in 10s or 500ms");
	return r;
}

static int pass_option(void *ctx, const struct cli_option *option,
		       const char *value, struct err *err)
{
	struct test_words *words = ctx;

	if (words->passes == TEST_MAX_PASSED)
		return err_input(err, -ENOSPC, "at most %d such options",
				 TEST_MAX_PASSED);
	words->passed[words->passes].option = option;
	words->passed[words->passes++].value = value;
	words->net |= strcmp(option->name, "net") == 0;
	words->disk |= strcmp(option->name, "disk") == 0;
	return 0;
}

static int add_choice(void *ctx, const struct cli_option *option,
		      const char *value, struct err *err)
{
	struct test_list *list = (struct test_list *)(void *)((char *)ctx +
							      option->offset);

	if (!*value)
		return err_input(err, -EINVAL, "'': no value");
	if (list->count == TEST_MAX_LIST)
		return err_input(err, -ENOSPC, "at most %d of them",
				 TEST_MAX_LIST);
	list->item[list->count++] = value;
	return 0;
}

static int set_count(void *ctx, const struct cli_option *option,
		     const char *value, struct err *err)
{
	uint64_t *count = (uint64_t *)(void *)((char *)ctx + option->offset);
	const int r = number_parse(value, count);

	if (r == -EINVAL)
		return err_input(err, r, "not a number");
	if (r < 0 || *count == 0 || *count > TEST_MAX_RUNS)
		return err_input(err, -ERANGE, "from 1 to %d", TEST_MAX_RUNS);
	return 0;
}

/* "I/N": the I-th of N parts. */
static int set_shard(void *ctx, const struct cli_option *option,
		     const char *value, struct err *err)
{
	struct test_words *words = ctx;
	const char *rest = number_scan(value, &words->shard);

	(void)option;
	if (!rest || *rest != '/' ||
	    number_parse(rest + 1, &words->shards) < 0 || words->shard == 0 ||
	    words->shards > TEST_MAX_RUNS || words->shard > words->shards)
		return err_input(err, -EINVAL,
				 "not a part of the runs, as in 2/5");
	return 0;
}

static int set_test_pwd(void *ctx, const struct cli_option *option,
			const char *value, struct err *err)
{
	if (*value != '/')
		return err_input(err, -EINVAL, "no absolute path");
	return cli_set_string(ctx, option, value, err);
}

/* The command's words are argv's last ones. */
static int add_command_word(void *ctx, const char *word, struct err *err)
{
	struct test_words *words = ctx;

	(void)err;
	(void)word;
	words->command_words++;
	return 0;
}

#define TO(member, fn) .offset = offsetof(struct test_words, member), .set = fn

// clang-format off
static const struct cli_option test_options[] = {
	{ .help = "The guest" },
	{ .name = "kernel", .letter = 'k', .arg = "FILE",
	  .help = "kernel, as of 'vmm run'; repeat it, --cpus and\n"
		  "--mem to run the command with each of them",
	  TO(kernels, add_choice) },
	{ .name = "root", .arg = "DIR",
	  .help = "folder that is the guest's root, read-only, with\n"
		  "writes going to memory (default /)",
	  TO(root, cli_set_string) },
	{ .name = "initrd", .letter = 'i', .arg = "FILE",
	  .help = "initial RAM disk that is the root instead",
	  TO(initrd, cli_set_string) },
	{ .name = "modules", .arg = "DIR",
	  .help = "folder of the kernel's modules.dep (default\n"
		  "/lib/modules/VERSION, if it is there)",
	  TO(modules, cli_set_string) },
	{ .name = "cmdline", .arg = "TEXT",
	  .help = "more for the kernel command line",
	  TO(cmdline, cli_set_text) },
	{ .name = "cpus", .letter = 'c', .arg = "N",
	  .help = "number of CPUs (default 1)", TO(cpus, add_choice) },
	{ .name = "mem", .letter = 'm', .arg = "SIZE",
	  .help = "memory (default 512M)", TO(mem, add_choice) },
	{ .name = "disk", .letter = 'd', .arg = "PATH[,KEY=VALUE]...",
	  .help = "disk, as of 'vmm run'", .set = pass_option },
	{ .name = "net", .arg = "BACKEND[,KEY=VALUE]...",
	  .help = "network card, as of 'vmm run'", .set = pass_option },

	{ .help = "The command" },
	{ .name = "rwdir", .arg = "DIR[=GUEST]",
	  .help = "folder that the command may write", .set = set_rwdir },
	{ .name = "rodir", .arg = "DIR[=GUEST]",
	  .help = "folder that it may read", .set = set_rodir },
	{ .name = "pwd", .arg = "DIR",
	  .help = "its folder (default: the current one)",
	  TO(pwd, set_test_pwd) },
	{ .name = "env", .letter = 'e', .arg = "NAME[=VALUE]",
	  .help = "variable of its environment; without a value, as\n"
		  "it is here",
	  .set = set_test_env },
	{ .name = "user", .letter = 'u', .arg = "NAME|UID[:GID]",
	  .help = "its user (default: the caller)",
	  TO(user, cli_set_string) },
	{ .name = "fetch", .arg = "PATH",
	  .help = "file or folder of the guest that is copied to the\n"
		  "folder of --out when the command has ended",
	  .set = add_fetch },

	{ .help = "The run" },
	{ .name = "timeout", .arg = "DURATION",
	  .help = "end with status 124 after 10s, 500ms, 2m, ...;\n"
		  "0: never (default)",
	  TO(timeout_ns, set_test_duration) },
	{ .name = "boot-timeout", .arg = "DURATION",
	  .help = "end with status 123 if the boot takes longer\n"
		  "(default 2m); 0: never",
	  TO(boot_timeout_ns, set_test_duration) },
	{ .name = "ignore-warnings",
	  .help = "reports of the kernel do not fail the test",
	  TO(ignore_reports, cli_set_true) },
	{ .name = "out", .arg = "DIR",
	  .help = "where the kernel's console is kept, as DIR/console;\n"
		  "of several runs, each has a folder in it",
	  TO(out, cli_set_string) },

	{ .help = "The console, in place of a command" },
	{ .name = "expect", .arg = "REGEX",
	  .help = "wait until the guest's console says this",
	  .set = add_expect },
	{ .name = "send", .arg = "TEXT",
	  .help = "type this on it", .set = add_send },
	{ .name = "step-timeout", .arg = "DURATION",
	  .help = "wait so long at most, from here on (default 2m);\n"
		  "0: for ever",
	  .set = add_step_timeout },

	{ .help = "Several runs" },
	{ .name = "repeat", .arg = "N", .help = "run each so often",
	  TO(repeat, set_count) },
	{ .name = "jobs", .letter = 'j', .arg = "N",
	  .help = "so many at a time, as far as there is memory\n"
		  "(default 1)",
	  TO(jobs, set_count) },
	{ .name = "junit", .arg = "FILE",
	  .help = "write a report as JUnit's XML",
	  TO(junit, cli_set_string) },
	{ .name = "tap", .help = "tell of the runs by TAP",
	  TO(tap, cli_set_true) },
	{ .name = "json", .help = "tell of each run by a line of JSON",
	  TO(json, cli_set_true) },
	{ .name = "list", .help = "name the runs, and run none",
	  TO(list, cli_set_true) },
	{ .name = "shard", .arg = "I/N",
	  .help = "run the I-th of N parts of them",
	  .set = set_shard },
	{ .name = "times", .arg = "REPORT",
	  .help = "make these parts take as long as each other, as\n"
		  "this report of an earlier time says",
	  TO(times, cli_set_string) },
	{ .name = "merge",
	  .help = "make one report of those that are the words",
	  TO(merge, cli_set_true) },
};
// clang-format on

const struct cli_command test_command = {
	.name = "test",
	.summary = "Run a command in a guest of its own",
	.usage = "[OPTION]... [--] [COMMAND [ARGUMENT]...] | SPEC.yaml...",
	.options = test_options,
	.option_count = sizeof(test_options) / sizeof(*test_options),
	.word = add_command_word,
	.word_ends = true,
	.givens = offsetof(struct test_words, givens),
	.notes = "Several runs end with 0 if all passed, and 1 if one "
		 "did not.\n"
		 "Each SPEC.yaml has cases to run (docs/TEST.md).\n"
		 "Without a command, it is a shell. On a terminal, leave it "
		 "with Ctrl-a x.\n"
		 "\n"
		 "Exit status: the command's; 120 the command passed but the "
		 "kernel\n"
		 "reported a fault, 121 the kernel panicked, 122 the guest "
		 "ended\n"
		 "without an answer, 123 the command could not be started, "
		 "124\n"
		 "--timeout passed, 125 vmm failed or was used wrongly.\n"
		 "\n"
		 "Example:\n"
		 "  vmm test --kernel Image -- make -C tests check\n",
};

bool test_words_many(const struct test_words *words)
{
	return words->kernels.count > 1 || words->cpus.count > 1 ||
	       words->mem.count > 1 || words->repeat > 1 || words->jobs > 0 ||
	       words->junit || words->tap || words->json || words->files ||
	       words->list || words->shards > 0 || words->times;
}

bool test_words_given(const struct test_words *words, const char *name)
{
	const struct cli_givens *givens = &words->givens;

	for (size_t i = 0; i < givens->count && i < CLI_MAX_GIVEN; i++)
		if (strcmp(givens->given[i].option->name, name) == 0)
			return true;
	return false;
}

/* True if a word names a file of cases, and no command. */
static bool is_spec(const char *word)
{
	const char *dot = strrchr(word, '.');

	return dot && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

/* Tells files of cases, and reports, from a command. */
static int take_files(struct test_words *words, char *const *first, bool dashes,
		      struct err *err)
{
	const size_t count = words->command_words;

	if (count == 0 && words->merge)
		return err_input(err, -EINVAL, "--merge: which reports?");
	if (count == 0)
		return 0;
	if (!words->merge && (dashes || !is_spec(*first))) {
		words->command = first;
		return 0;
	}
	for (size_t i = 0; i < count; i++)
		if (!words->merge && !is_spec(first[i]))
			return err_input(err, -EINVAL,
					 "'%s' is no SPEC.yaml: options come "
					 "first, and a command after --",
					 first[i]);
	words->files = first;
	words->file_count = count;
	words->command_words = 0;
	return 0;
}

/* What several runs need. */
static int check_many(const struct test_words *words, struct err *err)
{
	if (words->times && words->shards == 0)
		return err_input(err, -EINVAL, "--times is for --shard");
	if (!words->out && !words->list)
		return err_input(err, -EINVAL,
				 "--out DIR is needed: what several runs say "
				 "is kept there");
	if (words->command_words == 0 && !words->files && words->steps == 0)
		return err_input(err, -EINVAL, "several runs need a command");
	return 0;
}

/* With steps on the console there is no init of ours, nor what it does. */
static int check_console_steps(const struct test_words *words, struct err *err)
{
	static const char *const others[] = {
		"root", "modules", "rwdir", "rodir",	   "pwd",
		"env",	"user",	   "fetch", "boot-timeout"
	};

	if (words->command_words > 0)
		return err_input(err, -EINVAL,
				 "either a command or --expect and --send");
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (test_words_given(words, others[i]))
			return err_input(err, -EINVAL,
					 "--%s is for a command, and not for "
					 "--expect and --send",
					 others[i]);
	return 0;
}

static int check_test(const struct test_words *words, struct err *err)
{
	if (words->tap && words->json)
		return err_input(err, -EINVAL, "either --tap or --json");
	if (words->merge)
		return 0;
	if (words->kernels.count == 0 && !words->files)
		return err_input(err, -EINVAL,
				 "nothing to boot: give --kernel FILE");
	if (words->steps > 0 && check_console_steps(words, err) < 0)
		return err->code;
	if (words->fetches > 0 && !words->out && !words->list)
		return err_input(err, -EINVAL,
				 "--fetch %s: --out DIR is needed",
				 words->fetch[0]);
	if (words->initrd && words->root)
		return err_input(err, -EINVAL,
				 "--root %s: the root is --initrd %s already",
				 words->root, words->initrd);
	return test_words_many(words) ? check_many(words, err) : 0;
}

int test_words_parse(struct test_words *ret, int argc, char *const argv[],
		     struct err *err)
{
	struct test_words words = { .cmdline = "",
				    .repeat = 1,
				    .boot_timeout_ns = BOOT_TIMEOUT_NS };
	int r = cli_parse(&test_command, argc, argv, &words, err);

	if (r == 0) {
		char *const *first = argv + argc - words.command_words;

		r = take_files(&words, first, strcmp(first[-1], "--") == 0,
			       err);
	}
	if (r == 0)
		r = check_test(&words, err);
	if (r != 0) {
		test_words_finish(&words);
		return r;
	}
	words.kernel = words.kernels.item[0];
	*ret = words;
	return 0;
}

void test_words_finish(struct test_words *words)
{
	for (size_t i = 0; i < words->folders; i++)
		free(words->folder[i].text);
	words->folders = 0;
}
