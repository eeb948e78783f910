/* vmm/test/report.c - tells how the runs of a suite went. */
#include "vmm/test/report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/file.h"

#define MS UINT64_C(1000000)

/* Writes a text as a part of a line. */
static void put_plain(FILE *to, const char *text)
{
	for (; *text; text++)
		(void)fputc(*text >= ' ' && *text < 0x7f ? *text : '?', to);
}

/* What is behind a '#' would mean something: of a merged report, a name is what
 * its file says. */
static void put_tap_name(FILE *to, const char *name)
{
	for (; *name; name++) {
		if (*name == '#' || *name == '\\')
			(void)fputc('\\', to);
		put_plain(to, (const char[]){ *name, '\0' });
	}
}

static void put_seconds(FILE *to, uint64_t ns)
{
	(void)fprintf(to, "%" PRIu64 ".%03" PRIu64, ns / MS / 1000,
		      ns / MS % 1000);
}

static void put_status(FILE *to, const struct report_case *one)
{
	(void)fprintf(to, "status %d", one->status);
	if (one->why) {
		(void)fputs(": ", to);
		put_plain(to, one->why);
	}
}

static void put_tries(FILE *to, const struct report_case *one)
{
	if (one->tries > 1)
		(void)fprintf(to, ", try %u", one->tries);
}

static void tell_line(FILE *to, const struct report_case *one)
{
	static const char *const words[] = { "    ", "skip", "pass", "FAIL" };

	(void)fprintf(to, "%s ", words[one->end]);
	put_plain(to, one->name);
	(void)fputs(" (", to);
	if (one->end == REPORT_SKIPPED) {
		put_plain(to, one->why);
	} else {
		put_seconds(to, one->ns);
		(void)fputs(" s", to);
		put_tries(to, one);
	}
	if (one->end == REPORT_FAILED) {
		(void)fputs(", ", to);
		put_status(to, one);
	}
	(void)fputs(")\n", to);
}

/* Source: the Test Anything Protocol, version 13. */
static void tell_tap(FILE *to, const struct report_case *one, size_t number)
{
	(void)fprintf(to, "%sok %zu - ",
		      one->end == REPORT_FAILED ? "not " : "", number);
	put_tap_name(to, one->name);
	if (one->end == REPORT_SKIPPED) {
		(void)fputs(" # SKIP ", to);
		put_plain(to, one->why);
		(void)fputc('\n', to);
		return;
	}
	(void)fputs("\n# ", to);
	put_seconds(to, one->ns);
	(void)fputs(" s", to);
	put_tries(to, one);
	(void)fputs(", ", to);
	put_status(to, one);
	(void)fputc('\n', to);
}

/* Adds a text, without what is no printable ASCII. */
static void add_text(json_t *line, const char *key, const char *text)
{
	char *copy = text ? strdup(text) : NULL;

	if (!copy)
		return;
	for (char *at = copy; *at; at++)
		if (*at < ' ' || *at == 0x7f)
			*at = '?';
	(void)json_object_set_new(line, key, json_string(copy));
	free(copy);
}

static void add_report_value(json_t *line, const char *key, json_t *value)
{
	(void)json_object_set_new(line, key, value);
}

static void tell_json(FILE *to, const struct report_case *one)
{
	const uint64_t ms = one->ns / MS;
	json_t *line = json_object();
	char *text;

	add_text(line, "name", one->name);
	add_text(line, "kernel", one->kernel);
	add_text(line, "cpus", one->cpus);
	add_text(line, "mem", one->mem);
	add_text(line, "cmdline", one->cmdline);
	if (one->end == REPORT_PASSED || one->end == REPORT_FAILED) {
		add_report_value(line, "passed",
				 json_boolean(one->end == REPORT_PASSED));
		add_report_value(line, "status", json_integer(one->status));
		add_report_value(line, "seconds", json_real((double)ms / 1000));
	} else {
		add_report_value(line,
				 one->end == REPORT_SKIPPED ? "skipped"
							    : "not-run",
				 json_true());
	}
	if (one->tries > 1)
		add_report_value(line, "tries", json_integer(one->tries));
	add_text(line, "why", one->why);
	text = json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(12));
	if (text)
		(void)fprintf(to, "%s\n", text);
	free(text);
	json_decref(line);
}

void report_begin(FILE *to, enum report_form form, size_t count)
{
	if (form == REPORT_TAP)
		(void)fprintf(to, "TAP version 13\n1..%zu\n", count);
	(void)fflush(to);
}

void report_one(FILE *to, enum report_form form, const struct report_case *one,
		size_t number)
{
	if (form == REPORT_TAP)
		tell_tap(to, one, number);
	else if (form == REPORT_JSON)
		tell_json(to, one);
	else
		tell_line(to, one);
	(void)fflush(to);
}

size_t report_count(const struct report_case *all, size_t count,
		    enum report_end end)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		n += all[i].end == end;
	return n;
}

