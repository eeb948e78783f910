/*
 * tests/unit/test_dirty_threads.c - mem/dirty.c under threads that write.
 *
 * Threads write to pages and mark them, readers copy what they are given, come
 * and go. In the end each copy is what the memory is. The thread sanitizer
 * watches.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "mem/dirty.h"
#include "tests/unit/test.h"

#define PAGE 4096
#define PAGES 4000 /* not all of a chunk, so that threads meet */
#define WRITERS 3
#define WRITES 100000
#define ROUNDS 200

struct world {
	struct mem_map map;
	struct dirty dirty;
	size_t *memory; /* the first word of each page counts its writes */
	uint32_t writers; /* atomic: still at work */
	pthread_barrier_t ready; /* those who stay have seen the beginning */
};

static size_t *first_word(size_t *memory, size_t page)
{
	return memory + page * (PAGE / sizeof(*memory));
}

static void *write_pages(void *arg)
{
	struct world *w = arg;
	unsigned seed = 1 + (unsigned)(uintptr_t)&seed / 64;

	(void)pthread_barrier_wait(&w->ready);
	for (int i = 0; i < WRITES; i++) {
		size_t *at = first_word(w->memory,
					(size_t)rand_r(&seed) % PAGES);

		(void)__atomic_fetch_add(at, 1, __ATOMIC_RELAXED);
		mem_wrote(&w->map, at, sizeof(*at));
	}
	(void)__atomic_fetch_sub(&w->writers, 1, __ATOMIC_RELEASE);
	return NULL;
}

/* Copies what a harvest gives; returns how many pages. */
static size_t copy(struct world *w, struct dirty_reader *reader, size_t *shadow)
{
	struct dirty_run run;
	struct err err;
	size_t pages = 0;

	if (dirty_harvest(reader, &err) < 0)
		abort();
	while (dirty_next(reader, &run, &err) > 0) {
		const size_t first = (size_t)run.gpa.start / PAGE;
		const size_t n = (size_t)run.gpa.size / PAGE;

		for (size_t i = first; i < first + n; i++)
			shadow[i] = __atomic_load_n(first_word(w->memory, i),
						    __ATOMIC_RELAXED);
		pages += n;
	}
	return pages;
}

static void compare(struct world *w, const size_t *shadow)
{
	for (size_t i = 0; i < PAGES; i++)
		if (shadow[i] != *first_word(w->memory, i))
			abort();
}

/* Stays to the end. */
static void *read_on(void *arg)
{
	struct world *w = arg;
	size_t *shadow = calloc(PAGES, sizeof(*shadow));
	struct dirty_reader *reader;
	struct err err;

	if (!shadow || dirty_reader_add(&w->dirty, DIRTY_ALL, &reader, &err))
		abort();
	(void)copy(w, reader, shadow);
	(void)pthread_barrier_wait(&w->ready);
	while (__atomic_load_n(&w->writers, __ATOMIC_ACQUIRE) > 0)
		(void)copy(w, reader, shadow);
	(void)copy(w, reader, shadow);
	compare(w, shadow);
	if (copy(w, reader, shadow) != 0)
		abort();
	(void)dirty_reader_remove(reader);
	free(shadow);
	return NULL;
}

/* Comes, has a look, and goes. */
static void *look_in(void *arg)
{
	struct world *w = arg;
	size_t *shadow = calloc(PAGES, sizeof(*shadow));
	struct err err;

	if (!shadow)
		abort();
	for (int i = 0; i < ROUNDS; i++) {
		struct dirty_reader *reader;

		if (dirty_reader_add(&w->dirty, DIRTY_ALL, &reader, &err) < 0)
			abort();
		(void)copy(w, reader, shadow);
		/* Once it was copied, a page only changes by a write. */
		if (i % 4 == 0 &&
		    __atomic_load_n(&w->writers, __ATOMIC_ACQUIRE) == 0) {
			(void)copy(w, reader, shadow);
			compare(w, shadow);
		}
		(void)dirty_reader_remove(reader);
	}
	free(shadow);
	return NULL;
}

static void run(struct world *w, void *(*const body[])(void *), size_t count)
{
	const unsigned stay = count > 1 ? 2 : 0;
	pthread_t thread[WRITERS + 3];

	w->writers = WRITERS;
	(void)pthread_barrier_init(&w->ready, NULL, WRITERS + stay);
	for (size_t i = 0; i < WRITERS + count; i++)
		assert_int_equal(pthread_create(&thread[i], NULL,
						i < WRITERS ? write_pages
							    : body[i - WRITERS],
						w),
				 0);
	for (size_t i = 0; i < WRITERS + count; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	(void)pthread_barrier_destroy(&w->ready);
}

static void begin(struct world *w)
{
	struct mem_region r = { .gpa = { 0, PAGES * PAGE }, .name = "ram" };
	struct err err = { 0 };

	*w = (struct world){ .memory = calloc(PAGES, PAGE) };
	assert_non_null(w->memory);
	r.host = (uint8_t *)w->memory;
	assert_int_equal(mem_add(&w->map, r, &err), 0);
	mem_freeze(&w->map);
	dirty_init(&w->dirty, &w->map, PAGE);
	w->map.watch = &w->dirty.watch;
}

static void end(struct world *w)
{
	dirty_finish(&w->dirty);
	free(w->memory);
}

static void readers__miss_nothing(void **state)
{
	static void *(*const body[])(void *) = { read_on, read_on, look_in };
	struct world w;

	(void)state;
	begin(&w);
	run(&w, body, 3);
	end(&w);
}

static void readers__miss_nothing_when_the_first_comes(void **state)
{
	static void *(*const body[])(void *) = { look_in };
	struct world w;

	(void)state;
	begin(&w);
	run(&w, body, 1);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readers__miss_nothing),
		cmocka_unit_test(readers__miss_nothing_when_the_first_comes),
	};

	return RUN_TESTS(tests);
}
