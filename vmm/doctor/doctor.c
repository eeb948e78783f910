/* vmm/doctor/doctor.c - a report on this host, and how it is printed. */
#include "vmm/doctor/doctor.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "vmm/cli.h"

#define WIDTH 79
#define INDENT 12 /* of what belongs to the line above */

static const char *const mark_names[] = {
	[DOCTOR_OK] = "ok",
	[DOCTOR_LIMITED] = "limited",
	[DOCTOR_MISSING] = "missing",
	[DOCTOR_FATAL] = "fatal",
};

static const struct cli_option doctor_options[] = {
	{ .name = "json",
	  .help = "print the report as a JSON object",
	  .set = cli_set_true,
	  .offset = offsetof(struct doctor_options, json) },
};

const struct cli_command doctor_command = {
	.name = "doctor",
	.summary = "Tell what this host offers to guests, and what it lacks",
	.usage = "[--json]",
	.options = doctor_options,
	.option_count = sizeof(doctor_options) / sizeof(*doctor_options),
	.notes = "Exit status: 0 guests can run here, 1 they cannot.\n",
};

void doctor_add(struct doctor *doctor, enum doctor_mark mark, const char *name,
		const char *consequence, const char *cure, const char *fmt, ...)
{
	struct doctor_finding *f = &doctor->finding[doctor->count];
	va_list ap;

	assert(doctor->count < DOCTOR_MAX_FINDINGS);
	doctor->count++;
	f->mark = mark;
	f->section = doctor->section;
	f->name = name;
	f->consequence = mark == DOCTOR_OK ? NULL : consequence;
	f->cure = mark == DOCTOR_OK ? NULL : cure;
	va_start(ap, fmt);
	(void)vsnprintf(f->value, sizeof(f->value), fmt, ap);
	va_end(ap);
}

bool doctor_fit(const struct doctor *doctor)
{
	for (size_t i = 0; i < doctor->count; i++)
		if (doctor->finding[i].mark == DOCTOR_FATAL)
			return false;
	return true;
}

/* Prints "title: text" below a finding, broken between words. */
static void print_wrapped(const char *title, const char *text)
{
	int column = printf("%*s%s:", INDENT, "", title);

	while (*text) {
		const int len = (int)strcspn(text, " ");

		if (column + 1 + len > WIDTH) {
			(void)printf("\n");
			column = printf("%*s", INDENT + 1, "");
		}
		column += printf(" %.*s", len, text);
		text += len;
		text += strspn(text, " ");
	}
	(void)printf("\n");
}

int doctor_print_text(const struct doctor *doctor, struct err *err)
{
	const char *section = "";

	for (size_t i = 0; i < doctor->count; i++) {
		const struct doctor_finding *f = &doctor->finding[i];

		if (strcmp(section, f->section) != 0)
			(void)printf("%s%s\n", i ? "\n" : "", f->section);
		section = f->section;
		(void)printf("  %-9s %-26s %s\n", mark_names[f->mark], f->name,
			     f->value);
		if (f->consequence)
			print_wrapped("so", f->consequence);
		if (f->cure)
			print_wrapped("cure", f->cure);
	}
	(void)printf("\n%s\n", doctor_fit(doctor)
				       ? "Guests can run here."
				       : "No guest can run here: see what is "
					 "marked fatal.");
	return cli_flush(err);
}

static json_t *to_json(const struct doctor *doctor)
{
	json_t *findings = json_array();

	for (size_t i = 0; i < doctor->count; i++) {
		const struct doctor_finding *f = &doctor->finding[i];

		/* A failure leaves the array's owner with NULL at the end. */
		if (json_array_append_new(
			    findings,
			    json_pack("{s:s, s:s, s:s, s:s, s:s?, s:s?}",
				      "section", f->section, "name", f->name,
				      "mark", mark_names[f->mark], "value",
				      f->value, "consequence", f->consequence,
				      "cure", f->cure)) < 0) {
			json_decref(findings);
			return NULL;
		}
	}
	return json_pack("{s:b, s:o}", "fit", doctor_fit(doctor), "findings",
			 findings);
}

int doctor_print_json(const struct doctor *doctor, struct err *err)
{
	json_auto_t *json = to_json(doctor);

	if (!json)
		return err_set(err, -ENOMEM, "report: out of memory");
	return cli_print_json(json, false, err);
}
