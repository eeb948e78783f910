/*
 * tests/fuzz/fuzz_test_spec.c - no file of cases crashes the parser, or is
 * taken with what the rest of the program does not expect; what is refused is
 * told with the name of the file.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "vmm/test/spec.h"

static void check(const struct spec_case *one)
{
	if (!one->name || !*one->name || strchr(one->name, '/') ||
	    *one->name == '.' || strlen(one->name) > SPEC_NAME ||
	    one->command.count == 0 || one->repeat == 0 ||
	    one->repeat > SPEC_MAX_COUNT || one->retries > SPEC_MAX_COUNT ||
	    one->status < 0 || one->status > 255 ||
	    one->choices > SPEC_MAX_CHOICES || one->line == 0)
		abort();
	for (size_t i = 0; i < one->options.count; i++)
		if (strncmp(one->options.item[i], "--", 2) != 0)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct spec spec = { 0 };
	struct err err = { 0 };
	const int r = spec_parse(&spec, "F", data, size, &err);

	if (r == 0)
		for (size_t i = 0; i < spec.count; i++)
			check(&spec.item[i]);
	else if (err.code != r || !err.input ||
		 (strncmp(err.msg, "F:", 2) != 0))
		abort();
	spec_finish(&spec);
	return 0;
}
