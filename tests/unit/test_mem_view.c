/* tests/unit/test_mem_view.c - vmm/client/mem_view.h, against any VMM. */
#include "vmm/client/mem_view.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "tests/unit/test.h"

#define MIB (UINT64_C(1) << 20)
#define RAM "{'name': 'ram', 'kind': 'ram', 'start': 1048576, "

static struct err err;

/* JSON with ' for ". */
static json_t *json(const char *text)
{
	char copy[512];
	json_t *ret;

	(void)snprintf(copy, sizeof(copy), "%s", text);
	for (char *p = copy; (p = strchr(p, '\''));)
		*p = '"';
	ret = json_loads(copy, 0, NULL);
	assert_non_null(ret);
	return ret;
}

static void refused(const char *told)
{
	_cleanup_(mem_view_finish) struct mem_view view = { 0 };

	assert_int_equal(mem_view_init(&view, json(told), 64, &err), -EPROTO);
}

static void init__what_is_no_map_is_refused(void **state)
{
	_cleanup_(mem_view_finish) struct mem_view view = { 0 };

	(void)state;
	assert_int_equal(mem_view_init(&view, NULL, 64, &err), -EPROTO);
	refused("{}");
	refused("[1]");
	refused("[{}]");
	refused("[" RAM "'size': 0}]");
	refused("[" RAM "'size': -1}]");
	refused("[" RAM "'size': 1.5}]");
	refused("[{'name': 1, 'kind': 'ram', 'start': 0, 'size': 1}]");
	refused("[" RAM "'size': 8}, " RAM "'size': 8}]");
	refused("[" RAM "'size': 8}, {'name': 'x', 'kind': 'ram', 'start': 0,"
		" 'size': 8}]");
	/* more is merged than there is */
	refused("[" RAM "'size': 8, 'slot': 0, 'merged': 9}]");
	/* more has changed than there is */
	refused("[" RAM "'size': 8, 'slot': 0, 'dirty': 9}]");
}

static void init__cells_are_the_smallest_that_are_not_too_many(void **state)
{
	_cleanup_(mem_view_finish) struct mem_view view = { 0 };

	(void)state;
	assert_int_equal(mem_view_init(&view,
				       json("[" RAM "'size': 8388608, "
					    "'slot': 0}]"),
				       8, &err),
			 0);
	assert_int_equal(view.cell_size, MIB);
	assert_int_equal(view.region[0].cells, 8);
	assert_int_equal(mem_view_cell(&view, &view.region[0], 7).start,
			 8 * MIB);
}

static void init__all_of_the_address_space_is_no_trap(void **state)
{
	_cleanup_(mem_view_finish) struct mem_view view = { 0 };
	struct range last;

	(void)state;
	assert_int_equal(mem_view_init(&view,
				       json("[{'name': 'a', 'kind': 'ram', "
					    "'start': 4096, 'slot': 0, "
					    "'size': 9223372036854771712}]"),
				       0, &err),
			 0);
	assert_true(view.region[0].cells <= 2);
	last = mem_view_cell(&view, &view.region[0], view.region[0].cells - 1);
	assert_int_equal(last.start + last.size, UINT64_C(1) << 63);
}

static void cell__first_and_last_are_cut_by_the_region(void **state)
{
	_cleanup_(mem_view_finish) struct mem_view view = { 0 };
	struct range cell;

	(void)state;
	assert_int_equal(mem_view_init(&view,
				       json("[{'name': 'a', 'kind': 'ram', "
					    "'start': 4096, 'slot': 0, "
					    "'size': 131072}]"),
				       64, &err),
			 0);
	assert_int_equal(view.region[0].cells, 3);
	cell = mem_view_cell(&view, &view.region[0], 0);
	assert_int_equal(cell.start, 4096);
	assert_int_equal(cell.size, 65536 - 4096);
	cell = mem_view_cell(&view, &view.region[0], 1);
	assert_int_equal(cell.start, 65536);
	assert_int_equal(cell.size, 65536);
	cell = mem_view_cell(&view, &view.region[0], 2);
	assert_int_equal(cell.size, 4096);
}

/* Memory of 4 MiB from 1 MiB on, in cells of 1 MiB. */
static void begin(struct mem_view *view)
{
	assert_int_equal(mem_view_init(view,
				       json("[" RAM "'size': 4194304, "
					    "'slot': 0}]"),
				       4, &err),
			 0);
	assert_int_equal(view->cell_size, MIB);
}

static int add(struct mem_view *view, const char *reply, gpa_t *at)
{
	json_auto_t *told = json(reply);

	return mem_view_add(view, &view->region[0], told, at, &err);
}

static void init__what_is_merged_is_known_where_it_is_told(void **state)
{
	_cleanup_(mem_view_finish) struct mem_view view = { 0 };

	(void)state;
	assert_int_equal(mem_view_init(&view,
				       json("[" RAM "'size': 8, 'slot': 0, "
					    "'merged': 8}, {'name': 'x', "
					    "'kind': 'ram', 'start': 2097152, "
					    "'size': 8, 'slot': 1}]"),
				       4, &err),
			 0);
	assert_true(view.region[0].merged_known);
	assert_int_equal(view.region[0].sum.merged, 8);
	assert_false(view.region[1].merged_known);
	assert_int_equal(view.region[1].sum.merged, 0);
}

