/* base/state.c - what a VM's processors and interrupt controller hold, as
 * bytes.
 */
#include "base/state.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

static const char magic[8] = "vmmstate";

/* Bytes, and where in them the fields are. */
enum {
	HEAD_VERSION = 8,
	HEAD_ZERO = 12,
	HEAD_NAME = 16,
	HEAD = 24,
	SECTION_INDEX = 4,
	SECTION = 16,
	RECORD = 16,
	/* Offsets in the head of a section and of a record. */
	PART_SIZE = 8,
	PART_ZERO = 12,
	PART = 16,
};

static bool is_int(size_t size)
{
	return size == 1 || size == 2 || size == 4 || size == 8;
}

static size_t pad_state_size(size_t size)
{
	return (size + 7) & ~(size_t)7;
}

/* Returns zeroed room for @size more bytes, or NULL. */
static uint8_t *grow_state(struct state *state, size_t size)
{
	uint8_t *at;

	if (state->failed < 0)
		return NULL;
	if (size > STATE_MAX_SIZE - state->size) {
		state->failed = -EFBIG;
		return NULL;
	}
	if (size > state->room - state->size) {
		const size_t room = (state->size + size) * 2;
		uint8_t *data = realloc(state->data, room);

		if (!data) {
			state->failed = -ENOMEM;
			return NULL;
		}
		state->data = data;
		state->room = room;
	}
	at = state->data + state->size;
	memset(at, 0, size);
	state->size += size;
	return at;
}

/* @to: STATE_MAX_NAME bytes, which are zero */
static void copy_name(uint8_t *to, const char *name)
{
	const size_t len = strlen(name);

	assert(len <= STATE_MAX_NAME);
	for (size_t i = 0; i < len; i++)
		to[i] = (uint8_t)name[i];
}

void state_begin(struct state *state, const char *name)
{
	uint8_t *at;

	*state = (struct state){ 0 };
	at = grow_state(state, HEAD);
	if (!at)
		return;
	memcpy(at, magic, sizeof(magic));
	store_le32(at + HEAD_VERSION, STATE_VERSION);
	copy_name(at + HEAD_NAME, name);
}

void state_finish(struct state *state)
{
	free(state->data);
	*state = (struct state){ 0 };
}

void state_section(struct state *state, uint32_t kind, uint32_t index)
{
	const size_t section = state->size;
	uint8_t *at = grow_state(state, SECTION);

	if (!at)
		return;
	store_le32(at, kind);
	store_le32(at + SECTION_INDEX, index);
	state->section = section;
}

/* Returns where the value belongs, or NULL. */
static uint8_t *add_record(struct state *state, uint64_t id, size_t size)
{
	uint8_t *at, *length;

	/* Else its padding would not fit either, and size_t might wrap. */
	if (size > STATE_MAX_SIZE)
		state->failed = state->failed < 0 ? state->failed : -EFBIG;
	at = grow_state(state, RECORD + pad_state_size(size));
	if (!at)
		return NULL;
	assert(state->section > 0);
	store_le64(at, id);
	store_le32(at + PART_SIZE, (uint32_t)size);
	length = state->data + state->section + PART_SIZE;
	store_le32(length, (uint32_t)(state->size - state->section - SECTION));
	return at + RECORD;
}

static void store_int(uint8_t *to, uint64_t val, size_t size)
{
	switch (size) {
	case 1:
		to[0] = (uint8_t)val;
		break;
	case 2:
		store_le16(to, (uint16_t)val);
		break;
	case 4:
		store_le32(to, (uint32_t)val);
		break;
	default:
		store_le64(to, val);
	}
}

static uint64_t load_int(const uint8_t *from, size_t size)
{
	switch (size) {
	case 1:
		return from[0];
	case 2:
		return load_le16(from);
	case 4:
		return load_le32(from);
	default:
		return load_le64(from);
	}
}

void state_put_int(struct state *state, uint64_t id, uint64_t val,
		   unsigned size)
{
	uint8_t *to;

	assert(is_int(size));
	to = add_record(state, id, size);
	if (to)
		store_int(to, val, size);
}

void state_put(struct state *state, uint64_t id, const void *val, size_t size)
{
	uint8_t *to;

	if (is_int(size)) {
		state_put_int(state, id, load_host(val, (unsigned)size),
			      (unsigned)size);
		return;
	}
	to = add_record(state, id, size);
	if (to)
		memcpy(to, val, size);
}

void state_refuse(struct state *state, const struct err *why)
{
	if (state->failed < 0)
		return;
	state->failed = why->code;
	state->why = *why;
}

