/* arch/arm64/tags.c - memory tags in a state. */
#include "arch/arm64/tags.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#define TAGS_IN_PAGE (TAGS_PAGE / TAGS_GRANULE)
#define PACKED (TAGS_IN_PAGE / 2) /* bytes of a record */

/* Returns false if there is none but 0. */
static bool pack_tags(const uint8_t *tag, uint8_t packed[PACKED])
{
	uint8_t any = 0;

	for (size_t i = 0; i < PACKED; i++) {
		packed[i] = (uint8_t)((tag[2 * i] & 15) | (tag[2 * i + 1] & 15)
								  << 4);
		any |= packed[i];
	}
	return any != 0;
}

static void unpack_tags(const uint8_t packed[PACKED], uint8_t *tag)
{
	for (size_t i = 0; i < PACKED; i++) {
		tag[2 * i] = packed[i] & 15;
		tag[2 * i + 1] = packed[i] >> 4;
	}
}

void tags_put(struct state *state, uint64_t gpa, const uint8_t *tag,
	      uint64_t size)
{
	uint8_t packed[PACKED];

	for (uint64_t at = 0; at < size; at += TAGS_PAGE)
		if (pack_tags(tag + at / TAGS_GRANULE, packed))
			state_put(state, gpa + at, packed, sizeof(packed));
}

/* @first: the lowest address that may come next */
static int check_tags(const struct state_record *record, uint64_t first,
		      struct err *err)
{
	if (record->size == PACKED && record->id % TAGS_PAGE == 0 &&
	    record->id >= first && record->id < UINT64_MAX - TAGS_MOST_PAGE)
		return 0;
	return err_input(err, -EBADMSG,
			 "state: memory tags at 0x%" PRIx64
			 ": not those of a page, or out of order",
			 record->id);
}

/* The tags of a page of the host, as records bring them. */
struct tagged_page {
	bool any; /* else there is no page yet */
	uint64_t gpa;
	uint8_t tag[TAGS_MOST];
};

int tags_take(struct state_records *records, uint64_t page,
	      int (*set)(void *ctx, uint64_t gpa, const uint8_t *tag,
			 struct err *err),
	      void *ctx, struct err *err)
{
	struct tagged_page now = { .any = false };
	struct state_record record;
	uint64_t first = 0;
	int r;

	while (state_next(records, &record)) {
		const uint64_t offset = record.id % page;
		const bool next = !now.any || now.gpa != record.id - offset;

		r = check_tags(&record, first, err);
		if (r == 0 && next && now.any)
			r = set(ctx, now.gpa, now.tag, err);
		if (r < 0)
			return r;
		if (next)
			now = (struct tagged_page){ .any = true,
						    .gpa = record.id - offset };
		unpack_tags(record.val, now.tag + offset / TAGS_GRANULE);
		first = record.id + TAGS_PAGE;
	}
	return now.any ? set(ctx, now.gpa, now.tag, err) : 0;
}
