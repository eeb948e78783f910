/* tests/unit/test_dirty.c - mem/dirty.c: one reader after the other. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/unit/fake_log.h"
#include "tests/unit/test.h"

#define PAGE UINT64_C(4096)
#define LOW UINT64_C(0x80000000)
#define LOW_PAGES (BITS_CHUNK_PAGES + 70) /* no multiple of 64 */
#define HIGH UINT64_C(0x900000000)
#define HIGH_PAGES UINT64_C(3)

/* RAM, a window, ROM: what is behind it is never touched unless it is read. */
struct fixture {
	struct mem_map map;
	struct dirty dirty;
	struct fake_log log;
	uint8_t *low, *high;
	struct dirty_reader *a, *b;
	struct err err;
};

static uint8_t *memory(uint64_t size)
{
	void *p = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert_ptr_not_equal(p, MAP_FAILED);
	return p;
}

static void add_region(struct fixture *f, gpa_t start, uint64_t pages,
		       enum mem_kind kind, uint8_t *host)
{
	const struct mem_region r = { .gpa = { start, pages * PAGE },
				      .kind = kind,
				      .host = host };

	assert_int_equal(mem_add(&f->map, r, &f->err), 0);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->low = memory(LOW_PAGES * PAGE);
	f->high = memory(HIGH_PAGES * PAGE);
	add_region(f, LOW, LOW_PAGES, MEM_RAM, f->low);
	add_region(f, 0x200000000, 1, MEM_RESERVED, NULL);
	add_region(f, HIGH, HIGH_PAGES, MEM_ROM, f->high);
	mem_freeze(&f->map);
	dirty_init(&f->dirty, &f->map, PAGE);
	f->map.watch = &f->dirty.watch;
	f->log.map = &f->map;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	f->a = dirty_reader_remove(f->a);
	f->b = dirty_reader_remove(f->b);
	dirty_detach(&f->dirty);
	dirty_finish(&f->dirty);
	munmap(f->low, LOW_PAGES * PAGE);
	munmap(f->high, HIGH_PAGES * PAGE);
	free(f);
	return 0;
}

static void add(struct fixture *f, struct dirty_reader **reader)
{
	assert_int_equal(
		dirty_reader_add(&f->dirty, DIRTY_FROM_NOW, reader, &f->err),
		0);
}

static void attach(struct fixture *f, enum fake_log_kind kind)
{
	f->log.kind = kind;
	assert_int_equal(dirty_attach(&f->dirty, fake_log_source(&f->log),
				      &f->log, &f->err),
			 0);
}

static void harvest(struct fixture *f, struct dirty_reader *reader)
{
	assert_int_equal(dirty_harvest(reader, &f->err), 0);
}

static void expect_run(struct fixture *f, struct dirty_reader *reader,
		       gpa_t start, uint64_t pages)
{
	const struct mem_region *r = mem_find(&f->map, start);
	struct dirty_run run;

	assert_int_equal(dirty_next(reader, &run, &f->err), 1);
	assert_int_equal(run.gpa.start, start);
	assert_int_equal(run.gpa.size, pages * PAGE);
	assert_ptr_equal(run.host, r->host + (start - r->gpa.start));
	assert_ptr_equal(&f->map.region[run.region], r);
}

static void expect_end(struct fixture *f, struct dirty_reader *reader)
{
	struct dirty_run run;

	assert_int_equal(dirty_next(reader, &run, &f->err), 0);
}

static void expect_only(struct fixture *f, struct dirty_reader *reader,
			gpa_t start, uint64_t pages)
{
	harvest(f, reader);
	expect_run(f, reader, start, pages);
	expect_end(f, reader);
}

static void expect_nothing(struct fixture *f, struct dirty_reader *reader)
{
	harvest(f, reader);
	expect_end(f, reader);
}

/* How many pages a harvest gives. */
static uint64_t count(struct fixture *f, struct dirty_reader *reader)
{
	struct dirty_run run;
	uint64_t pages = 0, left;

	harvest(f, reader);
	left = dirty_left(reader);
	while (dirty_next(reader, &run, &f->err) > 0)
		pages += run.gpa.size / PAGE;
	/* What was left to be given at the start is what was given. */
	assert_int_equal(left, pages * PAGE);
	return pages;
}

static void wrote__without_a_reader_leaves_no_trace(void **state)
{
	struct fixture *f = *state;

	mem_wrote(&f->map, f->low, 1);
	assert_null(f->dirty.marks.word);
	add(f, &f->a);
	expect_nothing(f, f->a);
	f->map.watch = NULL;
	mem_wrote(&f->map, f->low, 1);
}

