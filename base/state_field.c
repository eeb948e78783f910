/* base/state_field.c - members of a structure as records of a saved state. */
#include "base/state_field.h"

#include <errno.h>
#include <inttypes.h>

#include "base/bytes.h"

void state_put_fields(struct state *state, const void *from,
		      const struct state_field *field, size_t count)
{
	const uint8_t *base = from;

	for (size_t i = 0; i < count; i++)
		state_put(state, field[i].id, base + field[i].offset,
			  field[i].size);
}

static int get_number(struct state_records *records, void *to,
		      const struct state_field *field, struct err *err)
{
	uint64_t val;
	const int r = state_get(records, field->id, field->size, &val, err);

	if (r < 0)
		return r;
	if (val > field->max)
		return err_input(err, -EBADMSG,
				 "state: record 0x%" PRIx64 " is %" PRIu64
				 ", more than %" PRIu64,
				 field->id, val, field->max);
	store_host(to, field->size, val);
	return 0;
}

int state_get_fields(struct state_records *records, void *to,
		     const struct state_field *field, size_t count,
		     struct err *err)
{
	uint8_t *base = to;
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++) {
		uint8_t *member = base + field[i].offset;

		if (field[i].bytes)
			r = state_get_bytes(records, field[i].id, member,
					    field[i].size, err);
		else
			r = get_number(records, member, &field[i], err);
	}
	return r;
}
