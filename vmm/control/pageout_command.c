/* vmm/control/pageout_command.c - has the host swap the guest's memory out. */
#include "vmm/control/pageout_command.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/size.h"
#include "mem/cold.h"
#include "mem/pageout.h"
#include "mem/residency.h"
#include "vmm/control/control.h"
#include "vmm/control/qmp.h"
#include "vmm/control/server.h"
#include "vmm/machine/machine.h"

#define MAX_WATCH_MS (INT64_C(24) * 3600 * 1000)
#define MARK_PAGES 16384 /* looked at in a step */
#define OUT_PAGES 512 /* written out in a step: a huge page's */

enum phase {
	MARKING, /* pages */
	WATCHING, /* which of them are used */
	WRITING, /* the others out, or naming them to the host */
};

struct pageout {
	struct control *control; /* borrowed; its member is this */
	struct loop_timer timer;
	struct residency_source source;
	struct cold cold; /* open if @watch_ns */
	uint64_t watch_ns; /* only what is cold for so long; 0: all */
	uint64_t page; /* of the host, in bytes */

	const struct mem_region *region[MEM_MAX_REGIONS]; /* to look at */
	size_t regions;

	enum phase phase;
	size_t at; /* the region it is at */
	uint64_t offset; /* and where in it */
	uint64_t looked_at, paged_out, cooled; /* in bytes */
	struct err err; /* what went wrong; code 0: nothing */
};

struct pageout *pageout_free(struct pageout *job)
{
	if (!job)
		return NULL;
	if (job->timer.expired)
		loop_timer_remove(job->control->machine->loop, &job->timer);
	cold_close(&job->cold);
	residency_close(&job->source);
	free(job);
	return NULL;
}

static void end(struct pageout *job)
{
	struct control *control = job->control;
	json_t *data = json_pack("{s:o, s:o}", "looked-at",
				 qmp_number(job->looked_at), "paged-out",
				 qmp_number(job->paged_out));

	if (job->watch_ns)
		qmp_add(&data, "cold-by",
			json_string(cold_way_name(job->cold.way)));
	if (job->cold.way == COLD_UNWRITTEN)
		qmp_add(&data, "named-cold", qmp_number(job->cooled));
	if (job->err.code < 0)
		qmp_add(&data, "error", qmp_string(job->err.msg));
	qmp_server_event(control->server, "X_VMM_PAGEOUT", data);
	control->pageout = pageout_free(job);
}

/* Who asks anew means that, be the one before a day's watch whose client has
 * gone. */
static void give_way(struct pageout *job)
{
	if (job->err.code == 0)
		(void)err_set(&job->err, -ECANCELED,
			      "another pageout took its place");
	end(job);
}

/* Sets the next step's memory: up to @pages, ending where a huge page may. */
static uint64_t next_step(const struct pageout *job, uint64_t pages,
			  uintptr_t *ret_host)
{
	const struct mem_region *region = job->region[job->at];
	const uint64_t step = pages * job->page;
	const uint64_t left = region->gpa.size - job->offset;
	uint64_t size;

	*ret_host = (uintptr_t)(region->host + job->offset);
	size = step - (*ret_host & (step - 1));
	return size < left ? size : left;
}

/* Goes on behind @size bytes. Returns false if that was all. */
static bool advance(struct pageout *job, uint64_t size)
{
	job->offset += size;
	if (job->offset == job->region[job->at]->gpa.size) {
		job->offset = 0;
		job->at++;
	}
	return job->at < job->regions;
}

static void write_out(void *ctx, uintptr_t host, uint64_t size)
{
	struct pageout *job = ctx;
	const struct mem_region *region = job->region[job->at];
	const int r = backing_pageout(region->backing,
				      host - (uintptr_t)region->host, size);

	job->looked_at += size;
	if (r < 0 && job->err.code == 0)
		(void)err_set(&job->err, r, "%s: MADV_PAGEOUT: %s",
			      region->name, strerrordesc_np(-r));
}

static void name_cold(void *ctx, uintptr_t host, uint64_t size)
{
	struct pageout *job = ctx;
	const struct mem_region *region = job->region[job->at];
	const int r = backing_cool(region->backing,
				   host - (uintptr_t)region->host, size);

	if (r == 0)
		job->cooled += size;
	else if (job->err.code == 0)
		(void)err_set(&job->err, r, "%s: MADV_COLD: %s", region->name,
			      strerrordesc_np(-r));
}

static int resident(const struct pageout *job, uintptr_t host, uint64_t size,
		    uint64_t *ret, struct err *err)
{
	struct residency sum = { 0 };
	const int r = residency_add(&job->source, host, size, &sum, err);

	*ret = sum.resident;
	return r;
}

