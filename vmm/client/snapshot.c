/* vmm/client/snapshot.c - vmm snapshot. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/closest.h"
#include "base/size.h"
#include "vmm/client/client.h"
#include "vmm/client/commands.h"
#include "vmm/client/told.h"
#include "vmm/client/words.h"
#include "vmm/control/qmp.h"
#include "vmm/snapshot/chain.h"
#include "vmm/snapshot/directory.h"

/* How long a snapshot may take: disks are as slow as they are. */
#define CREATE_MS INT_MAX

/* The words of all actions. */
struct snapshot_words {
	struct client_words client; /* NAME and DIR of create; DIR and OUT of
				       merge */
	const char *parent;
	bool live; /* the default, in words */
	bool paused;
	bool stop;
	bool give_up;
	unsigned disks; /* a place in disks_words */
	uint64_t downtime, timeout; /* in ns; 0: not given */
	int level; /* of --compress; 0: not given */
};

static int set_level(void *ctx, const struct cli_option *option,
		     const char *value, struct err *err)
{
	int *level = (void *)((char *)ctx + option->offset);

	*level = IMAGE_LEVEL_DEFAULT;
	return value ? client_parse_level(value, level, err) : 0;
}

static const char *const disks_words[] = { "refer", "copy", NULL };

#define WORD(member) .offset = offsetof(struct snapshot_words, member)

#define COMPRESS                                                            \
	{                                                                   \
		.name = "compress", .arg = "LEVEL", .optional = true,       \
		.help = "compress what it holds: 1 (fast) to 19 (small);\n" \
			"3 without LEVEL",                                  \
		.set = set_level, WORD(level)                               \
	}

// clang-format off
static const struct cli_option create_options[] = {
	{ .name = "parent", .arg = "DIR",
	  .help = "write only what changed since that snapshot, the\n"
		  "last one of this guest",
	  .set = cli_set_string, WORD(parent) },
	{ .name = "disks", .arg = "refer|copy",
	  .help = "name the disks, and refuse to restore if they\n"
		  "have changed (the default), or copy those that the\n"
		  "guest can write",
	  .words = disks_words, .set = cli_set_word, WORD(disks) },
	{ .name = "live",
	  .help = "copy memory while the guest runs (the default)",
	  .set = cli_set_true, WORD(live) },
	{ .name = "paused",
	  .help = "hold the guest while its memory is copied",
	  .set = cli_set_true, WORD(paused) },
	{ .name = "downtime", .arg = "DURATION",
	  .help = "how long a live snapshot may hold the guest\n"
		  "(default 50ms)",
	  .set = client_set_duration, WORD(downtime) },
	{ .name = "timeout", .arg = "DURATION",
	  .help = "when to hold it even if it writes too fast for\n"
		  "that (default 10s)",
	  .set = client_set_duration, WORD(timeout) },
	{ .name = "give-up",
	  .help = "then make no snapshot instead",
	  .set = cli_set_true, WORD(give_up) },
	{ .name = "stop",
	  .help = "end the guest once the snapshot is there",
	  .set = cli_set_true, WORD(stop) },
	COMPRESS,
	CLIENT_JSON,
};

static const struct cli_option merge_options[] = { COMPRESS };

static const struct cli_option json_options[] = { CLIENT_JSON };
// clang-format on

static const struct cli_command create_command = {
	.name = "snapshot create",
	.summary = "Write a running guest to a folder",
	.usage = "[OPTION]... NAME DIR",
	.options = create_options,
	.option_count = sizeof(create_options) / sizeof(*create_options),
	.word = client_set_two_words,
};

static const struct cli_command info_command = {
	.name = "snapshot info",
	.summary = "Tell what is in a snapshot",
	.usage = "[--json] DIR",
	.options = json_options,
	.option_count = 1,
	.word = client_set_name,
};

static const struct cli_command verify_command = {
	.name = "snapshot verify",
	.summary = "Read all of a snapshot and compare its checksums",
	.usage = "DIR",
	.word = client_set_name,
};

static const struct cli_command merge_command = {
	.name = "snapshot merge",
	.summary = "Make one full snapshot of a diff and its parents",
	.usage = "[--compress[=LEVEL]] DIR OUT",
	.options = merge_options,
	.option_count = 1,
	.word = client_set_two_words,
};

