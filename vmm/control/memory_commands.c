/* vmm/control/memory_commands.c - says what guest memory is made of. */
#include <errno.h>
#include <inttypes.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/size.h"
#include "devices/virtio/balloon.h"
#include "mem/blocks.h"
#include "mem/merged.h"
#include "mem/residency.h"
#include "mem/slots.h"
#include "vmm/control/commands.h"
#include "vmm/control/control.h"
#include "vmm/control/dirty_rate_commands.h"
#include "vmm/control/qmp.h"
#include "vmm/machine/machine.h"

#define BUDGET_NS 4000000 /* one answer may keep the loop from the guest */
#define MAX_CELLS 1024 /* in an answer */

static const char *kind_name(enum mem_kind kind)
{
	switch (kind) {
	case MEM_RAM:
		return "ram";
	case MEM_SHARED:
		return "shared";
	case MEM_ROM:
		return "rom";
	case MEM_RESERVED:
		return "reserved";
	}
	return "unknown";
}

static const char *huge_name(const struct mem_policy *policy,
			     char size[SIZE_TEXT])
{
	switch (policy->huge) {
	case MEM_HUGE_AUTO:
		return "auto";
	case MEM_HUGE_OFF:
		return "off";
	case MEM_HUGE_THP:
		return "thp";
	case MEM_HUGE_TLB:
		return size_format(size, policy->huge_size);
	}
	return "unknown";
}

/* In the words of --mem. */
static json_t *describe_backing(const struct backing *backing)
{
	static const char *const sources[] = {
		[MEM_ANON] = "anon", [MEM_MEMFD] = "memfd", [MEM_FILE] = "file"
	};
	const struct mem_policy *policy = &backing->policy;
	char size[SIZE_TEXT];
	json_t *ret = json_pack(
		"{s:s, s:s, s:b, s:b, s:b, s:b, s:b}", "source",
		sources[policy->source], "huge", huge_name(policy, size),
		"share", policy->share, "prealloc", policy->prealloc, "reserve",
		policy->reserve, "lock", policy->lock, "merge", policy->merge);

	if (policy->source == MEM_FILE)
		qmp_add(&ret, "path", qmp_string(policy->path));
	if (policy->bind)
		qmp_add(&ret, "node", json_integer(policy->node));
	return ret;
}

/* How much memory that comes and goes is there. */
static void describe_blocks(json_t **told, const struct mem_blocks *blocks)
{
	qmp_add(told, "plugged", qmp_number(blocks_bytes(blocks)));
	qmp_add(told, "block-size", qmp_number(blocks->size));
}

/* @i: which region; @slot: its first number, counting up: each region with
 * memory has one, or one for each block; @merged: of its host memory */
static json_t *describe_region(const struct control *control, size_t i,
			       const struct merged *merged, int *slot)
{
	const struct machine *machine = control->machine;
	const struct mem_region *region = &machine->mem.region[i];
	const struct dirty *dirty = &machine->dirty;
	const bool logged = __atomic_load_n(&dirty->watch.active,
					    __ATOMIC_RELAXED);
	json_t *ret = json_pack("{s:o, s:s, s:I, s:I}", "name",
				qmp_string(region->name), "kind",
				kind_name(region->kind), "start",
				(json_int_t)region->gpa.start, "size",
				(json_int_t)region->gpa.size);

	if (!region->host)
		return ret;
	qmp_add(&ret, "slot", json_integer(*slot));
	*slot += (int)mem_slots_of(region);
	if (region->blocks)
		describe_blocks(&ret, region->blocks);
	qmp_add(&ret, "read-only", json_boolean(region->kind == MEM_ROM));
	qmp_add(&ret, "dirty-log", json_boolean(logged));
	if (region->backing)
		qmp_add(&ret, "backing", describe_backing(region->backing));
	dirty_rate_tell(control, i, &ret);
	if (merged_known(merged))
		qmp_add(&ret, "merged", qmp_number(merged->bytes));
	return ret;
}

/*
 * Fills in how much of each region is merged, if known. The look takes long, so
 * it is skipped if merging was not asked for or nothing is merged.
 */
static void look_at_merged(const struct mem_map *map,
			   struct merged part[MEM_MAX_REGIONS])
{
	bool wanted = false;
	uint64_t total;

	for (size_t i = 0; i < map->count; i++) {
		const struct mem_region *region = &map->region[i];

		part[i] = (struct merged){ .host = { (uintptr_t)region->host,
						     region->gpa.size } };
		if (region->backing && region->backing->policy.merge)
			wanted = true;
	}
	if (residency_merged(&total) < 0)
		return;
	for (size_t i = 0; i < map->count && total == 0; i++)
		part[i].told = part[i].host.size;
	if (total > 0 && wanted)
		merged_look(part, map->count);
}

int command_x_vmm_query_memory(struct qmp_call *call, struct err *err)
{
	const struct control *control = call->ctx;
	const struct mem_map *map = &control->machine->mem;
	struct merged merged[MEM_MAX_REGIONS];
	int slot = 0;

	(void)err;
	look_at_merged(map, merged);
	call->ret = json_array();
	for (size_t i = 0; i < map->count; i++)
		qmp_append(&call->ret,
			   describe_region(control, i, &merged[i], &slot));
	return 0;
}

/* A look at a part of a region, in progress. */
struct look {
	const struct machine *machine;
	struct residency_source source;
	const struct mem_region *region;
	struct range left; /* what is to be looked at */
	uint64_t cell; /* in bytes; a power of two */
	json_t *cells; /* what is in those that are not empty; owned; NULL: no
			* memory */
};

