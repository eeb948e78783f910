/* vmm/client/mem_picture.c - what a cell looks like, and the table. */
#include "vmm/client/mem_picture.h"

#include <inttypes.h>
#include <string.h>

#include "vmm/client/told.h"

const struct mem_mark_look mem_mark_looks[MARKS] = {
	[MARK_UNTOUCHED] = { "untouched", '.', '.', 0, "#e9ecef" },
	[MARK_RESIDENT] = { "resident", 'R', 'r', '2', "#2b8a3e" },
	[MARK_HUGE] = { "huge pages", 'H', 'h', '4', "#1864ab" },
	[MARK_ZERO] = { "zero page", 'Z', 'z', '6', "#f0b429" },
	[MARK_SWAPPED] = { "swapped", 'S', 's', '1', "#c92a2a" },
	[MARK_UNPLUGGED] = { "not plugged", '_', '_', 0, "#ffe8cc" },
	[MARK_BALLOONED] = { "ballooned", 'B', 'b', '5', "#862e9c" },
};

enum mem_mark mem_mark(const struct mem_sum *sum, uint64_t size,
		       bool *ret_little)
{
	const uint64_t part[MARKS] = {
		[MARK_RESIDENT] = sum->resident - sum->huge,
		[MARK_HUGE] = sum->huge,
		[MARK_ZERO] = sum->zero,
		[MARK_SWAPPED] = sum->swapped,
		[MARK_BALLOONED] = sum->ballooned,
		[MARK_UNPLUGGED] = sum->unplugged,
	};
	enum mem_mark most = MARK_UNTOUCHED;
	uint64_t left = size / 2 + size % 2;

	*ret_little = true;
	for (enum mem_mark i = 0; i < MARKS; i++) {
		if (part[i] > part[most])
			most = i;
		if (part[i] >= left)
			*ret_little = false;
		else
			left -= part[i];
	}
	return most;
}

bool mem_mark_used(const struct mem_view *view, enum mem_mark mark)
{
	for (size_t i = 0; mark == MARK_UNPLUGGED && i < view->count; i++)
		if (json_object_get(json_array_get(view->told, i), "plugged"))
			return true;
	return mark != MARK_UNPLUGGED;
}

const char *mem_text(char buf[MEM_TEXT], uint64_t bytes)
{
	static const char letters[] = "BKMGTPE";
	unsigned step = 0;
	uint64_t unit = 1;

	while (step < 6 && bytes / unit >= 1024) {
		unit *= 1024;
		step++;
	}
	if (bytes == 0)
		(void)snprintf(buf, MEM_TEXT, "0");
	else if (bytes % unit == 0)
		(void)snprintf(buf, MEM_TEXT, "%" PRIu64 "%c", bytes / unit,
			       letters[step]);
	else
		(void)snprintf(buf, MEM_TEXT, "%.1f%c",
			       (double)bytes / (double)unit, letters[step]);
	return buf;
}

/* Of memory that comes and goes. */
static void describe_plugged(FILE *out, const json_t *told)
{
	const json_t *plugged = json_object_get(told, "plugged");
	char size[MEM_TEXT];

	if (json_is_integer(plugged) && json_integer_value(plugged) >= 0)
		(void)fprintf(
			out, ", %s plugged",
			mem_text(size, (uint64_t)json_integer_value(plugged)));
}

/* The region's backing in words of --mem: "memfd,huge=2M,share". */
static void print_backing(FILE *out, const json_t *told)
{
	static const char *const words[] = { "share", "prealloc", "reserve",
					     "lock", "merge" };
	const json_t *backing = json_object_get(told, "backing");
	const char *source = json_string_value(
		json_object_get(backing, "source"));
	const char *path = json_string_value(json_object_get(backing, "path"));
	const char *huge = json_string_value(json_object_get(backing, "huge"));
	const json_t *node = json_object_get(backing, "node");

	told_print(out, source ? source : "the VMM's own", 0);
	if (path) {
		(void)fputc(':', out);
		told_print(out, path, 0);
	}
	if (huge && strcmp(huge, "auto") != 0) {
		(void)fputs(",huge=", out);
		told_print(out, huge, 0);
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (json_is_true(json_object_get(backing, words[i])))
			(void)fprintf(out, ",%s", words[i]);
	if (json_is_integer(node))
		(void)fprintf(out, ",node=%" JSON_INTEGER_FORMAT,
			      json_integer_value(node));
	describe_plugged(out, told);
}

static const char *region_flags(const json_t *told)
{
	const bool ro = json_is_true(json_object_get(told, "read-only"));

	if (json_is_true(json_object_get(told, "dirty-log")))
		return ro ? "ro,log" : "rw,log";
	return ro ? "ro" : "rw";
}

static json_int_t region_slot(const json_t *told)
{
	return json_integer_value(json_object_get(told, "slot"));
}

void mem_describe(FILE *out, const struct mem_view *view, size_t region)
{
	const struct mem_view_region *r = &view->region[region];
	const json_t *told = json_array_get(view->told, region);
	char size[MEM_TEXT];

	(void)fprintf(out, "%s ", mem_text(size, r->gpa.size));
	told_print(out, r->kind, 0);
	(void)fputs(" '", out);
	told_print(out, r->name, 0);
	(void)fputc('\'', out);
	if (!r->memory)
		return;
	(void)fprintf(out, ", slot %" JSON_INTEGER_FORMAT ", %s, ",
		      region_slot(told), region_flags(told));
	print_backing(out, told);
}

bool mem_describe_sum(FILE *out, const char *before, const struct mem_sum *sum)
{
	const struct {
		uint64_t bytes;
		const char *name;
	} parts[] = {
		{ sum->resident, "resident" },
		{ sum->huge, "huge" },
		{ sum->merged, "merged" },
		{ sum->zero, "zero" },
		{ sum->swapped, "swapped" },
		{ sum->ballooned, "ballooned" },
		{ sum->unplugged, "not plugged" },
	};
	char size[MEM_TEXT];
	bool any = false;

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		if (!parts[i].bytes)
			continue;
		(void)fprintf(out, "%s%s %s", any ? ", " : before,
			      mem_text(size, parts[i].bytes), parts[i].name);
		any = true;
	}
	return any;
}

