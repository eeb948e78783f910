/* vmm/test/console.c - what the console of a guest's kernel says. */
#include "vmm/test/console.h"

#include <string.h>

#define INIT "vmm-init: "

/* How messages of the kernel begin that are reports. */
static const char *const reports[] = {
	"BUG: ",
	"Internal error: ",
	"INFO: rcu_",
	"INFO: task ",
	"Kernel panic - not syncing",
	"Oops",
	"UBSAN: ",
	"Unable to handle kernel",
	"WARNING: ",
	"Watchdog detected hard LOCKUP",
	"general protection fault",
	"kernel BUG at ",
	"rcu: INFO: rcu_",
	"watchdog: BUG: ",
	"watchdog: Watchdog detected hard LOCKUP",
};

static bool line_begins(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

/* A line without "[   12.345678]" and "[  T123]" at its start. */
static const char *skip_time(const char *line)
{
	while (*line == '[') {
		const char *end = strchr(line, ']');

		if (!end || strspn(line + 1, " 0123456789.TC") !=
				    (size_t)(end - line - 1))
			break;
		line = end + 1;
		while (*line == ' ')
			line++;
	}
	return line;
}

static bool is_report(const char *message)
{
	for (size_t i = 0; i < sizeof(reports) / sizeof(*reports); i++)
		if (line_begins(message, reports[i]))
			return true;
	return false;
}

/* What a line of the kernel's says; a prompt may precede it. */
static const char *find_message(const char *line)
{
	for (const char *at = strchr(line, '['); at; at = strchr(at + 1, '[')) {
		const char *message = skip_time(at);

		if (message != at && is_report(message))
			return message;
	}
	return skip_time(line);
}

static void end_console_line(struct console *c)
{
	const char *message;

	c->line.text[c->len] = '\0';
	message = find_message(c->line.text);
	if (line_begins(message, "Kernel panic - not syncing"))
		c->panicked = true;
	if (is_report(message))
		c->reports++;
	if (c->reports > 0 && c->report_lines < CONSOLE_REPORT)
		c->report[c->report_lines++] = c->line;
	if (line_begins(message, INIT))
		(void)memcpy(c->init.text, message + strlen(INIT),
			     strlen(message + strlen(INIT)) + 1);
	c->last[c->lines++ % CONSOLE_LAST] = c->line;
	c->len = 0;
}

static char printable_byte(char byte)
{
	if (byte == '\t')
		return ' ';
	if (byte < ' ' || byte == 0x7f)
		return '?';
	return byte;
}

void console_read(struct console *ret, const char *buf, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		const char byte = buf[i];

		if (byte == '\n')
			end_console_line(ret);
		else if (byte != '\r' && ret->len < CONSOLE_LINE - 1)
			ret->line.text[ret->len++] = printable_byte(byte);
	}
}

void console_end(struct console *console)
{
	if (console->len > 0)
		end_console_line(console);
}

const char *console_last(const struct console *console, size_t i)
{
	const size_t kept = console->lines < CONSOLE_LAST ? console->lines
							  : CONSOLE_LAST;

	if (i >= kept)
		return NULL;
	return console->last[(console->lines - kept + i) % CONSOLE_LAST].text;
}

void console_print_report(const struct console *console, FILE *to)
{
	if (console->reports == 0)
		return;
	(void)fprintf(to, "vmm test: the kernel's %sreport:\n",
		      console->reports > 1 ? "first " : "");
	for (size_t i = 0; i < console->report_lines; i++)
		(void)fprintf(to, "  %s\n", console->report[i].text);
}

void console_print_last(const struct console *console, FILE *to)
{
	const char *line;

	(void)fprintf(to, "vmm test: the end of the kernel's console:\n");
	for (size_t i = 0; (line = console_last(console, i)); i++)
		(void)fprintf(to, "  %s\n", line);
}
