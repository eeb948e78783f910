/* vmm/client/stop.c - vmm stop. */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/pidfd.h>

#include "base/cleanup.h"
#include "vmm/client/client.h"
#include "vmm/client/commands.h"
#include "vmm/client/words.h"

struct stop_words {
	struct client_words client;
	bool force;
	struct client_timeout timeout;
};

// clang-format off
static const struct cli_option stop_options[] = {
	{ .name = "force", .letter = 'f',
	  .help = "end it at once, as if the power were cut",
	  .set = cli_set_true, .offset = offsetof(struct stop_words, force) },
	CLIENT_JSON,
	CLIENT_TIMEOUT(struct stop_words),
	CLIENT_NAME,
	CLIENT_ALL,
};
// clang-format on

const struct cli_command stop_command = {
	.name = "stop",
	.summary = "Make a guest power off, and wait until it has",
	.usage = "[OPTION]... NAME",
	.options = stop_options,
	.option_count = sizeof(stop_options) / sizeof(*stop_options),
	.word = client_set_name,
	.notes = "Without --force the guest's power button is pressed: the "
		 "machine needs one\n"
		 "('vmm run --power-button'), and the guest must heed it.\n",
};

static int add_cure(struct err *err)
{
	const struct err was = *err;

	return err_set(err, was.code, "%s; --force ends it at once", was.msg);
}

/*
 * A VMM that waits for storage that does not answer serves no client: a signal
 * ends its wait. Returns 0 if it was sent, else @r.
 */
static int end_by_signal(int process, int r)
{
	if (process < 0 || pidfd_send_signal(process, SIGTERM, NULL, 0) < 0)
		return r;
	return 0;
}

static int stop_machine(const char *name, void *ctx, struct err *err)
{
	_cleanup_(client_close) struct client client = { .fd = -1 };
	_cleanup_(fd_closep) int process = -1;
	const struct stop_words *words = ctx;
	int r = client_open(&client, name, CLIENT_PATIENCE_MS, err);

	process = client_process(&client);
	if (r == 0)
		r = client_run(&client,
			       words->force ? "quit" : "system_powerdown", NULL,
			       NULL, err);
	if (r == -ETIMEDOUT && words->force)
		r = end_by_signal(process, r);
	if (r == -EREMOTEIO && !words->force)
		return add_cure(err);
	if (r < 0 && r != -ECONNRESET) /* that would be the end already */
		return r;
	r = client_wait_end(&client, process, words->timeout.ms, err);
	if (r == -ETIMEDOUT)
		return err_set(err, r, "%s: has not powered off in %s",
			       client.name, words->timeout.text);
	if (r == 0 && words->client.json)
		r = client_print_status(&client, "shutdown", words->client.all,
					err);
	return r;
}

int stop_main(int argc, char *const argv[], int *ret_status, struct err *err)
{
	struct stop_words words = { .timeout = CLIENT_TIMEOUT_DEFAULT };
	const int r = client_parse(&stop_command, argc, argv, &words.client,
				   err);

	(void)ret_status;
	return r == 0 ? client_each(&words.client, stop_machine, &words, err)
		      : r;
}
