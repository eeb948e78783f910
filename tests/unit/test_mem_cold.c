/* tests/unit/test_mem_cold.c - mem/cold.c and mem/unwritten.c, on this kernel.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mem/cold.h"
#include "mem/pageout.h"
#include "tests/unit/test.h"
#include "tests/unit/zero_page.h"

#define PAGES 64
#define NO_BITMAP "/nonexistent/bitmap"

static struct err err;

struct rig {
	struct cold cold;
	uint8_t *host;
	size_t page;
	bool found[PAGES];
	unsigned runs;
};

/* Pages 1 to 15 are written, 16 to 19 read, the others not touched. */
static void begin(struct rig *rig, int flags)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);

	*rig = (struct rig){ .page = page };
	if (cold_open(&rig->cold, NO_BITMAP, page, &err) < 0) {
		print_message("%s\n", err.msg);
		skip();
	}
	assert_int_equal(rig->cold.way, COLD_UNWRITTEN);
	rig->host = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE,
			 flags | MAP_ANONYMOUS, -1, 0);
	assert_true(rig->host != MAP_FAILED);
	assert_int_equal(madvise(rig->host, PAGES * page, MADV_NOHUGEPAGE), 0);
	memset(rig->host + page, 1, 15 * page);
	for (size_t i = 16; i < 20; i++)
		assert_int_equal(*(volatile uint8_t *)(rig->host + i * page),
				 0);
}

static void end(struct rig *rig)
{
	cold_close(&rig->cold);
	assert_int_equal(munmap(rig->host, PAGES * rig->page), 0);
}

static void watch(struct rig *rig)
{
	assert_int_equal(cold_watch(&rig->cold, (uintptr_t)rig->host,
				    PAGES * rig->page, &err),
			 0);
}

static void mark(struct rig *rig)
{
	assert_int_equal(cold_mark(&rig->cold, (uintptr_t)rig->host,
				   PAGES * rig->page, &err),
			 0);
}

static void found(void *ctx, uintptr_t host, uint64_t size)
{
	struct rig *rig = ctx;
	const size_t first = (host - (uintptr_t)rig->host) / rig->page;

	assert_int_equal(size % rig->page, 0);
	assert_in_range(first + size / rig->page, 1, PAGES);
	for (size_t i = 0; i < size / rig->page; i++) {
		assert_false(rig->found[first + i]);
		rig->found[first + i] = true;
	}
	rig->runs++;
}

static void find(struct rig *rig, size_t first, size_t count)
{
	memset(rig->found, 0, sizeof(rig->found));
	rig->runs = 0;
	assert_int_equal(cold_find(&rig->cold,
				   (uintptr_t)rig->host + first * rig->page,
				   count * rig->page, found, rig, &err),
			 0);
}

/* True if a page is one of this process alone, and was not written since it was
 * marked. @zero: what is only read is the zero page */
static bool is_unwritten(size_t i, bool zero)
{
	return i >= 1 && i < (zero ? 16 : 20) && i != 5 && i != 17;
}

static void unwritten__what_was_written_is_not_found(void **state)
{
	const bool zero = reads_give_zero_page();
	struct rig rig;

	(void)state;
	begin(&rig, MAP_PRIVATE);
	watch(&rig);
	mark(&rig);
	rig.host[5 * rig.page] = 2; /* was there */
	rig.host[17 * rig.page] = 2; /* was the zero page */
	rig.host[30 * rig.page] = 2; /* was not there */
	find(&rig, 0, PAGES);
	for (size_t i = 0; i < PAGES; i++)
		assert_int_equal(rig.found[i], is_unwritten(i, zero));
	assert_int_equal(rig.runs, zero ? 2 : 3);
	end(&rig);
}

static void unwritten__a_read_leaves_no_trace(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig, MAP_PRIVATE);
	watch(&rig);
	mark(&rig);
	assert_int_equal(*(volatile uint8_t *)(rig.host + 5 * rig.page), 1);
	find(&rig, 5, 1);
	assert_true(rig.found[5]);
	end(&rig);
}

