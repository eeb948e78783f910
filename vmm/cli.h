/*
 * vmm/cli.h - a command's options, as one table that is all there is to know.
 *
 * The table drives the parsing, the text of --help and the "did you mean" of
 * an error; bash completion asks --help; a test holds the man page against it.
 * getopt_long() is not used, because it keeps its state in globals and does not
 * tell which word is wrong.
 *
 * A long name may be abbreviated as long as it stays unique, and "--no-NAME"
 * takes back what --NAME gave, both as kvmtool has it. A whole name comes
 * before an abbreviation, so that "--no-reboot" is that option.
 *
 * "--name VALUE", "--name=VALUE", "-n VALUE" and "-nVALUE" mean the same. An
 * option given twice: set() is called twice, so the last one wins unless set()
 * collects. "--" ends the options. -h and --help are in every table unwritten.
 */
#ifndef VMM_CLI_H
#define VMM_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <jansson.h>

#include "base/err.h"

struct cli_option {
	const char *name; /* without "--"; NULL: this row begins a group */
	char letter; /* 0: none */
	const char *arg; /* what --help calls the value; NULL: takes none */
	bool optional; /* the value is: only --name=VALUE has one */
	const char *help; /* lines of at most CLI_HELP_WIDTH; or the group */
	const char *const *words; /* valid values, then NULL; NULL: any */
	/*
	 * Takes one occurrence of the option.
	 *
	 * @value: NULL if there is none; one of @words, if there are
	 *
	 * Returns 0, or a negative errno with @err saying what is wrong with
	 * @value; cli_parse() puts the option and the value before it.
	 */
	int (*set)(void *ctx, const struct cli_option *option,
		   const char *value, struct err *err);
	/* Takes "--no-NAME", which has no value. NULL: that is refused. */
	void (*unset)(void *ctx, const struct cli_option *option);
	size_t offset; /* of the member that the functions below set */
};

/* An option of another program's that is refused with a reason. */
struct cli_refusal {
	const char *name; /* without "--" */
	const char *why; /* a clause */
};

/* set() functions for members of a plain kind. */
int cli_set_true(void *ctx, const struct cli_option *option, const char *value,
		 struct err *err); /* bool */
int cli_set_text(void *ctx, const struct cli_option *option, const char *value,
		 struct err *err); /* const char * */
int cli_set_string(void *ctx, const struct cli_option *option,
		   const char *value, struct err *err); /* not empty */
int cli_set_word(void *ctx, const struct cli_option *option, const char *value,
		 struct err *err); /* unsigned: its place in @words */

/* unset() functions for members of a plain kind. */
void cli_unset_bool(void *ctx, const struct cli_option *option); /* false */
void cli_unset_string(void *ctx, const struct cli_option *option); /* NULL */

#define CLI_HELP_WIDTH 53

/* An option as it was given. */
struct cli_given {
	const struct cli_option *option;
	const char *value; /* borrowed from argv; NULL: none */
	bool unset; /* as "--no-NAME" */
};

/* More options than these are counted, and not kept. */
#define CLI_MAX_GIVEN 128

struct cli_givens {
	struct cli_given given[CLI_MAX_GIVEN]; /* in the order given */
	size_t count;
};

struct cli_command {
	const char *name;
	const char *summary; /* one line, for the list of commands */
	const char *usage; /* what follows "Usage: vmm NAME"; or NULL */
	const char *notes; /* printed below the options; or NULL */
	const struct cli_option *options;
	size_t option_count;
	const struct cli_option *more; /* further options, or NULL */
	size_t more_count;
	const struct cli_refusal *refusals; /* ends with a NULL name; or NULL */
	/* Where in @ctx a struct cli_givens is that notes the options that were
	 * taken; 0: there is none. */
	size_t givens;
	/* Takes a word that is no option. NULL: the command takes none. */
	int (*word)(void *ctx, const char *word, struct err *err);
	bool word_ends; /* the first such word ends the options: another
			   program's follow */
};

/*
 * Parses the words of a command.
 *
 * @argv: argv[0] is the command's name; option values point into it
 * @ctx:  handed to the callbacks
 *
 * Returns 0; 1 if --help was printed, and then nothing more is to be done;
 * -EINVAL with @err naming the wrong word and the closest right one, or both
 * options that an abbreviation could mean; what a
 * callback returned; or the error of writing to the standard output.
 */
int cli_parse(const struct cli_command *command, int argc, char *const argv[],
	      void *ctx, struct err *err);

/* Prints what --help prints, on the standard output. Returns 0 or -errno. */
int cli_help(const struct cli_command *command, struct err *err);

/* Returns 0 once all that was printed is written, or -errno of that. */
int cli_flush(struct err *err);

/* Prints JSON in a line, or indented, and flushes it. Returns 0 or -errno. */
int cli_print_json(const json_t *json, bool line, struct err *err);

#endif
