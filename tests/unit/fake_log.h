/*
 * tests/unit/fake_log.h - a source of dirty pages that behaves as KVM's do.
 *
 * A page that is protected is logged at the next write, and is then not
 * protected any more. FAKE_BITMAP tells and protects at once; FAKE_CLEAR tells
 * of a page until it is asked to protect it, and begins with all of them;
 * FAKE_RING keeps pages in the order of their writes, in so little room that a
 * write may find none: then all is told, as the exit of such a vCPU has it.
 */
#ifndef TESTS_UNIT_FAKE_LOG_H
#define TESTS_UNIT_FAKE_LOG_H

#include "mem/dirty.h"

#define FAKE_LOG_WORDS 520 /* of one region: two chunks, and a bit */

#define FAKE_RING_ENTRIES 24

enum fake_log_kind { FAKE_BITMAP, FAKE_CLEAR, FAKE_RING };

struct fake_log {
	enum fake_log_kind kind;
	const struct mem_map *map;
	bool on;
	unsigned starts, stops, protects;
	/* Called when it is asked what was written; NULL: nothing. */
	void (*asked)(void *ctx);
	void *ctx;
	int start_fails, sync_fails, protect_fails; /* 0, or what is returned */
	/* Little-endian. Of FAKE_RING: the pages that are not protected. */
	uint64_t word[MEM_MAX_REGIONS][FAKE_LOG_WORDS];
	struct {
		size_t region;
		uint64_t page;
	} entry[FAKE_RING_ENTRIES];
	unsigned entries, exits; /* for want of room */
	struct dirty *dirty; /* who is told then */
};

extern const struct dirty_source fake_bitmap, fake_clear, fake_ring;

const struct dirty_source *fake_log_source(const struct fake_log *log);

/* What the guest's CPU does when it writes to a page. */
void fake_log_write(struct fake_log *log, size_t region, uint64_t page);

#endif