static void wrote__marks_each_page_it_touches(void **state)
{
	struct fixture *f = *state;

	add(f, &f->a);
	mem_wrote(&f->map, f->low + PAGE - 1, 1);
	expect_only(f, f->a, LOW, 1);
	mem_wrote(&f->map, f->low + PAGE - 1, 2);
	expect_only(f, f->a, LOW, 2);
	mem_wrote(&f->map, f->low + PAGE, 2 * PAGE);
	expect_only(f, f->a, LOW + PAGE, 2);
	mem_wrote(&f->map, f->low + (LOW_PAGES * PAGE - 1), 1);
	expect_only(f, f->a, LOW + (LOW_PAGES - 1) * PAGE, 1);
	expect_nothing(f, f->a);
}

static void wrote__what_is_not_the_guests_is_ignored(void **state)
{
	struct fixture *f = *state;

	add(f, &f->a);
	mem_wrote(&f->map, f, sizeof(*f));
	mem_wrote(&f->map, NULL, 1);
	mem_wrote(&f->map, f->low, 0);
	mem_wrote(&f->map, f->low - 1, 1);
	expect_nothing(f, f->a);
	mem_wrote(&f->map, f->high, UINT64_MAX);
	expect_only(f, f->a, HIGH, HIGH_PAGES);
}

static void write__and_its_like_tell(void **state)
{
	struct fixture *f = *state;

	add(f, &f->a);
	assert_int_equal(mem_write(&f->map, LOW + 2 * PAGE, "x", 1), 0);
	expect_only(f, f->a, LOW + 2 * PAGE, 1);
	assert_int_equal(mem_zero(&f->map, LOW + PAGE - 1, 2), 0);
	expect_only(f, f->a, LOW, 2);
	assert_int_equal(mem_load(&f->map, HIGH, "x", 1), 0);
	expect_only(f, f->a, HIGH, 1);
	assert_int_equal(mem_write(&f->map, HIGH, "x", 1), -EFAULT);
	expect_nothing(f, f->a);
}

static void next__runs_end_where_a_chunk_does(void **state)
{
	struct fixture *f = *state;

	add(f, &f->a);
	mem_wrote(&f->map, f->low + (BITS_CHUNK_PAGES - 1) * PAGE, 2 * PAGE);
	harvest(f, f->a);
	expect_run(f, f->a, LOW + (BITS_CHUNK_PAGES - 1) * PAGE, 1);
	expect_run(f, f->a, LOW + BITS_CHUNK_PAGES * PAGE, 1);
	expect_end(f, f->a);
}

static void next__without_a_harvest_gives_nothing(void **state)
{
	struct fixture *f = *state;

	add(f, &f->a);
	mem_wrote(&f->map, f->low, 1);
	expect_end(f, f->a);
	expect_only(f, f->a, LOW, 1);
	expect_end(f, f->a);
}

static void harvest__what_was_not_given_comes_again(void **state)
{
	struct fixture *f = *state;

	add(f, &f->a);
	mem_wrote(&f->map, f->low, 1);
	mem_wrote(&f->map, f->low + 65 * PAGE, PAGE);
	mem_wrote(&f->map, f->low + 67 * PAGE, PAGE);
	mem_wrote(&f->map, f->high, 1);
	harvest(f, f->a);
	expect_run(f, f->a, LOW, 1);
	expect_run(f, f->a, LOW + 65 * PAGE, 1);
	harvest(f, f->a);
	expect_run(f, f->a, LOW + 67 * PAGE, 1);
	harvest(f, f->a);
	expect_run(f, f->a, HIGH, 1);
	expect_end(f, f->a);
}

static void readers__take_nothing_from_each_other(void **state)
{
	struct fixture *f = *state;

	add(f, &f->a);
	add(f, &f->b);
	mem_wrote(&f->map, f->low, 1);
	expect_only(f, f->a, LOW, 1);
	mem_wrote(&f->map, f->low + PAGE, 1);
	expect_only(f, f->a, LOW + PAGE, 1);
	expect_only(f, f->b, LOW, 2);
	expect_nothing(f, f->a);
	expect_nothing(f, f->b);
}

static void readers__one_that_leaves_takes_nothing_along(void **state)
{
	struct fixture *f = *state;

	attach(f, FAKE_BITMAP);
	add(f, &f->a);
	add(f, &f->b);
	fake_log_write(&f->log, 0, 1);
	mem_wrote(&f->map, f->high, 1);
	harvest(f, f->a); /* and has the log in hand */
	f->a = dirty_reader_remove(f->a);
	assert_int_equal(f->log.stops, 0);
	harvest(f, f->b);
	expect_run(f, f->b, LOW + PAGE, 1);
	expect_run(f, f->b, HIGH, 1);
	expect_end(f, f->b);
}

