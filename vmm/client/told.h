/*
 * vmm/client/told.h - reads what a machine has told of itself.
 *
 * The VMM is a program like any other: its replies are not trusted. [pure]
 */
#ifndef VMM_CLIENT_TOLD_H
#define VMM_CLIENT_TOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

/* True if a member is a number of bytes, or of anything; then @ret is that. */
static inline bool told_get(const json_t *object, const char *name,
			    uint64_t *ret)
{
	const json_t *value = json_object_get(object, name);

	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return false;
	*ret = (uint64_t)json_integer_value(value);
	return true;
}

/* The same, to be printed: 0 if it is none. */
static inline uint64_t told_number(const json_t *object, const char *name)
{
	uint64_t number = 0;

	(void)told_get(object, name, &number);
	return number;
}

/* Text of a machine's, that a terminal might act on; padded with blanks. */
void told_print(FILE *out, const char *text, size_t width);

#endif
