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
	CLIENT_TIMEOUT(struct pause_words),
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
		 "clock. That can last as long as a disk takes for what it "
		 "is at. A guest that\n"
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

/* @command: its words; @what: to be said; @done: in the words of an error */
static int tell(const struct cli_command *command, int argc, char *const argv[],
		const char *what, const char *done, struct err *err)
{
	_cleanup_(client_close) struct client client = { .fd = -1 };
	struct pause_words words = { .timeout = CLIENT_TIMEOUT_DEFAULT };
	int r;

	r = client_parse(command, argc, argv, &words.client, err);
	if (r != 0)
		return r;
	r = client_open(&client, words.client.name, words.timeout.ms, err);
	if (r < 0)
		return r;
	r = client_run(&client, what, NULL, NULL, err);
	if (r == -ETIMEDOUT)
		return err_set(err, r, "%s: has not %s in %s, but may yet",
			       client.name, done, words.timeout.text);
	return r;
}

int pause_main(int argc, char *const argv[], int *ret_status, struct err *err)
{
	(void)ret_status;
	return tell(&pause_command, argc, argv, "stop", "paused", err);
}

int resume_main(int argc, char *const argv[], int *ret_status, struct err *err)
{
	(void)ret_status;
	return tell(&resume_command, argc, argv, "cont", "gone on", err);
}
