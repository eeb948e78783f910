/* vmm/client/mem_view.c - a guest's memory, as it was told by its VMM. */
#include "vmm/client/mem_view.h"

#include <errno.h>
#include <stdlib.h>

#include "vmm/client/client.h"
#include "vmm/client/told.h"

#define MAX_REGIONS 1024
#define MIN_CELL (UINT64_C(64) << 10) /* no host's page is larger */
#define MAX_CELL (UINT64_C(1) << 62)

static int report_unexpected_view(struct err *err)
{
	return err_set(err, -EPROTO, "unexpected reply about its memory");
}

static int report_view_memory(struct err *err)
{
	return err_set(err, -ENOMEM, "out of memory");
}

static uint64_t cells_of(struct range gpa, uint64_t cell)
{
	return (gpa.start + (gpa.size - 1)) / cell - gpa.start / cell + 1;
}

/* Reads the dirty bytes, which all regions with memory report, or none. */
static void read_dirty(struct mem_view *view, struct mem_view_region *region,
		       const json_t *told)
{
	region->dirty_known = told_get(told, "dirty", &region->sum.dirty) &&
			      told_get(told, "dirty-time", &view->dirty_ms) &&
			      told_get(told, "dirty-age", &view->dirty_age_ms);
}

static bool read_region(struct mem_view *view, struct mem_view_region *region,
			const json_t *told)
{
	region->name = json_string_value(json_object_get(told, "name"));
	region->kind = json_string_value(json_object_get(told, "kind"));
	region->memory = json_is_integer(json_object_get(told, "slot"));
	region->merged_known = told_get(told, "merged", &region->sum.merged);
	read_dirty(view, region, told);
	return region->name && region->kind &&
	       told_get(told, "start", &region->gpa.start) &&
	       told_get(told, "size", &region->gpa.size) &&
	       range_valid(region->gpa) &&
	       region->sum.merged <= region->gpa.size &&
	       region->sum.dirty <= region->gpa.size;
}

/* The smallest cells that are not too many. */
static uint64_t fit_cells(const struct mem_view *view, size_t most)
{
	uint64_t cell = MIN_CELL, count;

	do {
		count = 0;
		for (size_t i = 0; i < view->count; i++)
			if (view->region[i].memory)
				count += cells_of(view->region[i].gpa, cell) -
					 1;
		if (count <= most)
			break;
		cell *= 2;
	} while (cell < MAX_CELL);
	return cell;
}

int mem_view_init(struct mem_view *view, json_t *told, size_t cells,
		  struct err *err)
{
	const size_t count = json_array_size(told);

	*view = (struct mem_view){ .told = told, .detail = true };
	if (!json_is_array(told) || count > MAX_REGIONS)
		return report_unexpected_view(err);
	view->region = calloc(count + 1, sizeof(*view->region));
	if (!view->region)
		return report_view_memory(err);
	view->count = count;
	for (size_t i = 0; i < count; i++) {
		const struct range *before = i ? &view->region[i - 1].gpa
					       : NULL;
		struct mem_view_region *region = &view->region[i];

		if (!read_region(view, region, json_array_get(told, i)))
			return report_unexpected_view(err);
		if (before && (region->gpa.start < before->start ||
			       range_overlaps(*before, region->gpa)))
			return report_unexpected_view(err);
	}
	view->cell_size = fit_cells(view, cells);
	for (size_t i = 0; i < count; i++) {
		struct mem_view_region *region = &view->region[i];

		if (!region->memory)
			continue;
		region->cells = (size_t)cells_of(region->gpa, view->cell_size);
		region->cell = calloc(region->cells, sizeof(*region->cell));
		if (!region->cell)
			return report_view_memory(err);
	}
	return 0;
}

struct range mem_view_cell(const struct mem_view *view,
			   const struct mem_view_region *region, size_t cell)
{
	const uint64_t size = view->cell_size;
	const gpa_t grid = (region->gpa.start / size + cell) * size;
	const gpa_t last = region->gpa.start + (region->gpa.size - 1);
	const gpa_t start = cell ? grid : region->gpa.start;
	const uint64_t left = last - start;
	const uint64_t most = size - (start - grid) - 1;

	return (struct range){ start, (left < most ? left : most) + 1 };
}

/* True if no kind of @sum is more than @size, so that sums do not overflow. */
static bool sum_fits(const struct mem_sum *sum, uint64_t size)
{
	return sum->resident <= size && sum->huge <= sum->resident &&
	       sum->zero <= size && sum->swapped <= size &&
	       sum->ballooned <= size && sum->unplugged <= size;
}

static void sum_add(struct mem_sum *to, const struct mem_sum *from)
{
	to->resident += from->resident;
	to->huge += from->huge;
	to->zero += from->zero;
	to->swapped += from->swapped;
	to->ballooned += from->ballooned;
	to->unplugged += from->unplugged;
}

