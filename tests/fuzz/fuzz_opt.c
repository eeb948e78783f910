/* tests/fuzz/fuzz_opt.c - no option text is taken for what it does not say. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/opt.h"
#include "base/range.h"
#include "base/size.h"
#include "tests/fuzz/fuzz.h"

struct sample {
	const char *path;
	bool ro;
	uint64_t depth, size, wait;
	unsigned cache;
};

static const char *const caches[] = { "auto", "direct", "writeback", NULL };

static const struct opt table[] = {
	OPT("path", OPT_STR, struct sample, path, .first = true,
	    .required = true),
	OPT("ro", OPT_BOOL, struct sample, ro),
	OPT("depth", OPT_NUMBER, struct sample, depth, .min = 1, .max = 256),
	OPT("size", OPT_SIZE, struct sample, size, .unit = 1 << 20),
	OPT("wait", OPT_DURATION, struct sample, wait),
	OPT("cache", OPT_WORD, struct sample, cache, .words = caches),
};

static void check_opt(char *text, size_t size)
{
	struct sample s = { .depth = 1 };
	struct err err = { 0 };
	const int r = opt_parse(table, sizeof(table) / sizeof(table[0]), text,
				&s, &err);

	if (r < 0 && (r != err.code || !err.input || !err.msg[0]))
		abort();
	if (r < 0)
		return;
	if (s.path < text || s.path >= text + size || !*s.path || s.depth < 1 ||
	    s.depth > 256 || s.cache > 2)
		abort();
}

static void check_numbers(const char *text)
{
	struct range at = { 0 };
	bool placed = false;
	uint64_t number = 0;
	uint64_t size = 0;
	uint64_t ns = 0;

	if (number_parse(text, &number) == 0) {
		/* A bare number is a size of as many units, or too large. */
		if (size_parse(text, 1, &size) < 0 || size != number)
			abort();
		if (size_parse(text, 4, &size) == 0 && size / 4 != number)
			abort();
		if (duration_parse(text, &ns) == 0 && ns / 1000000000 != number)
			abort();
	}
	if (size_at_parse(text, 1, &at, &placed) == 0 &&
	    (!range_valid(at) || placed != !!strchr(text, '@')))
		abort();
	if ((strpbrk(text, "-+ ,") || !*text) &&
	    (size_parse(text, 1, &size) == 0 ||
	     duration_parse(text, &ns) == 0 ||
	     size_at_parse(text, 1, &at, &placed) == 0))
		abort();
	/* A size alone may have a fraction. */
	if (strchr(text, '.') && (number_parse(text, &number) == 0 ||
				  duration_parse(text, &ns) == 0))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* On the heap and no longer than it is: ASan sees the end. */
	_cleanup_(freep) char *text = size > 0
					    ? strndup((const char *)data, size)
					    : strdup("");

	if (!text)
		abort();
	check_numbers(text);
	check_opt(text, strlen(text) + 1);
	return 0;
}
