/* tests/unit/test_state.c - base/state.c. */
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/state.h"
#include "tests/unit/test.h"

#define NAME "arm64"

enum { SECTION = 24, FIRST = SECTION + 16, SECOND = FIRST + 24 };

static const uint8_t wide[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 };

/* One section: an integer of 4 bytes, and 16 bytes; then an empty one. */
static void write_small(struct state *s)
{
	struct err err;

	state_begin(s, NAME);
	state_section(s, 7, 3);
	state_put_int(s, 0x1122334455667788, 0xa1b2c3d4, 4);
	state_put(s, 9, wide, sizeof(wide));
	state_section(s, 7, 4);
	assert_int_equal(state_end(s, &err), 0);
}

/* What opening the first @size bytes says; they lie at a heap's end. */
static int open_bytes(const uint8_t *data, size_t size, struct err *err)
{
	uint8_t *copy = test_malloc(size + 1);
	struct state_view view;
	int r;

	memcpy(copy, data, size);
	r = state_open(&view, copy, size, NAME, err);
	test_free(copy);
	return r;
}

static void put__writes_what_the_header_draws(void **unused)
{
	// clang-format off
	static const uint8_t want[] = {
		'v', 'm', 'm', 's', 't', 'a', 't', 'e', /* magic */
		1, 0, 0, 0, 0, 0, 0, 0, /* version, zero */
		'a', 'r', 'm', '6', '4', 0, 0, 0, /* architecture */
		7, 0, 0, 0, 3, 0, 0, 0, /* kind, index */
		56, 0, 0, 0, 0, 0, 0, 0, /* bytes, zero */
		0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, /* id */
		4, 0, 0, 0, 0, 0, 0, 0, /* bytes, zero */
		0xd4, 0xc3, 0xb2, 0xa1, 0, 0, 0, 0, /* value, padding */
		9, 0, 0, 0, 0, 0, 0, 0, /* id */
		16, 0, 0, 0, 0, 0, 0, 0, /* bytes, zero */
		1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 0, 0, 0, 0, 0,
		7, 0, 0, 0, 4, 0, 0, 0, /* kind, index */
		0, 0, 0, 0, 0, 0, 0, 0, /* bytes, zero */
	};
	// clang-format on
	struct state s;

	(void)unused;
	write_small(&s);
	assert_int_equal(s.size, sizeof(want));
	assert_memory_equal(s.data, want, sizeof(want));
	state_finish(&s);
	assert_null(s.data);
}

static void put__takes_integers_in_host_byte_order(void **unused)
{
	const uint64_t d = 0x0102030405060708;
	const uint32_t w = 0x01020304;
	const uint16_t h = 0x0102;
	const uint8_t b = 0x01;
	struct state_records records;
	struct state_view view;
	struct state s;
	struct err err;
	uint64_t val;

	(void)unused;
	state_begin(&s, NAME);
	state_section(&s, 1, 0);
	state_put(&s, 8, &d, 8);
	state_put(&s, 4, &w, 4);
	state_put(&s, 2, &h, 2);
	state_put(&s, 1, &b, 1);
	assert_int_equal(state_end(&s, &err), 0);
	assert_int_equal(state_open(&view, s.data, s.size, NAME, &err), 0);
	assert_int_equal(state_find(&view, 1, 0, &records, &err), 0);
	for (unsigned size = 8; size > 0; size /= 2) {
		assert_int_equal(state_get(&records, size, size, &val, &err),
				 0);
		assert_int_equal(val, d >> 8 * (8 - size));
	}
	assert_int_equal(state_records_end(&records, &err), 0);
	state_finish(&s);
}

static void next__gives_each_record_once_and_in_order(void **unused)
{
	struct state_record record;
	struct state_records records;
	struct state_view view;
	struct state s;
	struct err err;
	uint8_t copy[16];
	uint32_t word;

	(void)unused;
	write_small(&s);
	assert_int_equal(state_open(&view, s.data, s.size, NAME, &err), 0);
	assert_int_equal(state_find(&view, 7, 3, &records, &err), 0);
	assert_true(state_next(&records, &record));
	assert_true(record.id == 0x1122334455667788 && record.size == 4);
	state_copy(&record, &word);
	assert_int_equal(word, 0xa1b2c3d4);
	assert_true(state_next(&records, &record));
	assert_true(record.id == 9 && record.size == 16);
	state_copy(&record, copy);
	assert_memory_equal(copy, wide, 16);
	assert_false(state_next(&records, &record));
	assert_int_equal(state_find(&view, 7, 4, &records, &err), 0);
	assert_false(state_next(&records, &record));
	state_finish(&s);
}

