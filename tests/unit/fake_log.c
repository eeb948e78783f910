/* tests/unit/fake_log.c - a source of dirty pages that behaves as KVM's do. */
#include "tests/unit/fake_log.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint64_t region_pages(const struct fake_log *log, size_t region)
{
	return (log->map->region[region].gpa.size + 4095) / 4096;
}

static int fake_start(void *ctx, struct err *err)
{
	struct fake_log *log = ctx;

	if (log->start_fails)
		return err_set(err, log->start_fails, "no start");
	if (log->on)
		abort();
	log->on = true;
	log->starts++;
	log->entries = 0;
	/* Bits behind the end are set, too: nobody may rely on them. */
	memset(log->word, log->kind == FAKE_CLEAR ? 0xff : 0,
	       sizeof(log->word));
	return 0;
}

static void fake_stop(void *ctx)
{
	struct fake_log *log = ctx;

	if (!log->on)
		abort();
	log->on = false;
	log->stops++;
}

/* Every page is protected again once it was told. */
static void empty_fake_ring(struct fake_log *log, struct dirty *dirty)
{
	for (unsigned i = 0; i < log->entries; i++) {
		const size_t region = log->entry[i].region;
		const uint64_t page = log->entry[i].page;

		dirty_log_page(dirty, region, page);
		log->word[region][page / 64] &= ~htole64(UINT64_C(1)
							 << page % 64);
	}
	log->entries = 0;
}

static int fake_sync(void *ctx, struct dirty *dirty, struct err *err)
{
	struct fake_log *log = ctx;

	if (log->asked)
		log->asked(log->ctx);
	if (log->sync_fails)
		return err_set(err, log->sync_fails, "no sync");
	if (log->kind == FAKE_RING) {
		empty_fake_ring(log, dirty);
		return 0;
	}
	for (size_t i = 0; log->on && i < log->map->count; i++) {
		if (log->map->region[i].kind == MEM_RESERVED)
			continue;
		dirty_log_words(dirty, i, log->word[i],
				(size_t)(region_pages(log, i) + 63) / 64);
		if (log->kind == FAKE_BITMAP)
			memset(log->word[i], 0, sizeof(log->word[i]));
	}
	return 0;
}

static int fake_protect(void *ctx, size_t region, uint64_t first,
			const uint64_t *word, size_t count, struct err *err)
{
	struct fake_log *log = ctx;

	if (log->protect_fails)
		return err_set(err, log->protect_fails, "no protection");
	if (!log->on || first % 64 != 0)
		abort();
	log->protects++;
	for (size_t i = 0; i < count; i++)
		log->word[region][first / 64 + i] &= ~htole64(word[i]);
	return 0;
}

const struct dirty_source fake_bitmap = {
	.start = fake_start,
	.stop = fake_stop,
	.sync = fake_sync,
};

const struct dirty_source fake_clear = {
	.start = fake_start,
	.stop = fake_stop,
	.sync = fake_sync,
	.protect = fake_protect,
};

/* No pages to protect are asked for: emptying the ring does. */
const struct dirty_source fake_ring = {
	.start = fake_start,
	.stop = fake_stop,
	.sync = fake_sync,
};

const struct dirty_source *fake_log_source(const struct fake_log *log)
{
	static const struct dirty_source *const source[] = {
		[FAKE_BITMAP] = &fake_bitmap,
		[FAKE_CLEAR] = &fake_clear,
		[FAKE_RING] = &fake_ring,
	};

	return source[log->kind];
}

static void write_to_fake_ring(struct fake_log *log, size_t region,
			       uint64_t page)
{
	const uint64_t bit = htole64(UINT64_C(1) << page % 64);
	struct err err;

	if (log->word[region][page / 64] & bit)
		return;
	if (log->entries == FAKE_RING_ENTRIES) {
		log->exits++;
		if (dirty_sync(log->dirty, &err) < 0)
			abort();
	}
	log->word[region][page / 64] |= bit;
	log->entry[log->entries].region = region;
	log->entry[log->entries++].page = page;
}

void fake_log_write(struct fake_log *log, size_t region, uint64_t page)
{
	if (log->on && log->kind == FAKE_RING)
		write_to_fake_ring(log, region, page);
	else if (log->on)
		log->word[region][page / 64] |= htole64(UINT64_C(1)
							<< page % 64);
}
