/* tests/unit/test_lazy.c - vmm/snapshot/lazy.c. */
#include "tests/unit/test.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mem/discard.h"
#include "mem/fill.h"
#include "tests/unit/saved_memory.h"
#include "vmm/snapshot/lazy.h"

#define SEEDS 4
#define THREADS 3

struct rig {
	struct saved_memory *saved;
	struct lazy *lazy;
	unsigned failures; /* atomic */
};

static void count_failure(void *ctx)
{
	(void)__atomic_add_fetch((unsigned *)ctx, 1, __ATOMIC_RELAXED);
}

/* Memory that comes from a chain, whose thread has not started. */
static struct rig begin(unsigned images, unsigned data, unsigned seed)
{
	struct rig rig = { .saved = saved_memory_new(images, data, seed) };

	return rig;
}

static const char id[] = "00000000-0000-4000-8000-000000000001";

static void start_with(struct rig *rig,
		       void (*with)(struct lazy *lazy, int dir, const char *id))
{
	struct err err = { 0 };
	const int r = lazy_new(&rig->lazy, &rig->saved->chain, count_failure,
			       &rig->failures, &err);

	/* A user who may not: there is a test of its own for that. */
	if (r == -EPERM || r == -EACCES || r == -ENOTSUP) {
		saved_memory_free(rig->saved);
		skip();
	}
	assert_int_equal(r, 0);
	assert_int_equal(lazy_add(rig->lazy, 0, &rig->saved->backing, &err), 0);
	if (with)
		with(rig->lazy, rig->saved->top, id);
	assert_int_equal(lazy_start(rig->lazy, &err), 0);
}

static void start(struct rig *rig)
{
	start_with(rig, NULL);
}

static void end(struct rig *rig)
{
	lazy_stop(rig->lazy);
	saved_memory_free(rig->saved);
	assert_null(lazy_free(rig->lazy));
}

static void fetch__is_what_the_chain_holds(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < SEEDS; seed++) {
		struct rig rig = begin(1 + seed, 20 + 20 * seed, seed);
		struct lazy_stats stats;
		struct err err = { 0 };

		start(&rig);
		if (seed % 2)
			lazy_prefetch(rig.lazy);
		saved_memory_check(rig.saved);
		lazy_stats(rig.lazy, &stats);
		assert_true(seed % 2 || stats.faults > 0);
		assert_int_equal(lazy_error(rig.lazy, &err), 0);
		assert_int_equal(rig.failures, 0);
		end(&rig);
	}
}

static void wait_complete(struct rig *rig)
{
	struct lazy_stats stats;

	lazy_prefetch(rig->lazy);
	do {
		(void)usleep(1000);
		lazy_stats(rig->lazy, &stats);
	} while (!stats.complete);
}

static void prefetch__comes_to_an_end(void **state)
{
	struct rig rig = begin(3, 50, 9);
	struct lazy_stats stats;
	uint64_t from = 0, to;

	(void)state;
	start(&rig);
	assert_true(rig.saved->backing.fill->ops->next(rig.saved->backing.fill,
						       &from, SAVED_SIZE, &to));
	assert_int_equal(to, SAVED_SIZE);
	wait_complete(&rig);
	lazy_stats(rig.lazy, &stats);
	assert_int_equal(stats.fetched, 0);
	assert_int_equal(stats.prefetched, image_chunks(SAVED_SIZE));
	assert_false(rig.saved->backing.fill->ops->next(
		rig.saved->backing.fill, &from, SAVED_SIZE, &to));
	saved_memory_check(rig.saved);
	lazy_stats(rig.lazy, &stats);
	assert_int_equal(stats.faults, 0);
	end(&rig);
}

struct reader {
	pthread_t thread;
	const struct saved_memory *saved;
	unsigned seed;
	unsigned wrong;
};

/* Memory is as it was saved, or discarded meanwhile. */
static void *read_pages(void *arg)
{
	struct reader *reader = arg;

	for (unsigned i = 0; i < 2000; i++) {
		const uint64_t page = (unsigned)rand_r(&reader->seed) %
				      SAVED_PAGES;
		const uint8_t *host = reader->saved->backing.host +
				      page * IMAGE_PAGE;
		uint8_t got[IMAGE_PAGE];

		for (uint64_t j = 0; j < IMAGE_PAGE; j++)
			got[j] = __atomic_load_n(host + j, __ATOMIC_RELAXED);
		if (memcmp(got, reader->saved->want + page * IMAGE_PAGE,
			   IMAGE_PAGE) != 0)
			reader->wrong++;
	}
	return NULL;
}

static void fetch__for_many_threads_at_once(void **state)
{
	struct rig rig = begin(2, 70, 11);
	struct reader reader[THREADS] = { 0 };

	(void)state;
	start(&rig);
	lazy_prefetch(rig.lazy);
	for (unsigned i = 0; i < THREADS; i++) {
		reader[i].saved = rig.saved;
		reader[i].seed = i;
		assert_int_equal(pthread_create(&reader[i].thread, NULL,
						read_pages, &reader[i]),
				 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(reader[i].thread, NULL), 0);
		assert_int_equal(reader[i].wrong, 0);
	}
	end(&rig);
}

/* Discarded memory is zero, was it fetched or not, and is not fetched again. */
static void discard__leaves_zeroes(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < SEEDS; seed++) {
		struct rig rig = begin(2, 60, seed);
		struct saved_memory *saved = rig.saved;
		const uint64_t page = saved->backing.page;
		const unsigned pages = (unsigned)(SAVED_SIZE / page);

		start(&rig);
		for (unsigned i = 0; i < 30; i++) {
			const unsigned from = saved_memory_choose(saved, pages);
			const unsigned most = i % 2 ? 4 : 600;
			unsigned count = 1 + saved_memory_choose(saved, most);

			if (count > pages - from)
				count = pages - from;
			assert_int_equal(backing_discard(&saved->backing,
							 from * page,
							 count * page),
					 0);
			memset(saved->want + from * page, 0,
			       (size_t)(count * page));
			if (i == 10 && seed % 2)
				lazy_prefetch(rig.lazy);
		}
		saved_memory_check(saved);
		end(&rig);
	}
}

