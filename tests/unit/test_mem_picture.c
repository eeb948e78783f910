/* tests/unit/test_mem_picture.c - vmm/client/mem_picture.h, drawn and compared.
 */
#include "vmm/client/mem_picture.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "tests/unit/test.h"

#define KIB UINT64_C(1024)

static struct err err;
static struct mem_view view;

/* ROM of a page, a window, and RAM of 12 cells of 64 KiB that begins at the
 * fifth place of a row of 8. */
static int setup(void **state)
{
	json_t *told = json_pack(
		"[{s:s, s:s, s:i, s:i, s:i, s:b}, {s:s, s:s, s:i, s:i}, "
		"{s:s, s:s, s:i, s:i, s:i, s:b, s:{s:s, s:s, s:s, s:b}}]",
		"name", "<f>\033[m", "kind", "rom", "start", 0, "size", 4096,
		"slot", 0, "read-only", 1, "name", "mmio", "kind", "reserved",
		"start", 4096, "size", 61440, "name", "ram", "kind", "ram",
		"start", 0x40000, "size", 12 * 65536, "slot", 1, "dirty-log", 1,
		"backing", "source", "file", "path", "a&b", "huge", "2M",
		"share", 1);
	struct mem_view_region *ram;

	(void)state;
	assert_int_equal(mem_view_init(&view, told, 64, &err), 0);
	assert_int_equal(view.cell_size, 64 * KIB);
	ram = &view.region[2];
	assert_int_equal(ram->cells, 12);
	ram->cell[0] = (struct mem_sum){ .resident = 64 * KIB };
	ram->cell[1] = (struct mem_sum){ .resident = 64 * KIB,
					 .huge = 64 * KIB };
	ram->cell[2] = (struct mem_sum){ .resident = 4 * KIB };
	ram->cell[3] = (struct mem_sum){ .swapped = 32 * KIB };
	ram->cell[4] = (struct mem_sum){ .swapped = 28 * KIB };
	ram->cell[5] = (struct mem_sum){ .ballooned = 64 * KIB };
	ram->cell[6] = (struct mem_sum){ .zero = 64 * KIB };
	ram->cell[7] = (struct mem_sum){ .zero = 4 * KIB };
	/* Together they are half, and more of it is resident. */
	ram->cell[8] = (struct mem_sum){ .resident = 20 * KIB,
					 .swapped = 12 * KIB };
	ram->sum.resident = 152 * KIB;
	ram->sum.huge = 64 * KIB;
	ram->sum.merged = 8 * KIB;
	ram->merged_known = true;
	ram->sum.dirty = 4 * KIB;
	ram->dirty_known = true;
	view.dirty_ms = 50;
	view.dirty_age_ms = 2500;
	view.merged_known = true;
	view.merged = 1536;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mem_view_finish(&view);
	return 0;
}

/* What a function draws; to be freed. */
#define DRAWN(call)                                        \
	({                                                 \
		char *text_ = NULL;                        \
		size_t len_;                               \
		FILE *out = open_memstream(&text_, &len_); \
		assert_non_null(out);                      \
		call;                                      \
		assert_int_equal(fclose(out), 0);          \
		text_;                                     \
	})

static void map__letters_alone(void **state)
{
	_cleanup_(freep) char *text = DRAWN(mem_map_draw(out, &view, 8, false));

	(void)state;
	assert_string_equal(
		text,
		"              4K rom '<f>?[m', slot 0, ro, the VMM's own\n"
		"0x0000000000  .\n"
		"0x0000001000  60K reserved 'mmio'\n"
		"              (192K of nothing)\n"
		"              768K ram 'ram', slot 1, rw,log, "
		"file:a&b,huge=2M,share\n"
		"              152K resident, 64K huge, 8K merged\n"
		"0x0000040000      RHrS\n"
		"0x0000080000  sBZzR...\n"
		"\n"
		"one cell is 64K; a small letter: less than half of it is "
		"touched\n"
		". untouched, R resident, H huge pages, Z zero page, "
		"S swapped, B ballooned\n");
}

static void map__colours_are_written_where_they_change(void **state)
{
	_cleanup_(freep) char *text = DRAWN(mem_map_draw(out, &view, 8, true));

	(void)state;
	assert_non_null(strstr(text, "      \033[0;97;42mR\033[0;97;44mH"
				     "\033[0;32mr\033[0;97;41mS\033[0m\n"));
	assert_non_null(strstr(text, "\033[0;97;42mR\033[0m...\n"));
}

static void map__rows_fit_the_terminal(void **state)
{
	(void)state;
	assert_int_equal(mem_map_row(&view, 80), 64);
	assert_int_equal(mem_map_row(&view, 78), 64);
	assert_int_equal(mem_map_row(&view, 77), 32);
	assert_int_equal(mem_map_row(&view, 0), 8);
	assert_int_equal(mem_map_row(&view, 10000), 256);
}

