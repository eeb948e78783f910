/* vmm/control/qmp_parse.c - makes values of a QMP message's text. */
#include "vmm/control/qmp_parse.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define LARGEST "1.7976931348623157e308" /* DBL_MAX */
#define JSON_FLAGS (JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL)

/* A text with its numbers changed, while it is written. */
struct rewrite {
	const char *at, *end; /* of the original text */
	FILE *out;
	bool bits; /* write integers above int64_t as int64_t, by their bits */
	bool any; /* a number was changed */
	bool wide; /* there is an integer above int64_t that fits uint64_t */
};

/* Returns the text's length if a number that is a double replaces @token. */
static const char *replace_real(const char *token)
{
	if (!isinf(strtod(token, NULL)))
		return NULL;
	return *token == '-' ? "-" LARGEST : LARGEST;
}

/* Writes what stands for a number. Whether it is one is jansson's to judge. */
static void write_number(struct rewrite *rw, const char *token)
{
	const char *digits = token + (*token == '-');
	const bool integer = strspn(digits, "0123456789") == strlen(digits);
	const char *largest = replace_real(token);
	uint64_t n;

	if (largest) {
		(void)fputs(largest, rw->out);
		rw->any = true;
		return;
	}
	(void)fputs(token, rw->out);
	errno = 0;
	(void)strtoll(token, NULL, 10);
	if (!integer || errno != ERANGE)
		return;
	rw->any = true;
}
