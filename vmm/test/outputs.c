/* vmm/test/outputs.c - what must be in the outputs of a run. */
#include "vmm/test/outputs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

const char *const output_names[] = { "stdout", "stderr", "console" };

int outputs_add(struct outputs *outputs, enum output output, bool lacks,
		const char *text, struct err *err)
{
	struct output_pattern *pattern = &outputs->pattern[outputs->count];
	char reason[128];
	int r;

	if (outputs->count == OUTPUT_PATTERNS)
		return err_input(err, -ENOSPC, "at most %d expressions",
				 OUTPUT_PATTERNS);
	r = regcomp(&pattern->regex, text, REG_EXTENDED | REG_NOSUB);
	if (r == REG_ESPACE)
		return err_set(err, -ENOMEM, "out of memory");
	if (r != 0) {
		(void)regerror(r, &pattern->regex, reason, sizeof(reason));
		return err_input(err, -EINVAL,
				 "'%s' is no regular expression: %s", text,
				 reason);
	}
	pattern->text = strdup(text);
	if (!pattern->text) {
		regfree(&pattern->regex);
		return err_set(err, -ENOMEM, "out of memory");
	}
	pattern->output = output;
	pattern->lacks = lacks;
	outputs->count++;
	return 0;
}

void outputs_finish(struct outputs *outputs)
{
	for (size_t i = 0; i < outputs->count; i++) {
		regfree(&outputs->pattern[i].regex);
		free(outputs->pattern[i].text);
	}
	outputs->count = 0;
}

/* Reads a line, or a piece of one, without its end. */
static bool read_piece(FILE *from, char line[OUTPUT_LINE])
{
	size_t n = 0;
	int byte = EOF;

	while (n < OUTPUT_LINE - 1 && (byte = getc(from)) != EOF &&
	       byte != '\n')
		line[n++] = byte ? (char)byte : ' ';
	if (n > 0 && line[n - 1] == '\r')
		n--;
	line[n] = '\0';
	return n > 0 || byte != EOF;
}

/* Notes which of an output's expressions are in it. Returns false if it cannot
 * be read. */
static bool search_output(const struct outputs *outputs, enum output output,
			  const char *folder, bool found[OUTPUT_PATTERNS])
{
	_cleanup_(freep) char *line = malloc(OUTPUT_LINE);
	_cleanup_(freep) char *path = NULL;
	bool whole;
	FILE *from;

	if (!line || asprintf(&path, "%s/%s", folder, output_names[output]) < 0)
		return false;
	from = fopen(path, "re");
	if (!from)
		return false;
	while (read_piece(from, line))
		for (size_t i = 0; i < outputs->count; i++)
			if (outputs->pattern[i].output == output && !found[i])
				found[i] = regexec(&outputs->pattern[i].regex,
						   line, 0, NULL, 0) == 0;
	whole = !ferror(from);
	return fclose(from) == 0 && whole;
}

bool outputs_met(const struct outputs *outputs, const char *folder,
		 char why[OUTPUT_WHY])
{
	const size_t kinds = sizeof(output_names) / sizeof(*output_names);
	bool found[OUTPUT_PATTERNS] = { false };
	bool searched[sizeof(output_names) / sizeof(*output_names)] = { false };

	for (size_t i = 0; i < outputs->count; i++)
		searched[outputs->pattern[i].output] = true;
	for (size_t i = 0; i < kinds; i++)
		if (searched[i] &&
		    !search_output(outputs, (enum output)i, folder, found)) {
			(void)snprintf(why, OUTPUT_WHY, "%s cannot be read",
				       output_names[i]);
			return false;
		}
	for (size_t i = 0; i < outputs->count; i++) {
		const struct output_pattern *pattern = &outputs->pattern[i];

		if (found[i] != pattern->lacks)
			continue;
		(void)snprintf(why, OUTPUT_WHY, "%s %s '%s'",
			       output_names[pattern->output],
			       pattern->lacks ? "has" : "lacks", pattern->text);
		return false;
	}
	return true;
}
