/* mem/dirty.c - which pages of guest memory changed, and since when. */
#include "mem/dirty.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "mem/bitmap.h"
#include "mem/blocks.h"

/*
 * A changed page reaches a reader in one of three ways: by a mark, by the log,
 * or, if another reader took the bit from one of those first, by this reader's
 * own bitmap, to which that reader copied it.
 */
struct dirty_reader {
	struct dirty *dirty; /* borrowed */
	struct dirty_bits pending; /* under dirty->lock */
	bool all; /* the next harvest gives every page; under dirty->lock */

	/* The harvest: the chunk it is at, which the reader owns alone. */
	bool giving_all;
	bool ended;
	size_t next; /* the chunk to take after this one */
	size_t region; /* of @word */
	size_t chunk; /* of @word */
	uint64_t bits; /* how many of @word stand for a page */
	uint64_t at; /* the first not given yet */
	uint64_t word[BITS_CHUNK_WORDS];
};

static uint64_t dirty_region_pages(const struct dirty *dirty, size_t region)
{
	const uint64_t size = dirty->map->region[region].gpa.size;

	return ((size - 1) >> dirty->page_shift) + 1;
}

static size_t region_chunks(const struct dirty *dirty, size_t region)
{
	if (dirty->map->region[region].kind == MEM_RESERVED)
		return 0;
	return (size_t)((dirty_region_pages(dirty, region) - 1) /
			BITS_CHUNK_PAGES) +
	       1;
}

static void dirty_mark(struct mem_watch *watch, const void *host, uint64_t len)
{
	struct dirty *dirty = container_of(watch, struct dirty, watch);

	/* Pairs with the release in set_active(): the bitmap is there. */
	if (!__atomic_load_n(&watch->active, __ATOMIC_ACQUIRE) || len == 0)
		return;
	for (size_t i = 0; i < dirty->map->count; i++) {
		const struct mem_region *r = &dirty->map->region[i];
		const uint64_t at = (uintptr_t)host - (uintptr_t)r->host;
		uint64_t first, last;

		if (r->kind == MEM_RESERVED || at >= r->gpa.size)
			continue;
		if (len > r->gpa.size - at)
			len = r->gpa.size - at;
		first = at >> dirty->page_shift;
		last = (at + len - 1) >> dirty->page_shift;
		bits_mark(&dirty->marks,
			  dirty->first_chunk[i] * BITS_CHUNK_PAGES + first,
			  last - first + 1);
		return;
	}
}

void dirty_init(struct dirty *dirty, const struct mem_map *map,
		uint64_t page_size)
{
	assert(map->frozen && is_pow2(page_size));
	*dirty = (struct dirty){ .map = map, .watch.wrote = dirty_mark };
	(void)pthread_mutex_init(&dirty->lock, NULL);
	dirty->page_shift = (unsigned)__builtin_ctzll(page_size);
	for (size_t i = 0; i < map->count; i++) {
		dirty->first_chunk[i] = dirty->chunks;
		dirty->chunks += region_chunks(dirty, i);
	}
}

void dirty_finish(struct dirty *dirty)
{
	if (!dirty->map)
		return;
	assert(dirty->readers == 0);
	bits_finish(&dirty->marks);
	bits_finish(&dirty->logged);
	(void)pthread_mutex_destroy(&dirty->lock);
	*dirty = (struct dirty){ 0 };
}

void dirty_log_words(struct dirty *dirty, size_t region, const uint64_t *word,
		     size_t count)
{
	const size_t chunks = region_chunks(dirty, region);
	uint64_t host[BITS_CHUNK_WORDS];

	for (size_t i = 0; i < chunks && dirty->readers > 0; i++) {
		const size_t at = i * BITS_CHUNK_WORDS;
		size_t words = BITS_CHUNK_WORDS;

		if (at >= count)
			return;
		if (words > count - at)
			words = count - at;
		/* Most chunks of most logs are clean. */
		if (!bits_any(word + at, words))
			continue;
		for (size_t j = 0; j < words; j++)
			host[j] = le64toh(word[at + j]);
		bits_or(&dirty->logged, dirty->first_chunk[region] + i, host,
			words);
	}
}

