/* vmm/client/migrate.c - vmm migrate. */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/signal_fd.h"
#include "base/size.h"
#include "vmm/client/client.h"
#include "vmm/client/commands.h"
#include "vmm/client/told.h"
#include "vmm/client/words.h"
#include "vmm/migrate/packer.h"
#include "vmm/migrate/uri.h"

/* Reports come twice a second; one guest in the lab is that much slower. */
#define REPORT_MS 60000

struct migrate_words {
	struct client_words client;
	uint64_t downtime, timeout; /* in ns; 0: not given */
	uint64_t bandwidth; /* bytes in a second; 0: not given */
	unsigned then; /* place in then_words */
	bool then_given;
	bool converge, postcopy, resume;
	int compress; /* level of zstd; 0: not given */
};

static const char *const then_words[] = { "cancel", "pause", NULL };
enum { THEN_CANCEL, THEN_PAUSE };

static int set_bandwidth(void *ctx, const struct cli_option *option,
			 const char *value, struct err *err)
{
	struct migrate_words *words = ctx;
	const size_t len = strlen(value);
	char text[32] = "";

	(void)option;
	if (len < sizeof(text))
		memcpy(text, value, len + 1);
	if (len > 2 && len < sizeof(text) && strcmp(text + len - 2, "/s") == 0)
		text[len - 2] = '\0';
	if (size_parse(text, 1, &words->bandwidth) < 0 || words->bandwidth == 0)
		return err_input(err, -EINVAL,
				 "not a rate, as in 100M/s: " SIZE_FORM);
	return 0;
}

static int set_then(void *ctx, const struct cli_option *option,
		    const char *value, struct err *err)
{
	struct migrate_words *words = ctx;

	words->then_given = true;
	return cli_set_word(ctx, option, value, err);
}

static int set_migrate_level(void *ctx, const struct cli_option *option,
			     const char *value, struct err *err)
{
	struct migrate_words *words = ctx;

	(void)option;
	words->compress = PACKER_LEVEL_DEFAULT;
	return value ? client_parse_level(value, &words->compress, err) : 0;
}

#define WORD(member) .offset = offsetof(struct migrate_words, member)

// clang-format off
static const struct cli_option migrate_options[] = {
	{ .name = "downtime", .arg = "DURATION",
	  .help = "how long the guest may be held (default 300ms)",
	  .set = client_set_duration, WORD(downtime) },
	{ .name = "bandwidth", .arg = "SIZE/s",
	  .help = "send no more in a second while it runs (default:\n"
		  "all that the way takes)",
	  .set = set_bandwidth },
	{ .name = "timeout", .arg = "DURATION",
	  .help = "how long it may take until the rest fits into\n"
		  "--downtime (default: as long as it takes)",
	  .set = client_set_duration, WORD(timeout) },
	{ .name = "then", .arg = "cancel|pause",
	  .help = "after --timeout: let the guest stay, or hold it\n"
		  "for longer (default cancel)",
	  .words = then_words, .set = set_then, WORD(then) },
	{ .name = "compress", .arg = "LEVEL", .optional = true,
	  .help = "compress what is sent: 1 (fast) to 19 (small);\n"
		  "1 without LEVEL",
	  .set = set_migrate_level, WORD(compress) },
	{ .name = "converge",
	  .help = "slow virtual CPUs that write faster than memory can\n"
		  "be sent, as far as that takes",
	  .set = cli_set_true, WORD(converge) },
	{ .name = "postcopy",
	  .help = "have the guest run there after one pass; its\n"
		  "memory follows",
	  .set = cli_set_true, WORD(postcopy) },
	{ .name = "resume",
	  .help = "go on with --postcopy whose connection broke",
	  .set = cli_set_true, WORD(resume) },
	CLIENT_JSON,
};
// clang-format on

