/* vmm/test/words.h - the words of `vmm test`. [pure] */
#ifndef VMM_TEST_WORDS_H
#define VMM_TEST_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "vmm/cli.h"

#define TEST_MAX_PASSED 64
#define TEST_MAX_FOLDERS 5 /* beside the root, and the current folder */
#define TEST_MAX_ENV 64
#define TEST_MAX_FETCH 16
#define TEST_MAX_STEPS 256
#define TEST_MAX_SEND 4096 /* bytes */
#define TEST_FETCHED "artifacts" /* folder in that of --out */
#define TEST_MAX_LIST 16 /* kernels, and so on */
#define TEST_MAX_RUNS 10000

/* The values of an option that makes more runs. */
struct test_list {
	const char *item[TEST_MAX_LIST];
	size_t count;
};

/* --rwdir or --rodir DIR[=GUEST]. */
struct test_folder {
	char *text; /* owned; the others point into it */
	const char *dir; /* on the host */
	const char *guest; /* an absolute path */
	bool rw;
};

/* What is done on the guest's console. */
enum test_step_kind { STEP_EXPECT, STEP_SEND, STEP_TIMEOUT };

struct test_step {
	enum test_step_kind kind;
	const char *text; /* to wait for, a regular expression; or to send */
	uint64_t ns; /* from here on, to wait for a text; 0: for ever */
};

struct test_words {
	const char *kernel; /* the first one */
	struct test_list kernels; /* at least 1 */
	struct test_list cpus, mem; /* as given */
	uint64_t repeat; /* each run so often; at least 1 */
	uint64_t jobs; /* runs at a time; 0: not given */
	const char *junit; /* file for a report; NULL: none */
	bool tap, json; /* how to tell of runs */
	bool list; /* name the runs, and run none */
	bool merge; /* the words are reports, of which to make one */
	uint64_t shard, shards; /* run this part, from 1 on, of so many; 0, 0:
				   all */
	const char *times; /* report of an earlier run; NULL: none */
	const char *initrd; /* the guest's root instead of a folder; or NULL */
	const char *root; /* folder; NULL: none was given */
	const char *cmdline; /* "" if none was given */
	const char *modules; /* folder; NULL: none was given */
	const char *out; /* the same */
	const char *pwd; /* in the guest; NULL: the caller's */
	const char *user; /* NULL: the caller */
	uint64_t timeout_ns; /* 0: none */
	uint64_t boot_timeout_ns;
	bool ignore_reports;
	bool net, disk; /* such an option is among @passed */
	struct test_folder folder[TEST_MAX_FOLDERS];
	size_t folders;
	const char *env[TEST_MAX_ENV]; /* "NAME" or "NAME=VALUE" */
	size_t envs;
	const char *fetch[TEST_MAX_FETCH]; /* paths in the guest */
	size_t fetches;
	struct test_step step[TEST_MAX_STEPS]; /* in place of a command */
	size_t steps;
	/* Options of `vmm run` that mean the same here. */
	struct {
		const struct cli_option *option;
		const char *value; /* NULL: none */
	} passed[TEST_MAX_PASSED];
	size_t passes;
	char *const *command; /* borrowed from argv; ends with NULL; NULL: none
			       */
	size_t command_words;
	char *const *files; /* cases or, with @merge, reports: as @command,
			       which is NULL then */
	size_t file_count;
	struct cli_givens givens; /* for a run of its own */
};

extern const struct cli_command test_command;

/*
 * Parses the words after `vmm test`.
 *
 * @argv: argv[0] is "test"; ends with NULL; stays the caller's and outlives
 *        @ret
 *
 * Returns 0; 1 if --help was printed and there is nothing more to do; -EINVAL,
 * -ERANGE or -ENOSPC with @err naming the word that is wrong; -ENOMEM.
 * test_words_finish() is needed after 0 alone. Thread: setup.
 */
int test_words_parse(struct test_words *ret, int argc, char *const argv[],
		     struct err *err);

/* True if the words ask for more than one run, or for a report. */
bool test_words_many(const struct test_words *words);

/* True if an option was given. */
bool test_words_given(const struct test_words *words, const char *name);
void test_words_finish(struct test_words *words);

#endif
