/* vmm/client/pause.c - vmm pause, vmm resume. */
#include <errno.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "vmm/client/client.h"
#include "vmm/client/commands.h"
#include "vmm/client/words.h"

struct pause_words {
	struct client_words client;
	struct client_timeout timeout;
};

static const struct cli_option pause_options[] = {
	CLIENT_JSON,
	CLIENT_TIMEOUT(struct pause_words),
	CLIENT_NAME,
	CLIENT_ALL,
};

const struct cli_command pause_command = {
	.name = "pause",
	.summary = "Pause a guest",
	.usage = "[OPTION]... NAME",
	.options = pause_options,
	.option_count = sizeof(pause_options) / sizeof(*pause_options),
	.word = client_set_name,
	.notes = "When this ends the guest stands still: its CPUs, devices, "
		 "memory and\n"
		 "clock. That can last as long as a disk takes for its "
		 "requests. A guest that\n"
		 "is paused already stays so.\n",
};

const struct cli_command resume_command = {
	.name = "resume",
	.summary = "Let a paused guest go on",
	.usage = "[OPTION]... NAME",
	.options = pause_options,
	.option_count = sizeof(pause_options) / sizeof(*pause_options),
	.word = client_set_name,
	.notes = "The guest does not see how long it stood: its clock goes "
		 "on from there.\n",
};

/* The change to make to a machine. */
struct deed {
	const char *command; /* QMP's */
	const char *done; /* in the words of an error */
	struct pause_words words;
};

static int tell_machine(const char *name, void *ctx, struct err *err)
{
	_cleanup_(client_close) struct client client = { .fd = -1 };
	const struct deed *deed = ctx;
	const struct client_timeout *timeout = &deed->words.timeout;
	int r = client_open(&client, name, timeout->ms, err);

	if (r < 0)
		return r;
	r = client_run(&client, deed->command, NULL, NULL, err);
	if (r == -ETIMEDOUT)
		return err_set(err, r, "%s: has not %s in %s, but may yet",
			       client.name, deed->done, timeout->text);
	if (r == 0 && deed->words.client.json)
		r = client_print_status(&client, NULL, deed->words.client.all,
					err);
	return r;
}

static int tell_pause(const struct cli_command *command, int argc,
		      char *const argv[], struct deed *deed, struct err *err)
{
	struct client_words *words = &deed->words.client;
	int r;

	deed->words.timeout = (struct client_timeout)CLIENT_TIMEOUT_DEFAULT;
	r = client_parse(command, argc, argv, words, err);
	return r == 0 ? client_each(words, tell_machine, deed, err) : r;
}

int pause_main(int argc, char *const argv[], int *ret_status, struct err *err)
{
	struct deed deed = { .command = "stop", .done = "paused" };

	(void)ret_status;
	return tell_pause(&pause_command, argc, argv, &deed, err);
}

int resume_main(int argc, char *const argv[], int *ret_status, struct err *err)
{
	struct deed deed = { .command = "cont", .done = "gone on" };

	(void)ret_status;
	return tell_pause(&resume_command, argc, argv, &deed, err);
}