void dirty_log_page(struct dirty *dirty, size_t region, uint64_t page)
{
	const size_t chunk = dirty->first_chunk[region] +
			     (size_t)(page / BITS_CHUNK_PAGES);

	if (dirty->readers == 0 || page >= dirty_region_pages(dirty, region))
		return;
	bits_chunk(&dirty->logged, chunk)[page % BITS_CHUNK_PAGES / 64] |=
		UINT64_C(1) << page % 64;
	dirty->logged.touched[chunk] = 1;
}

void dirty_log_region(struct dirty *dirty, size_t region)
{
	const size_t chunks = region_chunks(dirty, region);
	uint64_t all[BITS_CHUNK_WORDS];

	if (dirty->readers == 0)
		return;
	memset(all, 0xff, sizeof(all));
	for (size_t i = 0; i < chunks; i++)
		bits_or(&dirty->logged, dirty->first_chunk[region] + i, all,
			BITS_CHUNK_WORDS);
}

static int sync_log(struct dirty *dirty, struct err *err)
{
	return dirty->source
		     ? dirty->source->sync(dirty->source_ctx, dirty, err)
		     : 0;
}

int dirty_sync(struct dirty *dirty, struct err *err)
{
	GUARD(&dirty->lock);
	return sync_log(dirty, err);
}

int dirty_attach(struct dirty *dirty, const struct dirty_source *source,
		 void *ctx, struct err *err)
{
	GUARD(&dirty->lock);
	assert(!dirty->source);
	if (dirty->readers > 0) {
		const int r = source->start(ctx, err);

		if (r < 0)
			return r;
	}
	dirty->source = source;
	dirty->source_ctx = ctx;
	return 0;
}

void dirty_detach(struct dirty *dirty)
{
	struct err err;

	GUARD(&dirty->lock);
	if (!dirty->source)
		return;
	if (dirty->readers > 0) {
		if (sync_log(dirty, &err) < 0) {
			log_warn("all memory counts as written: %s", err.msg);
			for (size_t i = 0; i < dirty->readers; i++)
				dirty->reader[i]->all = true;
		}
		dirty->source->stop(dirty->source_ctx);
	}
	dirty->source = NULL;
}

/*
 * A thread that wrote and then read watch.active without a lock must have seen
 * it set, or its write must be visible to readers from now on. That takes a
 * full barrier between the two, in each thread that writes; as they look at
 * every write, and a reader comes once in a while, the kernel makes all threads
 * of the process execute one here instead.
 */
static int barrier_everywhere(struct err *err)
{
	/* Registering twice is fine. */
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED,
		    0, 0) < 0 ||
	    syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) <
		    0) {
		const int code = errno == EINVAL ? ENOTSUP : errno;

		return err_set(err, -code, "membarrier: %s",
			       strerrordesc_np(code));
	}
	return 0;
}

static void set_active(struct dirty *dirty, uint32_t active)
{
	__atomic_store_n(&dirty->watch.active, active, __ATOMIC_RELEASE);
}

static int start_watching(struct dirty *dirty, struct err *err)
{
	int r = 0;

	if (!dirty->marks.word)
		r = bits_init(&dirty->marks, dirty->chunks, err);
	if (r == 0 && !dirty->logged.word)
		r = bits_init(&dirty->logged, dirty->chunks, err);
	if (r < 0)
		return r;
	set_active(dirty, 1);
	r = barrier_everywhere(err);
	if (r == 0 && dirty->source)
		r = dirty->source->start(dirty->source_ctx, err);
	if (r < 0)
		set_active(dirty, 0);
	return r;
}

static void stop_dirty_log(struct dirty *dirty)
{
	if (dirty->source)
		dirty->source->stop(dirty->source_ctx);
	set_active(dirty, 0);
	/*
	 * The address range stays: a thread that still saw a reader may be
	 * about to mark. Its bit is one more for the next first reader.
	 */
	bits_forget(&dirty->marks);
	bits_forget(&dirty->logged);
}

static void reader_freep(struct dirty_reader **reader)
{
	if (*reader)
		bits_finish(&(*reader)->pending);
	free(*reader);
}

int dirty_reader_add(struct dirty *dirty, enum dirty_start from,
		     struct dirty_reader **ret, struct err *err)
{
	_cleanup_(reader_freep) struct dirty_reader *reader = calloc(
		1, sizeof(*reader));
	int r;

	if (!reader)
		return err_set(err, -ENOMEM, "dirty log: out of memory");
	reader->dirty = dirty;
	reader->all = from == DIRTY_ALL;
	reader->next = dirty->chunks;
	reader->ended = true;
	r = bits_init(&reader->pending, dirty->chunks, err);
	if (r < 0)
		return r;

