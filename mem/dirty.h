/*
 * mem/dirty.h - which pages of guest memory changed, and since when.
 *
 * Two write guest memory. The guest itself: KVM logs that, and a source (a
 * dirty_source; KVM's are in vmm/kvm/dirty_log.h) brings it here. And this
 * program, in the guest's place: devices, loaders. KVM never sees those writes,
 * so each is followed by mem_wrote() (mem/map.h).
 *
 * Several want to know (a snapshot, a migration, statistics). Each is a reader,
 * which begins and ends when it likes, harvests at its own pace, and takes
 * nothing from the others:
 *
 *	dirty_reader_add(dirty, DIRTY_FROM_NOW, &reader, &err);
 *	...
 *	dirty_harvest(reader, &err);
 *	while (dirty_next(reader, &run, &err) > 0)
 *		copy(run.host, run.gpa);
 *
 * Guarantee: a page whose bytes change after dirty_reader_add() has returned is
 * given by dirty_next() at least once after that change; a copy made then
 * contains that change or a later one. So a reader that copies what it is
 * given, and then does it once more while the guest is paused, has it all.
 *
 * Why mem_wrote() comes after the write. If it is called before a harvest takes
 * the page's bit, the reader gets the page, and copies after that: it sees the
 * write, for the bit was set with release and taken with acquire. If it is
 * called later, the bit is left for the next harvest. Called before the write,
 * the harvest could come between the two, and copy the old bytes, and nothing
 * would tell of the new ones. The same holds for writes by the kernel (io_uring
 * into a buffer): mem_wrote() follows the completion. While the guest is paused
 * no device has a write that is not told yet, as both happen under the device's
 * lock, with nothing in flight (device_ops.pause).
 *
 * Discarded memory is not reported (mem/reclaim.h): the guest gave up its
 * content. Memory that is unplugged (mem/blocks.h) is not given; plugged, it
 * was written.
 *
 * More than what changed may be given: a page written with what it held; the
 * buffers of a read from a disk that failed; and what a source says of itself.
 * Never less.
 *
 * A page is the host's. Nothing here costs memory while there is no reader;
 * with a reader, one or two bits for each page, allocated when touched.
 */
#ifndef MEM_DIRTY_H
#define MEM_DIRTY_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "mem/dirty_bits.h"
#include "mem/map.h"

#define DIRTY_MAX_READERS 8

struct dirty;
struct dirty_reader;

/*
 * The source that knows the guest's own writes. All are called with a lock held
 * that serializes them; they may call dirty_log_*(), and nothing else from
 * here.
 */
struct dirty_source {
	/* The first reader came: log from now on. */
	int (*start)(void *ctx, struct err *err);
	/* The last one left. */
	void (*stop)(void *ctx);
	/* Tell what was logged since the last time, by dirty_log_*(). */
	int (*sync)(void *ctx, struct dirty *dirty, struct err *err);
	/*
	 * NULL, or: sync() only told of pages, and a page is not logged again
	 * before this is called for it. The pages are those of @count words'
	 * set bits, from page @first of map->region[@region] on, a multiple of
	 * 64; all were told by a sync().
	 */
	int (*protect)(void *ctx, size_t region, uint64_t first,
		       const uint64_t *word, size_t count, struct err *err);
};

/* One machine's. The members are dirty.c's own. */
struct dirty {
	struct mem_watch watch; /* active while there are readers */
	pthread_mutex_t lock; /* of all that follows */
	const struct mem_map *map; /* borrowed */
	unsigned page_shift;
	size_t chunks; /* of all regions */
	size_t first_chunk[MEM_MAX_REGIONS];
	struct dirty_bits marks; /* by mem_wrote(): bits_mark() needs no lock */
	struct dirty_bits logged; /* by dirty_log_*() */
	struct dirty_reader *reader[DIRTY_MAX_READERS]; /* owned */
	size_t readers;
	const struct dirty_source *source; /* NULL: no VM */
	void *source_ctx;
};

/*
 * Begins without a reader. mem_wrote() reports here once map->watch is
 * &dirty->watch.
 *
 * @map:       frozen; borrowed; its regions are what is watched
 * @page_size: of the host, in bytes
 *
 * Thread: setup.
 */
void dirty_init(struct dirty *dirty, const struct mem_map *map,
		uint64_t page_size);

/* No reader is left, and no thread writes. Zeroed is fine. */
void dirty_finish(struct dirty *dirty);

/*
 * A VM comes and goes under the readers. dirty_attach() starts the source if
 * there are readers; dirty_detach() takes what it still has to tell, and then
 * does not use it any more: if that fails, every page counts as changed. No
 * vCPU runs in either.
 *
 * Returns 0, or what source->start() returned. Thread: any.
 */
int dirty_attach(struct dirty *dirty, const struct dirty_source *source,
		 void *ctx, struct err *err);
void dirty_detach(struct dirty *dirty);

/*
 * For a source, in sync(): the pages of map->region[@region] that are set in
 * @word, a bitmap with its bytes in little-endian order, from page 0 on; one
 * page; or every page. Pages behind the region's end are ignored; without a
 * reader all are.
 */
void dirty_log_words(struct dirty *dirty, size_t region, const uint64_t *word,
		     size_t count);
void dirty_log_page(struct dirty *dirty, size_t region, uint64_t page);
void dirty_log_region(struct dirty *dirty, size_t region);

/* Has the source tell now: a log that is full. Returns 0 or what sync()
 * returned. Thread: any. */
int dirty_sync(struct dirty *dirty, struct err *err);

enum dirty_start {
	DIRTY_FROM_NOW, /* what changes from now on */
	DIRTY_ALL, /* the same, and the first harvest gives every page */
};

/*
 * Adds a reader.
 *
 * The first one makes the source log. Where that is cheaper, a source reports
 * every page once more in the first harvest (DIRTY_FROM_NOW included).
 *
 * Returns 0; -ENOSPC if there are DIRTY_MAX_READERS; -ENOMEM; -ENOTSUP if the
 * kernel has no membarrier(2) (Linux 4.14); or what source->start() returned.
 * Thread: any; the lock of a device may be held.
 */
int dirty_reader_add(struct dirty *dirty, enum dirty_start from,
		     struct dirty_reader **ret, struct err *err);

/* Ends a reader. The source stops with the last. NULL is fine. */
struct dirty_reader *dirty_reader_remove(struct dirty_reader *reader);

/*
 * Begins a harvest: of all that changed since the last one began. Pages that it
 * has not given yet come again. Returns 0, or what source->sync() returned.
 * Thread: any, but one at a time for each reader; so is dirty_next().
 */
int dirty_harvest(struct dirty_reader *reader, struct err *err);

/*
 * How many bytes dirty_next() would give from here on if nothing changed any
 * more; pages that are not plugged may be counted, too. Nothing is taken.
 * Thread: as dirty_next().
 */
uint64_t dirty_left(struct dirty_reader *reader);

/* Neighbouring pages of one region that changed. */
struct dirty_run {
	size_t region; /* index in the map */
	struct range gpa;
	uint8_t *host;
};

/*
 * Gives the next run, in the order of the map. Runs end at the latest where a
 * chunk does. From a DIRTY_ALL reader's first harvest on, what a source has to
 * do before pages are copied is done here, chunk by chunk: just in time.
 *
 * Returns 1; 0 at the end of the harvest; or what source->protect() returned.
 */
int dirty_next(struct dirty_reader *reader, struct dirty_run *ret,
	       struct err *err);

#endif
