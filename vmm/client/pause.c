/* vmm/client/pause.c - vmm pause, vmm resume. */
#include "base/cleanup.h"
#include "vmm/client/client.h"
#include "vmm/client/commands.h"
#include "vmm/client/words.h"

const struct cli_command pause_command = {
	.name = "pause",
	.summary = "Pause a guest",
	.usage = "NAME",
	.word = client_set_name,
	.notes = "When this ends the guest stands still: its CPUs, devices, "
		 "memory and\n"
		 "clock. A guest that is paused already stays so.\n",
};

const struct cli_command resume_command = {
	.name = "resume",
	.summary = "Let a paused guest go on",
	.usage = "NAME",
	.word = client_set_name,
	.notes = "The guest does not see how long it stood: its clock goes "
		 "on from there.\n",
};

static int tell(const struct cli_command *command, int argc, char *const argv[],
		const char *what, struct err *err)
{
	_cleanup_(client_close) struct client client = { .fd = -1 };
	struct client_words words = { 0 };
	int r;

	r = client_parse(command, argc, argv, &words, err);
	if (r != 0)
		return r;
	r = client_open(&client, words.name, CLIENT_PATIENCE_MS, err);
	return r < 0 ? r : client_run(&client, what, NULL, NULL, err);
}

int pause_main(int argc, char *const argv[], int *ret_status, struct err *err)
{
	(void)ret_status;
	return tell(&pause_command, argc, argv, "stop", err);
}

int resume_main(int argc, char *const argv[], int *ret_status, struct err *err)
{
	(void)ret_status;
	return tell(&resume_command, argc, argv, "cont", err);
}
