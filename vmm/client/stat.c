/* vmm/client/stat.c - vmm stat. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/size.h"
#include "vmm/client/client.h"
#include "vmm/client/commands.h"
#include "vmm/client/told.h"
#include "vmm/client/words.h"
#include "vmm/control/qmp.h"

struct stat_words {
	struct client_words client;
	struct client_watch watch;
};

// clang-format off
static const struct cli_option stat_options[] = {
	CLIENT_WATCH(struct stat_words, "go on, with what changes in a second"),
	CLIENT_JSON,
	CLIENT_NAME,
	CLIENT_ALL,
	{ .name = "memory", .letter = 'm',
	  .help = "kvmtool's word; changes nothing",
	  .set = client_set_nothing },
};
// clang-format on

const struct cli_command stat_command = {
	.name = "stat",
	.summary = "Tell what a guest costs: exits, CPU time, memory",
	.usage = "[OPTION]... NAME",
	.options = stat_options,
	.option_count = sizeof(stat_options) / sizeof(*stat_options),
	.word = client_set_name,
	.notes = "KVM's counters have KVM's names, are summed over the vCPUs, "
		 "and begin anew\n"
		 "when the guest restarts; --json tells each vCPU's. With "
		 "--watch it is one\n"
		 "JSON object to a line; so it is with --all.\n",
};

/* One look at a guest. */
struct sample {
	json_t *status; /* of query-status; owned, like the others */
	json_t *memory; /* of query-memory-size-summary */
	json_t *stats; /* of x-vmm-query-stats */
	json_t *sum; /* of the VM's and all vCPUs' counters */
	double seconds; /* when; from some moment on */
};

static void sample_finish(struct sample *sample)
{
	json_decref(sample->status);
	json_decref(sample->memory);
	json_decref(sample->stats);
	json_decref(sample->sum);
	*sample = (struct sample){ 0 };
}

/* Adds the plain numbers of @from; histograms are for --json. */
static void add_counters(json_t *sum, json_t *from)
{
	const char *name;
	json_t *value;

	json_object_foreach(from, name, value) {
		uint64_t count;

		if (told_get(from, name, &count))
			(void)json_object_set_new(
				sum, name,
				qmp_number(told_number(sum, name) + count));
	}
}

static int take_sample(struct sample *sample, struct client *client,
		       struct err *err)
{
	json_t *vcpus;
	int r;

	r = client_run(client, "query-status", NULL, &sample->status, err);
	if (r == 0)
		r = client_run(client, "query-memory-size-summary", NULL,
			       &sample->memory, err);
	if (r == 0)
		r = client_run(client, "x-vmm-query-stats", NULL,
			       &sample->stats, err);
	if (r < 0)
		return r;
	sample->seconds = (double)clock_ns() / NS_PER_SECOND;
	sample->sum = json_object();
	add_counters(sample->sum, json_object_get(sample->stats, "vm"));
	vcpus = json_object_get(sample->stats, "vcpus");
	for (size_t i = 0; i < json_array_size(vcpus); i++)
		add_counters(sample->sum, json_array_get(vcpus, i));
	return 0;
}

static void print_head(const struct sample *sample, const struct client *client)
{
	const json_t *process = json_object_get(sample->stats, "process");
	const char *status = json_string_value(
		json_object_get(sample->status, "status"));
	char size[SIZE_TEXT];

	(void)printf("%-12s %s, process %d, ", "machine", client->name,
		     (int)client->pid);
	told_print(stdout, status ? status : "?", 0);
	(void)printf("\n");
	(void)printf("%-12s %zu\n", "vcpus",
		     json_array_size(json_object_get(sample->stats, "vcpus")));
	(void)printf(
		"%-12s %s, %.1f MiB of the process resident\n", "memory",
		size_format(size, told_number(sample->memory, "base-memory")),
		(double)told_number(process, "resident-bytes") / (1 << 20));
	(void)printf("%-12s %.2f s guest and VMM, %.2f s host kernel\n",
		     "cpu time",
		     (double)told_number(process, "user-ns") / NS_PER_SECOND,
		     (double)told_number(process, "system-ns") / NS_PER_SECOND);
}

