/*
 * tests/bench/residency.c - what it costs to see which memory is resident.
 *
 * Usage: vmm-bench-residency
 *
 * Prints JSON: milliseconds for a sparse mapping of 512 GiB (a page in each
 * 8 GiB, and 64 MiB together), in the steps that the control socket takes,
 * beside the floor: one PAGEMAP_SCAN of all of it; the same by reading the
 * pagemap, where a kernel has no scan; and one step of which every 4 KiB page
 * was touched, which the loop may be away at once. The best of five looks, on
 * the host it runs on.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "mem/residency.h"

#define GIB (UINT64_C(1) << 30)
#define SPARSE (512 * GIB)
#define LOOKS 5

static double now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static uint8_t *map(uint64_t size)
{
	void *host = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (host == MAP_FAILED)
		return NULL;
	(void)madvise(host, (size_t)size, MADV_NOHUGEPAGE);
	return host;
}

/* Returns the best time, or a negative one if the kernel refuses. */
static double best(const struct residency_source *source, const uint8_t *host,
		   uint64_t size, uint64_t step, struct residency *ret)
{
	struct err err = { 0 };
	double best = -1;

	for (int i = 0; i < LOOKS; i++) {
		const double begun = now_ms();
		double took;

		*ret = (struct residency){ 0 };
		for (uint64_t at = 0; at < size; at += step)
			if (residency_add(source, (uintptr_t)(host + at), step,
					  ret, &err) < 0)
				return -1;
		took = now_ms() - begun;
		best = best < 0 || took < best ? took : best;
	}
	return best;
}

int main(void)
{
	struct residency_source source;
	struct residency sparse, dense, unused;
	struct err err = { 0 };
	uint8_t *host = map(SPARSE), *full = map(GIB);
	double steps, once, step, reading;
	bool scan;

	if (!host || !full || residency_open(&source, &err) < 0)
		return 1;
	for (uint64_t at = 0; at < SPARSE; at += 8 * GIB)
		host[at] = 1;
	memset(host + 4 * GIB, 1, 64 << 20);
	memset(full, 1, GIB);
	scan = source.scan;
	steps = best(&source, host, SPARSE, residency_step(&source), &sparse);
	once = best(&source, host, SPARSE, SPARSE, &unused);
	step = best(&source, full, GIB, GIB, &dense);
	source.scan = false;
	reading = best(&source, host, SPARSE, residency_step(&source), &unused);
	(void)printf("{\"scan\": %s, \"sparse_512g_ms\": %.3f, "
		     "\"floor_one_scan_ms\": %.3f, \"dense_1g_ms\": %.3f, "
		     "\"reading_512g_ms\": %.1f, \"resident\": %llu, "
		     "\"dense_resident\": %llu}\n",
		     scan ? "true" : "false", steps, once, step, reading,
		     (unsigned long long)sparse.resident,
		     (unsigned long long)dense.resident);
	residency_close(&source);
	return 0;
}
