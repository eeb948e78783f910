/*
 * tests/bench/discard.c - what it costs to give memory back to the host.
 *
 * Usage: vmm-bench-discard [GIB]
 *
 * Prints JSON: microseconds of its CPU to give 8 GiB (or GIB) of touched memory
 * back, of huge pages and of small ones: as one range, as free page reporting
 * tells it; frame by frame, as a balloon is inflated (2,097,152 of them for 8
 * GiB); and the floor, one madvise(2) of all of it. The better of two, on the
 * host it runs on; no guest and no KVM is there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "mem/backing.h"
#include "mem/discard.h"
#include "mem/reclaim.h"

#define GIB (UINT64_C(1) << 30)
#define START (2 * GIB) /* where the guest has it */
#define BLOCK (UINT64_C(2) << 20)
#define ROUNDS 2

struct bench {
	struct mem_map map;
	struct backing backing;
	struct range ram;
	struct err err;
};

static double now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int begin(struct bench *b, uint64_t size, enum mem_huge huge)
{
	const struct mem_policy policy = { .huge = huge };
	int r;

	*b = (struct bench){ .ram = { START, size } };
	r = backing_init(&b->backing, b->ram, BLOCK, &policy, &b->err);
	if (r < 0)
		return r;
	r = mem_add(&b->map,
		    (struct mem_region){ .gpa = b->ram,
					 .kind = MEM_RAM,
					 .host = b->backing.host,
					 .backing = &b->backing,
					 .name = "ram" },
		    &b->err);
	mem_freeze(&b->map);
	return r;
}

static void floor_(struct bench *b)
{
	(void)madvise(b->backing.host, (size_t)b->ram.size, MADV_DONTNEED);
}

static void range(struct bench *b)
{
	struct reclaim *rc;
	struct range all = b->ram;

	if (reclaim_new(&rc, &b->map, &b->err) < 0)
		return;
	(void)reclaim_drop(rc, &all, 1, true);
	(void)reclaim_free(rc);
}

static void frames(struct bench *b)
{
	struct reclaim *rc;

	if (reclaim_new(&rc, &b->map, &b->err) < 0)
		return;
	for (uint64_t at = 0; at < b->ram.size; at += RECLAIM_FRAME)
		(void)reclaim_give(rc,
				   (struct range){ START + at, RECLAIM_FRAME });
	reclaim_flush(rc);
	(void)reclaim_free(rc);
}

/* True if nothing of the memory is there any more. */
static bool is_gone(const struct bench *b)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const size_t count = (size_t)(BLOCK / page);
	unsigned char there[512]; /* pages of 4 KiB or more */

	for (uint64_t at = 0; at < b->ram.size; at += BLOCK) {
		if (mincore(b->backing.host + at, BLOCK, there) < 0)
			return false;
		for (size_t i = 0; i < count; i++)
			if (there[i] & 1)
				return false;
	}
	return true;
}

/* Returns the best time, or a negative one if the memory is not there. */
static double best(struct bench *b, void (*give)(struct bench *b))
{
	double best = -1;

	for (int i = 0; i < ROUNDS; i++) {
		double took;

		if (madvise(b->backing.host, (size_t)b->ram.size,
			    MADV_POPULATE_WRITE) < 0)
			return -1;
		took = now_us();
		give(b);
		took = now_us() - took;
		if (b->err.code < 0 || !is_gone(b))
			return -1;
		best = best < 0 || took < best ? took : best;
	}
	return best;
}

static int measure(const char *name, uint64_t size, enum mem_huge huge)
{
	struct bench b;
	double took[3];

	if (begin(&b, size, huge) < 0) {
		(void)fprintf(stderr, "vmm-bench-discard: %s\n", b.err.msg);
		return -1;
	}
	took[0] = best(&b, floor_);
	took[1] = best(&b, range);
	took[2] = best(&b, frames);
	backing_finish(&b.backing);
	for (size_t i = 0; i < 3; i++)
		if (took[i] < 0) {
			perror("vmm-bench-discard: memory");
			return -1;
		}
	(void)printf("\"%s_floor_us\": %.0f, \"%s_range_us\": %.0f, "
		     "\"%s_frames_us\": %.0f",
		     name, took[0], name, took[1], name, took[2]);
	return 0;
}

int main(int argc, char *argv[])
{
	const uint64_t gib = argc > 1 ? strtoull(argv[1], NULL, 10) : 8;

	if (gib == 0 || gib > 1024)
		return 2;
	(void)printf("{\"gib\": %u, ", (unsigned)gib);
	if (measure("huge", gib * GIB, MEM_HUGE_AUTO) < 0)
		return 1;
	(void)printf(", ");
	if (measure("small", gib * GIB, MEM_HUGE_OFF) < 0)
		return 1;
	(void)printf("}\n");
	return 0;
}