int state_end(const struct state *state, struct err *err)
{
	if (state->why.code < 0) {
		*err = state->why;
		return err->code;
	}
	if (state->failed == -EFBIG)
		return err_set(err, -EFBIG, "state: larger than %u MiB",
			       STATE_MAX_SIZE >> 20);
	if (state->failed < 0)
		return err_set(err, state->failed, "state: out of memory");
	return 0;
}

static int report_bad_state(size_t at, const char *what, struct err *err)
{
	return err_input(err, -EBADMSG, "state: offset 0x%zx: %s", at, what);
}

static int check_head(const uint8_t *data, size_t size, const char *name,
		      struct err *err)
{
	uint8_t want[STATE_MAX_NAME] = { 0 };

	copy_name(want, name);
	if (size > STATE_MAX_SIZE)
		return report_bad_state(STATE_MAX_SIZE, "it is too large", err);
	if (size < HEAD || memcmp(data, magic, sizeof(magic)) != 0)
		return report_bad_state(0, "it does not begin as a state", err);
	if (load_le32(data + HEAD_VERSION) != STATE_VERSION)
		return err_input(err, -ENOTSUP,
				 "state: version %" PRIu32
				 ", but this program knows %d",
				 load_le32(data + HEAD_VERSION), STATE_VERSION);
	if (load_le32(data + HEAD_ZERO) != 0)
		return report_bad_state(HEAD_ZERO, "it is not zero", err);
	if (memcmp(data + HEAD_NAME, want, sizeof(want)) != 0)
		return err_input(err, -EXDEV,
				 "state: it is not of architecture %s", name);
	return 0;
}

/* Says what is wrong with the section or record at @at. */
static int report_bad_element(const struct state_view *view, size_t at,
			      size_t end, struct err *err)
{
	if (end - at < PART)
		return report_bad_state(at, "it is cut off", err);
	if (load_le32(view->data + at + PART_ZERO) != 0)
		return report_bad_state(at + PART_ZERO, "it is not zero", err);
	return report_bad_state(at + PART_SIZE,
				"it is longer than its container", err);
}

/* Tells how many bytes are in the section or record at @at, beside its head,
 * or returns false if it is none. A load calls it hundreds of times. */
static inline bool measure_element(const struct state_view *view, size_t at,
				   size_t end, size_t *ret)
{
	const uint8_t *data = view->data + at;

	if (end - at < PART || load_le32(data + PART_ZERO) != 0)
		return false;
	*ret = load_le32(data + PART_SIZE);
	/* Up to a multiple of 8, without a sum that may wrap. */
	return *ret <= end - at - PART &&
	       pad_state_size(*ret) <= end - at - PART;
}

/* @val: of @size bytes, and padded */
static bool padding_is_zero(const uint8_t *val, size_t size)
{
	const size_t last = size % 8;

	return last == 0 || load_le64(val + size - last) >> 8 * last == 0;
}

/* @at: of padding that is not zero */
static int report_padding(const struct state_view *view, size_t at,
			  struct err *err)
{
	while (view->data[at] == 0)
		at++;
	return report_bad_state(at, "it is not zero", err);
}

static int check_records(const struct state_view *view, size_t at, size_t end,
			 struct err *err)
{
	size_t size = 0;

	for (; at < end; at += RECORD + pad_state_size(size)) {
		if (!measure_element(view, at, end, &size))
			return report_bad_element(view, at, end, err);
		if (!padding_is_zero(view->data + at + RECORD, size))
			return report_padding(view, at + RECORD + size, err);
	}
	return 0;
}

/* A section of a state. */
struct place {
	size_t at; /* its offset */
	unsigned number; /* how many are before it */
};

static struct place first_place(void)
{
	return (struct place){ HEAD, 0 };
}

static struct place next_place(const struct state_view *view,
			       struct place place)
{
	const uint32_t size = load_le32(view->data + place.at + PART_SIZE);

	return (struct place){ place.at + SECTION + size, place.number + 1 };
}

/* Finds a section before @end. Returns @end if there is none. */
static struct place find_section(const struct state_view *view, uint32_t kind,
				 uint32_t index, size_t end)
{
	struct place place = first_place();

	for (; place.at < end; place = next_place(view, place)) {
		const uint8_t *data = view->data + place.at;

		if (load_le32(data) == kind &&
		    load_le32(data + SECTION_INDEX) == index)
			break;
	}
	return place;
}

static int check_section(const struct state_view *view, size_t at, size_t *ret,
			 struct err *err)
{
	const uint8_t *data = view->data + at;
	struct place same;
	size_t size = 0;

