/* vmm/restore_words.c - the words of `vmm restore`, and a snapshot's. */
#include "vmm/restore_words.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "vmm/cli.h"
#include "vmm/config_words.h"
#include "vmm/snapshot/restore.h"
#include "vmm/restore_disks.h"

/* Keeps an option of `vmm run` as it is; config_parse() judges it. */
static int keep_option(void *ctx, const struct cli_option *option,
		       const char *value, struct err *err)
{
	struct restore_words *words = ctx;
	char *word;

	if (words->words == RESTORE_MAX_WORDS)
		return err_input(err, -ENOSPC, "too many options");
	if (asprintf(&word, "--%s%s%s", option->name, value ? "=" : "",
		     value ? value : "") < 0)
		return err_set(err, -ENOMEM, "out of memory");
	words->word[words->words++] = word;
	return 0;
}

static int keep_disk(void *ctx, const struct cli_option *option,
		     const char *value, struct err *err)
{
	struct restore_words *words = ctx;
	char *text;

	(void)option;
	if (words->disks == CONFIG_MAX_DISKS)
		return err_input(err, -ENOSPC, "at most %d disks",
				 CONFIG_MAX_DISKS);
	text = strdup(value);
	if (!text)
		return err_set(err, -ENOMEM, "out of memory");
	words->disk[words->disks++] = text;
	return 0;
}

// clang-format off
/* Of the host, or of this run: the guest cannot see them. */
static const struct cli_option host_options[] = {
	{ .name = "name", .arg = "NAME", .help = "name of the virtual machine",
	  .set = keep_option },
	{ .name = "control", .arg = "PATH|none",
	  .help = "where to listen, as of 'vmm run'", .set = keep_option },
	{ .name = "terminal", .arg = "stdio|socket",
	  .help = "where the console's other end is, as of 'vmm run'",
	  .set = keep_option },
	{ .name = "console-log", .arg = "FILE[,max=SIZE]",
	  .help = "where to write what the guest says, as of 'vmm run'",
	  .set = keep_option },
	{ .name = "on-panic", .arg = "exit|pause|dump=FILE",
	  .help = "what follows a panic of the guest, as of 'vmm run'",
	  .set = keep_option },
	{ .name = "gdb", .arg = "PATH|PORT[,wait]",
	  .help = "where gdb may connect, as of 'vmm run'",
	  .set = keep_option },
	{ .name = "no-reboot",
	  .help = "end with status 3 when the guest restarts",
	  .set = keep_option },
	{ .name = "timeout", .arg = "DURATION",
	  .help = "end with status 124 after so long", .set = keep_option },
	{ .name = "loglevel", .arg = "error|warning|info|debug",
	  .help = "how much to say on the standard error", .set = keep_option },
};

static const struct cli_option restore_options[] = {
	{ .name = "memory", .arg = "auto|copy|map|lazy",
	  .help = "how it gets its memory (default auto: the fastest\n"
		  "way that this host and the guest's memory allow)",
	  .words = restore_ways, .set = cli_set_word,
	  .offset = offsetof(struct restore_words, memory) },
	{ .name = "disk", .letter = 'd', .arg = "FILE,temp",
	  .help = "what it writes to this disk of its own vanishes with\n"
		  "it; FILE is only read, and may be shared",
	  .set = keep_disk },
	{ .name = "paused", .help = "wait for 'vmm resume'",
	  .set = cli_set_true,
	  .offset = offsetof(struct restore_words, paused) },
	{ .name = "json", .help = "say first in a line how, as JSON",
	  .set = cli_set_true,
	  .offset = offsetof(struct restore_words, json) },
	{ .name = "record",
	  .help = "note in DIR which memory the guest asks for in\n"
		  "its first seconds: later restores fetch it first",
	  .set = cli_set_true,
	  .offset = offsetof(struct restore_words, record) },
};
// clang-format on

#define COUNT(table) (sizeof(table) / sizeof(*(table)))

