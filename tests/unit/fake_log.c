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

static int fake_sync(void *ctx, struct dirty *dirty, struct err *err)
{
	struct fake_log *log = ctx;

	if (log->asked)
		log->asked(log->ctx);
	if (log->sync_fails)
		return err_set(err, log->sync_fails, "no sync");
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

const struct dirty_source *fake_log_source(const struct fake_log *log)
{
	return log->kind == FAKE_CLEAR ? &fake_clear : &fake_bitmap;
}

void fake_log_write(struct fake_log *log, size_t region, uint64_t page)
{
	if (log->on)
		log->word[region][page / 64] |= htole64(UINT64_C(1)
							<< page % 64);
}