/* A page that was not fetched is no hole, and not zero. */
static void copy__holds_what_was_not_fetched(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < SEEDS; seed++) {
		struct rig rig = begin(2, 40, seed);
		struct dirty_reader *reader = NULL;
		struct err err = { 0 };

		start(&rig);
		if (seed % 2)
			lazy_prefetch(rig.lazy);
		assert_int_equal(dirty_reader_add(&rig.saved->dirty, DIRTY_ALL,
						  &reader, &err),
				 0);
		saved_memory_check_image(
			rig.saved,
			saved_memory_copy(rig.saved, reader, IMAGE_FULL));
		(void)dirty_reader_remove(reader);
		end(&rig);
	}
}

/* The kernel touches memory as well: read(2) into it, write(2) from it. */
static void fetch__for_system_calls(void **state)
{
	struct rig rig = begin(1, 100, 2);
	const uint64_t at = 300 * IMAGE_PAGE, other = 900 * IMAGE_PAGE;
	uint8_t got[256];
	int ends[2];

	(void)state;
	start(&rig);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], rig.saved->backing.host + at, 256),
			 256);
	assert_int_equal(read(ends[0], got, sizeof(got)), 256);
	assert_memory_equal(got, rig.saved->want + at, 256);
	assert_int_equal(write(ends[1], "from a disk", 11), 11);
	assert_int_equal(read(ends[0], rig.saved->backing.host + other, 11),
			 11);
	memcpy(rig.saved->want + other, "from a disk", 11);
	saved_memory_check(rig.saved);
	(void)close(ends[0]);
	(void)close(ends[1]);
	end(&rig);
}

/* The guest is stopped before it can see a page of a damaged chunk. */
static void damage__ends_the_run(void **state)
{
	struct rig rig = begin(3, 100, 4);
	struct err err = { 0 };
	int ends[2];

	(void)state;
	saved_memory_damage(rig.saved, 700);
	start(&rig);
	assert_int_equal(rig.saved->backing.host[0], rig.saved->want[0]);
	assert_int_equal(lazy_error(rig.lazy, &err), 0);
	assert_int_equal(rig.failures, 0);
	/* As a disk would write it: zeroes would be taken for the content. */
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(
		write(ends[1], rig.saved->backing.host + 700 * IMAGE_PAGE, 16),
		-1);
	assert_int_equal(errno, EFAULT);
	(void)close(ends[0]);
	(void)close(ends[1]);
	assert_int_equal(rig.failures, 1);
	assert_int_equal(lazy_error(rig.lazy, &err), -EBADMSG);
	assert_non_null(strstr(err.msg, "wrong checksum"));
	/* Nobody waits for ever. */
	wait_complete(&rig);
	assert_int_equal(rig.failures, 1);
	end(&rig);
}

/* What one guest asks for first, the next one's thread fetches first. */
static void record__is_followed(void **state)
{
	static const unsigned page[] = { 1400, 300, 900 };
	struct rig rig = begin(2, 100, 6);
	struct lazy_stats stats;
	struct err err = { 0 };

	(void)state;
	start_with(&rig, lazy_record);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(rig.saved->backing.host[page[i] * IMAGE_PAGE],
				 rig.saved->want[page[i] * IMAGE_PAGE]);
	lazy_prefetch(rig.lazy); /* the guest runs */
	lazy_stop(rig.lazy);
	assert_null(lazy_free(rig.lazy));
	backing_finish(&rig.saved->backing);
	assert_int_equal(backing_init(&rig.saved->backing, saved_place,
				      UINT64_C(2) << 20, NULL, &err),
			 0);
	start_with(&rig, lazy_follow);
	wait_complete(&rig);
	lazy_stats(rig.lazy, &stats);
	assert_int_equal(stats.followed, 3);
	assert_int_equal(stats.prefetched, image_chunks(SAVED_SIZE));
	saved_memory_check(rig.saved);
	end(&rig);
}

/* Status 0 if the sentence is right, 77 if the user may all the same. */
static void try_as_nobody(void)
{
	struct image_chain none = { 0 };
	struct lazy *lazy = NULL;
	struct err err = { 0 };
	int r;

	if (setuid(65534) < 0)
		_exit(77);
	r = lazy_new(&lazy, &none, NULL, NULL, &err);
	if (r == 0)
		_exit(77);
	_exit(strstr(err.msg, "grant access to /dev/userfaultfd, or "
			      "CAP_SYS_PTRACE, or set the sysctl "
			      "vm.unprivileged_userfaultfd to 1")
		      ? 0
		      : 1);
}

static void new__explains_a_missing_privilege(void **state)
{
	const pid_t child = fork();
	int status;

	(void)state;
	assert_true(child >= 0);
	if (child == 0)
		try_as_nobody();
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fetch__is_what_the_chain_holds),
		cmocka_unit_test(prefetch__comes_to_an_end),
		cmocka_unit_test(fetch__for_many_threads_at_once),
		cmocka_unit_test(discard__leaves_zeroes),
		cmocka_unit_test(copy__holds_what_was_not_fetched),
		cmocka_unit_test(fetch__for_system_calls),
		cmocka_unit_test(damage__ends_the_run),
		cmocka_unit_test(record__is_followed),
		cmocka_unit_test(new__explains_a_missing_privilege),
	};

	return RUN_TESTS(tests);
}