static int set_dir(void *ctx, const char *word, struct err *err)
{
	struct restore_words *words = ctx;

	if (words->dir)
		return err_input(err, -EINVAL,
				 "'%s': the snapshot is '%s' already", word,
				 words->dir);
	words->dir = word;
	return 0;
}

const struct cli_command restore_command = {
	.name = "restore",
	.summary = "Go on from a snapshot",
	.usage = "[OPTION]... DIR",
	.options = restore_options,
	.option_count = COUNT(restore_options),
	.more = host_options,
	.more_count = COUNT(host_options),
	.word = set_dir,
	.notes = "DIR is what 'vmm snapshot create' wrote. The guest has the "
		 "devices and the\n"
		 "memory that it had, and finds its disks at the same paths: "
		 "they must not have\n"
		 "changed since. Its exit status is that of 'vmm run'.\n",
};

static int set_uri(void *ctx, const char *word, struct err *err)
{
	struct restore_words *words = ctx;

	if (words->dir)
		return err_input(err, -EINVAL,
				 "'%s': the guest comes from '%s' already",
				 word, words->dir);
	words->dir = word;
	return 0;
}

const struct cli_command receive_command = {
	.name = "receive",
	.summary = "Take a guest that 'vmm migrate' sends",
	.usage = "[OPTION]... URI",
	.options = host_options,
	.option_count = COUNT(host_options),
	.word = set_uri,
	.notes = "URI is unix:PATH, tcp:HOST:PORT, tcp::PORT (of this host "
		 "alone), exec:COMMAND,\n"
		 "or fd:N. TCP is unprotected. The guest has the devices and "
		 "the memory that it\n"
		 "had, and finds its disks at the same paths. Its exit status "
		 "is that of\n"
		 "'vmm run'.\n",
};

static int parse_words(struct restore_words *ret,
		       const struct cli_command *command, const char *missing,
		       int argc, char *const argv[], struct err *err)
{
	struct restore_words words = { 0 };
	int r = cli_parse(command, argc, argv, &words, err);

	if (r == 0 && !words.dir)
		r = err_input(err, -EINVAL, "%s", missing);
	if (r != 0)
		restore_words_finish(&words);
	else
		*ret = words;
	return r;
}

int restore_words_parse(struct restore_words *ret, int argc, char *const argv[],
			struct err *err)
{
	return parse_words(ret, &restore_command,
			   "restore needs a snapshot's DIR", argc, argv, err);
}

int receive_words_parse(struct restore_words *ret, int argc, char *const argv[],
			struct err *err)
{
	return parse_words(ret, &receive_command,
			   "receive needs a URI, as in tcp::4444", argc, argv,
			   err);
}

void restore_words_finish(struct restore_words *words)
{
	while (words->words > 0)
		free(words->word[--words->words]);
	while (words->disks > 0)
		free(words->disk[--words->disks]);
	*words = (struct restore_words){ 0 };
}

/* The saved words alone, so that what they ask for is known. */
static int check_saved(char *const *saved, size_t count, struct err *err)
{
	struct config config; /* large, so that it is not zeroed first */
	const int r = config_words_parse(&config, saved, count, err);

	if (r == 0)
		config_finish(&config);
	return r;
}

int restore_words_config(struct config *ret, char *const *saved, size_t count,
			 const struct restore_words *words, struct err *err)
{
	char run[] = "run";
	_cleanup_(freep) char **argv = calloc(count + words->words + 2,
					      sizeof(*argv));
	int r;

	if (!argv)
		return err_set(err, -ENOMEM, "out of memory");
	argv[0] = run;
	for (size_t i = 0; i < count; i++)
		argv[1 + i] = saved[i];
	r = check_saved(saved, count, err);
	if (r < 0)
		return err_wrap(err, "%s: vm.json", words->dir);
	for (size_t i = 0; i < words->words; i++)
		argv[1 + count + i] = words->word[i];
	r = config_parse(ret, (int)(count + words->words) + 1, argv, err);
	return r == 0 ? restore_disks_apply(ret, words->disk, words->disks, err)
		      : r;
}
