/* vmm/test/strings.h - a list of texts that it owns. [pure] */
#ifndef VMM_TEST_STRINGS_H
#define VMM_TEST_STRINGS_H

#include <stddef.h>

struct strings {
	char **item; /* owned, as each of them; ends with NULL; NULL: none */
	size_t count;
};

/* Adds a copy of a text. Returns 0 or -ENOMEM. */
int strings_add(struct strings *strings, const char *text);

/* Adds a text that is made as printf(3) does. Returns 0 or -ENOMEM. */
int strings_format(struct strings *strings, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Removes the texts that are equal to one. */
void strings_drop(struct strings *strings, const char *text);

/* Sorts texts of others. Returns one that is there twice, or NULL. */
const char *strings_twice(const char **texts, size_t count);

/* Leaves an empty list. */
void strings_finish(struct strings *strings);

#endif