static void find__misses_other_kinds_and_indices(void **unused)
{
	struct state_records records;
	struct state_view view;
	struct state s;
	struct err err;

	(void)unused;
	write_small(&s);
	assert_int_equal(state_open(&view, s.data, s.size, NAME, &err), 0);
	assert_int_equal(state_find(&view, 7, 5, &records, &err), -ENOENT);
	assert_string_equal(err.msg, "state: section 7 of 5 is missing");
	assert_int_equal(state_find(&view, 3, 7, &records, &err), -ENOENT);
	state_finish(&s);
}

static void get__finds_in_any_order_and_checks_the_size(void **unused)
{
	struct state_records records;
	struct state_view view;
	struct state s;
	struct err err;
	uint64_t val = 0;

	(void)unused;
	state_begin(&s, NAME);
	state_section(&s, 1, 0);
	for (uint64_t id = 0; id < 4; id++)
		state_put_int(&s, id, id + 10, 8);
	assert_int_equal(state_end(&s, &err), 0);
	assert_int_equal(state_open(&view, s.data, s.size, NAME, &err), 0);
	assert_int_equal(state_find(&view, 1, 0, &records, &err), 0);
	for (uint64_t id = 4; id-- > 0;) {
		assert_true(state_has(&records, id));
		assert_int_equal(state_records_end(&records, &err), -ENOTSUP);
		assert_int_equal(state_get(&records, id, 8, &val, &err), 0);
		assert_int_equal(val, id + 10);
	}
	assert_int_equal(state_records_end(&records, &err), 0);
	assert_false(state_has(&records, 4));
	assert_int_equal(state_get(&records, 4, 8, &val, &err), -ENOENT);
	assert_string_equal(err.msg, "state: record 0x4 is missing");
	assert_int_equal(state_get(&records, 2, 4, &val, &err), -EBADMSG);
	state_finish(&s);
}

static void end__says_that_it_grew_too_large(void **unused)
{
	static const uint8_t block[1 << 20];
	struct state s;
	struct err err;

	(void)unused;
	state_begin(&s, NAME);
	state_section(&s, 1, 0);
	for (uint64_t i = 0; i < 63; i++)
		state_put(&s, i, block, sizeof(block));
	assert_int_equal(state_end(&s, &err), 0);
	state_put(&s, 64, block, sizeof(block));
	assert_int_equal(state_end(&s, &err), -EFBIG);
	state_put_int(&s, 65, 0, 8);
	state_section(&s, 2, 0);
	assert_int_equal(state_end(&s, &err), -EFBIG);
	state_finish(&s);
}

static void open__takes_no_state_that_is_cut_off(void **unused)
{
	struct state s;
	struct err err;

	(void)unused;
	write_small(&s);
	for (size_t size = 0; size < s.size; size++) {
		/* A section's border is an end like another. */
		if (size == SECTION || size == s.size - 16)
			assert_int_equal(open_bytes(s.data, size, &err), 0);
		else
			assert_int_equal(open_bytes(s.data, size, &err),
					 -EBADMSG);
	}
	assert_int_equal(open_bytes(s.data, s.size, &err), 0);
	state_finish(&s);
}

/* A byte that is changed, what is said of it, and where. */
static const struct {
	size_t at;
	uint8_t val;
	int code;
	const char *says;
} wrong[] = {
	{ 0, 'V', -EBADMSG, "state: offset 0x0: it does not begin as a state" },
	{ 8, 2, -ENOTSUP, "state: version 2, but this program knows 1" },
	{ 12, 1, -EBADMSG, "state: offset 0xc: it is not zero" },
	{ 16, 'A', -EXDEV, "state: it is not of architecture arm64" },
	{ 21, 'x', -EXDEV, "state: it is not of architecture arm64" },
	{ SECTION + 8, 255, -EBADMSG,
	  "state: offset 0x20: it is longer than its container" },
	{ SECTION + 8, 57, -EBADMSG,
	  "state: offset 0x20: it is no multiple of 8" },
	{ SECTION + 8, 16, -EBADMSG,
	  "state: offset 0x30: it is longer than its container" },
	{ SECTION + 12, 1, -EBADMSG, "state: offset 0x24: it is not zero" },
	{ FIRST + 8, 255, -EBADMSG,
	  "state: offset 0x30: it is longer than its container" },
	{ FIRST + 8, 3, -EBADMSG, "state: offset 0x3b: it is not zero" },
	{ FIRST + 11, 255, -EBADMSG,
	  "state: offset 0x30: it is longer than its container" },
	{ FIRST + 12, 1, -EBADMSG, "state: offset 0x34: it is not zero" },
	{ FIRST + 20, 1, -EBADMSG, "state: offset 0x3c: it is not zero" },
	{ SECOND + 8, 17, -EBADMSG,
	  "state: offset 0x48: it is longer than its container" },
	{ SECOND + 36, 3, -EBADMSG, "state: offset 0x60: it is there twice" },
};