static void unwritten__a_second_mark_begins_anew(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig, MAP_PRIVATE);
	watch(&rig);
	mark(&rig);
	memset(rig.host, 3, PAGES * rig.page);
	find(&rig, 0, PAGES);
	assert_int_equal(rig.runs, 0);
	mark(&rig);
	rig.host[0] = 4;
	find(&rig, 0, PAGES);
	for (size_t i = 0; i < PAGES; i++)
		assert_int_equal(rig.found[i], i >= 1);
	end(&rig);
}

static void unwritten__a_system_call_s_writes_count(void **state)
{
	struct rig rig;
	const int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	(void)state;
	begin(&rig, MAP_PRIVATE);
	watch(&rig);
	mark(&rig);
	assert_int_equal(read(fd, rig.host + 3 * rig.page, 1), 1);
	find(&rig, 2, 3);
	assert_true(rig.found[2] && !rig.found[3] && rig.found[4]);
	(void)close(fd);
	end(&rig);
}

static void unwritten__shared_memory_is_watched_too(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig, MAP_SHARED);
	watch(&rig);
	mark(&rig);
	rig.host[5 * rig.page] = 2;
	find(&rig, 1, 15);
	for (size_t i = 1; i < 16; i++)
		assert_int_equal(rig.found[i], i != 5);
	end(&rig);
}

static void unwritten__marks_need_a_watch(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig, MAP_PRIVATE);
	assert_true(cold_mark(&rig.cold, (uintptr_t)rig.host, PAGES * rig.page,
			      &err) < 0);
	end(&rig);
}

static void unwritten__a_close_ends_the_watch(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig, MAP_PRIVATE);
	watch(&rig);
	mark(&rig);
	cold_close(&rig.cold);
	cold_close(&rig.cold);
	assert_int_equal(cold_open(&rig.cold, NO_BITMAP, rig.page, &err), 0);
	watch(&rig);
	find(&rig, 0, PAGES);
	assert_int_equal(rig.runs, 0);
	end(&rig);
}

static void cool__loses_nothing(void **state)
{
	struct rig rig;
	struct backing b = { 0 };

	(void)state;
	begin(&rig, MAP_PRIVATE);
	b = (struct backing){ .host = rig.host,
			      .size = PAGES * rig.page,
			      .page = rig.page };
	assert_int_equal(backing_cool(&b, 0, b.size), 0);
	for (size_t i = 0; i < PAGES; i++)
		assert_int_equal(rig.host[i * rig.page], i >= 1 && i < 16);
	end(&rig);
}

static void open__idle_page_tracking_is_the_better_way(void **state)
{
	char path[64];
	struct cold cold;
	const int bitmap = memfd_create("bitmap", 0);

	(void)state;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", bitmap);
	assert_int_equal(cold_open(&cold, path, 4096, &err), 0);
	assert_int_equal(cold.way, COLD_IDLE);
	assert_string_equal(cold_way_name(cold.way), "idle");
	cold_close(&cold);
	assert_int_equal(cold.way, COLD_NONE);
	(void)close(bitmap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unwritten__what_was_written_is_not_found),
		cmocka_unit_test(unwritten__a_read_leaves_no_trace),
		cmocka_unit_test(unwritten__a_second_mark_begins_anew),
		cmocka_unit_test(unwritten__a_system_call_s_writes_count),
		cmocka_unit_test(unwritten__shared_memory_is_watched_too),
		cmocka_unit_test(unwritten__marks_need_a_watch),
		cmocka_unit_test(unwritten__a_close_ends_the_watch),
		cmocka_unit_test(cool__loses_nothing),
		cmocka_unit_test(open__idle_page_tracking_is_the_better_way),
	};

	return RUN_TESTS(tests);
}
