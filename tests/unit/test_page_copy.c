/* tests/unit/test_page_copy.c - mem/page_copy.c: when its passes end. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "mem/backing.h"
#include "mem/page_copy.h"
#include "tests/unit/fake_log.h"
#include "tests/unit/test.h"

#define PAGE UINT64_C(4096)
#define PAGES UINT64_C(600)

static const struct range place = { UINT64_C(0x80000000), PAGES *PAGE };

struct rig {
	struct mem_map map;
	struct dirty dirty;
	struct fake_log log;
	struct backing backing;
	struct dirty_reader *reader;
	struct page_copy *copy;
	struct err err;
	uint64_t put, zero, gone; /* bytes */
	unsigned passed; /* passes that ended */
	unsigned writes; /* pages that the guest writes in each pass */
	unsigned busy; /* passes in which it does so */
};

static void write_page(struct rig *rig, uint64_t page)
{
	memset(rig->backing.host + page * PAGE, 1, PAGE);
	fake_log_write(&rig->log, 0, page);
}

static int put(void *ctx, size_t region, uint64_t offset, const uint8_t *host,
	       uint64_t size, struct err *err)
{
	struct rig *rig = ctx;

	(void)err;
	assert_int_equal(region, 0);
	assert_ptr_equal(host, rig->backing.host + offset);
	rig->put += size;
	return 0;
}

static int clear(void *ctx, size_t region, uint64_t offset, uint64_t size,
		 enum image_state state, struct err *err)
{
	struct rig *rig = ctx;

	(void)region;
	(void)err;
	assert_true(offset + size <= place.size);
	*(state == IMAGE_GONE ? &rig->gone : &rig->zero) += size;
	return 0;
}

static int passed(void *ctx, struct err *err)
{
	struct rig *rig = ctx;

	(void)err;
	if (rig->passed++ < rig->busy)
		for (unsigned i = 0; i < rig->writes; i++)
			write_page(rig, i);
	return 0;
}

static const struct page_sink sink = { put, clear, passed };

static struct rig *begin(void)
{
	static struct rig rig;
	struct mem_region region = { .gpa = place, .kind = MEM_RAM };
	struct err *err = &rig.err;

	rig = (struct rig){ .log.map = &rig.map };
	assert_int_equal(backing_init(&rig.backing, place, PAGE, NULL, err), 0);
	region.backing = &rig.backing;
	region.host = rig.backing.host;
	assert_int_equal(mem_add(&rig.map, region, err), 0);
	mem_freeze(&rig.map);
	dirty_init(&rig.dirty, &rig.map, PAGE);
	assert_int_equal(dirty_attach(&rig.dirty, fake_log_source(&rig.log),
				      &rig.log, err),
			 0);
	assert_int_equal(
		dirty_reader_add(&rig.dirty, DIRTY_ALL, &rig.reader, err), 0);
	assert_int_equal(
		page_copy_new(&rig.copy, &rig.map, &sink, &rig, true, err), 0);
	for (uint64_t i = 0; i < 20; i++)
		write_page(&rig, i);
	return &rig;
}

static void end(struct rig *rig)
{
	rig->copy = page_copy_free(rig->copy);
	rig->reader = dirty_reader_remove(rig->reader);
	dirty_detach(&rig->dirty);
	dirty_finish(&rig->dirty);
	backing_finish(&rig->backing);
}

static void live__a_quiet_guest_takes_one_pass(void **state)
{
	const struct page_copy_limits limits = { 0 };
	struct page_copy_rates rates;
	struct rig *rig = begin();

	(void)state;
	assert_int_equal(
		page_copy_live(rig->copy, rig->reader, &limits, &rig->err), 0);
	page_copy_rates(rig->copy, &rates);
	assert_int_equal(rates.passes, 1);
	assert_int_equal(rates.copied, 20 * PAGE);
	assert_int_equal(rates.left, 0);
	assert_int_equal(rates.pause, 0);
	assert_int_equal(rig->put, 20 * PAGE);
	assert_int_equal(rig->zero, 0); /* told nothing of what it never had */
	end(rig);
}

static void live__goes_on_until_what_is_left_fits(void **state)
{
	const struct page_copy_limits limits = { 0 };
	struct page_copy_rates rates;
	struct rig *rig = begin();

	(void)state;
	rig->writes = 5;
	rig->busy = 3;
	assert_int_equal(
		page_copy_live(rig->copy, rig->reader, &limits, &rig->err), 0);
	page_copy_rates(rig->copy, &rates);
	assert_int_equal(rates.passes, 4);
	assert_int_equal(rig->put, (20 + 3 * 5) * PAGE);
	end(rig);
}

/* The time that is allowed is ample, so that the speed does not matter. */
static void live__what_is_left_may_take_the_downtime(void **state)
{
	const struct page_copy_limits limits = { .downtime = 3600 *
							     NS_PER_SECOND };
	struct page_copy_rates rates;
	struct rig *rig = begin();

	(void)state;
	rig->writes = 5;
	rig->busy = 1000;
	assert_int_equal(
		page_copy_live(rig->copy, rig->reader, &limits, &rig->err), 0);
	page_copy_rates(rig->copy, &rates);
	assert_int_equal(rates.passes, 1);
	assert_int_equal(rates.left, 5 * PAGE);
	assert_true(rates.pause > 0 && rates.dirty_rate > 0);
	end(rig);
}

static void live__ends_at_its_limits(void **state)
{
	const struct page_copy_limits passes = { .passes = 7 };
	const struct page_copy_limits now = { .until = 1 };
	struct page_copy_rates rates;
	struct rig *rig = begin();

	(void)state;
	rig->writes = 5;
	rig->busy = 1000;
	assert_int_equal(
		page_copy_live(rig->copy, rig->reader, &passes, &rig->err), 1);
	page_copy_rates(rig->copy, &rates);
	assert_int_equal(rates.passes, 7);
	assert_int_equal(
		page_copy_live(rig->copy, rig->reader, &now, &rig->err), 1);
	page_copy_rates(rig->copy, &rates);
	assert_int_equal(rates.passes, 8);
	end(rig);
}

static void stop__ends_the_passes(void **state)
{
	const struct page_copy_limits limits = { 0 };
	struct rig *rig = begin();

	(void)state;
	page_copy_stop(rig->copy);
	assert_int_equal(
		page_copy_live(rig->copy, rig->reader, &limits, &rig->err),
		-ECANCELED);
	end(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(live__a_quiet_guest_takes_one_pass),
		cmocka_unit_test(live__goes_on_until_what_is_left_fits),
		cmocka_unit_test(live__what_is_left_may_take_the_downtime),
		cmocka_unit_test(live__ends_at_its_limits),
		cmocka_unit_test(stop__ends_the_passes),
	};

	return RUN_TESTS(tests);
}
