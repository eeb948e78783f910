/* vmm/client/mem_pageout.c - vmm mem --pageout. */
#include "vmm/client/mem_pageout.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/clock.h"
#include "base/size.h"
#include "vmm/cli.h"
#include "vmm/client/client.h"
#include "vmm/client/told.h"

#define USUAL_IDLE_MS 10000
#define MAX_IDLE_MS (UINT64_C(24) * 3600 * 1000)
#define OUT_MS 3600000 /* for slow disks and much memory */

static int set_region(struct mem_pageout *ret, const char *value,
		      struct err *err)
{
	/*
	 * A NULL argument would be left out of the command, which then means
	 * all memory.
	 */
	json_auto_t *text = json_string(value);

	if (!*value)
		return err_input(err, -EINVAL,
				 "neither cold nor a region's name");
	if (!text)
		return err_input(err, -EINVAL, "memory has no such name");
	ret->region = value;
	return 0;
}

int mem_pageout_parse(struct mem_pageout *ret, const char *value,
		      struct err *err)
{
	uint64_t ns;
	int r = 0;

	*ret = (struct mem_pageout){ .on = true };
	if (!value)
		return 0;
	if (strcmp(value, "cold") == 0) {
		ret->idle_ms = USUAL_IDLE_MS;
		return 0;
	}
	if (strncmp(value, "cold:", 5) != 0)
		return set_region(ret, value, err);
	r = duration_parse(value + 5, &ns);
	if (r == -EINVAL)
		return err_input(err, r,
				 "not a duration behind 'cold:', as in 30s");
	if (r < 0 || ns / NS_PER_MS > MAX_IDLE_MS || ns < NS_PER_MS)
		return err_input(err, -ERANGE, "from 1ms to 24h");
	ret->idle_ms = ns / NS_PER_MS;
	return 0;
}

static double pageout_mib(const json_t *data, const char *name)
{
	return (double)told_number(data, name) / (1 << 20);
}

static int print_pageout_text(const json_t *data, struct err *err)
{
	if (json_object_get(data, "named-cold"))
		(void)printf(
			"%.1f MiB of %.1f MiB were not written: pages that "
			"are not read either go first when the host is "
			"short of memory\n",
			pageout_mib(data, "named-cold"),
			pageout_mib(data, "looked-at"));
	else
		(void)printf("paged out %.1f MiB of %.1f MiB\n",
			     pageout_mib(data, "paged-out"),
			     pageout_mib(data, "looked-at"));
	return cli_flush(err);
}

static int print_pageout(const json_t *data, const struct client *client,
			 bool as_json, struct err *err)
{
	const char *wrong = json_string_value(json_object_get(data, "error"));
	const int r = as_json ? cli_print_json(data, false, err)
			      : print_pageout_text(data, err);

	if (r < 0)
		return r;
	return wrong ? err_set(err, -EIO, "%s: %s", client->name, wrong) : 0;
}

int mem_pageout_run(struct client *client, const struct mem_pageout *what,
		    bool as_json, struct err *err)
{
	json_auto_t *data = NULL;
	int r;

	r = client_run(client, "x-vmm-pageout",
		       json_pack("{s:s*, s:I}", "region", what->region,
				 "idle-ms", (json_int_t)what->idle_ms),
		       NULL, err);
	if (r < 0)
		return r;
	r = client_event(client, "X_VMM_PAGEOUT", (int)what->idle_ms + OUT_MS,
			 &data, err);
	if (r == -ETIMEDOUT)
		return err_set(err, r, "%s: is still at it", client->name);
	return r < 0 ? r : print_pageout(data, client, as_json, err);
}
