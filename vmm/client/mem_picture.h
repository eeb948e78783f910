/*
 * vmm/client/mem_picture.h - draws a guest's memory: a table, a map, a picture.
 *
 * Each writes to a stream and leaves its errors in it (ferror(3)). [pure]
 */
#ifndef VMM_CLIENT_MEM_PICTURE_H
#define VMM_CLIENT_MEM_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "vmm/client/mem_view.h"

enum mem_mark {
	MARK_UNTOUCHED,
	MARK_RESIDENT,
	MARK_HUGE,
	MARK_ZERO,
	MARK_SWAPPED,
	MARK_BALLOONED,
	MARK_UNPLUGGED,
	MARKS
};

struct mem_mark_look {
	const char *name;
	char much, little; /* letters: for half of the cell or more, or less */
	char ansi; /* colour: the last digit of its escape sequence; 0: none */
	const char *rgb; /* in the picture */
};

extern const struct mem_mark_look mem_mark_looks[MARKS];

/*
 * The most frequent kind in the touched part of a cell.
 *
 * @size:       of the cell, in bytes
 * @ret_little: true if less than half of it is touched
 */
enum mem_mark mem_mark(const struct mem_sum *sum, uint64_t size,
		       bool *ret_little);

/* Whether @view can have such a cell: not every guest's memory comes and goes.
 */
bool mem_mark_used(const struct mem_view *view, enum mem_mark mark);

#define MEM_TEXT 32 /* room for what mem_text() writes */

/* Writes a size with at most one decimal: "0", "64K", "1.5G". Returns @buf. */
const char *mem_text(char buf[MEM_TEXT], uint64_t bytes);

/*
 * Describes a region: "1G ram 'ram', slot 0, rw, anon". Control characters are
 * replaced.
 */
void mem_describe(FILE *out, const struct mem_view *view, size_t region);

/*
 * Writes @before and the sums that are not zero: "64M resident, 2M huge".
 * Returns false, and prints nothing, if there are none.
 */
bool mem_describe_sum(FILE *out, const char *before, const struct mem_sum *sum);

/* The bytes between a region and the one before it; 0 for the first. */
uint64_t mem_gap(const struct mem_view *view, size_t region);

/* All regions, one to a line. */
void mem_table(FILE *out, const struct mem_view *view);

/* How many cells a row of a map has on a terminal of @columns. */
size_t mem_map_row(const struct mem_view *view, size_t columns);

/*
 * Cells as letters, in rows.
 *
 * @row:    cells in each
 * @colour: escape sequences may be used
 */
void mem_map_draw(FILE *out, const struct mem_view *view, size_t row,
		  bool colour);

#define MEM_SVG_ROW 64 /* cells in a row */

/* The same as a picture, in SVG 1.1. @name: of the machine */
void mem_svg_draw(FILE *out, const struct mem_view *view, const char *name);

#endif
