/*
 * base/opt.h - "key=value,key=value" into a struct, by a table.
 *
 * The table is the grammar: what is not in it is refused, with the closest word
 * that is. Each key may come once. ",," in a value is a comma of the value's.
 *
 *	struct disk { const char *path; bool ro; unsigned cache; };
 *	static const struct opt disk_opts[] = {
 *		{ "path", OPT_STR, offsetof(struct disk, path),
 *		  .first = true, .required = true },
 *		{ "ro", OPT_BOOL, offsetof(struct disk, ro) },
 *		{ "cache", OPT_WORD, offsetof(struct disk, cache),
 *		  .words = (const char *const[]){ "auto", "direct", NULL } },
 *	};
 */
#ifndef BASE_OPT_H
#define BASE_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum opt_type { /* and the type of the member it sets */
		OPT_STR, /* const char *: not empty; points into the text */
		OPT_BOOL, /* bool: "key", "key=on" or "key=off" */
		OPT_NUMBER, /* uint64_t: see number_parse() */
		OPT_SIZE, /* uint64_t: see size_parse(); in bytes */
		OPT_DURATION, /* uint64_t: see duration_parse(); in nanoseconds
			       */
		OPT_WORD, /* unsigned: the value's place in .words */
};

struct opt {
	const char *key;
	enum opt_type type;
	size_t offset; /* of the member in the struct */
	bool required; /* refuse a text without it */
	bool first; /* table[0] only: the first item may go without "key=" */
	uint64_t unit; /* OPT_SIZE: of a bare number, in bytes; 0 means 1 */
	uint64_t min, max; /* of numbers, sizes, durations; max 0: no limit */
	const char *const *words; /* OPT_WORD: ends with NULL */
};

#define OPT_MAX_KEYS 64

/*
 * Parses @text by @table of @count entries (at most OPT_MAX_KEYS) into @ret.
 *
 * @text: cut up in place; strings in @ret point into it. NULL means "".
 * @ret:  holds the defaults; on failure, part of @text may be in it
 *
 * With .first, the first item is that key's value, unless it reads "key=" of a
 * key in the table; so a file named "ro" or "a=b" is reachable.
 *
 * Returns 0, or -EINVAL with @err naming the key. Thread: any.
 */
int opt_parse(const struct opt *table, size_t count, char *text, void *ret,
	      struct err *err);

#endif
