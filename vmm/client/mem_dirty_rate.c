/* vmm/client/mem_dirty_rate.c - vmm mem NAME --dirty-rate. */
#include "vmm/client/mem_dirty_rate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/size.h"
#include "vmm/cli.h"
#include "vmm/client/client.h"
#include "vmm/client/told.h"
#include "vmm/control/qmp.h"

#define LEAST_NS (50 * NS_PER_MS)
#define MOST_NS (60 * NS_PER_SECOND)
#define MIB 1048576.0
#define WIDTH 32 /* of what a line is about */

int mem_dirty_rate_parse(const char *word, uint64_t *ret, struct err *err)
{
	const int r = duration_parse(word, ret);

	if (r == -EINVAL)
		return err_input(err, r, "not a duration, as in 2 or 500ms");
	if (r < 0 || *ret < LEAST_NS || *ret > MOST_NS)
		return err_input(err, -ERANGE, "from 50ms to 60s");
	return 0;
}

static void print_line(const char *what, uint64_t pages, uint64_t page_size)
{
	told_print(stdout, what, WIDTH);
	(void)printf(" %10" PRIu64 " pages/s %10.1f MiB/s\n", pages,
		     (double)pages * (double)page_size / MIB);
}

static void print_dirty_rate(const json_t *info)
{
	const uint64_t page_size = told_number(info, "x-vmm-page-size");
	const char *name;
	char what[64];
	json_t *part;
	size_t i;

	json_array_foreach(json_object_get(info, "x-vmm-regions"), i, part) {
		name = json_string_value(json_object_get(part, "name"));
		(void)snprintf(what, sizeof(what), "0x%-10" PRIx64 " %s",
			       told_number(part, "start"), name ? name : "?");
		print_line(what, told_number(part, "pages"), page_size);
	}
	json_array_foreach(json_object_get(info, "vcpu-dirty-rate"), i, part) {
		(void)snprintf(what, sizeof(what), "vcpu %" PRIu64,
			       told_number(part, "id"));
		print_line(what, told_number(part, "x-vmm-pages"), page_size);
	}
	print_line("all", told_number(info, "x-vmm-pages"), page_size);
}

static int print_dirty_rate_json(json_t *info, const struct client *client,
				 struct err *err)
{
	json_auto_t *all = json_pack("{s:o, s:i}", "name",
				     qmp_string(client->name), "pid",
				     (int)client->pid);

	if (!all || json_object_update(all, info) < 0)
		return err_set(err, -ENOMEM, "%s: out of memory", client->name);
	return cli_print_json(all, false, err);
}

static json_t *rate_arguments(uint64_t ns)
{
	return json_pack("{s:I, s:s}", "calc-time",
			 (json_int_t)(ns / NS_PER_MS), "calc-time-unit",
			 "millisecond");
}

int mem_dirty_rate(struct client *client, uint64_t ns, bool json,
		   struct err *err)
{
	json_auto_t *info = NULL;
	const char *failed;
	int r;

	r = client_run(client, "calc-dirty-rate", rate_arguments(ns), NULL,
		       err);
	if (r == 0)
		r = client_event(client, "X_VMM_DIRTY_RATE",
				 client->patience_ms + (int)(ns / NS_PER_MS),
				 &info, err);
	if (r < 0)
		return r;
	failed = json_string_value(json_object_get(info, "x-vmm-error"));
	if (failed)
		return err_set(err, -EREMOTEIO, "%s: %s", client->name, failed);
	if (json)
		return print_dirty_rate_json(info, client, err);
	print_dirty_rate(info);
	return cli_flush(err);
}