static void init__what_changed_is_known_with_its_time_alone(void **state)
{
	_cleanup_(mem_view_finish) struct mem_view view = { 0 };

	(void)state;
	assert_int_equal(
		mem_view_init(&view,
			      json("[" RAM "'size': 8, 'slot': 0, "
				   "'dirty': 8, 'dirty-time': 50, "
				   "'dirty-age': 7}, {'name': 'x', "
				   "'kind': 'ram', 'start': 2097152, 'size': "
				   "8, 'slot': 1, 'dirty': 8}]"),
			      4, &err),
		0);
	assert_true(view.region[0].dirty_known);
	assert_int_equal(view.region[0].sum.dirty, 8);
	assert_int_equal(view.dirty_ms, 50);
	assert_int_equal(view.dirty_age_ms, 7);
	assert_false(view.region[1].dirty_known);
}

static void add__an_answer_in_parts_is_added_up(void **state)
{
	_cleanup_(mem_view_finish) struct mem_view view = { 0 };
	gpa_t at = MIB;

	(void)state;
	begin(&view);
	/* It ends within a cell, and goes on there. */
	assert_int_equal(add(&view,
			     "{'size': 524288, 'merged': 7, 'cells': [{'start':"
			     " 1048576, 'resident': 8192, 'huge': 4096, 'zero':"
			     " 1, 'swapped': 2, 'ballooned': 3}]}",
			     &at),
			 0);
	assert_int_equal(at, MIB + MIB / 2);
	assert_int_equal(add(&view,
			     "{'size': 3670016, 'cells': [{'start': 1572864, "
			     "'resident': 8192, 'huge': 0, 'zero': 0, "
			     "'swapped': 0, 'ballooned': 0}, {'start': 4194304,"
			     " 'resident': 1, 'huge': 0, 'zero': 0, 'swapped': "
			     "0, 'ballooned': 0}]}",
			     &at),
			 0);
	assert_int_equal(at, 5 * MIB);
	assert_int_equal(view.region[0].cell[0].resident, 16384);
	assert_int_equal(view.region[0].cell[3].resident, 1);
	assert_int_equal(view.region[0].sum.resident, 16385);
	assert_int_equal(view.region[0].sum.huge, 4096);
	assert_int_equal(view.region[0].sum.zero, 1);
	assert_int_equal(view.region[0].sum.swapped, 2);
	assert_int_equal(view.region[0].sum.ballooned, 3);
	assert_true(view.detail);
	assert_true(view.merged_known);
	assert_int_equal(view.merged, 7);
}

static void add__a_host_that_does_not_tell_huge_pages_is_no_error(void **state)
{
	_cleanup_(mem_view_finish) struct mem_view view = { 0 };
	gpa_t at = MIB;

	(void)state;
	begin(&view);
	assert_int_equal(add(&view,
			     "{'size': 4194304, 'cells': [{'start': 1048576, "
			     "'resident': 1, 'swapped': 0, 'ballooned': 0}]}",
			     &at),
			 0);
	assert_false(view.detail);
	assert_int_equal(mem_view_finish_json(&view, &err), 0);
	assert_true(json_is_null(json_object_get(
		json_object_get(json_array_get(view.told, 0), "residency"),
		"huge")));
}

#define CELL(at, size)                                                        \
	"{'start': " at ", 'resident': " size ", 'swapped': 0, 'ballooned': " \
	"0}"

static void add__what_does_not_fit_is_refused(void **state)
{
	static const char *const replies[] = {
		"{}",
		"{'size': 0, 'cells': []}",
		"{'size': 4194305, 'cells': []}",
		"{'size': -1, 'cells': []}",
		"{'size': 4096, 'cells': {}}",
		"{'size': 4096, 'cells': [1]}",
		"{'size': 4096, 'cells': [{'start': 1048576}]}",
		/* before, behind, more than was looked at, more than a cell */
		"{'size': 4096, 'cells': [" CELL("1048575", "1") "]}",
		"{'size': 4096, 'cells': [" CELL("1052672", "1") "]}",
		"{'size': 4096, 'cells': [" CELL("1048576", "4097") "]}",
		"{'size': 4194304, 'cells': [" CELL("1048576", "1048577") "]}",
		"{'size': 4194304, 'cells': [" CELL(
			"1048576", "1048576") ", " CELL("1048577", "1") "]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(replies) / sizeof(*replies); i++) {
		_cleanup_(mem_view_finish) struct mem_view view = { 0 };
		gpa_t at = MIB;

		begin(&view);
		assert_int_equal(add(&view, replies[i], &at), -EPROTO);
		assert_int_equal(at, MIB);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(init__what_is_no_map_is_refused),
		cmocka_unit_test(
			init__cells_are_the_smallest_that_are_not_too_many),
		cmocka_unit_test(init__all_of_the_address_space_is_no_trap),
		cmocka_unit_test(
			init__what_is_merged_is_known_where_it_is_told),
		cmocka_unit_test(
			init__what_changed_is_known_with_its_time_alone),
		cmocka_unit_test(cell__first_and_last_are_cut_by_the_region),
		cmocka_unit_test(add__an_answer_in_parts_is_added_up),
		cmocka_unit_test(
			add__a_host_that_does_not_tell_huge_pages_is_no_error),
		cmocka_unit_test(add__what_does_not_fit_is_refused),
	};

	return RUN_TESTS(tests);
}