static void table__is_a_line_for_each_region_and_their_sum(void **state)
{
	_cleanup_(freep) char *text = DRAWN(mem_table(out, &view));

	(void)state;
	assert_string_equal(
		text,
		"ADDRESS          SIZE  KIND      NAME          SLOT  FLAGS "
		"   RESIDENT       HUGE     MERGED       ZERO    SWAPPED  "
		"BALLOONED      DIRTY  BACKING\n"
		"0x0000000000       4K  rom       <f>?[m           0  ro    "
		"          0          0          -          0          0  "
		"        0          -  the VMM's own\n"
		"0x0000001000      60K  reserved  mmio\n"
		"0x0000040000     768K  ram       ram              1  rw,log"
		"       152K        64K         8K          0          0  "
		"        0         4K  file:a&b,huge=2M,share\n"
		"all                                                        "
		"       152K        64K         8K          0          0  "
		"        0         4K  1.5K of it merged by KSM\n"
		"dirty: what changed within 0.05 s, 2.5 s ago "
		"(--dirty-rate)\n");
}

static void table__what_the_host_does_not_tell_is_a_dash(void **state)
{
	_cleanup_(freep) char *text = NULL;

	(void)state;
	view.detail = view.region[2].merged_known = false;
	view.region[2].dirty_known = false;
	text = DRAWN(mem_table(out, &view));
	view.detail = view.region[2].merged_known = true;
	view.region[2].dirty_known = true;
	assert_non_null(
		strstr(text, "       152K          -          -          -  "));
	assert_non_null(strstr(text, "        0          -  file:a&b"));
	assert_null(strstr(text, "dirty:"));
}

static void svg__names_are_text_and_no_markup(void **state)
{
	_cleanup_(freep) char *text = DRAWN(
		mem_svg_draw(out, &view, "a<b>&\"c\""));

	(void)state;
	assert_non_null(strstr(text, ">Memory of a&lt;b&gt;&amp;\"c\"</text>"));
	assert_non_null(strstr(text, "rom '&lt;f&gt;?[m', slot 0"));
	assert_non_null(strstr(text, "192K of nothing"));
	assert_null(strstr(text, "\033"));
	assert_string_equal(text + strlen(text) - 7, "</svg>\n");
}

static void svg__cells_are_where_the_map_has_them(void **state)
{
	_cleanup_(freep) char *text = DRAWN(mem_svg_draw(out, &view, "x"));

	(void)state;
	/* Cell 1 of the RAM, fifth of its row; cell 2 is pale. */
	assert_non_null(strstr(text, "<rect x=\"200\" y=\"176\" width=\"12\" "
				     "height=\"12\" fill=\"#1864ab\"/>"));
	assert_non_null(strstr(text, "<rect x=\"212\" y=\"176\" width=\"12\" "
				     "height=\"12\" fill=\"#2b8a3e\" "
				     "fill-opacity=\"0.45\"/>"));
	/* Three that are alike are one. */
	assert_non_null(strstr(text, "width=\"36\" height=\"12\" "
				     "fill=\"#e9ecef\"/>"));
}

static void text__has_one_decimal_at_most(void **state)
{
	char buf[MEM_TEXT];

	(void)state;
	assert_string_equal(mem_text(buf, 0), "0");
	assert_string_equal(mem_text(buf, 1), "1B");
	assert_string_equal(mem_text(buf, 1023), "1023B");
	assert_string_equal(mem_text(buf, 1024), "1K");
	assert_string_equal(mem_text(buf, 1536), "1.5K");
	assert_string_equal(mem_text(buf, UINT64_C(512) << 30), "512G");
	assert_string_equal(mem_text(buf, UINT64_MAX), "16.0E");
}

static void mark__nothing_is_untouched_and_a_byte_is_not(void **state)
{
	struct mem_sum sum = { 0 };
	bool little;

	(void)state;
	assert_int_equal(mem_mark(&sum, 65536, &little), MARK_UNTOUCHED);
	sum.swapped = 1;
	assert_int_equal(mem_mark(&sum, UINT64_MAX, &little), MARK_SWAPPED);
	assert_true(little);
	assert_int_equal(mem_mark(&sum, 1, &little), MARK_SWAPPED);
	assert_false(little);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(map__letters_alone),
		cmocka_unit_test(map__colours_are_written_where_they_change),
		cmocka_unit_test(map__rows_fit_the_terminal),
		cmocka_unit_test(
			table__is_a_line_for_each_region_and_their_sum),
		cmocka_unit_test(table__what_the_host_does_not_tell_is_a_dash),
		cmocka_unit_test(svg__names_are_text_and_no_markup),
		cmocka_unit_test(svg__cells_are_where_the_map_has_them),
		cmocka_unit_test(text__has_one_decimal_at_most),
		cmocka_unit_test(mark__nothing_is_untouched_and_a_byte_is_not),
	};

	return RUN_TESTS_IN(tests, setup, teardown);
}
