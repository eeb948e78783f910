/* tests/unit/test_disk_log.c - host/disk_log.c. */
#include <pthread.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "host/disk_log.h"
#include "tests/unit/test.h"

#define PAGE ((uint64_t)DISK_LOG_PAGE)

static struct err err;

static struct disk_log *make_log(uint64_t size, bool all)
{
	struct disk_log *log = NULL;

	assert_int_equal(disk_log_new(&log, size, all, &err), 0);
	return log;
}

static void is_taken(struct disk_log *log, uint64_t from, uint64_t first,
		     unsigned count)
{
	uint64_t at = UINT64_MAX;

	assert_int_equal(disk_log_take(log, from, &at), count);
	if (count > 0)
		assert_int_equal(at, first);
}

static void mark__whole_pages_that_it_touches(void **state)
{
	struct disk_log *log = make_log(100 * PAGE, false);

	(void)state;
	is_taken(log, 0, 0, 0);
	disk_log_mark(log, 5 * PAGE - 1, 2);
	is_taken(log, 0, 4, 2);
	is_taken(log, 0, 0, 0);
	disk_log_mark(log, 7 * PAGE, PAGE);
	is_taken(log, 7, 7, 1);
	disk_log_mark(log, 7 * PAGE, 0);
	is_taken(log, 0, 0, 0);
	(void)disk_log_free(log);
}

static void mark__what_is_behind_the_end_is_ignored(void **state)
{
	struct disk_log *log = make_log(3 * PAGE + 512, false);

	(void)state;
	disk_log_mark(log, 3 * PAGE, 100 * PAGE);
	disk_log_mark(log, 50 * PAGE, PAGE);
	is_taken(log, 0, 3, 1);
	is_taken(log, 0, 0, 0);
	(void)disk_log_free(log);
}

static void take__runs_end_at_a_word(void **state)
{
	struct disk_log *log = make_log(100 * PAGE, true);
	uint64_t from = 0, first;
	unsigned count;

	(void)state;
	while ((count = disk_log_take(log, from, &first)) > 0) {
		assert_int_equal(first, from);
		assert_true(count <= DISK_LOG_WORD);
		from = first + count;
	}
	assert_int_equal(from, 100);
	disk_log_mark(log, 30 * PAGE, 4 * PAGE);
	is_taken(log, 0, 30, 2);
	is_taken(log, 0, 32, 2);
	disk_log_mark(log, 0, 40 * PAGE);
	is_taken(log, 20, 20, 12);
	is_taken(log, 0, 0, 20);
	is_taken(log, 0, 32, 8);
	(void)disk_log_free(log);
}

#define ROUNDS 20000

/* A disk's page is its byte here. */
struct race {
	struct disk_log *log;
	uint32_t disk[128]; /* atomic */
};

static void *write_pages(void *arg)
{
	struct race *race = arg;
	uint32_t random = 1;

	for (uint32_t i = 1; i <= ROUNDS; i++) {
		random = random * 1664525 + 1013904223;
		__atomic_store_n(&race->disk[random >> 25], i,
				 __ATOMIC_RELAXED);
		disk_log_mark(race->log, (random >> 25) * PAGE, PAGE);
	}
	return NULL;
}

static void copy_changed(struct race *race, uint32_t copy[128])
{
	uint64_t from = 0, first;
	unsigned count;

	while ((count = disk_log_take(race->log, from, &first)) > 0) {
		for (unsigned i = 0; i < count; i++)
			copy[first + i] = __atomic_load_n(
				&race->disk[first + i], __ATOMIC_RELAXED);
		from = first + count;
	}
}

static void take__nothing_is_missed_beside_a_writer(void **state)
{
	struct race race = { .log = make_log(128 * PAGE, false) };
	uint32_t copy[128] = { 0 };
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, write_pages, &race), 0);
	for (unsigned i = 0; i < 200; i++)
		copy_changed(&race, copy);
	assert_int_equal(pthread_join(thread, NULL), 0);
	copy_changed(&race, copy);
	assert_memory_equal(copy, race.disk, sizeof(copy));
	(void)disk_log_free(race.log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mark__whole_pages_that_it_touches),
		cmocka_unit_test(mark__what_is_behind_the_end_is_ignored),
		cmocka_unit_test(take__runs_end_at_a_word),
		cmocka_unit_test(take__nothing_is_missed_beside_a_writer),
	};

	return RUN_TESTS(tests);
}
