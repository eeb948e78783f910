/* tests/unit/test_arm64_tags.c - arch/arm64/tags.c. */
#include "arch/arm64/tags.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/test.h"

#define SECTION 7
#define PER_PAGE (TAGS_PAGE / TAGS_GRANULE)
#define BASE UINT64_C(0x80000000)
#define BIG (UINT64_C(64) << 10)

struct taken {
	unsigned count;
	uint64_t gpa[8];
	uint8_t tag[8][TAGS_MOST];
	int fail; /* what is returned for the second page */
};

static int note_tags(void *ctx, uint64_t gpa, const uint8_t *tag,
		     struct err *err)
{
	struct taken *taken = ctx;

	assert_true(taken->count < 8);
	taken->gpa[taken->count] = gpa;
	memcpy(taken->tag[taken->count], tag, TAGS_MOST);
	if (taken->count++ == 1 && taken->fail < 0)
		return err_set(err, taken->fail, "no");
	return 0;
}

static void begin_tags(struct state *state)
{
	*state = (struct state){ 0 };
	state_begin(state, "arm64");
	state_section(state, SECTION, 0);
}

/* Reads a state back, and releases it. */
static int take_all(struct state *state, uint64_t page, struct taken *taken,
		    struct err *err)
{
	struct state_view view;
	struct state_records records;
	int r;

	assert_int_equal(state_end(state, err), 0);
	assert_int_equal(
		state_open(&view, state->data, state->size, "arm64", err), 0);
	assert_int_equal(state_find(&view, SECTION, 0, &records, err), 0);
	r = tags_take(&records, page, note_tags, taken, err);
	state_finish(state);
	return r;
}

static void tags__come_back_page_by_page(void **unused)
{
	static uint8_t tag[3 * PER_PAGE];
	static struct taken taken;
	struct state state;
	struct err err;

	(void)unused;
	taken.count = 0;
	for (size_t i = 0; i < PER_PAGE; i++)
		tag[i] = (uint8_t)i; /* the upper bits are none of tags */
	tag[3 * PER_PAGE - 1] = 15;
	begin_tags(&state);
	tags_put(&state, BASE, tag, 3 * TAGS_PAGE);
	assert_int_equal(take_all(&state, TAGS_PAGE, &taken, &err), 0);
	assert_int_equal(taken.count, 2);
	assert_int_equal(taken.gpa[0], BASE);
	assert_int_equal(taken.gpa[1], BASE + 2 * TAGS_PAGE);
	for (size_t i = 0; i < PER_PAGE; i++)
		assert_int_equal(taken.tag[0][i], i & 15);
	assert_int_equal(taken.tag[1][PER_PAGE - 1], 15);
	assert_int_equal(taken.tag[1][0], 0);
}

static void tags__of_small_pages_make_large_ones(void **unused)
{
	static uint8_t tag[PER_PAGE];
	static struct taken taken;
	struct state state;
	struct err err;

	(void)unused;
	taken.count = 0;
	memset(tag, 9, sizeof(tag));
	begin_tags(&state);
	tags_put(&state, BASE + TAGS_PAGE, tag, TAGS_PAGE);
	tags_put(&state, BASE + BIG - TAGS_PAGE, tag, TAGS_PAGE);
	tags_put(&state, BASE + BIG, tag, TAGS_PAGE);
	assert_int_equal(take_all(&state, BIG, &taken, &err), 0);
	assert_int_equal(taken.count, 2);
	assert_int_equal(taken.gpa[0], BASE);
	assert_int_equal(taken.gpa[1], BASE + BIG);
	for (size_t i = 0; i < TAGS_MOST; i++) {
		const size_t page = i / PER_PAGE;

		assert_int_equal(taken.tag[0][i],
				 page == 1 || page == 15 ? 9 : 0);
		assert_int_equal(taken.tag[1][i], page == 0 ? 9 : 0);
	}
}

static void tags__of_no_page_at_all_are_none(void **unused)
{
	static const uint8_t tag[PER_PAGE];
	static struct taken taken;
	struct state state;
	struct err err;

	(void)unused;
	taken.count = 0;
	begin_tags(&state);
	tags_put(&state, BASE, tag, TAGS_PAGE);
	assert_int_equal(take_all(&state, TAGS_PAGE, &taken, &err), 0);
	assert_int_equal(taken.count, 0);
}

static void tags__that_cannot_be_set_end_it(void **unused)
{
	static uint8_t tag[4 * PER_PAGE];
	static struct taken taken;
	struct state state;
	struct err err;

	(void)unused;
	taken = (struct taken){ .fail = -EFAULT };
	memset(tag, 1, sizeof(tag));
	begin_tags(&state);
	tags_put(&state, BASE, tag, 4 * TAGS_PAGE);
	assert_int_equal(take_all(&state, TAGS_PAGE, &taken, &err), -EFAULT);
	assert_int_equal(taken.count, 2);
}

static void tags__of_a_damaged_state_are_refused(void **unused)
{
	static const struct {
		uint64_t id[2];
		size_t size;
	} bad[] = {
		{ { BASE, BASE + 1 }, PER_PAGE / 2 },
		{ { BASE, BASE }, PER_PAGE / 2 },
		{ { BASE, BASE - TAGS_PAGE }, PER_PAGE / 2 },
		{ { BASE, UINT64_MAX - TAGS_PAGE + 1 }, PER_PAGE / 2 },
		{ { BASE, BASE + TAGS_PAGE }, PER_PAGE / 2 - 1 },
		{ { BASE, BASE + TAGS_PAGE }, PER_PAGE / 2 + 1 },
	};
	static const uint8_t packed[PER_PAGE] = { 1 };
	static struct taken taken;

	(void)unused;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct state state;
		struct err err;

		taken.count = 0;
		begin_tags(&state);
		state_put(&state, bad[i].id[0], packed, PER_PAGE / 2);
		state_put(&state, bad[i].id[1], packed, bad[i].size);
		assert_int_equal(take_all(&state, BIG, &taken, &err), -EBADMSG);
		assert_int_equal(taken.count, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tags__come_back_page_by_page),
		cmocka_unit_test(tags__of_small_pages_make_large_ones),
		cmocka_unit_test(tags__of_no_page_at_all_are_none),
		cmocka_unit_test(tags__that_cannot_be_set_end_it),
		cmocka_unit_test(tags__of_a_damaged_state_are_refused),
	};

	return RUN_TESTS(tests);
}
