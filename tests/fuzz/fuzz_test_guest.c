/*
 * tests/fuzz/fuzz_test_guest.c - what a guest of `vmm test` says, on its
 * console and to vmm, is read the same in one piece as byte by byte, and what
 * is kept of it can be shown on a terminal.
 */
#include <stdlib.h>

#include "tests/fuzz/fuzz.h"
#include "vmm/test/console.h"
#include "vmm/test/expect.h"
#include "vmm/test/link.h"
#include "vmm/test/verdict.h"

static void must(bool right)
{
	if (!right)
		abort();
}

static void must_be_shown(const char *line)
{
	for (; *line; line++)
		must(*line >= ' ' && *line < 0x7f);
}

static void read_console(struct console *console, const char *text, size_t size,
			 size_t step)
{
	for (size_t at = 0; at < size; at += step)
		console_read(console, text + at,
			     size - at < step ? size - at : step);
	console_end(console);
	for (size_t i = 0; console_last(console, i); i++)
		must_be_shown(console_last(console, i));
	for (size_t i = 0; i < console->report_lines; i++)
		must_be_shown(console->report[i].text);
	must_be_shown(console->init.text);
}

/* Counts lines, and the bytes in them. */
static void count_line(void *ctx, const char *line)
{
	size_t *sum = ctx;

	must(strlen(line) < LINK_LINE);
	*sum = *sum * 31 + strlen(line) + 1;
}

static size_t speak(const uint8_t *data, size_t size, size_t step)
{
	struct link link;
	size_t sum = 0;

	link_init(&link, count_line, &sum);
	for (size_t at = 0; at < size; at += step) {
		const size_t len = size - at < step ? size - at : step;

		must(link.port.ops->send(&link.port, data + at, len) ==
		     (ssize_t)len);
	}
	return sum;
}

/* Returns how often lines with a digit at their end were waited for. */
static size_t await_lines(const uint8_t *data, size_t size,
			  const regex_t *regex)
{
	static struct expect expect;
	size_t met = 0;

	expect = (struct expect){ 0 };
	expect_read(&expect, (const char *)data, size);
	must(strlen(expect.text) == expect.len);
	while (expect_met(&expect, regex))
		must(strlen(expect.text) == expect.len && ++met <= size);
	return met;
}

static void check_expect(const uint8_t *data, size_t size)
{
	struct err err = { 0 };
	regex_t regex;

	must(expect_compile(&regex, "[0-9]$", &err) == 0);
	(void)await_lines(data, size, &regex);
	regfree(&regex);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct console whole, bytes;
	struct test_facts facts = { .console = &whole };
	char text[VERDICT_TEXT];

	memset(&whole, 0, sizeof(whole));
	memset(&bytes, 0, sizeof(bytes));
	read_console(&whole, (const char *)data, size, SIZE_MAX / 2);
	read_console(&bytes, (const char *)data, size, 1);
	must(whole.lines == bytes.lines && whole.reports == bytes.reports &&
	     whole.panicked == bytes.panicked &&
	     whole.report_lines == bytes.report_lines);
	must(memcmp(whole.last, bytes.last, sizeof(whole.last)) == 0);
	must(memcmp(whole.report, bytes.report, sizeof(whole.report)) == 0);
	must(memcmp(&whole.init, &bytes.init, sizeof(whole.init)) == 0);
	must(test_judge(&facts, text) ==
	     (whole.panicked ? TEST_PANIC : TEST_NO_BOOT));
	must_be_shown(text);
	check_expect(data, size);
	must(speak(data, size, SIZE_MAX / 2) == speak(data, size, 1));
	return 0;
}
