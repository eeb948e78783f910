/*
 * tests/fuzz/fuzz_test_report.c - no report of another machine crashes what
 * reads it, and what is read of it can be written, and read the same again.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/fuzz/fuzz.h"
#include "vmm/test/report_file.h"

static void write_again(const struct report_file *file, FILE *to)
{
	report_file_begin(to, file);
	for (size_t i = 0; i < file->count; i++)
		report_one(to, REPORT_JSON, &file->item[i], i + 1);
}

static void compare(const struct report_file *file,
		    const struct report_file *again)
{
	if (file->count != again->count || file->runs != again->runs ||
	    file->division != again->division || file->shard != again->shard ||
	    file->shards != again->shards)
		abort();
	for (size_t i = 0; i < file->count; i++)
		if (file->item[i].end != again->item[i].end ||
		    file->item[i].status != again->item[i].status ||
		    file->item[i].ns != again->item[i].ns)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct report_file file, again;
	struct err err = { 0 };
	char *text = NULL;
	size_t len = 0;
	FILE *to;
	const int r = report_file_parse(&file, "F", (const char *)data, size,
					&err);

	if (r < 0) {
		if (err.code != r || !err.input)
			abort();
		return 0;
	}
	to = open_memstream(&text, &len);
	if (!to)
		abort();
	write_again(&file, to);
	(void)fflush(to);
	if (report_file_parse(&again, "F", text, len, &err) < 0)
		abort();
	report_junit(to, file.item, file.count);
	(void)fclose(to);
	compare(&file, &again);
	report_file_finish(&again);
	report_file_finish(&file);
	free(text);
	return 0;
}
