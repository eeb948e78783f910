/*
 * base/opt.h - "key=value,key=value" into a struct, by a table.
 *
 * The table is the grammar: a key that is not in it is refused, and the error
 * names the closest key. Each key may come once, but for lists. ",," in a value
 * is a comma of the value's.
 *
 *	struct disk { const char *path; bool ro; unsigned cache; };
 *	static const struct opt disk_opts[] = {
 *		OPT("path", OPT_STR, struct disk, path,
 *		    .first = true, .required = true),
 *		OPT("ro", OPT_BOOL, struct disk, ro),
 *		OPT("cache", OPT_WORD, struct disk, cache, .words = caches),
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
		OPT_SWITCH, /* enum opt_switch: the same, and "not given" */
		OPT_NUMBER, /* uint64_t: see number_parse() */
		OPT_SIZE, /* uint64_t: see size_parse(); in bytes */
		OPT_DURATION, /* uint64_t: see duration_parse(); in nanoseconds
			       */
		OPT_WORD, /* unsigned: the value's place in .words */
		OPT_LIST, /* struct opt_list: as OPT_STR, once for each value */
};

#define OPT_MAX_LIST 16

struct opt_list {
	const char *item[OPT_MAX_LIST]; /* in the order given */
	size_t count;
};

/* For switches whose default depends on the context. */
enum opt_switch { SWITCH_UNSET, SWITCH_OFF, SWITCH_ON };

struct opt {
	const char *key;
	size_t offset; /* of the member in the struct */
	const char *const *words; /* OPT_WORD: ends with NULL */
	uint64_t unit; /* OPT_SIZE: of a bare number, in bytes; 0 means 1 */
	uint64_t min, max; /* of numbers, sizes, durations; max 0: no limit */
	enum opt_type type;
	bool required; /* refuse a text without it */
	bool first; /* table[0] only: the first item may go without "key=" */
};

/* One entry. A member whose size is not that of the type does not compile. */
#define OPT(opt_key, opt_type, struct_, member, ...)               \
	{                                                          \
		.key = (opt_key), .type = (opt_type),              \
		.offset = offsetof(struct_, member) +              \
			  OPT_SAME(sizeof(((struct_ *)0)->member), \
				   OPT_SIZEOF(opt_type)),          \
		##__VA_ARGS__                                      \
	}
#define OPT_SAME(a, b) (0 * sizeof(char[(a) == (b) ? 1 : -1]))
#define OPT_SIZEOF(type)                                  \
	((type) == OPT_STR	? sizeof(const char *)    \
	 : (type) == OPT_BOOL	? sizeof(bool)            \
	 : (type) == OPT_SWITCH ? sizeof(enum opt_switch) \
	 : (type) == OPT_WORD	? sizeof(unsigned)        \
	 : (type) == OPT_LIST	? sizeof(struct opt_list) \
				: sizeof(uint64_t))

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

/*
 * The same of a copy of @value, which *ret_text owns from then on, after a
 * failure, too. What is wrong is the user's fault.
 *
 * Returns what opt_parse() returns, or -ENOMEM.
 */
int opt_parse_copy(const struct opt *table, size_t count, const char *value,
		   char **ret_text, void *ret, struct err *err);

#endif
