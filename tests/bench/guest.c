/* tests/bench/guest.c - the memory of a guest that runs nowhere. */
#include "tests/bench/guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define START UINT64_C(0x80000000)

static int start_log(void *ctx, struct err *err)
{
	(void)ctx;
	(void)err;
	return 0;
}

static void stop_log(void *ctx)
{
	(void)ctx;
}

static int sync_log(void *ctx, struct dirty *dirty, struct err *err)
{
	struct bench_guest *guest = ctx;

	(void)err;
	dirty_log_words(dirty, 0, guest->log, guest->words);
	memset(guest->log, 0, guest->words * sizeof(*guest->log));
	return 0;
}

static const struct dirty_source bench_log = { .start = start_log,
					       .stop = stop_log,
					       .sync = sync_log };

int bench_drop_nothing(void *ctx, struct page_copy *copy, struct err *err)
{
	(void)ctx;
	(void)copy;
	(void)err;
	return 0;
}

void bench_fail(const char *what, const struct err *err)
{
	(void)fprintf(stderr, "%s: %s\n", what, err->msg);
	exit(1);
}

double bench_now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

void bench_guest_init(struct bench_guest *guest, uint64_t size)
{
	struct mem_region region = { .gpa = { START, size }, .kind = MEM_RAM };
	struct err err = { 0 };

	*guest = (struct bench_guest){ .words = size / GUEST_PAGE / 64 };
	guest->log = calloc(guest->words, sizeof(*guest->log));
	if (!guest->log || backing_init(&guest->backing, region.gpa, GUEST_PAGE,
					NULL, &err) < 0)
		bench_fail("memory", &err);
	region.backing = &guest->backing;
	region.host = guest->backing.host;
	if (mem_add(&guest->map, region, &err) < 0)
		bench_fail("memory", &err);
	mem_freeze(&guest->map);
	dirty_init(&guest->dirty, &guest->map, GUEST_PAGE);
	guest->map.watch = &guest->dirty.watch;
	if (dirty_attach(&guest->dirty, &bench_log, guest, &err) < 0 ||
	    dirty_reader_add(&guest->dirty, DIRTY_ALL, &guest->reader, &err) <
		    0)
		bench_fail("dirty log", &err);
}

void bench_guest_finish(struct bench_guest *guest)
{
	guest->reader = dirty_reader_remove(guest->reader);
	dirty_detach(&guest->dirty);
	dirty_finish(&guest->dirty);
	backing_finish(&guest->backing);
	free(guest->log);
}

void bench_guest_write(struct bench_guest *guest, uint64_t first,
		       uint64_t count)
{
	for (uint64_t page = first; page < first + count; page++) {
		uint64_t *at = (uint64_t *)(void *)(guest->backing.host +
						    page * GUEST_PAGE);

		for (uint64_t i = 0; i < GUEST_PAGE / sizeof(*at); i++)
			at[i] = (page << 16 | i) * UINT64_C(0x9e3779b97f4a7c15);
		guest->log[page / 64] |= UINT64_C(1) << page % 64;
	}
}

void bench_guest_forget(struct bench_guest *guest)
{
	struct dirty_run run;
	struct err err = { 0 };
	int r = dirty_harvest(guest->reader, &err);

	while (r >= 0 && (r = dirty_next(guest->reader, &run, &err)) > 0)
		;
	if (r < 0)
		bench_fail("dirty log", &err);
}