const struct cli_command migrate_command = {
	.name = "migrate",
	.summary = "Send a running guest to another vmm",
	.usage = "[OPTION]... NAME URI",
	.options = migrate_options,
	.option_count = sizeof(migrate_options) / sizeof(*migrate_options),
	.word = client_set_two_words,
	.notes =
		"There, 'vmm receive URI' waits for it. URI is unix:PATH, "
		"tcp:HOST:PORT,\n"
		"exec:COMMAND, ssh:[USER@]HOST[/SOCKET] or fd:N (of the VMM).\n"
		"TCP is unprotected.\n"
		"Ctrl-C ends the migration; the guest goes on here.\n",
};

/* Has Ctrl-C, or SIGTERM, wait until it is looked for. Returns a descriptor
 * that is owned, or -errno. */
static int catch_interrupts(struct err *err)
{
	sigset_t set;
	int fd;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? err_sys(err, "signalfd") : fd;
}

static json_t *migrate_arguments(const struct migrate_words *words)
{
	/* NULL if the URI is no UTF-8. */
	json_t *args = json_pack("{s:s, s:b, s:b, s:b, s:b, s:b}", "uri",
				 words->client.second, "converge",
				 words->converge, "postcopy", words->postcopy,
				 "resume", words->resume, "then-pause",
				 words->then == THEN_PAUSE, "stop", true);

	client_add_ms(args, "downtime-ms", words->downtime);
	client_add_ms(args, "timeout-ms", words->timeout);
	if (args && words->compress > 0)
		(void)json_object_set_new(args, "compress",
					  json_integer(words->compress));
	if (args && words->bandwidth > 0)
		(void)json_object_set_new(
			args, "bandwidth",
			json_integer((json_int_t)words->bandwidth));
	return args;
}

/* A size for people: the largest unit of which there are some. */
static const char *show_size(char buf[SIZE_TEXT], uint64_t bytes)
{
	static const char units[] = "BKMGTP";
	unsigned unit = 0;

	while (bytes >= 10240 && unit + 2 < sizeof(units)) {
		bytes >>= 10;
		unit++;
	}
	(void)snprintf(buf, SIZE_TEXT, "%" PRIu64 "%c", bytes, units[unit]);
	return buf;
}

/* A terminal has one line that changes; all else, one for each pass. */
static void show_progress(const json_t *told)
{
	const json_t *ram = json_object_get(told, "ram");
	const uint64_t passes = told_number(ram, "dirty-sync-count");
	const bool terminal = isatty(STDERR_FILENO);
	const uint64_t slowed = told_number(told, "cpu-throttle-percentage");
	char sent[SIZE_TEXT], left[SIZE_TEXT], rate[SIZE_TEXT];
	char slow[40] = "";

	if (!terminal && !json_is_true(json_object_get(told, "pass-end")))
		return;
	if (slowed > 0)
		(void)snprintf(slow, sizeof(slow), ", slowed by %" PRIu64 "%%",
			       slowed);
	(void)fprintf(stderr,
		      "%spass %" PRIu64 ": %s sent, %s left, dirty rate %s/s, "
		      "expected pause %" PRIu64 " ms%s%s",
		      terminal ? "\r" : "", passes,
		      show_size(sent, told_number(ram, "transferred")),
		      show_size(left, told_number(ram, "remaining")),
		      show_size(rate, told_number(told, "dirty-rate")),
		      told_number(told, "expected-downtime"), slow,
		      terminal ? "\033[K" : "\n");
	(void)fflush(stderr);
}

static const char *told_status(const json_t *told)
{
	const char *status = json_string_value(json_object_get(told, "status"));

	return status ? status : "";
}

static bool is_over(const json_t *told)
{
	static const char *const ends[] = { "completed", "failed", "cancelled",
					    "postcopy-paused" };

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		if (strcmp(told_status(told), ends[i]) == 0)
			return true;
	return false;
}

