/* vmm/client/dump.c - vmm dump. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "vmm/client/client.h"
#include "vmm/client/commands.h"
#include "vmm/client/told.h"
#include "vmm/client/words.h"

/* How long a dump may take: disks are as slow as they are. */
#define DUMP_MS INT_MAX

// clang-format off
static const struct cli_option dump_options[] = { CLIENT_JSON };
// clang-format on

const struct cli_command dump_command = {
	.name = "dump",
	.summary = "Write a core dump of a running guest to a file",
	.usage = "[--json] NAME FILE",
	.options = dump_options,
	.option_count = sizeof(dump_options) / sizeof(*dump_options),
	.word = client_set_two_words,
};

static int run_dump_client(struct client *client,
			   const struct client_words *words, struct err *err)
{
	_cleanup_(freep) char *path = NULL;
	json_auto_t *result = NULL;
	char size[SIZE_TEXT];
	const char *why;
	json_t *args, *dump;
	int r = client_absolute_path(words->second, &path, err);

	if (r < 0)
		return r;
	/* NULL if the path is no UTF-8. */
	args = json_pack("{s:b, s:b, s:s++}", "paging", 0, "detach", 1,
			 "protocol", "file:", path, "");
	if (!args)
		return err_input(err, -EILSEQ, "FILE must be UTF-8");
	r = client_run(client, "dump-guest-memory", args, NULL, err);
	if (r == 0)
		r = client_event(client, "DUMP_COMPLETED", DUMP_MS, &result,
				 err);
	if (r < 0)
		return r;
	why = json_string_value(json_object_get(result, "error"));
	if (why)
		return err_set(err, -EREMOTEIO, "%s: %s", client->name, why);
	dump = json_object_get(result, "result");
	if (words->json)
		return cli_print_json(dump, false, err);
	(void)printf("%s: %s of memory that is not zero\n", words->second,
		     size_format(size, told_number(dump, "completed")));
	return cli_flush(err);
}

int dump_main(int argc, char *const argv[], int *ret_status, struct err *err)
{
	_cleanup_(client_close) struct client client = { .fd = -1 };
	struct client_words words = { 0 };
	int r = client_parse(&dump_command, argc, argv, &words, err);

	(void)ret_status;
	if (r == 0 && !words.second)
		r = err_input(err, -EINVAL,
			      "a file is missing: vmm dump NAME FILE");
	if (r == 0)
		r = client_open(&client, words.name, CLIENT_PATIENCE_MS, err);
	return r == 0 ? run_dump_client(&client, &words, err) : r;
}
