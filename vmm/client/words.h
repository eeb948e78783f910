/* vmm/client/words.h - words that several commands take. [pure] */
#ifndef VMM_CLIENT_WORDS_H
#define VMM_CLIENT_WORDS_H

#include <stdint.h>

#include "base/err.h"
#include "vmm/cli.h"

/* The first member of what such a command's words are gathered in. */
struct client_words {
	const char *name; /* of the machine; NULL: not given */
	const char *second; /* the word behind it; NULL: not given */
	bool json;
	bool all; /* every machine of this user */
};

/* The word of a command that takes one name. */
int client_set_name(void *ctx, const char *word, struct err *err);

/* The words of a command that takes two, of which the first is a name. */
int client_set_two_words(void *ctx, const char *word, struct err *err);

/*
 * Parses the words of a command that needs a name.
 *
 * @words: a struct client_words, or what begins with one
 *
 * Returns what cli_parse() returns, or -EINVAL if there is no name and no
 * --all, or both.
 */
int client_parse(const struct cli_command *command, int argc,
		 char *const argv[], struct client_words *words,
		 struct err *err);

/*
 * Makes a path absolute, for the VMM, which has a working directory of its own.
 *
 * @ret: freed by the caller
 *
 * Returns 0, -ENOMEM, or the errno of realpath(3).
 */
int client_absolute_path(const char *path, char **ret, struct err *err);

/* Parses a level of compression. Returns 0, or -EINVAL if it is none. */
int client_parse_level(const char *text, int *ret, struct err *err);

/* set() of an option that changes nothing. */
int client_set_nothing(void *ctx, const struct cli_option *option,
		       const char *value, struct err *err);

/* set() of an option whose value is the name. */
int client_set_name_option(void *ctx, const struct cli_option *option,
			   const char *value, struct err *err);

/*
 * Does something to the machine that was named, or with --all to each that
 * runs, in the order of their names.
 *
 * @act: returns 0 or a negative errno with @err set
 *
 * A machine that ends meanwhile is left out of --all. The first error is what
 * is returned; with --all the others are printed, and all machines are tried.
 *
 * Returns 0, what @act returns, or what control_names() returns.
 */
int client_each(const struct client_words *words,
		int (*act)(const char *name, void *ctx, struct err *err),
		void *ctx, struct err *err);

/* A row of a table, kvmtool's word: --name NAME, which is the same as NAME. */
#define CLIENT_NAME                                                 \
	{                                                           \
		.name = "name", .letter = 'n', .arg = "NAME",       \
		.help = "the virtual machine, as the word NAME is", \
		.set = client_set_name_option                       \
	}

/* A row of a table: --all. */
#define CLIENT_ALL                                           \
	{                                                    \
		.name = "all", .letter = 'a',                \
		.help = "every virtual machine that runs",   \
		.set = cli_set_true,                         \
		.offset = offsetof(struct client_words, all) \
	}

/* A row of a table: --json. */
#define CLIENT_JSON                                                        \
	{                                                                  \
		.name = "json", .help = "print JSON", .set = cli_set_true, \
		.offset = offsetof(struct client_words, json)              \
	}

/* Adds a duration to a command's arguments, in ms, rounded up. @ns: 0: not
 * given; @args: NULL is fine */
void client_add_ms(json_t *args, const char *name, uint64_t ns);

/* Whether to look again and again. */
struct client_watch {
	bool on;
	uint64_t ns; /* from look to look; 0: a second */
};

/* set() of an option whose member is a struct client_watch: how often, which
 * turns it on. */
int client_set_interval(void *ctx, const struct cli_option *option,
			const char *value, struct err *err);

/* Two rows of a table: --watch and --interval. @words: the type that has it as
 * its watch; @text: what --help says of the former */
#define CLIENT_WATCH(words, text)                                            \
	{ .name = "watch",                                                   \
	  .letter = 'w',                                                     \
	  .help = (text),                                                    \
	  .set = cli_set_true,                                               \
	  .offset = offsetof(words, watch.on) },                             \
	{                                                                    \
		.name = "interval", .arg = "DURATION",                       \
		.help = "the same, looking as often (default 1s)",           \
		.set = client_set_interval, .offset = offsetof(words, watch) \
	}

/* set() of an option whose member is a uint64_t: nanoseconds, not 0. */
int client_set_duration(void *ctx, const struct cli_option *option,
			const char *value, struct err *err);

/* Sleeps until it is time to look again, or a signal comes. */
void client_watch_wait(const struct client_watch *watch);

/* How long to wait at most. */
struct client_timeout {
	const char *text; /* as it was typed */
	int ms; /* not 0 */
};

#define CLIENT_TIMEOUT_DEFAULT \
	{                      \
		"60s", 60000   \
	}

/* set() of an option whose member is a struct client_timeout. */
int client_set_timeout(void *ctx, const struct cli_option *option,
		       const char *value, struct err *err);

/* A row of a table: --timeout. @words: the type that has it as its timeout */
#define CLIENT_TIMEOUT(words)                                                 \
	{                                                                     \
		.name = "timeout", .arg = "DURATION",                         \
		.help = "wait so long at most (default 60s)",                 \
		.set = client_set_timeout, .offset = offsetof(words, timeout) \
	}

#endif