	GUARD(&dirty->lock);
	if (dirty->readers == DIRTY_MAX_READERS)
		return err_set(err, -ENOSPC,
			       "%d already follow the guest's writes",
			       DIRTY_MAX_READERS);
	if (dirty->readers == 0)
		r = start_watching(dirty, err);
	if (r < 0)
		return r;
	dirty->reader[dirty->readers++] = reader;
	*ret = TAKE_PTR(reader);
	return 0;
}

struct dirty_reader *dirty_reader_remove(struct dirty_reader *reader)
{
	_cleanup_(reader_freep) struct dirty_reader *gone = reader;
	struct dirty *dirty;
	size_t i = 0;

	if (!reader)
		return NULL;
	dirty = reader->dirty;
	GUARD(&dirty->lock);
	while (dirty->reader[i] != reader)
		i++;
	dirty->reader[i] = dirty->reader[--dirty->readers];
	if (dirty->readers == 0)
		stop_dirty_log(dirty);
	return NULL;
}

/* Pages taken and not given come again. */
static void put_back(struct dirty_reader *reader)
{
	if (reader->at < reader->bits) {
		const size_t word = (size_t)(reader->at / 64);

		memset(reader->word, 0, word * sizeof(uint64_t));
		reader->word[word] &= UINT64_MAX << reader->at % 64;
		bits_or(&reader->pending, reader->chunk, reader->word,
			BITS_CHUNK_WORDS);
	}
	if (!reader->ended && reader->giving_all)
		reader->all = true;
}

int dirty_harvest(struct dirty_reader *reader, struct err *err)
{
	struct dirty *dirty = reader->dirty;

	GUARD(&dirty->lock);
	put_back(reader);
	reader->giving_all = reader->all;
	reader->all = false;
	reader->ended = false;
	reader->next = 0;
	reader->region = 0;
	reader->bits = 0;
	reader->at = 0;
	return sync_log(dirty, err);
}

/* How many of the chunk's bits stand for pages of @region. */
static uint64_t chunk_pages(const struct dirty *dirty, size_t region,
			    size_t chunk)
{
	const uint64_t before = (chunk - dirty->first_chunk[region]) *
				BITS_CHUNK_PAGES;
	const uint64_t left = dirty_region_pages(dirty, region) - before;

	return left < BITS_CHUNK_PAGES ? left : BITS_CHUNK_PAGES;
}

/*
 * A page whose bit is in the log, and which is not protected, may be written
 * without being logged again. That is well as long as the bit stays, for then
 * every reader still has to come by here before it copies the page.
 */
static int protect_chunk(struct dirty_reader *reader, struct err *err)
{
	struct dirty *dirty = reader->dirty;
	const uint64_t first = (reader->chunk -
				dirty->first_chunk[reader->region]) *
			       BITS_CHUNK_PAGES;

	if (!dirty->logged.touched[reader->chunk] || !dirty->source ||
	    !dirty->source->protect)
		return 0;
	return dirty->source->protect(dirty->source_ctx, reader->region, first,
				      bits_chunk(&dirty->logged, reader->chunk),
				      (size_t)((reader->bits + 63) / 64), err);
}

/* An unplugged block has no content. It counts as written once plugged. */
static void leave_out_unplugged(struct dirty_reader *reader)
{
	const struct dirty *dirty = reader->dirty;
	const struct mem_region *r = &dirty->map->region[reader->region];
	const uint64_t first = (reader->chunk -
				dirty->first_chunk[reader->region]) *
			       BITS_CHUNK_PAGES;
	uint64_t at = 0, run;

	for (; r->blocks && at < reader->bits; at += run) {
		bool plugged;

		run = blocks_run(r->blocks, (first + at) << dirty->page_shift,
				 (reader->bits - at) << dirty->page_shift,
				 &plugged) >>
		      dirty->page_shift;
		if (!plugged)
			(void)bitmap_clear(reader->word, at, at + run);
	}
}

