/* mem/pageout.c - has the host swap guest memory out before it must. */
#include "mem/pageout.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>

#include "base/align.h"
#include "mem/advise.h"

/* Behind its heading the file has a line for each swap space. */
static bool has_swap(const char *swaps)
{
	FILE *file = fopen(swaps, "re");
	unsigned lines = 0;
	int c;

	if (!file)
		return false;
	while ((c = fgetc(file)) != EOF)
		lines += c == '\n';
	(void)fclose(file);
	return lines > 1;
}

int backing_check_pageout(const struct backing *backing, const char *swaps,
			  struct err *err)
{
	const struct mem_policy *policy = &backing->policy;

	if (policy->huge == MEM_HUGE_TLB)
		return err_set(err, -ENOTSUP,
			       "pages of a pool are never swapped out");
	if (policy->lock)
		return err_set(err, -ENOTSUP, "lock=on keeps its pages in");
	if (policy->source == MEM_FILE && policy->share)
		return 0; /* to the file */
	if (!has_swap(swaps))
		return err_set(err, -ENOTSUP,
			       "this host has no swap space to put pages "
			       "in (swapon(8))");
	return 0;
}

static int advise_pageout(const struct backing *backing, uint64_t offset,
			  uint64_t size, int advice)
{
	uint8_t *at = backing->host + offset;

	assert(is_aligned((uintptr_t)at | size, backing->page));
	assert(offset <= backing->size && size <= backing->size - offset);
	return mem_advise(at, size, advice);
}

int backing_pageout(const struct backing *backing, uint64_t offset,
		    uint64_t size)
{
	return advise_pageout(backing, offset, size, MADV_PAGEOUT);
}

int backing_cool(const struct backing *backing, uint64_t offset, uint64_t size)
{
	return advise_pageout(backing, offset, size, MADV_COLD);
}
