/* vmm/client/mem_svg.c - draws a guest's memory as a picture. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "vmm/client/mem_picture.h"

/* All in pixels. */
#define CELL 12
#define LINE 20
#define MARGIN 24
#define ADDRESS 116 /* room for addresses, left of the cells */
#define WIDTH (2 * MARGIN + ADDRESS + MEM_SVG_ROW * CELL)
#define LEGEND 122 /* room for an entry */
#define LITTLE "0.45" /* opacity of a cell that is less than half touched */

/* Text as XML wants it: what is markup, or not allowed, is not. */
static void print_escaped(FILE *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&':
			(void)fputs("&amp;", out);
			break;
		case '<':
			(void)fputs("&lt;", out);
			break;
		case '>':
			(void)fputs("&gt;", out);
			break;
		default:
			(void)fputc((unsigned char)*text < ' ' ? '?' : *text,
				    out);
		}
	}
}

static void begin_text(FILE *out, int x, int y, const char *class)
{
	(void)fprintf(out, "<text x=\"%d\" y=\"%d\" class=\"%s\">", x, y,
		      class);
}

static void end_text(FILE *out)
{
	(void)fputs("</text>\n", out);
}

static size_t cells_before(const struct mem_view *view,
			   const struct mem_view_region *region)
{
	return (size_t)(region->gpa.start / view->cell_size % MEM_SVG_ROW);
}

static size_t svg_rows(const struct mem_view *view,
		       const struct mem_view_region *region)
{
	if (!region->cells)
		return 0;
	return (cells_before(view, region) + region->cells + MEM_SVG_ROW - 1) /
	       MEM_SVG_ROW;
}

static int region_height(const struct mem_view *view, size_t i)
{
	const size_t n = svg_rows(view, &view->region[i]);

	return (mem_gap(view, i) ? 2 * LINE : LINE) + (int)n * CELL + LINE / 2;
}

/* Neighbours in a row that look alike are one rectangle. */
static void draw_run(FILE *out, size_t at, size_t len, int y,
		     enum mem_mark mark, bool little)
{
	const int x = MARGIN + ADDRESS + (int)(at % MEM_SVG_ROW) * CELL;

	(void)fprintf(out,
		      "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" "
		      "fill=\"%s\"%s/>\n",
		      x, y + (int)(at / MEM_SVG_ROW) * CELL, (int)len * CELL,
		      CELL, mem_mark_looks[mark].rgb,
		      little && mark != MARK_UNTOUCHED
			      ? " fill-opacity=\"" LITTLE "\""
			      : "");
}

static void draw_addresses(FILE *out, const struct mem_view *view,
			   const struct mem_view_region *region, int y)
{
	const size_t before = cells_before(view, region);
	const size_t n = svg_rows(view, region);

	for (size_t i = 0; i < n; i++) {
		const size_t first = i ? i * MEM_SVG_ROW - before : 0;

		begin_text(out, MARGIN, y + (int)(i + 1) * CELL - 2, "a");
		(void)fprintf(out, "0x%010" PRIx64,
			      mem_view_cell(view, region, first).start);
		end_text(out);
	}
}

static void draw_svg_cells(FILE *out, const struct mem_view *view,
			   const struct mem_view_region *region, int y)
{
	const size_t before = cells_before(view, region);
	enum mem_mark mark = MARK_UNTOUCHED;
	bool little = false;
	size_t begun = 0;

	for (size_t i = 0; i < region->cells; i++) {
		const uint64_t size = mem_view_cell(view, region, i).size;
		bool now_little;
		const enum mem_mark now = mem_mark(&region->cell[i], size,
						   &now_little);

		if (i > begun && (now != mark || now_little != little ||
				  (before + i) % MEM_SVG_ROW == 0)) {
			draw_run(out, before + begun, i - begun, y, mark,
				 little);
			begun = i;
		}
		mark = now;
		little = now_little;
	}
	if (region->cells)
		draw_run(out, before + begun, region->cells - begun, y, mark,
			 little);
}

/* Returns where the next one begins. */
static int draw_region(FILE *out, const struct mem_view *view, size_t i, int y)
{
	const struct mem_view_region *region = &view->region[i];
	const uint64_t gap = mem_gap(view, i);
	const int end = y + region_height(view, i);
	_cleanup_(freep) char *what = NULL;
	size_t len;
	FILE *text = open_memstream(&what, &len);
	char size[MEM_TEXT];

	if (text) {
		mem_describe(text, view, i);
		(void)mem_describe_sum(text, ": ", &region->sum);
		(void)fclose(text);
	}
	if (gap) {
		begin_text(out, MARGIN + ADDRESS, y + LINE - 6, "n");
		(void)fprintf(out, "%s of nothing", mem_text(size, gap));
		end_text(out);
		y += LINE;
	}
	if (!region->memory) { /* else its cells tell the address */
		begin_text(out, MARGIN, y + LINE - 6, "a");
		(void)fprintf(out, "0x%010" PRIx64, region->gpa.start);
		end_text(out);
	}
	begin_text(out, MARGIN + ADDRESS, y + LINE - 6, "r");
	print_escaped(out, what ? what : "");
	end_text(out);
	y += LINE;
	draw_addresses(out, view, region, y);
	draw_svg_cells(out, view, region, y);
	return end;
}

static void draw_svg_legend(FILE *out, const struct mem_view *view, int y)
{
	char size[MEM_TEXT];

	for (enum mem_mark i = 0; i < MARKS; i++) {
		const int x = MARGIN + (int)i * LEGEND;

		if (!mem_mark_used(view, i))
			continue;
		(void)fprintf(out,
			      "<rect x=\"%d\" y=\"%d\" width=\"%d\" "
			      "height=\"%d\" fill=\"%s\"/>\n",
			      x, y, CELL, CELL, mem_mark_looks[i].rgb);
		begin_text(out, x + CELL + 6, y + CELL - 1, "r");
		(void)fputs(mem_mark_looks[i].name, out);
		end_text(out);
	}
	begin_text(out, MARGIN, y + CELL + LINE, "n");
	(void)fprintf(
		out,
		"One cell is %s, and shows the kind of most of its touched "
		"part; pale: less than half of it is touched.",
		mem_text(size, view->cell_size));
	end_text(out);
}

void mem_svg_draw(FILE *out, const struct mem_view *view, const char *name)
{
	int y = MARGIN + 2 * LINE, height = y + 2 * LINE + MARGIN;

	for (size_t i = 0; i < view->count; i++)
		height += region_height(view, i);
	(void)fprintf(out,
		      "<svg xmlns=\"http://www.w3.org/2000/svg\" "
		      "width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">\n"
		      "<style>text{font:12px sans-serif;fill:#212529}"
		      ".t{font-size:18px;font-weight:bold}"
		      ".a{font:11px monospace;fill:#495057}"
		      ".n{fill:#868e96}</style>\n"
		      "<rect width=\"100%%\" height=\"100%%\" "
		      "fill=\"#ffffff\"/>\n",
		      WIDTH, height, WIDTH, height);
	begin_text(out, MARGIN, MARGIN + 14, "t");
	(void)fputs("Memory of ", out);
	print_escaped(out, name);
	end_text(out);
	for (size_t i = 0; i < view->count; i++)
		y = draw_region(out, view, i, y);
	draw_svg_legend(out, view, y + LINE / 2);
	(void)fputs("</svg>\n", out);
}
