/*
 * base/state.h - saved state as bytes: sections of records.
 *
 * A state is a list of sections. A section has a kind and an index (of a vCPU,
 * for example) and holds a list of records. A record is a number and a value.
 * The owner of a section defines its numbers. The form is that of a file or a
 * stream, the same on every host, and a reader does not trust it:
 *
 *	state:	 8 bytes "vmmstate", 4 version, 4 zero, 8 architecture's name,
 *		 padded with zeroes; then sections, to the end
 *	section: 4 kind, 4 index, 4 bytes of all its records together, 4 zero;
 *		 then those
 *	record:	 8 id, 4 bytes of its value, 4 zero; then the value, padded with
 *		 zeroes to a multiple of 8
 *
 * All integers are little-endian, and so are values of 1, 2, 4 and 8 bytes;
 * longer ones are bytes in the order in which their owner has them. A section
 * of a kind and index is there once. A change that an older reader would get
 * wrong makes a new version; a new kind or id does not, because a reader
 * refuses those it does not know (state_sections_end() and
 * state_records_end()). [pure]
 */
#ifndef BASE_STATE_H
#define BASE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define STATE_VERSION 1
#define STATE_MAX_SIZE (64U << 20) /* bytes of a state */
#define STATE_MAX_SECTIONS 4096
#define STATE_MAX_NAME 8 /* of an architecture */

/* A state that is being written. Zeroed, it is none yet. */
struct state {
	uint8_t *data; /* owned */
	size_t size; /* bytes written */
	size_t room; /* bytes allocated */
	size_t section; /* where the last one begins; 0: there is none */
	int failed; /* the first failure sticks: a negative errno */
	struct err why; /* of state_refuse() */
};

/* Begins a state of an architecture, with no section. @name: arch_name */
void state_begin(struct state *state, const char *name);

/* Releases it. Zeroed is fine. */
void state_finish(struct state *state);

/* Begins a section, to which the records that follow belong. */
void state_section(struct state *state, uint32_t kind, uint32_t index);

/* Adds a value in host byte order: of 1, 2, 4 or 8 bytes, or more of them. */
void state_put(struct state *state, uint64_t id, const void *val, size_t size);

/* Adds the low @size bytes of an integer; @size is 1, 2, 4 or 8. */
void state_put_int(struct state *state, uint64_t id, uint64_t val,
		   unsigned size);

/* What is to be saved has no form in a state, for a reason that is told to the
 * user. @why: set */
void state_refuse(struct state *state, const struct err *why);

/*
 * Ends the writing: state->data and state->size are the state, if all went
 * well.
 *
 * Returns 0; -ENOMEM; -EFBIG if it would be larger than STATE_MAX_SIZE; or what
 * was given to state_refuse().
 */
int state_end(const struct state *state, struct err *err);

/* A state that is read: bytes that state_open() has found to be one. */
struct state_view {
	const uint8_t *data; /* borrowed */
	size_t size;
	bool taken[STATE_MAX_SECTIONS]; /* sections found by state_find() */
};

struct state_record {
	uint64_t id;
	const uint8_t *val; /* of @size bytes; borrowed from the state */
	uint32_t size;
};

/* A section's records and the reading position. */
struct state_records {
	const uint8_t *data; /* borrowed */
	size_t size;
	size_t at; /* of the next record */
	size_t taken; /* records found by state_get() */
};

/*
 * Checks a whole state. The other functions rely on it.
 *
 * @data: not trusted; borrowed for as long as @ret is used
 * @name: arch_name
 *
 * Returns 0; -EBADMSG, saying at which offset, if it is none; -ENOTSUP if it is
 * of another version; -EXDEV if it is another architecture's.
 */
int state_open(struct state_view *ret, const void *data, size_t size,
	       const char *name, struct err *err);

/* Finds a section. Returns 0, or -ENOENT with @err set. */
int state_find(struct state_view *view, uint32_t kind, uint32_t index,
	       struct state_records *ret, struct err *err);

/*
 * Checks that no section is left after the caller has found each section it
 * knows. Returns 0, or -ENOTSUP with @err set.
 */
int state_sections_end(const struct state_view *view, struct err *err);

/* Takes the next record. Returns false if there is none. */
bool state_next(struct state_records *records, struct state_record *ret);

/*
 * Takes the record of an id: an integer of @size bytes, which are 1, 2, 4 or 8.
 * Lookups in writing order are O(1).
 *
 * Returns 0; -ENOENT or, for another size, -EBADMSG, with @err set.
 */
int state_get(struct state_records *records, uint64_t id, unsigned size,
	      uint64_t *ret, struct err *err);

/*
 * Takes the record of an id, of any size. Returns false if there is none. For
 * records whose size the caller does not know beforehand.
 */
bool state_take(struct state_records *records, uint64_t id,
		struct state_record *ret);

/*
 * Takes the record of an id: @size bytes in the order in which they were
 * written, or an integer, which is stored in host byte order.
 *
 * Returns 0; -ENOENT or, for another size, -EBADMSG, with @err set.
 */
int state_get_bytes(struct state_records *records, uint64_t id, void *to,
		    size_t size, struct err *err);

/*
 * True if a record of that id exists. For records that are optional.
 */
bool state_has(const struct state_records *records, uint64_t id);

/*
 * Checks that no record is left after the caller has taken each id it knows
 * once with state_get(). Returns 0, or -ENOTSUP with @err set.
 */
int state_records_end(const struct state_records *records, struct err *err);

/* Copies a record's value to host memory of its size, in host byte order. */
void state_copy(const struct state_record *record, void *to);

#endif