/* Takes all that is known of reader->chunk, and leaves a copy to the others. */
static int take_dirty_chunk(struct dirty_reader *reader, struct err *err)
{
	struct dirty *dirty = reader->dirty;
	const int r = protect_chunk(reader, err);

	if (r < 0)
		return r;
	memset(reader->word, 0, sizeof(reader->word));
	bits_take(&dirty->logged, reader->chunk, reader->word);
	bits_take_marks(&dirty->marks, reader->chunk, reader->word);
	for (size_t i = 0; i < dirty->readers; i++)
		if (dirty->reader[i] != reader)
			bits_or(&dirty->reader[i]->pending, reader->chunk,
				reader->word, BITS_CHUNK_WORDS);
	bits_take(&reader->pending, reader->chunk, reader->word);
	if (reader->giving_all)
		memset(reader->word, 0xff, sizeof(reader->word));
	leave_out_unplugged(reader);
	return 0;
}

static bool is_touched(const struct dirty_reader *reader, size_t chunk)
{
	const struct dirty *dirty = reader->dirty;

	return reader->giving_all || reader->pending.touched[chunk] ||
	       dirty->logged.touched[chunk] ||
	       __atomic_load_n(&dirty->marks.touched[chunk], __ATOMIC_RELAXED);
}

/* How many pages of a chunk would be given. */
static uint64_t count_chunk(const struct dirty_reader *reader, size_t chunk,
			    uint64_t bits)
{
	const struct dirty *dirty = reader->dirty;
	const uint64_t *pending = bits_chunk(&reader->pending, chunk);
	const uint64_t *logged = bits_chunk(&dirty->logged, chunk);
	uint64_t count = 0;

	if (reader->giving_all)
		return bits;
	for (size_t i = 0; i * 64 < bits; i++) {
		uint64_t word = pending[i] | logged[i] |
				bits_look_at_marks(&dirty->marks, chunk, i);

		/* Of the last word, some may be behind the region's end. */
		if (bits - i * 64 < 64)
			word &= (UINT64_C(1) << bits % 64) - 1;
		count += (uint64_t)__builtin_popcountll(word);
	}
	return count;
}

uint64_t dirty_left(struct dirty_reader *reader)
{
	struct dirty *dirty = reader->dirty;
	uint64_t pages = 0;
	size_t region = 0;

	GUARD(&dirty->lock);
	for (size_t c = reader->next; c < dirty->chunks; c++) {
		if (!is_touched(reader, c))
			continue;
		while (region + 1 < dirty->map->count &&
		       dirty->first_chunk[region + 1] <= c)
			region++;
		pages += count_chunk(reader, c, chunk_pages(dirty, region, c));
	}
	return pages << dirty->page_shift;
}

/* Returns 1 if there is a next chunk, and it is taken; or 0, or an error. */
static int take_next(struct dirty_reader *reader, struct err *err)
{
	struct dirty *dirty = reader->dirty;
	int r;

	GUARD(&dirty->lock);
	while (reader->next < dirty->chunks &&
	       !is_touched(reader, reader->next))
		reader->next++;
	if (reader->next == dirty->chunks)
		return 0;
	reader->chunk = reader->next;
	while (reader->region + 1 < dirty->map->count &&
	       dirty->first_chunk[reader->region + 1] <= reader->chunk)
		reader->region++;
	reader->bits = chunk_pages(dirty, reader->region, reader->chunk);
	reader->at = reader->bits;
	r = take_dirty_chunk(reader, err);
	if (r < 0)
		return r;
	reader->at = 0;
	reader->next++;
	return 1;
}

static void describe_dirty_run(const struct dirty_reader *reader,
			       struct bits_run run, struct dirty_run *ret)
{
	const struct dirty *dirty = reader->dirty;
	const struct mem_region *r = &dirty->map->region[reader->region];
	const uint64_t page = (reader->chunk -
			       dirty->first_chunk[reader->region]) *
				      BITS_CHUNK_PAGES +
			      run.first;
	const uint64_t start = page << dirty->page_shift;
	const uint64_t size = run.count << dirty->page_shift;
	const uint64_t room = r->gpa.size - start;

	*ret = (struct dirty_run){
		.region = reader->region,
		.gpa = { r->gpa.start + start, size < room ? size : room },
		.host = r->host + start,
	};
}

int dirty_next(struct dirty_reader *reader, struct dirty_run *ret,
	       struct err *err)
{
	struct bits_run run;

	while (!bits_next_run(reader->word, reader->bits, reader->at, &run)) {
		const int r = take_next(reader, err);

		if (r == 0)
			reader->ended = true;
		if (r <= 0)
			return r;
	}
	reader->at = run.first + run.count;
	describe_dirty_run(reader, run, ret);
	return 1;
}
