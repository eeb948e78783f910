/* host/disk_log.c - which pages of a disk were written, and since when. */
#include "host/disk_log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/zeroes.h"

#define BITS DISK_LOG_WORD

static uint64_t log_words(uint64_t pages)
{
	return pages / BITS + (pages % BITS != 0);
}

/* The bits of [from, to) that are in the word of @from. */
static uint32_t bits_of_word(uint64_t from, uint64_t to)
{
	const uint32_t low = UINT32_MAX << from % BITS;
	const uint64_t left = to - (from - from % BITS);

	return left < BITS ? low & ~(UINT32_MAX << left) : low;
}

static uint64_t next_log_word(uint64_t page)
{
	return page - page % BITS + BITS;
}

int disk_log_new(struct disk_log **ret, uint64_t size, bool all,
		 struct err *err)
{
	_cleanup_(freep) struct disk_log *log = calloc(1, sizeof(*log));
	const uint64_t pages = size / DISK_LOG_PAGE +
			       (size % DISK_LOG_PAGE != 0);
	const uint64_t bytes = log_words(pages) * sizeof(uint32_t);
	void *map = log ? map_zeroes(bytes) : NULL;

	if (!map)
		return err_set(err, -ENOMEM,
			       "no room for a log of %" PRIu64 " bytes", bytes);
	log->changed = map;
	log->bytes = (size_t)bytes;
	log->pages = pages;
	if (all)
		disk_log_mark(log, 0, size);
	*ret = TAKE_PTR(log);
	return 0;
}

struct disk_log *disk_log_free(struct disk_log *log)
{
	if (log)
		(void)munmap(log->changed, log->bytes);
	free(log);
	return NULL;
}

void disk_log_mark(struct disk_log *log, uint64_t offset, uint64_t len)
{
	uint64_t from = offset / DISK_LOG_PAGE;
	uint64_t to;

	if (len == 0)
		return;
	to = (offset + len - 1) / DISK_LOG_PAGE + 1;
	if (to > log->pages)
		to = log->pages;
	/* Release: who takes the bit sees what was written. */
	for (; from < to; from = next_log_word(from))
		(void)__atomic_fetch_or(&log->changed[from / BITS],
					bits_of_word(from, to),
					__ATOMIC_RELEASE);
}

unsigned disk_log_take(struct disk_log *log, uint64_t from, uint64_t *ret_first)
{
	for (; from < log->pages; from = next_log_word(from)) {
		uint32_t *word = &log->changed[from / BITS];
		const uint32_t there = __atomic_load_n(word, __ATOMIC_RELAXED) &
				       bits_of_word(from, log->pages);
		uint32_t lowest, run;

		if (there == 0)
			continue;
		/* Adding the lowest bit carries through the run. */
		lowest = there & -there;
		run = there & ~(there + lowest);
		(void)__atomic_fetch_and(word, ~run, __ATOMIC_ACQUIRE);
		*ret_first = from - from % BITS +
			     (unsigned)__builtin_ctz(there);
		return (unsigned)__builtin_popcount(run);
	}
	return 0;
}