/* Those that passed, but not at once. */
static size_t count_retried(const struct report_case *all, size_t count)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		n += all[i].end == REPORT_PASSED && all[i].tries > 1;
	return n;
}

void report_end(FILE *to, enum report_form form, const struct report_case *all,
		size_t count)
{
	const size_t not_run = report_count(all, count, REPORT_NOT_RUN);
	const size_t skipped = report_count(all, count, REPORT_SKIPPED);
	const size_t retried = count_retried(all, count);

	if (form == REPORT_JSON)
		return;
	if (form == REPORT_TAP && not_run > 0)
		(void)fputs("Bail out! interrupted\n", to);
	(void)fprintf(to, "%s%zu passed, %zu failed, %zu not run",
		      form == REPORT_TAP ? "# " : "",
		      report_count(all, count, REPORT_PASSED),
		      report_count(all, count, REPORT_FAILED), not_run);
	if (skipped > 0)
		(void)fprintf(to, ", %zu skipped", skipped);
	if (retried > 0)
		(void)fprintf(to, "; %zu passed after a failure", retried);
	(void)fputc('\n', to);
	(void)fflush(to);
}

/* Writes a text as XML: ASCII alone, so that no encoding is to be judged. */
static void put_xml(FILE *to, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '<':
			(void)fputs("&lt;", to);
			break;
		case '>':
			(void)fputs("&gt;", to);
			break;
		case '&':
			(void)fputs("&amp;", to);
			break;
		case '"':
			(void)fputs("&quot;", to);
			break;
		case '\n':
		case '\t':
			(void)fputc(*text, to);
			break;
		default:
			put_plain(to, (const char[]){ *text, '\0' });
		}
	}
}

static void put_property(FILE *to, const char *name, const char *value)
{
	if (!value)
		return;
	(void)fprintf(to, "      <property name=\"%s\" value=\"", name);
	put_xml(to, value);
	(void)fputs("\"/>\n", to);
}

static void put_failure(FILE *to, const struct report_case *one)
{
	(void)fprintf(to, "      <failure type=\"status-%d\" message=\"",
		      one->status);
	put_xml(to, one->why ? one->why : "the command failed");
	(void)fputs("\"/>\n", to);
}

static void put_skipped(FILE *to, const struct report_case *one)
{
	(void)fputs("      <skipped message=\"", to);
	put_xml(to,
		one->end == REPORT_SKIPPED && one->why ? one->why : "not run");
	(void)fputs("\"/>\n", to);
}

static void put_testcase(FILE *to, const struct report_case *one)
{
	char tries[16];

	(void)fputs("    <testcase classname=\"vmm.test\" name=\"", to);
	put_xml(to, one->name);
	(void)fputs("\" time=\"", to);
	put_seconds(to, one->ns);
	(void)fputs("\">\n      <properties>\n", to);
	put_property(to, "kernel", one->kernel);
	put_property(to, "cpus", one->cpus);
	put_property(to, "mem", one->mem);
	put_property(to, "cmdline", one->cmdline);
	if (one->tries > 1) {
		(void)snprintf(tries, sizeof(tries), "%u", one->tries);
		put_property(to, "tries", tries);
	}
	(void)fputs("      </properties>\n", to);
	if (one->end == REPORT_NOT_RUN || one->end == REPORT_SKIPPED)
		put_skipped(to, one);
	else if (one->end == REPORT_FAILED)
		put_failure(to, one);
	if (one->err && *one->err) {
		(void)fputs("      <system-err>", to);
		put_xml(to, one->err);
		(void)fputs("</system-err>\n", to);
	}
	(void)fputs("    </testcase>\n", to);
}

void report_junit(FILE *to, const struct report_case *all, size_t count)
{
	uint64_t ns = 0;

	for (size_t i = 0; i < count; i++)
		ns += all[i].ns;
	(void)fprintf(to,
		      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		      "<testsuites>\n  <testsuite name=\"vmm test\" "
		      "tests=\"%zu\" failures=\"%zu\" errors=\"0\" "
		      "skipped=\"%zu\" time=\"",
		      count, report_count(all, count, REPORT_FAILED),
		      report_count(all, count, REPORT_SKIPPED) +
			      report_count(all, count, REPORT_NOT_RUN));
	put_seconds(to, ns);
	(void)fputs("\">\n", to);
	for (size_t i = 0; i < count; i++)
		put_testcase(to, &all[i]);
	(void)fputs("  </testsuite>\n</testsuites>\n", to);
}

int report_junit_file(const char *path, const struct report_case *all,
		      size_t count, struct err *err)
{
	char *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);
	int r;

	if (to)
		report_junit(to, all, count);
	if (!to || fclose(to) != 0)
		r = err_set(err, -ENOMEM, "out of memory");
	else
		r = file_write_all(path, FILE_FOR_ALL, text, size, err);
	free(text);
	return r;
}
