/*
 * tests/fuzz/fuzz_state.c - what is taken as a state is one: written again, it
 * is the same.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/state.h"
#include "tests/fuzz/fuzz.h"

#define NAME "arm64"
#define HEAD 24 /* bytes before the first section */

static void copy_record(struct state *to, const struct state_record *record)
{
	_cleanup_(freep) void *val = malloc(record->size + 1);

	if (!val)
		abort();
	state_copy(record, val);
	state_put(to, record->id, val, record->size);
}

/* Returns the size of the section's records. */
static size_t copy_section(struct state *to, struct state_view *view,
			   const uint8_t *at)
{
	const uint32_t kind = load_le32(at), index = load_le32(at + 4);
	struct state_records records;
	struct state_record record;
	struct err err = { 0 };
	uint64_t val;

	if (state_find(view, kind, index, &records, &err) < 0)
		abort();
	state_section(to, kind, index);
	while (state_next(&records, &record)) {
		struct state_records other = records;

		copy_record(to, &record);
		if (!state_has(&records, record.id))
			abort();
		(void)state_get(&other, record.id, 8, &val, &err);
		(void)state_get(&other, ~record.id, 4, &val, &err);
		(void)state_records_end(&other, &err);
	}
	return records.size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(state_finish) struct state again = { 0 };
	struct err err = { 0 };
	struct state_view view;
	const int r = state_open(&view, data, size, NAME, &err);

	if (r < 0 && (r != err.code || !err.input || !err.msg[0]))
		abort();
	if (r < 0)
		return 0;
	state_begin(&again, NAME);
	for (size_t at = HEAD; at < size;)
		at += 16 + copy_section(&again, &view, data + at);
	if (state_sections_end(&view, &err) < 0)
		abort();
	if (state_end(&again, &err) < 0 || again.size != size ||
	    memcmp(again.data, data, size) != 0)
		abort();
	return 0;
}
