/* vmm/client/mem_map.c - draws a guest's memory in letters. */
#include <inttypes.h>
#include <string.h>

#include "vmm/client/mem_picture.h"

#define MIN_ROW 8
#define AROUND 4 /* columns of a row that are no address and no cell */

/* How many digits the highest address has, ten at the least. */
static int address_digits(const struct mem_view *view)
{
	int n = 10;

	for (size_t i = 0; i < view->count; i++)
		while (n < 16 && view->region[i].gpa.start >> (4 * n))
			n++;
	return n;
}

size_t mem_map_row(const struct mem_view *view, size_t columns)
{
	const size_t around = (size_t)address_digits(view) + AROUND;
	size_t row = MIN_ROW;

	while (row < 256 && around + 2 * row <= columns)
		row *= 2;
	return row;
}

/* Escape sequences are written where the colour changes alone. */
struct pen {
	FILE *out;
	bool colour; /* allowed */
	char ansi; /* colour that is on; 0: none */
	bool little;
};

static void set_colour(struct pen *pen, char ansi, bool little)
{
	if (!pen->colour || (pen->ansi == ansi && pen->little == little))
		return;
	if (!ansi)
		(void)fputs("\033[0m", pen->out);
	else if (little)
		(void)fprintf(pen->out, "\033[0;3%cm", ansi);
	else
		(void)fprintf(pen->out, "\033[0;97;4%cm", ansi);
	pen->ansi = ansi;
	pen->little = little;
}

static void draw_mark(struct pen *pen, enum mem_mark mark, bool little)
{
	const struct mem_mark_look *look = &mem_mark_looks[mark];

	set_colour(pen, look->ansi, look->ansi && little);
	(void)fputc(little ? look->little : look->much, pen->out);
}

static void draw_map_cells(struct pen *pen, const struct mem_view *view,
			   const struct mem_view_region *region, size_t row)
{
	const size_t before = (size_t)(region->gpa.start / view->cell_size %
				       row);
	const int width = address_digits(view);

	for (size_t i = 0; i < region->cells; i++) {
		const struct range at = mem_view_cell(view, region, i);
		bool little;
		const enum mem_mark mark = mem_mark(&region->cell[i], at.size,
						    &little);

		if (i == 0 || (before + i) % row == 0)
			(void)fprintf(pen->out, "0x%0*" PRIx64 "  %*s", width,
				      at.start, i ? 0 : (int)before, "");
		draw_mark(pen, mark, little);
		if (i + 1 == region->cells || (before + i + 1) % row == 0) {
			set_colour(pen, 0, false);
			(void)fputc('\n', pen->out);
		}
	}
}

static void draw_map_legend(struct pen *pen, const struct mem_view *view)
{
	char size[MEM_TEXT];

	(void)fprintf(pen->out,
		      "\none cell is %s; a small letter: less than half of it "
		      "is touched\n",
		      mem_text(size, view->cell_size));
	for (enum mem_mark i = 0; i < MARKS; i++) {
		if (!mem_mark_used(view, i))
			continue;
		/* 80 columns have no room for it. */
		if (i)
			(void)fputs(i == MARK_UNPLUGGED ? ",\n" : ", ",
				    pen->out);
		draw_mark(pen, i, false);
		set_colour(pen, 0, false);
		(void)fprintf(pen->out, " %s", mem_mark_looks[i].name);
	}
	(void)fputc('\n', pen->out);
}

void mem_map_draw(FILE *out, const struct mem_view *view, size_t row,
		  bool colour)
{
	struct pen pen = { .out = out, .colour = colour };
	char size[MEM_TEXT], indent[24];

	for (size_t i = 0; i < view->count; i++) {
		const struct mem_view_region *region = &view->region[i];
		const uint64_t gap = mem_gap(view, i);

		if (gap)
			(void)fprintf(out, "%*s(%s of nothing)\n",
				      address_digits(view) + AROUND, "",
				      mem_text(size, gap));
		if (region->memory) /* its cells tell the address */
			(void)fprintf(out, "%*s", address_digits(view) + AROUND,
				      "");
		else
			(void)fprintf(out, "0x%0*" PRIx64 "  ",
				      address_digits(view), region->gpa.start);
		mem_describe(out, view, i);
		(void)fputc('\n', out);
		(void)snprintf(indent, sizeof(indent), "%*s",
			       address_digits(view) + AROUND, "");
		if (mem_describe_sum(out, indent, &region->sum))
			(void)fputc('\n', out);
		draw_map_cells(&pen, view, region, row);
	}
	draw_map_legend(&pen, view);
}