static bool add_view_cell(struct mem_view *view, struct mem_view_region *region,
			  const json_t *told, struct range part)
{
	struct mem_sum sum = { 0 }, all;
	struct mem_sum *cell;
	gpa_t start;
	size_t n;

	if (!told_get(told, "start", &start) ||
	    !told_get(told, "resident", &sum.resident) ||
	    !told_get(told, "swapped", &sum.swapped) ||
	    !told_get(told, "ballooned", &sum.ballooned) ||
	    start < part.start || start - part.start >= part.size)
		return false;
	if (!told_get(told, "huge", &sum.huge) ||
	    !told_get(told, "zero", &sum.zero)) {
		view->detail = false;
		sum.huge = sum.zero = 0;
	}
	/* Only where memory comes and goes is it told. */
	if (json_object_get(told, "unplugged") &&
	    !told_get(told, "unplugged", &sum.unplugged))
		return false;
	n = (size_t)(start / view->cell_size -
		     region->gpa.start / view->cell_size);
	cell = &region->cell[n];
	if (!sum_fits(&sum, part.size))
		return false;
	all = *cell;
	sum_add(&all, &sum);
	if (!sum_fits(&all, mem_view_cell(view, region, n).size))
		return false;
	*cell = all;
	sum_add(&region->sum, &sum);
	return true;
}

int mem_view_add(struct mem_view *view, struct mem_view_region *region,
		 const json_t *reply, gpa_t *at, struct err *err)
{
	const uint64_t done = *at - region->gpa.start;
	const json_t *cells = json_object_get(reply, "cells");
	struct range part = { *at, 0 };
	size_t i;
	json_t *cell;

	if (!told_get(reply, "size", &part.size) || part.size == 0 ||
	    part.size > region->gpa.size - done || !json_is_array(cells))
		return report_unexpected_view(err);
	json_array_foreach(cells, i, cell)
		if (!add_view_cell(view, region, cell, part))
			return report_unexpected_view(err);
	if (told_get(reply, "merged", &view->merged))
		view->merged_known = true;
	*at += part.size;
	return 0;
}

static json_t *known_or_null(bool is, uint64_t value)
{
	return is ? json_integer((json_int_t)value) : json_null();
}

int mem_view_finish_json(struct mem_view *view, struct err *err)
{
	for (size_t i = 0; i < view->count; i++) {
		const struct mem_view_region *region = &view->region[i];
		const struct mem_sum *sum = &region->sum;
		json_t *all;

		if (!region->memory)
			continue;
		all = json_pack("{s:I, s:o, s:o, s:I, s:I}", "resident",
				(json_int_t)sum->resident, "huge",
				known_or_null(view->detail, sum->huge), "zero",
				known_or_null(view->detail, sum->zero),
				"swapped", (json_int_t)sum->swapped,
				"ballooned", (json_int_t)sum->ballooned);
		if (json_object_set_new(json_array_get(view->told, i),
					"residency", all) < 0)
			return report_view_memory(err);
	}
	return 0;
}

void mem_view_finish(struct mem_view *view)
{
	for (size_t i = 0; i < view->count; i++)
		free(view->region[i].cell);
	free(view->region);
	json_decref(view->told);
	*view = (struct mem_view){ 0 };
}

/* Prefixes an error with the machine's name. */
static int name_machine(const struct client *client, int r, struct err *err)
{
	return r < 0 ? err_wrap(err, "%s", client->name) : r;
}

static int ask_region(struct mem_view *view, struct mem_view_region *region,
		      struct client *client, struct err *err)
{
	const struct range all = region->gpa;
	gpa_t at = all.start;
	int r = 0;

	while (r == 0 && at - all.start < all.size) {
		const uint64_t left = all.size - (at - all.start);
		json_auto_t *reply = NULL;

		r = client_run(client, "x-vmm-query-residency",
			       json_pack("{s:I, s:I, s:I}", "start",
					 (json_int_t)at, "size",
					 (json_int_t)left, "cell-size",
					 (json_int_t)view->cell_size),
			       &reply, err);
		if (r == 0)
			r = name_machine(
				client,
				mem_view_add(view, region, reply, &at, err),
				err);
	}
	return r;
}

int mem_view_ask(struct mem_view *view, struct client *client, size_t cells,
		 struct err *err)
{
	json_t *told = NULL;
	int r = client_run(client, "x-vmm-query-memory", NULL, &told, err);

	if (r < 0)
		return r;
	r = name_machine(client, mem_view_init(view, told, cells, err), err);
	for (size_t i = 0; r == 0 && i < view->count; i++)
		if (view->region[i].memory)
			r = ask_region(view, &view->region[i], client, err);
	return r == 0 ? name_machine(client, mem_view_finish_json(view, err),
				     err)
		      : r;
}