	if (!measure_element(view, at, view->size, &size))
		return report_bad_element(view, at, view->size, err);
	if (size % 8 != 0)
		return report_bad_state(at + PART_SIZE,
					"it is no multiple of 8", err);
	same = find_section(view, load_le32(data),
			    load_le32(data + SECTION_INDEX), at);
	if (same.at < at)
		return report_bad_state(at, "it is there twice", err);
	*ret = at + SECTION + size;
	return check_records(view, at + SECTION, *ret, err);
}

int state_open(struct state_view *ret, const void *data, size_t size,
	       const char *name, struct err *err)
{
	const struct state_view view = { .data = data, .size = size };
	size_t at = HEAD, sections = 0;
	int r = check_head(data, size, name, err);

	while (r == 0 && at < size) {
		if (++sections > STATE_MAX_SECTIONS)
			return report_bad_state(
				at, "there are too many sections", err);
		r = check_section(&view, at, &at, err);
	}
	if (r == 0)
		*ret = view;
	return r;
}

int state_find(struct state_view *view, uint32_t kind, uint32_t index,
	       struct state_records *ret, struct err *err)
{
	const struct place place = find_section(view, kind, index, view->size);

	if (place.at == view->size)
		return err_input(err, -ENOENT,
				 "state: section %" PRIu32 " of %" PRIu32
				 " is missing",
				 kind, index);
	view->taken[place.number] = true;
	*ret = (struct state_records){
		.data = view->data + place.at + SECTION,
		.size = load_le32(view->data + place.at + PART_SIZE),
	};
	return 0;
}

int state_sections_end(const struct state_view *view, struct err *err)
{
	struct place place = first_place();

	for (; place.at < view->size; place = next_place(view, place)) {
		const uint8_t *data = view->data + place.at;

		if (!view->taken[place.number])
			return err_input(err, -ENOTSUP,
					 "state: section %" PRIu32
					 " of %" PRIu32 " is not known here",
					 load_le32(data),
					 load_le32(data + SECTION_INDEX));
	}
	return 0;
}

bool state_next(struct state_records *records, struct state_record *ret)
{
	const uint8_t *data = records->data + records->at;

	if (records->at == records->size)
		return false;
	*ret = (struct state_record){
		.id = load_le64(data),
		.val = data + RECORD,
		.size = load_le32(data + PART_SIZE),
	};
	records->at += RECORD + pad_state_size(ret->size);
	return true;
}

/* From where one is to the end, and then from the beginning. */
static bool seek_record(struct state_records *records, uint64_t id,
			struct state_record *ret)
{
	const size_t from = records->at;

	while (state_next(records, ret))
		if (ret->id == id)
			return true;
	records->at = 0;
	while (records->at < from && state_next(records, ret))
		if (ret->id == id)
			return true;
	return false;
}

bool state_take(struct state_records *records, uint64_t id,
		struct state_record *ret)
{
	if (!seek_record(records, id, ret))
		return false;
	records->taken++;
	return true;
}

/* Takes the record of an id that has @size bytes. */
static int take_record(struct state_records *records, uint64_t id, size_t size,
		       struct state_record *ret, struct err *err)
{
	if (!state_take(records, id, ret))
		return err_input(err, -ENOENT,
				 "state: record 0x%" PRIx64 " is missing", id);
	if (ret->size != size)
		return err_input(err, -EBADMSG,
				 "state: record 0x%" PRIx64 " has %" PRIu32
				 " bytes, not %zu",
				 id, ret->size, size);
	return 0;
}

int state_get(struct state_records *records, uint64_t id, unsigned size,
	      uint64_t *ret, struct err *err)
{
	struct state_record record;
	int r;

	assert(is_int(size));
	r = take_record(records, id, size, &record, err);
	if (r == 0)
		*ret = load_int(record.val, size);
	return r;
}

int state_get_bytes(struct state_records *records, uint64_t id, void *to,
		    size_t size, struct err *err)
{
	struct state_record record;
	const int r = take_record(records, id, size, &record, err);

	if (r == 0)
		state_copy(&record, to);
	return r;
}

bool state_has(const struct state_records *records, uint64_t id)
{
	struct state_records all = { records->data, records->size, 0, 0 };
	struct state_record record;

	return seek_record(&all, id, &record);
}

int state_records_end(const struct state_records *records, struct err *err)
{
	struct state_records all = { records->data, records->size, 0, 0 };
	struct state_record record;
	size_t count = 0;

	while (state_next(&all, &record))
		count++;
	if (count == records->taken)
		return 0;
	return err_input(err, -ENOTSUP,
			 "state: %zu records, of which %zu are known", count,
			 records->taken);
}

void state_copy(const struct state_record *record, void *to)
{
	if (is_int(record->size))
		store_host(to, (unsigned)record->size,
			   load_int(record->val, record->size));
	else
		memcpy(to, record->val, record->size);
}