/* Returns the bytes it has dealt with, or a negative errno in job->err. */
static uint64_t write_step(struct pageout *job)
{
	uint64_t before = 0, after = 0;
	uintptr_t host;
	const uint64_t size = next_step(job, OUT_PAGES, &host);
	int r = resident(job, host, size, &before, &job->err);

	if (r < 0 || before == 0)
		return size;
	if (job->cold.way == COLD_UNWRITTEN) {
		job->looked_at += before;
		(void)cold_find(&job->cold, host, size, name_cold, job,
				&job->err);
		return size;
	}
	if (job->watch_ns)
		r = cold_find(&job->cold, host, size, write_out, job,
			      &job->err);
	else
		write_out(job, host, size);
	if (r == 0)
		r = resident(job, host, size, &after, &job->err);
	if (r == 0 && before > after)
		job->paged_out += before - after;
	return size;
}

static uint64_t mark_step(struct pageout *job)
{
	uintptr_t host;
	const uint64_t size = next_step(job, MARK_PAGES, &host);

	if (job->offset == 0) {
		const struct mem_region *region = job->region[job->at];

		(void)cold_watch(&job->cold, (uintptr_t)region->host,
				 region->gpa.size, &job->err);
	}
	if (job->err.code == 0)
		(void)cold_mark(&job->cold, host, size, &job->err);
	return size;
}

static void start(struct pageout *job, enum phase phase)
{
	job->phase = phase;
	job->at = 0;
	job->offset = 0;
}

static void step(struct loop_timer *timer)
{
	struct pageout *job = container_of(timer, struct pageout, timer);
	uint64_t wait = 0;
	bool more = true;

	switch (job->phase) {
	case MARKING:
		if (!advance(job, mark_step(job))) {
			start(job, WATCHING);
			wait = job->watch_ns;
		}
		break;
	case WATCHING:
		start(job, WRITING);
		break;
	case WRITING:
		more = advance(job, write_step(job));
	}
	if (more && job->err.code == 0)
		loop_timer_set(&job->timer, wait);
	else
		end(job);
}

/* @wanted: an address in it, or its name; NULL: any */
static bool is_wanted(const struct mem_region *region, const char *wanted)
{
	uint64_t at;

	if (region->kind != MEM_RAM || !region->backing)
		return false;
	if (!wanted || strcmp(region->name, wanted) == 0)
		return true;
	return number_parse(wanted, &at) == 0 &&
	       at - region->gpa.start < region->gpa.size;
}

/* Those that are wanted and can be swapped out. */
static int choose_regions(struct pageout *job, const char *name,
			  struct err *err)
{
	const struct mem_map *map = &job->control->machine->mem;
	bool found = false;

	for (size_t i = 0; i < map->count; i++) {
		const struct mem_region *region = &map->region[i];

		if (!is_wanted(region, name))
			continue;
		found = true;
		if (backing_check_pageout(region->backing, PAGEOUT_SWAPS, err) <
		    0)
			(void)err_wrap(err, "%s at 0x%" PRIx64, region->name,
				       region->gpa.start);
		else
			job->region[job->regions++] = region;
	}
	if (!found)
		return err_set(err, -ENOENT,
			       "'%s' is neither the address nor the name of "
			       "memory",
			       name ? name : "");
	return job->regions > 0 ? 0 : err->code;
}

static int open_sources(struct pageout *job, struct err *err)
{
	int r = residency_open(&job->source, err);

	if (r == 0 && job->watch_ns)
		r = cold_open(&job->cold, IDLE_BITMAP, job->page, err);
	return r;
}

static int new (struct pageout **ret, struct control *control, const char *name,
		uint64_t watch_ns, struct err *err)
{
	struct pageout *job = calloc(1, sizeof(*job));
	int r;

	if (!job)
		return err_set(err, -ENOMEM, "pageout: out of memory");
	job->control = control;
	job->watch_ns = watch_ns;
	job->page = (uint64_t)sysconf(_SC_PAGESIZE);
	job->source.fd = -1;
	r = choose_regions(job, name, err);
	if (r == 0)
		r = open_sources(job, err);
	if (r == 0)
		r = loop_timer_add(control->machine->loop, &job->timer, err);
	if (r < 0) {
		(void)pageout_free(job);
		return r;
	}
	job->timer.expired = step;
	*ret = job;
	return 0;
}

int command_x_vmm_pageout(struct qmp_call *call, struct err *err)
{
	struct control *control = call->ctx;
	const json_int_t ms = qmp_arg_int(call, "idle-ms", 0);
	struct pageout *job = NULL;
	int r;

	if (ms < 0 || ms > MAX_WATCH_MS)
		return err_set(err, -ERANGE,
			       "Parameter 'idle-ms' expects up to a day");
	if (!control->machine->limits.sync_mmu) {
		call->class = QMP_KVM_MISSING_CAP;
		return err_set(err, -ENOTSUP,
			       "this host's KVM lacks KVM_CAP_SYNC_MMU: memory "
			       "the guest has touched stays with it");
	}
	r = new (&job, control, qmp_arg_string(call, "region", NULL),
		 (uint64_t)ms * NS_PER_MS, err);
	if (!job)
		return r;
	if (control->pageout)
		give_way(control->pageout);
	control->pageout = job;
	start(job, job->watch_ns ? MARKING : WRITING);
	loop_timer_set(&job->timer, 0);
	return 0;
}