static void readers__are_limited(void **state)
{
	struct fixture *f = *state;
	struct dirty_reader *r[DIRTY_MAX_READERS + 1] = { 0 };

	for (size_t i = 0; i < DIRTY_MAX_READERS; i++)
		add(f, &r[i]);
	assert_int_equal(dirty_reader_add(&f->dirty, DIRTY_FROM_NOW,
					  &r[DIRTY_MAX_READERS], &f->err),
			 -ENOSPC);
	assert_null(r[DIRTY_MAX_READERS]);
	for (size_t i = 0; i < DIRTY_MAX_READERS; i++)
		r[i] = dirty_reader_remove(r[i]);
	assert_null(dirty_reader_remove(NULL));
}

static void readers__the_next_first_one_starts_afresh(void **state)
{
	struct fixture *f = *state;

	attach(f, FAKE_BITMAP);
	add(f, &f->a);
	mem_wrote(&f->map, f->low, PAGE);
	fake_log_write(&f->log, 2, 1);
	harvest(f, f->a);
	f->a = dirty_reader_remove(f->a);
	assert_int_equal(f->log.stops, 1);
	mem_wrote(&f->map, f->low, PAGE);
	add(f, &f->a);
	assert_int_equal(f->log.starts, 2);
	expect_nothing(f, f->a);
}

static void all__gives_every_page_once(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(dirty_reader_add(&f->dirty, DIRTY_ALL, &f->a, &f->err),
			 0);
	harvest(f, f->a);
	expect_run(f, f->a, LOW, BITS_CHUNK_PAGES);
	expect_run(f, f->a, LOW + BITS_CHUNK_PAGES * PAGE, 70);
	expect_run(f, f->a, HIGH, HIGH_PAGES);
	expect_end(f, f->a);
	expect_nothing(f, f->a);
}

static void all__is_not_over_before_it_was_given(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(dirty_reader_add(&f->dirty, DIRTY_ALL, &f->a, &f->err),
			 0);
	harvest(f, f->a);
	expect_run(f, f->a, LOW, BITS_CHUNK_PAGES);
	assert_int_equal(count(f, f->a), LOW_PAGES + HIGH_PAGES);
	expect_nothing(f, f->a);
}

static void log__bits_behind_the_end_are_ignored(void **state)
{
	struct fixture *f = *state;

	attach(f, FAKE_CLEAR);
	add(f, &f->a);
	assert_int_equal(count(f, f->a), LOW_PAGES + HIGH_PAGES);
	expect_nothing(f, f->a);
}

static void log__one_page_at_a_time(void **state)
{
	struct fixture *f = *state;

	add(f, &f->a);
	dirty_log_page(&f->dirty, 0, LOW_PAGES - 1);
	dirty_log_page(&f->dirty, 0, LOW_PAGES);
	dirty_log_page(&f->dirty, 2, UINT64_MAX);
	expect_only(f, f->a, LOW + (LOW_PAGES - 1) * PAGE, 1);
	f->a = dirty_reader_remove(f->a);
	dirty_log_page(&f->dirty, 0, 0);
	add(f, &f->a);
	expect_nothing(f, f->a);
}

static void protect__comes_before_the_page_is_given(void **state)
{
	struct fixture *f = *state;

	attach(f, FAKE_CLEAR);
	add(f, &f->a);
	(void)count(f, f->a);
	f->log.protects = 0;
	fake_log_write(&f->log, 0, 5);
	harvest(f, f->a);
	assert_int_equal(f->log.protects, 0);
	/* Between the two: the bit is still there, and nothing is lost. */
	fake_log_write(&f->log, 0, 5);
	expect_run(f, f->a, LOW + 5 * PAGE, 1);
	assert_int_equal(f->log.protects, 1);
	fake_log_write(&f->log, 0, 5);
	expect_end(f, f->a);
	expect_only(f, f->a, LOW + 5 * PAGE, 1);
	mem_wrote(&f->map, f->low, 1);
	f->log.protects = 0;
	expect_only(f, f->a, LOW, 1);
	assert_int_equal(f->log.protects, 0);
}