static void look_finish(struct look *look)
{
	residency_close(&look->source);
	json_decref(look->cells);
}

/* How much of @r lies before the next boundary of cells. */
static uint64_t to_boundary(struct range r, uint64_t cell)
{
	const uint64_t most = cell - (r.start & (cell - 1));

	return r.size < most ? r.size : most;
}

/* Other contents of a cell, beside resident memory, in bytes. */
struct rest {
	uint64_t held; /* by the balloon */
	uint64_t unplugged;
};

/* How much of @part is not plugged. */
static uint64_t unplugged_bytes(const struct mem_region *region,
				struct range part)
{
	const uint64_t end = part.start - region->gpa.start + part.size;
	uint64_t at = part.start - region->gpa.start;
	uint64_t sum = 0, run;

	for (; region->blocks && at < end; at += run) {
		bool plugged;

		run = blocks_run(region->blocks, at, end - at, &plugged);
		sum += plugged ? 0 : run;
	}
	return sum;
}

static void add_region_cell(struct look *look, gpa_t start,
			    const struct residency *sum,
			    const struct rest *rest)
{
	json_t *cell;

	if (!sum->resident && !sum->zero && !sum->swapped && !rest->held &&
	    !rest->unplugged)
		return;
	cell = json_pack("{s:I, s:I, s:I, s:I}", "start", (json_int_t)start,
			 "resident", (json_int_t)sum->resident, "swapped",
			 (json_int_t)sum->swapped, "ballooned",
			 (json_int_t)rest->held);
	if (look->region->blocks)
		qmp_add(&cell, "unplugged", qmp_number(rest->unplugged));
	if (look->source.scan) {
		qmp_add(&cell, "huge", qmp_number(sum->huge));
		qmp_add(&cell, "zero", qmp_number(sum->zero));
	}
	qmp_append(&look->cells, cell);
}

/* Looks at the next cell, or as much of it as there is time for. */
static int look_at_cell(struct look *look, uint64_t deadline, struct err *err)
{
	const uint64_t step = residency_step(&look->source);
	const gpa_t start = look->left.start;
	uint64_t cell = to_boundary(look->left, look->cell);
	struct virtio *balloon = look->machine->balloon;
	struct residency sum = { 0 };
	struct rest rest = { 0 };

	do {
		const struct range part = { look->left.start,
					    cell < step ? cell : step };
		const uint64_t offset = part.start - look->region->gpa.start;
		const int r = residency_add(
			&look->source, (uintptr_t)(look->region->host + offset),
			part.size, &sum, err);

		if (r < 0)
			return r;
		if (balloon)
			rest.held += balloon_held(balloon, part);
		rest.unplugged += unplugged_bytes(look->region, part);
		cell -= part.size;
		look->left.start += part.size;
		look->left.size -= part.size;
	} while (cell > 0 && clock_ns() < deadline);
	add_region_cell(look, start, &sum, &rest);
	return 0;
}

static int refuse_argument(struct err *err, const char *name,
			   const char *wanted)
{
	return err_set(err, -EINVAL, "Parameter '%s' expects %s", name, wanted);
}

/* The client's request is hostile until this returns 0. */
static int look_init(struct look *look, const struct qmp_call *call,
		     struct err *err)
{
	const struct control *control = call->ctx;
	const uint64_t start = qmp_arg_size(call, "start", 0);
	const uint64_t size = qmp_arg_size(call, "size", 0);
	uint64_t cell = qmp_arg_size(call, "cell-size", 0);
	const uint64_t page = control->machine->limits.page_size;

	look->machine = control->machine;
	if (cell == 0)
		cell = UINT64_C(1) << 63; /* all of it is one */
	if (cell < page || (cell & (cell - 1)))
		return refuse_argument(err, "cell-size",
				       "a power of two, and a page or more");
	look->cell = cell;
	if (start % page)
		return refuse_argument(err, "start", "the address of a page");
	if (size == 0 || size % page)
		return refuse_argument(err, "size", "whole pages");
	look->left = (struct range){ start, size };
	look->region = mem_find(&control->machine->mem, look->left.start);
	if (!look->region || !look->region->host ||
	    !range_contains(look->region->gpa, look->left))
		return err_set(err, -EINVAL,
			       "0x%" PRIx64 " and 0x%" PRIx64
			       " bytes are not in one region of memory",
			       look->left.start, look->left.size);
	look->cells = json_array();
	return residency_open(&look->source, err);
}

int command_x_vmm_query_residency(struct qmp_call *call, struct err *err)
{
	_cleanup_(look_finish) struct look look = { .source.fd = -1 };
	const uint64_t deadline = clock_ns() + BUDGET_NS;
	uint64_t merged, start;
	int r = look_init(&look, call, err);

	start = look.left.start;
	/* Always some of it, so that a client gets to the end. */
	for (unsigned cells = 0; r == 0 && look.left.size > 0; cells++) {
		if (cells > 0 && (cells == MAX_CELLS || clock_ns() >= deadline))
			break;
		r = look_at_cell(&look, deadline, err);
	}
	if (r < 0)
		return r;
	call->ret = json_pack("{s:I, s:I, s:o}", "start", (json_int_t)start,
			      "size", (json_int_t)(look.left.start - start),
			      "cells", TAKE_PTR(look.cells));
	if (residency_merged(&merged) == 0)
		qmp_add(&call->ret, "merged", qmp_number(merged));
	return 0;
}