static void print_net_count(const char *way, const json_t *count)
{
	(void)printf(", %s %" PRIu64 " frames, %.1f MiB, %" PRIu64 " dropped",
		     way, told_number(count, "frames"),
		     (double)told_number(count, "bytes") / (1 << 20),
		     told_number(count, "dropped"));
}

static void print_networks(const struct sample *sample)
{
	const json_t *list = json_object_get(sample->stats, "networks");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *card = json_array_get(list, i);
		const char *name = json_string_value(
			json_object_get(card, "name"));
		const char *mac = json_string_value(
			json_object_get(card, "mac"));

		told_print(stdout, name ? name : "?", 12);
		(void)printf(" ");
		told_print(stdout, mac ? mac : "?", 0);
		(void)printf(json_is_true(json_object_get(card, "up"))
				     ? ", up"
				     : ", down");
		print_net_count("in", json_object_get(card, "rx"));
		print_net_count("out", json_object_get(card, "tx"));
		(void)printf("\n");
	}
}

/* @was: the sample before, or a zeroed one */
static void print_counters(const struct sample *sample,
			   const struct sample *was)
{
	const double seconds = sample->seconds - was->seconds;
	const char *name;
	json_t *value;

	(void)printf("\n%-28s %16s%s\n", "of KVM", "total",
		     was->sum ? "       per second" : "");
	json_object_foreach(sample->sum, name, value) {
		const json_int_t now = json_integer_value(value);
		const json_int_t before = json_integer_value(
			json_object_get(was->sum, name));
		/* A guest that restarts counts anew. */
		const json_int_t change = now < before ? now : now - before;

		if (now == 0)
			continue;
		told_print(stdout, name, 28);
		(void)printf(" %16" JSON_INTEGER_FORMAT, now);
		if (was->sum)
			(void)printf(" %16.1f", (double)change / seconds);
		(void)printf("\n");
	}
}

static int print_stat_json(const struct sample *sample,
			   const struct client *client, bool line,
			   struct err *err)
{
	json_auto_t *all = json_pack(
		"{s:o, s:i, s:O, s:O, s:O}", "name", qmp_string(client->name),
		"pid", (int)client->pid, "status",
		json_object_get(sample->status, "status"), "memory",
		json_object_get(sample->memory, "base-memory"), "stats",
		sample->stats);

	if (!all)
		return err_set(err, -EPROTO, "%s: unexpected reply",
			       client->name);
	return cli_print_json(all, line, err);
}

static int print_stat(const struct sample *sample, const struct sample *was,
		      const struct client *client,
		      const struct stat_words *words, struct err *err)
{
	if (words->client.json)
		return print_stat_json(sample, client,
				       words->watch.on || words->client.all,
				       err);
	/* A terminal shows the last look alone. */
	if (words->watch.on && isatty(STDOUT_FILENO))
		(void)printf("\033[H\033[2J");
	else if (was->sum)
		(void)printf("\n");
	print_head(sample, client);
	print_networks(sample);
	print_counters(sample, was);
	return cli_flush(err);
}

static int watch_stat(struct client *client, const struct stat_words *words,
		      struct err *err)
{
	_cleanup_(sample_finish) struct sample was = { 0 };

	for (;;) {
		struct sample now = { 0 };
		int r = take_sample(&now, client, err);

		if (r == 0)
			r = print_stat(&now, &was, client, words, err);
		sample_finish(&was);
		was = now;
		/* That the guest ends is what a watch ends with. */
		if (r < 0 || !words->watch.on)
			return r == -ECONNRESET && words->watch.on ? 0 : r;
		client_watch_wait(&words->watch);
	}
}

static int stat_machine(const char *name, void *ctx, struct err *err)
{
	_cleanup_(client_close) struct client client = { .fd = -1 };
	const int r = client_open(&client, name, CLIENT_PATIENCE_MS, err);

	return r == 0 ? watch_stat(&client, ctx, err) : r;
}

int stat_main(int argc, char *const argv[], int *ret_status, struct err *err)
{
	struct stat_words words = { 0 };
	const int r = client_parse(&stat_command, argc, argv, &words.client,
				   err);

	(void)ret_status;
	if (r != 0)
		return r;
	if (words.client.all && words.watch.on)
		return err_input(err, -EINVAL,
				 "--watch: it takes one virtual machine");
	return client_each(&words.client, stat_machine, &words, err);
}
