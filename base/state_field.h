/*
 * base/state_field.h - members of a structure as records of a saved state.
 *
 * A const table names the members once, and serves the saving and the loading
 * alike:
 *
 *	static const struct state_field fields[] = {
 *		STATE_FIELD(1, struct uart, divisor, UINT16_MAX),
 *		STATE_FIELD(2, struct uart, break_on, 1),
 *	};
 *
 * A member is an integer, an enum or a bool of 1, 2, 4 or 8 bytes; or bytes,
 * which have no limit of their own. A record's number is never used again for
 * something else. [pure]
 */
#ifndef BASE_STATE_FIELD_H
#define BASE_STATE_FIELD_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/state.h"

struct state_field {
	uint64_t id; /* of the record; not 0 */
	size_t offset; /* in the structure */
	uint32_t size; /* in bytes */
	bool bytes; /* not a number */
	uint64_t max; /* the largest number that is taken */
};

#define STATE_FIELD(id_, type, member, max_)                          \
	{                                                             \
		.id = (id_), .offset = offsetof(type, member),        \
		.size = sizeof(((type *)NULL)->member), .max = (max_) \
	}
#define STATE_BYTES(id_, type, member)                                \
	{                                                             \
		.id = (id_), .offset = offsetof(type, member),        \
		.size = sizeof(((type *)NULL)->member), .bytes = true \
	}

#define STATE_COUNT(fields) (sizeof(fields) / sizeof((fields)[0]))

/* Adds a record for each member of @from to the section that was begun last. */
void state_put_fields(struct state *state, const void *from,
		      const struct state_field *field, size_t count);

/*
 * Reads each member of @to. What a member may be beside being at most its
 * @max, and what members may be together, the caller checks.
 *
 * Returns 0; -ENOENT if a record is missing, -EBADMSG if one is of another size
 * or larger than its limit. @to is then written in part.
 */
int state_get_fields(struct state_records *records, void *to,
		     const struct state_field *field, size_t count,
		     struct err *err);

#endif