/* The order that a clear by each reader's own bitmap would get wrong. */
static void protect__by_one_reader_leaves_the_other_its_bits(void **state)
{
	struct fixture *f = *state;

	attach(f, FAKE_CLEAR);
	add(f, &f->a);
	add(f, &f->b);
	(void)count(f, f->a);
	(void)count(f, f->b);
	fake_log_write(&f->log, 0, 5);
	harvest(f, f->a); /* A knows of it */
	expect_only(f, f->b, LOW + 5 * PAGE, 1); /* B protects and copies it */
	fake_log_write(&f->log, 0, 5);
	expect_run(f, f->a, LOW + 5 * PAGE, 1); /* A copies what is new */
	expect_end(f, f->a);
	expect_only(f, f->b, LOW + 5 * PAGE, 1);
}

static void protect__failing_loses_nothing(void **state)
{
	struct fixture *f = *state;
	struct dirty_run run;

	attach(f, FAKE_CLEAR);
	add(f, &f->a);
	f->log.protect_fails = -EIO;
	harvest(f, f->a);
	assert_int_equal(dirty_next(f->a, &run, &f->err), -EIO);
	f->log.protect_fails = 0;
	assert_int_equal(count(f, f->a), LOW_PAGES + HIGH_PAGES);
}

static void source__failures_are_told(void **state)
{
	struct fixture *f = *state;

	attach(f, FAKE_BITMAP);
	f->log.start_fails = -ENOMEM;
	assert_int_equal(
		dirty_reader_add(&f->dirty, DIRTY_FROM_NOW, &f->a, &f->err),
		-ENOMEM);
	assert_null(f->a);
	assert_int_equal(f->dirty.watch.active, 0);
	f->log.start_fails = 0;
	add(f, &f->a);
	f->log.sync_fails = -EIO;
	assert_int_equal(dirty_harvest(f->a, &f->err), -EIO);
	assert_int_equal(dirty_sync(&f->dirty, &f->err), -EIO);
	f->log.sync_fails = 0;
	assert_int_equal(dirty_sync(&f->dirty, &f->err), 0);
}

static void detach__keeps_what_the_old_vm_wrote(void **state)
{
	struct fixture *f = *state;

	for (int kind = FAKE_BITMAP; kind <= FAKE_CLEAR; kind++) {
		attach(f, (enum fake_log_kind)kind);
		add(f, &f->a);
		(void)count(f, f->a);
		fake_log_write(&f->log, 0, 7);
		dirty_detach(&f->dirty);
		assert_false(f->log.on);
		expect_only(f, f->a, LOW + 7 * PAGE, 1);
		fake_log_write(&f->log, 0, 7);
		attach(f, FAKE_BITMAP);
		assert_true(f->log.on);
		fake_log_write(&f->log, 0, 8);
		expect_only(f, f->a, LOW + 8 * PAGE, 1);
		f->a = dirty_reader_remove(f->a);
		dirty_detach(&f->dirty);
	}
	dirty_detach(&f->dirty);
}

static void detach__what_cannot_be_known_is_all(void **state)
{
	struct fixture *f = *state;

	attach(f, FAKE_BITMAP);
	add(f, &f->a);
	mem_wrote(&f->map, f->low, PAGE);
	harvest(f, f->a);
	expect_run(f, f->a, LOW, 1);
	f->log.sync_fails = -EIO;
	dirty_detach(&f->dirty);
	expect_end(f, f->a);
	assert_int_equal(count(f, f->a), LOW_PAGES + HIGH_PAGES);
	expect_nothing(f, f->a);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(wrote__without_a_reader_leaves_no_trace),
		TEST(wrote__marks_each_page_it_touches),
		TEST(wrote__what_is_not_the_guests_is_ignored),
		TEST(write__and_its_like_tell),
		TEST(next__runs_end_where_a_chunk_does),
		TEST(next__without_a_harvest_gives_nothing),
		TEST(harvest__what_was_not_given_comes_again),
		TEST(readers__take_nothing_from_each_other),
		TEST(readers__one_that_leaves_takes_nothing_along),
		TEST(readers__are_limited),
		TEST(readers__the_next_first_one_starts_afresh),
		TEST(all__gives_every_page_once),
		TEST(all__is_not_over_before_it_was_given),
		TEST(log__bits_behind_the_end_are_ignored),
		TEST(log__one_page_at_a_time),
		TEST(protect__comes_before_the_page_is_given),
		TEST(protect__by_one_reader_leaves_the_other_its_bits),
		TEST(protect__failing_loses_nothing),
		TEST(source__failures_are_told),
		TEST(detach__keeps_what_the_old_vm_wrote),
		TEST(detach__what_cannot_be_known_is_all),
	};

	return RUN_TESTS(tests);
}