static void open__says_what_is_wrong_and_where(void **unused)
{
	struct state s;

	(void)unused;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct err err = { 0 };

		write_small(&s);
		s.data[wrong[i].at] = wrong[i].val;
		assert_int_equal(open_bytes(s.data, s.size, &err),
				 wrong[i].code);
		assert_string_equal(err.msg, wrong[i].says);
		assert_true(err.input);
		state_finish(&s);
	}
}

static void open__takes_no_more_sections_than_it_says(void **unused)
{
	struct state s;
	struct err err;

	(void)unused;
	state_begin(&s, NAME);
	for (uint32_t i = 0; i < STATE_MAX_SECTIONS; i++)
		state_section(&s, 1, i);
	assert_int_equal(open_bytes(s.data, s.size, &err), 0);
	state_section(&s, 2, 0);
	assert_int_equal(open_bytes(s.data, s.size, &err), -EBADMSG);
	state_finish(&s);
}

static void open__takes_a_state_without_sections(void **unused)
{
	struct state s;
	struct err err;

	(void)unused;
	state_begin(&s, NAME);
	assert_int_equal(open_bytes(s.data, s.size, &err), 0);
	state_finish(&s);
	state_begin(&s, "longname");
	assert_int_equal(open_bytes(s.data, s.size, &err), -EXDEV);
	state_finish(&s);
	state_finish(&s);
}

static void sections_end__refuses_what_would_be_passed_over(void **unused)
{
	struct state_records records;
	struct state_view view;
	struct state s;
	struct err err;

	(void)unused;
	state_begin(&s, NAME);
	assert_int_equal(state_open(&view, s.data, s.size, NAME, &err), 0);
	assert_int_equal(state_sections_end(&view, &err), 0);
	state_section(&s, 1, 0);
	state_put_int(&s, 1, 2, 4);
	state_section(&s, 2, 5);
	state_section(&s, 2, 6);
	assert_int_equal(state_open(&view, s.data, s.size, NAME, &err), 0);
	assert_int_equal(state_find(&view, 2, 6, &records, &err), 0);
	assert_int_equal(state_find(&view, 1, 0, &records, &err), 0);
	assert_int_equal(state_find(&view, 1, 0, &records, &err), 0);
	assert_int_equal(state_sections_end(&view, &err), -ENOTSUP);
	assert_string_equal(err.msg, "state: section 2 of 5 is not known here");
	assert_int_equal(state_find(&view, 2, 5, &records, &err), 0);
	assert_int_equal(state_sections_end(&view, &err), 0);
	state_finish(&s);
}

static void find__takes_the_last_section_there_can_be(void **unused)
{
	struct state_records records;
	struct state_view view;
	struct state s;
	struct err err;

	(void)unused;
	state_begin(&s, NAME);
	for (uint32_t i = 0; i < STATE_MAX_SECTIONS; i++)
		state_section(&s, 1, i);
	assert_int_equal(state_open(&view, s.data, s.size, NAME, &err), 0);
	for (uint32_t i = 0; i < STATE_MAX_SECTIONS; i++) {
		assert_int_equal(state_sections_end(&view, &err), -ENOTSUP);
		assert_int_equal(state_find(&view, 1, i, &records, &err), 0);
	}
	assert_int_equal(state_sections_end(&view, &err), 0);
	assert_int_equal(
		state_find(&view, 1, STATE_MAX_SECTIONS, &records, &err),
		-ENOENT);
	state_finish(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(put__writes_what_the_header_draws),
		cmocka_unit_test(put__takes_integers_in_host_byte_order),
		cmocka_unit_test(next__gives_each_record_once_and_in_order),
		cmocka_unit_test(find__misses_other_kinds_and_indices),
		cmocka_unit_test(get__finds_in_any_order_and_checks_the_size),
		cmocka_unit_test(end__says_that_it_grew_too_large),
		cmocka_unit_test(open__takes_no_state_that_is_cut_off),
		cmocka_unit_test(open__says_what_is_wrong_and_where),
		cmocka_unit_test(open__takes_no_more_sections_than_it_says),
		cmocka_unit_test(open__takes_a_state_without_sections),
		cmocka_unit_test(
			sections_end__refuses_what_would_be_passed_over),
		cmocka_unit_test(find__takes_the_last_section_there_can_be),
	};

	return RUN_TESTS(tests);
}
