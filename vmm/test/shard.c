/* vmm/test/shard.c - one of several parts of a suite. */
#include "vmm/test/shard.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"

struct timed_run {
	uint64_t ns;
	size_t place;
};

static int compare_times(const void *a, const void *b)
{
	const struct timed_run *one = a, *other = b;

	if (one->ns != other->ns)
		return one->ns > other->ns ? -1 : 1;
	return one->place < other->place ? -1 : 1;
}

/* The mean of the times that are known, or any time if none is. */
static uint64_t mean_time(const uint64_t *ns, size_t count)
{
	uint64_t sum = 0;
	size_t known = 0;

	for (size_t i = 0; i < count; i++) {
		sum += ns[i];
		known += ns[i] > 0;
	}
	return known > 0 ? sum / known : 1;
}

static size_t least_of(const uint64_t *sum, uint64_t shards)
{
	size_t least = 0;

	for (size_t i = 1; i < shards; i++)
		if (sum[i] < sum[least])
			least = i;
	return least;
}

int shard_divide(const uint64_t *ns, size_t count, uint64_t shards,
		 uint64_t *ret, struct err *err)
{
	_cleanup_(freep) uint64_t *sum = calloc((size_t)shards, sizeof(*sum));
	_cleanup_(freep) struct timed_run *run = calloc(count + 1,
							sizeof(*run));
	const uint64_t mean = mean_time(ns, count);

	if (!sum || !run)
		return err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < count; i++)
		run[i] = (struct timed_run){ ns[i] > 0 ? ns[i] : mean, i };
	qsort(run, count, sizeof(*run), compare_times);
	for (size_t i = 0; i < count; i++) {
		const size_t part = least_of(sum, shards);

		sum[part] += run[i].ns;
		ret[run[i].place] = part + 1;
	}
	return 0;
}