/* Follows the migration to its end. */
static int await_migration(struct client *client, int interrupts, bool quiet,
			   json_t **ret, struct err *err)
{
	for (;;) {
		json_auto_t *told = NULL;
		int r = client_event(client, "X_VMM_MIGRATE", REPORT_MS, &told,
				     err);

		if (r == 0 && signal_fd_take(interrupts) > 0)
			r = client_send(client, "migrate_cancel", NULL, err);
		if (r < 0)
			return r;
		if (is_over(told)) {
			*ret = json_incref(told);
			return 0;
		}
		if (!quiet)
			show_progress(told);
	}
}

static int report_end(const struct client *client, const json_t *told,
		      const struct migrate_words *words, struct err *err)
{
	const char *why = json_string_value(
		json_object_get(told, "error-desc"));
	const json_t *ram = json_object_get(told, "ram");
	char sent[SIZE_TEXT];

	if (strcmp(told_status(told), "postcopy-paused") == 0)
		return err_set(err, -EREMOTEIO,
			       "%s: %s; the guest is there, and waits for "
			       "memory that is here still: go on with 'vmm "
			       "migrate --resume %s URI'",
			       client->name, why ? why : "the connection broke",
			       client->name);
	if (strcmp(told_status(told), "completed") != 0)
		return err_set(err, -EREMOTEIO, "%s: %s", client->name,
			       why ? why : "the migration was cancelled");
	if (words->client.json)
		return cli_print_json(told, false, err);
	(void)printf("%s: moved, %s sent in %" PRIu64
		     " passes, guest held for %.1f ms\n",
		     client->name,
		     show_size(sent, told_number(ram, "transferred")),
		     told_number(ram, "dirty-sync-count"),
		     (double)told_number(told, "downtime-us") / 1000.0);
	return cli_flush(err);
}

static int run_migrate(struct client *client, const struct migrate_words *words,
		       struct err *err)
{
	_cleanup_(fd_closep) int interrupts = catch_interrupts(err);
	json_auto_t *told = NULL;
	json_t *args;
	int r;

	if (interrupts < 0)
		return interrupts;
	args = migrate_arguments(words);
	if (!args)
		return err_input(err, -EILSEQ, "URI must be UTF-8");
	r = client_run(client, "x-vmm-migrate", args, NULL, err);
	if (r == 0)
		r = await_migration(client, interrupts, words->client.json,
				    &told, err);
	if (isatty(STDERR_FILENO) && !words->client.json)
		(void)fprintf(stderr, "\r\033[K");
	return r == 0 ? report_end(client, told, words, err) : r;
}

static int check_migrate_words(const struct migrate_words *words,
			       struct err *err)
{
	struct migrate_uri uri = { 0 };
	int r = 0;

	if (!words->client.second)
		r = err_input(err, -EINVAL, "URI is missing");
	else if (words->then_given && words->timeout == 0)
		r = err_input(err, -EINVAL, "--then needs --timeout");
	else if (words->resume && (words->postcopy || words->timeout ||
				   words->downtime || words->bandwidth))
		r = err_input(err, -EINVAL,
			      "--resume goes on with what the first command "
			      "has said: no other option goes with it");
	else
		r = migrate_uri_parse(&uri, words->client.second, err);
	migrate_uri_finish(&uri);
	return r;
}

int migrate_main(int argc, char *const argv[], int *ret_status, struct err *err)
{
	_cleanup_(client_close) struct client client = { .fd = -1 };
	_cleanup_(fd_closep) int process = -1;
	struct migrate_words words = { 0 };
	int r = client_parse(&migrate_command, argc, argv, &words.client, err);

	(void)ret_status;
	if (r == 0)
		r = check_migrate_words(&words, err);
	if (r == 0)
		r = client_open(&client, words.client.name, CLIENT_PATIENCE_MS,
				err);
	if (r != 0)
		return r;
	process = client_process(&client);
	r = run_migrate(&client, &words, err);
	return r < 0 ? r
		     : client_wait_end(&client, process, CLIENT_PATIENCE_MS,
				       err);
}
