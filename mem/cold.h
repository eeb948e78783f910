/*
 * mem/cold.h - which pages of host memory the guest would not miss.
 *
 * Two ways, the better one that the host has. Either marks pages that are
 * there, and finds some time later those whose mark is left:
 * - idle page tracking (mem/idle.h) sees every use, reads too. What it finds is
 *   cold, and may be written out at once.
 * - PAGEMAP_SCAN (mem/unwritten.h) sees writes alone: a guest's program text is
 *   never written, and hot. Pages it finds may only be named to the host as
 *   first candidates when memory is short (MADV_COLD): a page that was read by
 *   then stays.
 */
#ifndef MEM_COLD_H
#define MEM_COLD_H

#include "mem/idle.h"
#include "mem/unwritten.h"

enum cold_way {
	COLD_NONE, /* not open */
	COLD_IDLE, /* not used at all */
	COLD_UNWRITTEN, /* not written; it may have been read */
};

struct cold {
	enum cold_way way;
	struct idle idle; /* for COLD_IDLE */
	struct unwritten unwritten; /* for COLD_UNWRITTEN */
};

/*
 * Takes the best way there is.
 *
 * @bitmap: IDLE_BITMAP, or that of a test
 * @page:   of the host, in bytes
 *
 * Returns 0; or -ENOTSUP with @err saying what either way lacks. Thread: any.
 */
int cold_open(struct cold *ret, const char *bitmap, uint64_t page,
	      struct err *err);
void cold_close(struct cold *cold); /* a zeroed one is fine */

/* The way's name, for people and for clients. */
const char *cold_way_name(enum cold_way way);

/*
 * Readies [host, host + size). Once for each region, before the other two.
 *
 * @host, @size: whole pages of one mapping; not read or written
 *
 * Returns 0, or what unwritten_watch() returns. Thread: any.
 */
int cold_watch(const struct cold *cold, uintptr_t host, uint64_t size,
	       struct err *err);

/* Marks the pages of a part of it. Returns what idle_mark() or unwritten_mark()
 * returns. Thread: any. */
int cold_mark(const struct cold *cold, uintptr_t host, uint64_t size,
	      struct err *err);

/* Calls @found for each run of pages of a part of it that are marked still. The
 * same otherwise. */
int cold_find(const struct cold *cold, uintptr_t host, uint64_t size,
	      void (*found)(void *ctx, uintptr_t host, uint64_t size),
	      void *ctx, struct err *err);

#endif
