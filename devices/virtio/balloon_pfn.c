/* devices/virtio/balloon_pfn.c - arrays of page numbers, made into ranges. */
#include "devices/virtio/balloon_pfn.h"

#include <endian.h>
#include <linux/virtio_balloon.h>
#include <stdbool.h>

#define PFNS (UINT64_C(1) << 32)
#define CHUNK 16

/* True if each of CHUNK numbers behind p[0] is @step more than the one before.
 * Without a branch, so that it is done in vectors. */
static bool chunk_runs_on(const uint32_t *p, uint32_t step)
{
	uint32_t off = 0;

	for (size_t i = 0; i < CHUNK; i++)
		off |= le32toh(p[i + 1]) - le32toh(p[i]) - step;
	return off == 0;
}

/* How many numbers from p[0] on make a run. */
static size_t run_length(const uint32_t *p, size_t count, uint32_t step)
{
	size_t n = 1;

	if (n == count || le32toh(p[1]) != le32toh(p[0]) + step)
		return n;
	while (n + CHUNK <= count && chunk_runs_on(p + n - 1, step))
		n += CHUNK;
	while (n < count && le32toh(p[n]) == le32toh(p[n - 1]) + step)
		n++;
	return n;
}

size_t balloon_pfn_runs(const uint32_t *pfn, size_t count, struct range *ret)
{
	size_t runs = 0;

	for (size_t i = 0; i < count;) {
		const uint64_t first = le32toh(pfn[i]);
		size_t n = run_length(pfn + i, count - i, 1);
		uint64_t lowest = first;

		if (n > PFNS - first) {
			n = (size_t)(PFNS - first); /* then comes page 0 */
		} else if (n == 1) {
			n = run_length(pfn + i, count - i, UINT32_MAX);
			if (n > first + 1)
				n = (size_t)first + 1;
			lowest = first - (n - 1);
		}
		ret[runs++] = (struct range){
			lowest << VIRTIO_BALLOON_PFN_SHIFT,
			(uint64_t)n << VIRTIO_BALLOON_PFN_SHIFT
		};
		i += n;
	}
	return runs;
}
