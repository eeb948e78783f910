/*
 * tests/fuzz/fuzz_dirty.c - no reader misses a page, whatever the order.
 *
 * The input is a sequence of writes by the guest and by devices, of readers
 * that come, go, harvest and copy a few runs, and of VMs that are replaced.
 * Each reader keeps a copy of the memory: after a whole harvest in which
 * nothing was written, it is equal, and no page was given that had not been
 * written.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mem/dirty.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/fake_log.h"

#define PAGE 4096
#define REGIONS 3
#define READERS 3

/* Only some of the first region's pages are ever written: those at its ends,
 * and where one chunk becomes the next. */
#define WATCHED 96

static const uint64_t pages[REGIONS] = { BITS_CHUNK_PAGES + 100, 64, 33 };

/* The page that is watched as number @i. */
static uint64_t page_of(size_t region, unsigned i)
{
	if (region > 0)
		return i % pages[region];
	if (i < 32)
		return i;
	return (i < 64 ? BITS_CHUNK_PAGES - 48 : pages[0] - WATCHED) + i;
}

static unsigned watched(size_t region)
{
	return pages[region] < WATCHED ? (unsigned)pages[region] : WATCHED;
}

struct copy {
	struct dirty_reader *reader;
	uint32_t seen[REGIONS][WATCHED]; /* the count as copied */
	bool whole; /* has been through a harvest */
};

struct world {
	struct mem_map map;
	struct dirty dirty;
	struct fake_log log;
	bool attached;
	uint32_t count[REGIONS][WATCHED]; /* writes to each page */
	struct copy copy[READERS];
};

static void add_regions(struct world *w)
{
	struct err err;

	for (size_t i = 0; i < REGIONS; i++) {
		struct mem_region r = {
			.gpa = { (gpa_t)(i + 1) << 32, pages[i] * PAGE },
			.name = "ram",
		};

		/* Never touched. */
		r.host = (uint8_t *)((i + 1) * (uintptr_t)(pages[0] * PAGE));
		if (mem_add(&w->map, r, &err) < 0)
			abort();
	}
	mem_freeze(&w->map);
	dirty_init(&w->dirty, &w->map, PAGE);
	w->map.watch = &w->dirty.watch;
	w->log.map = &w->map;
}

static void write_page(struct world *w, size_t region, unsigned i, bool guest)
{
	const uint64_t page = page_of(region, i);

	if (guest && !w->attached)
		return;
	w->count[region][i]++;
	if (guest)
		fake_log_write(&w->log, region, page);
	else
		mem_wrote(&w->map, w->map.region[region].host + page * PAGE, 1);
}

static void toggle_vm(struct world *w, uint8_t arg)
{
	struct err err;

	if (w->attached) {
		dirty_detach(&w->dirty);
	} else {
		w->log.kind = arg & 1 ? FAKE_CLEAR : FAKE_BITMAP;
		if (dirty_attach(&w->dirty, fake_log_source(&w->log), &w->log,
				 &err) < 0)
			abort();
		/* The new log begins with all pages in it. */
		for (size_t i = 0; i < READERS && arg & 1; i++)
			w->copy[i].whole = false;
	}
	w->attached = !w->attached;
}

static void toggle_reader(struct world *w, struct copy *copy)
{
	struct err err;

	if (copy->reader) {
		copy->reader = dirty_reader_remove(copy->reader);
		return;
	}
	if (dirty_reader_add(&w->dirty, DIRTY_FROM_NOW, &copy->reader, &err) <
	    0)
		abort();
	memcpy(copy->seen, w->count, sizeof(copy->seen));
	copy->whole = false;
}

static bool copy_run(struct world *w, struct copy *copy, bool exact)
{
	struct dirty_run run;
	struct err err;
	const int r = dirty_next(copy->reader, &run, &err);
	uint64_t first, given = 0;

	if (r < 0)
		abort();
	if (r == 0)
		return false;
	first = (run.gpa.start - w->map.region[run.region].gpa.start) / PAGE;
	for (unsigned i = 0; i < watched(run.region); i++) {
		uint32_t *seen = &copy->seen[run.region][i];
		const uint32_t now = w->count[run.region][i];

		if (page_of(run.region, i) - first >= run.gpa.size / PAGE)
			continue;
		if (exact && *seen == now)
			abort();
		*seen = now;
		given++;
	}
	if (run.gpa.size == 0 || (exact && given != run.gpa.size / PAGE))
		abort();
	return true;
}

static void harvest_all(struct world *w, struct copy *copy, bool exact)
{
	struct err err;

	if (dirty_harvest(copy->reader, &err) < 0)
		abort();
	while (copy_run(w, copy, exact && copy->whole))
		;
	copy->whole = true;
	if (memcmp(copy->seen, w->count, sizeof(copy->seen)) != 0)
		abort();
}

static void harvest_some(struct world *w, struct copy *copy, uint8_t arg)
{
	struct err err;

	if ((arg & 0x80) && dirty_harvest(copy->reader, &err) < 0)
		abort();
	for (unsigned i = arg & 3; i > 0 && copy_run(w, copy, false); i--)
		;
	/* Pages written since the harvest began may come twice. */
	copy->whole = false;
}

static void step(struct world *w, uint8_t op, uint8_t arg)
{
	struct copy *copy = &w->copy[op / 8 % READERS];
	const size_t region = op / 8 % REGIONS;
	const unsigned page = arg % watched(region);

	switch (op % 8) {
	case 0:
	case 1:
		write_page(w, region, page, true);
		break;
	case 2:
	case 3:
		write_page(w, region, page, false);
		break;
	case 4:
		toggle_reader(w, copy);
		break;
	case 5:
		if (arg < 64)
			toggle_vm(w, arg);
		break;
	case 6:
		if (copy->reader)
			harvest_all(w, copy, true);
		break;
	default:
		if (copy->reader)
			harvest_some(w, copy, arg);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world *w = calloc(1, sizeof(*w));

	if (!w)
		abort();
	add_regions(w);
	for (size_t i = 0; i + 1 < size; i += 2)
		step(w, data[i], data[i + 1]);
	for (size_t i = 0; i < READERS; i++)
		if (w->copy[i].reader) {
			harvest_all(w, &w->copy[i], false);
			(void)dirty_reader_remove(w->copy[i].reader);
		}
	dirty_detach(&w->dirty);
	dirty_finish(&w->dirty);
	free(w);
	return 0;
}
