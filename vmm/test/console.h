/*
 * vmm/test/console.h - what the console of a guest's kernel says: its end, and
 * the reports of what went wrong. [pure]
 *
 * A report begins with a line of the kernel's that says so (a panic, an oops, a
 * lockup, a stall, a warning; what the sanitizers KASAN, KCSAN, UBSAN and
 * KFENCE found), behind the time in brackets. The guest writes all of it, and
 * none is trusted: lines are cut, and no byte that a terminal would act on is
 * kept.
 */
#ifndef VMM_TEST_CONSOLE_H
#define VMM_TEST_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define CONSOLE_LINE 256 /* bytes of a line that are kept */
#define CONSOLE_LAST 40 /* lines of its end */
#define CONSOLE_REPORT 20 /* lines of a report */

struct console_line {
	char text[CONSOLE_LINE]; /* ends with NUL */
};

struct console {
	struct console_line line; /* that is not at its end yet */
	size_t len; /* of it */
	bool panicked;
	unsigned reports;
	/* The first report, that line first. */
	struct console_line report[CONSOLE_REPORT];
	size_t report_lines;
	/* What init said before it could speak with us; "": nothing. */
	struct console_line init;
	/* The last lines; in a circle. */
	struct console_line last[CONSOLE_LAST];
	size_t lines; /* that there were */
};

/* Reads the next bytes. @ret: begins zeroed */
void console_read(struct console *ret, const char *buf, size_t len);

/* There are no more. */
void console_end(struct console *console);

/* The @i-th of the lines that are kept of the end, the oldest first; NULL
 * behind the last one. */
const char *console_last(const struct console *console, size_t i);

/* Prints the first report, if there is one, or the last lines, each under a
 * heading. */
void console_print_report(const struct console *console, FILE *to);
void console_print_last(const struct console *console, FILE *to);

#endif
