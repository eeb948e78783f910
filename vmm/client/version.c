/* vmm/client/version.c - vmm version. */
#include <errno.h>
#include <stdio.h>

#include "arch/arch.h"
#include "base/cleanup.h"
#include "vmm/client/client.h"
#include "vmm/client/commands.h"
#include "vmm/client/told.h"
#include "vmm/client/words.h"

static const struct cli_option version_options[] = { CLIENT_JSON };

const struct cli_command version_command = {
	.name = "version",
	.summary = "Tell which vmm this is, or runs a guest",
	.usage = "[OPTION]... [NAME]",
	.options = version_options,
	.option_count = sizeof(version_options) / sizeof(*version_options),
	.word = client_set_name,
	.notes = "A guest goes on with the vmm that it was started with, "
		 "whatever is installed\n"
		 "meanwhile.\n",
};

static int tell_ours(bool as_json, struct err *err)
{
	json_auto_t *told = NULL;

	if (!as_json) {
		(void)printf("vmm %s, for %s guests\n", VMM_VERSION, arch_name);
		return cli_flush(err);
	}
	told = json_pack("{s:s, s:s}", "package", "vmm " VMM_VERSION,
			 "architecture", arch_name);
	if (!told)
		return err_set(err, -ENOMEM, "no memory for JSON");
	return cli_print_json(told, false, err);
}

static int tell_theirs(const struct client_words *words, struct err *err)
{
	_cleanup_(client_close) struct client client = { .fd = -1 };
	json_auto_t *told = NULL;
	const json_t *package;
	int r;

	r = client_open(&client, words->name, CLIENT_PATIENCE_MS, err);
	if (r == 0)
		r = client_run(&client, "query-version", NULL, &told, err);
	if (r < 0)
		return r;
	if (words->json)
		return cli_print_json(told, false, err);
	package = json_object_get(told, "package");
	if (!json_is_string(package))
		return err_set(err, -EPROTO, "%s: unexpected reply",
			       client.name);
	told_print(stdout, json_string_value(package), 0);
	(void)putchar('\n');
	return cli_flush(err);
}

int version_main(int argc, char *const argv[], int *ret_status, struct err *err)
{
	struct client_words words = { 0 };
	const int r = cli_parse(&version_command, argc, argv, &words, err);

	(void)ret_status;
	if (r != 0)
		return r;
	return words.name ? tell_theirs(&words, err)
			  : tell_ours(words.json, err);
}