/* @what: the words that are needed */
static int need_word(const char *word, const char *what, struct err *err)
{
	return word ? 0
		    : err_input(err, -EINVAL,
				"a folder is missing: vmm snapshot %s", what);
}

static json_t *create_arguments(const struct snapshot_words *words,
				const char *dir, const char *parent)
{
	/* NULL if a path is no UTF-8. */
	json_t *args = json_pack(
		"{s:s, s:s*, s:s, s:b, s:b, s:b}", "path", dir, "parent",
		parent, "disks", disks_words[words->disks], "paused",
		words->paused, "give-up", words->give_up, "stop", words->stop);

	client_add_ms(args, "downtime-ms", words->downtime);
	client_add_ms(args, "timeout-ms", words->timeout);
	if (args && words->level > 0)
		(void)json_object_set_new(args, "compress",
					  json_integer(words->level));
	return args;
}

static void print_result(const json_t *result, const char *dir)
{
	char written[SIZE_TEXT];

	(void)printf("%s: %" PRIu64 " pages, %s written in %" PRIu64
		     " passes, guest held for %.1f ms\n",
		     dir, told_number(result, "pages"),
		     size_format(written, told_number(result, "bytes")),
		     told_number(result, "passes"),
		     (double)told_number(result, "held-us") / 1000.0);
}

static int run_create(struct client *client, const struct snapshot_words *words,
		      struct err *err)
{
	_cleanup_(freep) char *dir = NULL;
	_cleanup_(freep) char *parent = NULL;
	json_auto_t *result = NULL;
	json_t *args;
	const char *why;
	int r = client_absolute_path(words->client.second, &dir, err);

	if (r == 0 && words->parent)
		r = client_absolute_path(words->parent, &parent, err);
	if (r < 0)
		return r;
	args = create_arguments(words, dir, parent);
	if (!args)
		return err_input(err, -EILSEQ,
				 "DIR and --parent must be UTF-8");
	r = client_run(client, "x-vmm-snapshot", args, NULL, err);
	if (r == 0)
		r = client_event(client, "X_VMM_SNAPSHOT", CREATE_MS, &result,
				 err);
	if (r < 0)
		return r;
	why = json_string_value(json_object_get(result, "error"));
	if (why)
		return err_set(err, -EREMOTEIO, "%s: %s", client->name, why);
	if (words->client.json)
		return cli_print_json(result, false, err);
	print_result(result, words->client.second);
	return cli_flush(err);
}

static int create_main(int argc, char *const argv[], struct err *err)
{
	_cleanup_(client_close) struct client client = { .fd = -1 };
	_cleanup_(fd_closep) int process = -1;
	struct snapshot_words words = { 0 };
	int r = client_parse(&create_command, argc, argv, &words.client, err);

	if (r == 0)
		r = need_word(words.client.second, "create NAME DIR", err);
	if (r == 0 && words.live && words.paused)
		r = err_input(err, -EINVAL,
			      "--live and --paused exclude each other");
	if (r == 0)
		r = client_open(&client, words.client.name, CLIENT_PATIENCE_MS,
				err);
	if (r != 0)
		return r;
	process = client_process(&client);
	r = run_create(&client, &words, err);
	if (r < 0 || !words.stop)
		return r;
	return client_wait_end(&client, process, CLIENT_PATIENCE_MS, err);
}

/* What `vmm snapshot info` tells of. */
struct snapshot_info {
	struct snapshot_chain top; /* the snapshot alone */
	struct image_count count;
	size_t below; /* how many it stands on, if @broken says nothing */
	struct err broken; /* why that cannot be told */
};

static void info_finish(struct snapshot_info *info)
{
	snapshot_chain_finish(&info->top);
}

static int look_at_snapshot(struct snapshot_info *info, const char *path,
			    struct err *err)
{
	struct snapshot_chain chain = { 0 };
	int r = snapshot_chain_open_top(&info->top, path, NULL, err);