uint64_t mem_gap(const struct mem_view *view, size_t region)
{
	const struct range *before;

	if (region == 0)
		return 0;
	before = &view->region[region - 1].gpa;
	return view->region[region].gpa.start - (before->start + before->size);
}

/* A column of so many letters; "-" if it is not known. */
static void print_column(FILE *out, bool known, uint64_t bytes)
{
	char text[MEM_TEXT] = "-";

	(void)fprintf(out, "  %9s", known ? mem_text(text, bytes) : text);
}

static void print_sums(FILE *out, const struct mem_view *view,
		       const struct mem_view_region *region)
{
	const struct mem_sum *sum = &region->sum;

	print_column(out, true, sum->resident);
	print_column(out, view->detail, sum->huge);
	print_column(out, region->merged_known, sum->merged);
	print_column(out, view->detail, sum->zero);
	print_column(out, true, sum->swapped);
	print_column(out, true, sum->ballooned);
	print_column(out, region->dirty_known, sum->dirty);
}

static void print_padded(FILE *out, const char *text, size_t width)
{
	char part[25];

	(void)snprintf(part, sizeof(part), "%.*s", (int)width, text);
	told_print(out, part, width);
}

static void print_picture_row(FILE *out, const struct mem_view *view, size_t i)
{
	const struct mem_view_region *region = &view->region[i];
	const json_t *told = json_array_get(view->told, i);
	char size[MEM_TEXT];

	(void)fprintf(out, "0x%010" PRIx64 "  %7s  ", region->gpa.start,
		      mem_text(size, region->gpa.size));
	print_padded(out, region->kind, 8);
	(void)fputs("  ", out);
	if (!region->memory) {
		told_print(out, region->name, 0);
	} else {
		print_padded(out, region->name, 12);
		(void)fprintf(out, "  %4" JSON_INTEGER_FORMAT "  %-6s",
			      region_slot(told), region_flags(told));
		print_sums(out, view, region);
		(void)fputs("  ", out);
		print_backing(out, told);
	}
	(void)fputc('\n', out);
}

static void add_up(struct mem_view_region *all,
		   const struct mem_view_region *region)
{
	const struct mem_sum *sum = &region->sum;

	all->sum.resident += sum->resident;
	all->sum.huge += sum->huge;
	all->sum.merged += sum->merged;
	all->merged_known |= region->merged_known;
	all->sum.zero += sum->zero;
	all->sum.swapped += sum->swapped;
	all->sum.ballooned += sum->ballooned;
	all->sum.dirty += sum->dirty;
	all->dirty_known |= region->dirty_known;
}

void mem_table(FILE *out, const struct mem_view *view)
{
	struct mem_view_region all = { 0 };
	char text[MEM_TEXT];

	(void)fprintf(out, "%-12s  %7s  %-8s  %-12s  %4s  %-6s", "ADDRESS",
		      "SIZE", "KIND", "NAME", "SLOT", "FLAGS");
	(void)fprintf(out, "  %9s  %9s  %9s  %9s  %9s  %9s  %9s  %s\n",
		      "RESIDENT", "HUGE", "MERGED", "ZERO", "SWAPPED",
		      "BALLOONED", "DIRTY", "BACKING");
	for (size_t i = 0; i < view->count; i++) {
		print_picture_row(out, view, i);
		add_up(&all, &view->region[i]);
	}
	(void)fprintf(out, "%-59s", "all");
	print_sums(out, view, &all);
	if (view->merged) /* or it is not known */
		(void)fprintf(out, "  %s of it merged by KSM",
			      mem_text(text, view->merged));
	(void)fputc('\n', out);
	if (all.dirty_known)
		(void)fprintf(out,
			      "dirty: what changed within %.2f s, "
			      "%.1f s ago (--dirty-rate)\n",
			      (double)view->dirty_ms / 1000,
			      (double)view->dirty_age_ms / 1000);
}
