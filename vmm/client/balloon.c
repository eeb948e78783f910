/* vmm/client/balloon.c - vmm balloon. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "vmm/client/client.h"
#include "vmm/client/commands.h"
#include "vmm/client/told.h"
#include "vmm/client/words.h"

#define MIB (UINT64_C(1) << 20)
#define ANSWER_MS 1000 /* how long the guest may think about itself */

struct balloon_words {
	struct client_words client;
	uint64_t size; /* in bytes; 0: not given */
	uint64_t inflate, deflate; /* in bytes; 0: not given */
};

static int set_balloon_word(void *ctx, const char *word, struct err *err)
{
	struct balloon_words *words = ctx;
	int r;

	if (!words->client.name)
		return client_set_name(ctx, word, err);
	if (words->size)
		return err_input(err, -EINVAL,
				 "'%s': a name and a size are all", word);
	r = size_parse(word, MIB, &words->size);
	if (r == -EINVAL)
		return err_input(err, r,
				 "'%s': not a size: " SIZE_FORM
				 "; a bare number is in MiB",
				 word);
	if (r < 0 || words->size > INT64_MAX)
		return err_input(err, -ERANGE, "'%s': too large", word);
	if (words->size == 0)
		return err_input(err, -ERANGE, "'%s': a guest needs memory",
				 word);
	return 0;
}

static int set_step(void *ctx, const struct cli_option *option,
		    const char *value, struct err *err)
{
	uint64_t *step = (void *)((char *)ctx + option->offset);

	if (size_parse(value, MIB, step) < 0 || *step == 0 || *step > INT64_MAX)
		return err_input(err, -EINVAL,
				 "not a size: " SIZE_FORM
				 "; a bare number is in MiB");
	return 0;
}

// clang-format off
static const struct cli_option balloon_options[] = {
	{ .name = "inflate", .letter = 'i', .arg = "SIZE",
	  .help = "take so much more from the guest",
	  .set = set_step, .offset = offsetof(struct balloon_words, inflate) },
	{ .name = "deflate", .letter = 'd', .arg = "SIZE",
	  .help = "give the guest so much back",
	  .set = set_step, .offset = offsetof(struct balloon_words, deflate) },
	CLIENT_JSON,
	CLIENT_NAME,
};
// clang-format on

const struct cli_command balloon_command = {
	.name = "balloon",
	.summary = "Take memory from a guest, or give it back",
	.usage = "[OPTION]... NAME [SIZE]",
	.options = balloon_options,
	.option_count = sizeof(balloon_options) / sizeof(*balloon_options),
	.word = set_balloon_word,
	.notes = "SIZE is what the guest is to keep, as in 512M; a bare number "
		 "is in MiB. The\n"
		 "guest comes as near as it can, and takes its time. Without "
		 "SIZE this tells\n"
		 "how large it is now, and how it is doing. The guest must "
		 "have been started\n"
		 "with --balloon.\n",
};

static void print_size(const char *name, const json_t *stats, const char *key)
{
	if (json_object_get(stats, key))
		(void)printf("%-12s %.1f MiB\n", name,
			     (double)told_number(stats, key) / (double)MIB);
}

static void print_guest(const json_t *stats)
{
	print_size("free", stats, "free-memory");
	print_size("available", stats, "available-memory");
	print_size("caches", stats, "disk-caches");
	print_size("swapped in", stats, "swap-in");
	print_size("swapped out", stats, "swap-out");
}

static void print_balloon(const json_t *info)
{
	const double ram = (double)told_number(info, "ram");
	char size[SIZE_TEXT];

	(void)printf("%-12s %.1f MiB of %.1f MiB, %s wanted\n", "memory",
		     (double)told_number(info, "actual") / (double)MIB,
		     ram / (double)MIB,
		     size_format(size, told_number(info, "target")));
	(void)printf("%-12s %.1f MiB so far, in %" PRIu64 " calls\n",
		     "given back",
		     (double)told_number(info, "given-back") / (double)MIB,
		     told_number(info, "calls"));
	if (told_number(info, "failed") > 0)
		(void)printf("%-12s %" PRIu64 " of these calls: see the VMM's "
			     "standard error\n",
			     "failed", told_number(info, "failed"));
	if (!json_is_true(json_object_get(info, "driver")))
		(void)printf("%-12s no balloon driver at work\n", "guest");
	print_guest(json_object_get(info, "stats"));
}

/* How large it is now, with what the guest says of itself, if it does. */
static int query_balloon(struct client *client, json_t **ret, struct err *err)
{
	json_auto_t *fresh = NULL;
	int r = client_run(client, "x-vmm-balloon-stats", NULL, ret, err);

	if (r < 0 || !json_is_true(json_object_get(*ret, "asked")))
		return r;
	r = client_event(client, "X_VMM_BALLOON_STATS", ANSWER_MS, &fresh, err);
	if (r == -ETIMEDOUT)
		return 0; /* it is busy: what it said last stands */
	if (r == 0 && json_object_update(*ret, fresh) < 0)
		r = err_set(err, -EPROTO, "%s: unexpected reply", client->name);
	return r;
}

static int tell_balloon(struct client *client, bool as_json, struct err *err)
{
	json_auto_t *info = NULL;
	const int r = query_balloon(client, &info, err);

	if (r < 0)
		return r;
	if (as_json)
		return cli_print_json(info, false, err);
	print_balloon(info);
	return cli_flush(err);
}

static int set_balloon_size(struct client *client, uint64_t size,
			    struct err *err)
{
	return client_run(client, "balloon",
			  json_pack("{s:I}", "value", (json_int_t)size), NULL,
			  err);
}

/* Sets the size to what the guest is to keep now, and less or more. */
static int step_size(struct client *client, const struct balloon_words *words,
		     struct err *err)
{
	json_auto_t *info = NULL;
	uint64_t target, ram;
	const int r = client_run(client, "x-vmm-balloon-stats", NULL, &info,
				 err);

	if (r < 0)
		return r;
	target = told_number(info, "target");
	ram = told_number(info, "ram");
	if (words->inflate >= target)
		return err_input(err, -ERANGE,
				 "--inflate: the guest is to keep %" PRIu64
				 " MiB and needs memory",
				 target / MIB);
	if (words->inflate > 0)
		return set_balloon_size(client, target - words->inflate, err);
	if (target > ram || words->deflate > ram - target)
		return set_balloon_size(client, ram, err);
	return set_balloon_size(client, target + words->deflate, err);
}

static int check_steps(const struct balloon_words *words, struct err *err)
{
	if ((words->inflate != 0) + (words->deflate != 0) + (words->size != 0) <
	    2)
		return 0;
	return err_input(err, -EINVAL,
			 "only one of SIZE, --inflate and --deflate is taken");
}

int balloon_main(int argc, char *const argv[], int *ret_status, struct err *err)
{
	_cleanup_(client_close) struct client client = { .fd = -1 };
	struct balloon_words words = { 0 };
	int r;

	(void)ret_status;
	r = client_parse(&balloon_command, argc, argv, &words.client, err);
	if (r == 0)
		r = check_steps(&words, err);
	if (r == 0)
		r = client_open(&client, words.client.name, CLIENT_PATIENCE_MS,
				err);
	if (r != 0)
		return r;
	if (words.inflate != 0 || words.deflate != 0)
		return step_size(&client, &words, err);
	if (words.size == 0)
		return tell_balloon(&client, words.client.json, err);
	return set_balloon_size(&client, words.size, err);
}
