/*
 * tests/bench/guest.h - the memory of a guest that runs nowhere, and a log of
 * what was written to it.
 */
#ifndef TESTS_BENCH_GUEST_H
#define TESTS_BENCH_GUEST_H

#include <stdint.h>

#include "mem/backing.h"
#include "mem/dirty.h"
#include "mem/page_copy.h"

#define GUEST_PAGE UINT64_C(4096)

/* Not moved once made: parts of it point to others. */
struct bench_guest {
	struct mem_map map;
	struct backing backing;
	struct dirty dirty;
	uint64_t *log; /* owned; a bit for each page written since the log was
			  read */
	size_t words; /* of @log */
	struct dirty_reader *reader; /* owned */
};

/* Makes one with @size bytes, which are not touched, and a reader that was told
 * nothing yet. Ends the process if it cannot. */
void bench_guest_init(struct bench_guest *guest, uint64_t size);
void bench_guest_finish(struct bench_guest *guest);

/* Writes to @count pages from @first on: each has another content. */
void bench_guest_write(struct bench_guest *guest, uint64_t first,
		       uint64_t count);

/* Has the reader take all that was written so far as told. */
void bench_guest_forget(struct bench_guest *guest);

/* What the guest gave up: nothing. Of a snapshot's source, or a migration's. */
int bench_drop_nothing(void *ctx, struct page_copy *copy, struct err *err);

/* Ends the process, with what went wrong. */
_Noreturn void bench_fail(const char *what, const struct err *err);

double bench_now_ns(void);

#endif