	if (r < 0)
		return r;
	r = image_count(info->top.memory.image[0], &info->count, err);
	if (r < 0)
		return err_wrap(err, "%s", path);
	if (snapshot_chain_open(&chain, path, NULL, &info->broken) == 0)
		info->below = chain.memory.count - 1;
	snapshot_chain_finish(&chain);
	return 0;
}

/* What its pages take on the disk. */
static uint64_t stored_bytes(const struct snapshot_info *info)
{
	if (image_is_compressed(info->top.memory.image[0]))
		return info->count.packed;
	return info->count.state[IMAGE_DATA] * IMAGE_PAGE;
}

static void print_memory(const struct snapshot_info *info)
{
	const struct image_count *count = &info->count;
	const uint64_t bytes = count->state[IMAGE_DATA] * IMAGE_PAGE;
	const uint64_t stored = stored_bytes(info);
	char size[SIZE_TEXT];

	(void)printf("%-12s %s", "memory", size_format(size, bytes));
	if (image_is_compressed(info->top.memory.image[0]) && stored > 0)
		(void)printf(" compressed to %s (%.1f:1)",
			     size_format(size, stored),
			     (double)bytes / (double)stored);
	(void)printf(", %" PRIu64 " pages of zeroes, %" PRIu64 " given up\n",
		     count->state[IMAGE_ZERO], count->state[IMAGE_GONE]);
}

static int print_info_json(const struct snapshot_info *info, struct err *err)
{
	const struct image_count *count = &info->count;
	json_auto_t *json = snapshot_about_encode(&info->top.about);
	json_auto_t *more = json_pack(
		"{sb sI sI sI sI}", "compressed",
		image_is_compressed(info->top.memory.image[0]), "stored-bytes",
		(json_int_t)stored_bytes(info), "data-pages",
		(json_int_t)count->state[IMAGE_DATA], "zero-pages",
		(json_int_t)count->state[IMAGE_ZERO], "given-up-pages",
		(json_int_t)count->state[IMAGE_GONE]);

	if (more && info->broken.code == 0)
		(void)json_object_set_new(
			more, "snapshots",
			json_integer((json_int_t)info->below + 1));
	else if (more)
		(void)json_object_set_new(more, "broken",
					  qmp_string(info->broken.msg));
	if (!json || !more || json_object_update(json, more) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	return cli_print_json(json, false, err);
}

/* The words of disk @index in the command, or "". */
static const char *disk_words_of(const struct snapshot_about *about,
				 size_t index)
{
	static const char option[] = "--disk=";

	for (size_t i = 0; i < about->words; i++)
		if (strncmp(about->word[i], option, strlen(option)) == 0 &&
		    index-- == 0)
			return about->word[i] + strlen(option);
	return "";
}

static void print_disks(const struct snapshot_about *about)
{
	char size[SIZE_TEXT];

	for (size_t i = 0; i < about->disks; i++) {
		(void)printf("%-12s ", "disk");
		told_print(stdout, disk_words_of(about, i), 0);
		(void)printf(": %s, %s\n",
			     size_format(size, about->disk[i].size),
			     about->disk[i].copied ? "copied" : "referred to");
	}
}

static int print_info(const struct snapshot_info *info, struct err *err)
{
	const struct snapshot_about *about = &info->top.about;
	const time_t made = (time_t)about->made;
	char date[32] = "";
	struct tm tm;

	if (localtime_r(&made, &tm))
		(void)strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &tm);
	(void)printf("%-12s %s\n", "guest", about->name);
	(void)printf("%-12s %s, by vmm %s on %s\n", "made", date, about->vmm,
		     about->architecture);
	(void)printf("%-12s %s\n", "identity", about->id);
	if (about->parent && info->broken.code == 0)
		(void)printf("%-12s %s, the last of %zu below\n", "parent",
			     about->parent, info->below);
	else if (about->parent)
		(void)printf("%-12s %s, the snapshot %s\n", "parent",
			     about->parent, about->parent_id);
	print_memory(info);
	print_disks(about);
	(void)printf("%-12s vmm run", "command");
	for (size_t i = 0; i < about->words; i++) {
		(void)putchar(' ');
		told_print(stdout, about->word[i], 0);
	}
	(void)printf("\n");
	return cli_flush(err);
}

