/* vmm/client/list.c - vmm list. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "vmm/client/client.h"
#include "vmm/client/commands.h"
#include "vmm/client/told.h"
#include "vmm/client/words.h"
#include "vmm/control/qmp.h"
#include "vmm/control/socket.h"

#define PATIENCE_MS 2000 /* one that hangs is not to hide the others */

struct list_words {
	struct client_words client;
	bool names;
};

// clang-format off
static const struct cli_option list_options[] = {
	{ .name = "names", .help = "print the names alone, one to a line",
	  .set = cli_set_true, .offset = offsetof(struct list_words, names) },
	CLIENT_JSON,
	{ .name = "run", .letter = 'i',
	  .help = "kvmtool's word; changes nothing",
	  .set = client_set_nothing },
};

/* kvmtool's words. */
static const struct cli_refusal list_refusals[] = {
	{ "rootfs", "there are no root file systems of the VMM's own" },
	{ NULL, NULL },
};
// clang-format on

const struct cli_command list_command = {
	.name = "list",
	.summary = "List the virtual machines that run",
	.usage = "[OPTION]...",
	.options = list_options,
	.option_count = sizeof(list_options) / sizeof(*list_options),
	.refusals = list_refusals,
	.notes = "Those of this user whose socket is where it is without "
		 "'vmm run --control'.\n"
		 "Sockets of machines that were killed are removed.\n",
};

/* Describes a machine. @ret: NULL if there is no memory for it */
static int describe_machine(struct client *client, json_t **ret,
			    struct err *err)
{
	json_auto_t *status = NULL;
	json_auto_t *memory = NULL;
	json_auto_t *cpus = NULL;
	int r;

	r = client_run(client, "query-status", NULL, &status, err);
	if (r == 0)
		r = client_run(client, "query-memory-size-summary", NULL,
			       &memory, err);
	if (r == 0)
		r = client_run(client, "query-cpus-fast", NULL, &cpus, err);
	if (r < 0)
		return r;
	if (!json_is_string(json_object_get(status, "status")) ||
	    !json_is_integer(json_object_get(memory, "base-memory")) ||
	    !json_is_array(cpus))
		return err_set(err, -EPROTO, "%s: unexpected reply",
			       client->name);
	*ret = json_pack("{s:o, s:i, s:O, s:O, s:i}", "name",
			 qmp_string(client->name), "pid", (int)client->pid,
			 "status", json_object_get(status, "status"), "memory",
			 json_object_get(memory, "base-memory"), "cpus",
			 (int)json_array_size(cpus));
	return 0;
}

/* Adds a machine that lives; removes the socket of one that does not. */
static int look_at_machine(json_t *list, const char *name, struct err *err)
{
	_cleanup_(client_close) struct client client = { .fd = -1 };
	struct err why = { 0 };
	struct sockaddr_un at;
	json_t *row = NULL;
	int r = client_try(&client, name, PATIENCE_MS, &why);

	if (r == -ECONNREFUSED) {
		r = control_path(name, &at, err);
		/* A socket that cannot be removed hides no other machine. */
		if (r == 0)
			(void)control_remove_dead(&at, &why);
		return r;
	}
	if (r == 0)
		r = describe_machine(&client, &row, &why);
	if (r == -ENOENT || r == -ECONNRESET)
		return 0; /* it has just ended */
	if (r < 0)
		row = json_pack("{s:o, s:i, s:s, s:n, s:n}", "name",
				qmp_string(name), "pid", (int)client.pid,
				"status",
				r == -EREMOTEIO ? "busy" : "no answer",
				"memory", "cpus");
	if (json_array_append_new(list, row) < 0)
		return err_set(err, -ENOMEM, "%s: out of memory", name);
	return 0;
}

static int gather_machines(json_t *list, struct err *err)
{
	_cleanup_(control_names_finish) struct control_names all = { 0 };
	int r = control_names(&all, err);

	for (size_t i = 0; r == 0 && i < all.count; i++)
		r = look_at_machine(list, all.name[i], err);
	return r;
}

static const char *row_text(const json_t *row, const char *member)
{
	return json_string_value(json_object_get(row, member));
}

static void print_row(const json_t *row, size_t width)
{
	const json_t *memory = json_object_get(row, "memory");
	const json_t *cpus = json_object_get(row, "cpus");
	char size[SIZE_TEXT] = "-", count[16] = "-";

	if (json_is_integer(memory))
		(void)size_format(size, (uint64_t)json_integer_value(memory));
	if (json_is_integer(cpus))
		(void)snprintf(count, sizeof(count), "%d",
			       (int)json_integer_value(cpus));
	told_print(stdout, row_text(row, "name"), width);
	(void)printf("  %7d  ",
		     (int)json_integer_value(json_object_get(row, "pid")));
	told_print(stdout, row_text(row, "status"), 9);
	(void)printf("  %8s  %4s\n", size, count);
}

static void print_table(const json_t *list)
{
	size_t width = strlen("NAME");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const size_t len = strlen(
			row_text(json_array_get(list, i), "name"));

		width = len > width ? len : width;
	}
	(void)printf("%-*s  %7s  %-9s  %8s  %4s\n", (int)width, "NAME", "PID",
		     "STATUS", "MEMORY", "CPUS");
	for (size_t i = 0; i < json_array_size(list); i++)
		print_row(json_array_get(list, i), width);
}

static int print_list(const json_t *list, const struct list_words *words,
		      struct err *err)
{
	if (words->client.json)
		return cli_print_json(list, false, err);
	if (words->names) {
		for (size_t i = 0; i < json_array_size(list); i++)
			(void)printf("%s\n",
				     row_text(json_array_get(list, i), "name"));
	} else {
		print_table(list);
	}
	return cli_flush(err);
}

int list_main(int argc, char *const argv[], int *ret_status, struct err *err)
{
	json_auto_t *list = json_array();
	struct list_words words = { 0 };
	int r;

	(void)ret_status;
	r = cli_parse(&list_command, argc, argv, &words, err);
	if (r != 0)
		return r;
	r = gather_machines(list, err);
	return r < 0 ? r : print_list(list, &words, err);
}
