/*
 * tests/bench/dirty.c - what it costs to know which pages changed.
 *
 * Usage: vmm-bench-dirty
 *
 * Prints JSON. Milliseconds of a harvest of 512 GiB in pages of 4 KiB: all of
 * them dirty, half of them in the worst pattern (every other one), and one in
 * each 64 MiB; beside the floor, one read of a bitmap of that size. Nanoseconds
 * of mem_wrote() for one page, without a reader and with one. The best of
 * several, on the host it runs on; no guest and no KVM is there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mem/dirty.h"

#define GIB (UINT64_C(1) << 30)
#define SIZE (512 * GIB)
#define PAGE UINT64_C(4096)
#define WORDS (SIZE / PAGE / 64)
#define ROUNDS 9
#define MARKS 1000000

/* Of a size that nobody has: it is never touched. */
static uint8_t *const memory = (uint8_t *)GIB;

struct bench {
	struct mem_map map;
	struct dirty dirty;
	uint64_t *bitmap; /* what the log says next */
	struct dirty_reader *reader;
	struct err err;
};

static double now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int nothing(void *ctx, struct err *err)
{
	(void)ctx;
	(void)err;
	return 0;
}

static void stop(void *ctx)
{
	(void)ctx;
}

static int sync_bitmap(void *ctx, struct dirty *dirty, struct err *err)
{
	const struct bench *b = ctx;

	(void)err;
	dirty_log_words(dirty, 0, b->bitmap, WORDS);
	return 0;
}

static const struct dirty_source source = { .start = nothing,
					    .stop = stop,
					    .sync = sync_bitmap };

/* Returns the pages of a harvest; *ret_ns is what the walk alone took. */
static uint64_t walk(struct bench *b, double *ret_ns)
{
	struct dirty_run run;
	uint64_t pages = 0;
	double begun;

	if (dirty_harvest(b->reader, &b->err) < 0)
		exit(1);
	begun = now_ns();
	while (dirty_next(b->reader, &run, &b->err) > 0)
		pages += run.gpa.size / PAGE;
	*ret_ns = now_ns() - begun;
	return pages;
}

/* A harvest of a bitmap that has @word in each @step words. */
static double walk_ms(struct bench *b, uint64_t word, size_t step)
{
	const uint64_t want = WORDS / step *
			      (unsigned)__builtin_popcountll(word);
	double best = 0, took;

	memset(b->bitmap, 0, WORDS * sizeof(*b->bitmap));
	for (size_t i = 0; i < WORDS; i += step)
		b->bitmap[i] = word;
	for (int i = 0; i < ROUNDS; i++) {
		if (walk(b, &took) != want)
			exit(1);
		best = i == 0 || took < best ? took : best;
	}
	return best / 1e6;
}

static double floor_ms(const struct bench *b)
{
	double best = 0;

	for (int i = 0; i < ROUNDS; i++) {
		const double begun = now_ns();
		uint64_t sum = 0;
		double took;

		for (size_t j = 0; j < WORDS; j++)
			sum += b->bitmap[j];
		__asm__ volatile("" ::"r"(sum));
		took = now_ns() - begun;
		best = i == 0 || took < best ? took : best;
	}
	return best / 1e6;
}

static double mark_ns(const struct bench *b)
{
	double best = 0;

	for (int i = 0; i < ROUNDS; i++) {
		const double begun = now_ns();
		double took;

		for (uint64_t j = 0; j < MARKS; j++)
			mem_wrote(&b->map, memory + j % 4096 * PAGE, PAGE);
		took = now_ns() - begun;
		best = i == 0 || took < best ? took : best;
	}
	return best / MARKS;
}

int main(void)
{
	const struct mem_region region = { .gpa = { 0, SIZE },
					   .host = memory,
					   .name = "ram" };
	struct bench *b = calloc(1, sizeof(*b));
	double off, on;

	if (!b || mem_add(&b->map, region, &b->err) < 0)
		return 1;
	mem_freeze(&b->map);
	dirty_init(&b->dirty, &b->map, PAGE);
	b->map.watch = &b->dirty.watch;
	b->bitmap = malloc(WORDS * sizeof(*b->bitmap));
	if (!b->bitmap)
		return 1;
	off = mark_ns(b);
	if (dirty_attach(&b->dirty, &source, b, &b->err) < 0 ||
	    dirty_reader_add(&b->dirty, DIRTY_FROM_NOW, &b->reader, &b->err) <
		    0)
		return 1;
	on = mark_ns(b);
	(void)printf("{\"walk_all_ms\": %.3f, ", walk_ms(b, UINT64_MAX, 1));
	(void)printf("\"floor_read_ms\": %.3f, ", floor_ms(b));
	(void)printf("\"walk_half_ms\": %.1f, ",
		     walk_ms(b, UINT64_C(0x5555555555555555), 1));
	(void)printf("\"walk_sparse_ms\": %.3f, ",
		     walk_ms(b, 1, BITS_CHUNK_WORDS));
	(void)printf("\"mark_off_ns\": %.2f, \"mark_on_ns\": %.1f}\n", off, on);
	b->reader = dirty_reader_remove(b->reader);
	dirty_detach(&b->dirty);
	dirty_finish(&b->dirty);
	free(b->bitmap);
	free(b);
	return 0;
}