static int info_main(int argc, char *const argv[], struct err *err)
{
	_cleanup_(info_finish) struct snapshot_info info = { 0 };
	struct client_words words = { 0 };
	int r = cli_parse(&info_command, argc, argv, &words, err);

	if (r == 0)
		r = need_word(words.name, "info DIR", err);
	if (r == 0)
		r = look_at_snapshot(&info, words.name, err);
	if (r == 0)
		r = words.json ? print_info_json(&info, err)
			       : print_info(&info, err);
	/* What can be told was told. */
	if (r == 0 && info.broken.code < 0) {
		*err = info.broken;
		r = err->code;
	}
	return r;
}

static int verify_main(int argc, char *const argv[], struct err *err)
{
	_cleanup_(snapshot_chain_finish) struct snapshot_chain chain = { 0 };
	struct client_words words = { 0 };
	int r = cli_parse(&verify_command, argc, argv, &words, err);

	if (r == 0)
		r = need_word(words.name, "verify DIR", err);
	if (r == 0)
		r = snapshot_chain_open(&chain, words.name, NULL, err);
	if (r == 0)
		r = snapshot_chain_verify(&chain, err);
	if (r != 0)
		return r;
	(void)printf("%s: as it was written, with %zu below it\n", words.name,
		     chain.memory.count - 1);
	return cli_flush(err);
}

static int merge_main(int argc, char *const argv[], struct err *err)
{
	_cleanup_(snapshot_chain_finish) struct snapshot_chain chain = { 0 };
	struct snapshot_words words = { 0 };
	int r = cli_parse(&merge_command, argc, argv, &words, err);

	if (r == 0)
		r = need_word(words.client.name, "merge DIR OUT", err);
	if (r == 0)
		r = need_word(words.client.second, "merge DIR OUT", err);
	if (r == 0)
		r = snapshot_chain_open(&chain, words.client.name, NULL, err);
	return r == 0 ? snapshot_chain_merge(&chain, words.client.second,
					     words.level, err)
		      : r;
}

static const struct action {
	const char *name;
	const struct cli_command *cli;
	int (*main)(int argc, char *const argv[], struct err *err);
} actions[] = {
	{ "create", &create_command, create_main },
	{ "info", &info_command, info_main },
	{ "verify", &verify_command, verify_main },
	{ "merge", &merge_command, merge_main },
};

#define ACTIONS (sizeof(actions) / sizeof(*actions))

const struct cli_command snapshot_command = {
	.name = "snapshot",
	.summary = "Write a guest to a folder, and look at what is there",
	.usage = "create|info|verify|merge ...",
	.options = create_options,
	.option_count = sizeof(create_options) / sizeof(*create_options),
	.notes = "vmm snapshot create NAME DIR   write a running guest to DIR\n"
		 "vmm snapshot info DIR          tell what is in it\n"
		 "vmm snapshot verify DIR        compare all checksums\n"
		 "vmm snapshot merge DIR OUT     make one of a diff and its "
		 "parents\n"
		 "\n"
		 "Each has --help. 'vmm restore DIR' goes\n"
		 "on from a snapshot.\n",
};

static int find_action(const char *name, const struct action **ret,
		       struct err *err)
{
	struct closest near = { .word = name };

	for (size_t i = 0; i < ACTIONS; i++) {
		if (strcmp(name, actions[i].name) == 0) {
			*ret = &actions[i];
			return 0;
		}
		closest_try(&near, actions[i].name);
	}
	return closest_refuse(&near, "action", err);
}

int snapshot_main(int argc, char *const argv[], int *ret_status,
		  struct err *err)
{
	const struct action *action = NULL;
	struct snapshot_words unused = { 0 };
	int r;

	(void)ret_status;
	if (argc > 1 && argv[1][0] != '-') {
		r = find_action(argv[1], &action, err);
		return r < 0 ? r : action->main(argc - 1, &argv[1], err);
	}
	r = cli_parse(&snapshot_command, argc, argv, &unused, err);
	return r != 0 ? r
		      : err_input(err, -EINVAL,
				  "snapshot needs an action: create, info, "
				  "verify or merge");
}
