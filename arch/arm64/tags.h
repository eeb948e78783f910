/*
 * arch/arm64/tags.h - memory tags (MTE) in a state: a record for each 4 KiB of
 * guest memory that has any.
 *
 * A record's number is the guest physical address, and its value a tag for each
 * 16 bytes: two in a byte, the lower address in bits 0 to 3. Records ascend.
 * [pure]
 */
#ifndef ARCH_ARM64_TAGS_H
#define ARCH_ARM64_TAGS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/state.h"

#define TAGS_GRANULE 16 /* bytes of memory that have one tag */
#define TAGS_PAGE UINT64_C(4096) /* bytes of memory of a record */
#define TAGS_MOST_PAGE ((size_t)64 << 10) /* of a host, in bytes */
#define TAGS_MOST (TAGS_MOST_PAGE / TAGS_GRANULE) /* tags of that */

/*
 * Adds the tags of memory to the section that was begun.
 *
 * @gpa:  of the memory; a multiple of TAGS_PAGE
 * @tag:  a byte for each TAGS_GRANULE; only bits 0 to 3 count
 * @size: of the memory, in bytes; a multiple of TAGS_PAGE
 */
void tags_put(struct state *state, uint64_t gpa, const uint8_t *tag,
	      uint64_t size);

/*
 * Takes all records of a section.
 *
 * @records: at the first; not trusted
 * @page:    of the host, in bytes; at most TAGS_MOST_PAGE
 * @set:     called for each page of the host that has tags, in order, with a
 *           byte for each TAGS_GRANULE of it. Which addresses are memory is for
 *           it to judge. Returns 0 to go on, or a negative errno
 *
 * Returns 0; -EBADMSG if a record is none of tags; or what @set returned.
 */
int tags_take(struct state_records *records, uint64_t page,
	      int (*set)(void *ctx, uint64_t gpa, const uint8_t *tag,
			 struct err *err),
	      void *ctx, struct err *err);

#endif
