/* vmm/snapshot/lazy.c - guest memory that comes from a snapshot when it is
 * touched. */
#include "vmm/snapshot/lazy.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/event_fd.h"
#include "base/log.h"
#include "mem/bitmap.h"
#include "mem/discard.h"
#include "mem/faults.h"
#include "mem/fill.h"
#include "mem/image_map.h"
#include "vmm/snapshot/order.h"

#define LAZY_STACK (256UL << 10) /* the index and checksums of a chunk */
#define MESSAGES 16 /* that are read at a time */

struct lazy_region {
	struct mem_fill fill;
	struct lazy *lazy; /* borrowed */
	size_t region; /* of the chain */
	struct backing *backing; /* borrowed */
	uint64_t chunks;
	/* Under lazy->lock: */
	uint64_t *done; /* owned; a bit for each chunk: it was fetched, or is
			   not wanted any more */
	uint64_t left; /* chunks that are not */
	uint64_t next; /* the first that may not be */
};

struct lazy {
	const struct image_chain *chain; /* borrowed; under @lock */
	void (*failed)(void *ctx);
	void *ctx;
	int uffd; /* owned */
	int nothing; /* owned; a memfd of no bytes */
	int wake; /* owned; an eventfd: @prefetch or @ends has changed */
	bool prefetch; /* atomic */
	uint64_t began; /* when it was set, by clock_ns(); before it */
	bool ends; /* atomic */
	bool started;
	pthread_t thread;
	struct lazy_region region[MEM_MAX_REGIONS];
	size_t regions;

	int dir; /* borrowed; of @id's snapshot; if @records */
	const char *id; /* borrowed */

	pthread_mutex_t lock; /* of all that follows, and of the chain */
	struct order follows; /* owned; what is fetched first */
	size_t followed; /* of it: so many were looked at */
	struct order seen; /* owned; what was asked for */
	bool records; /* that is noted */
	uint8_t *buf; /* owned mapping; a chunk */
	int code; /* the first failure */
	struct err err;
	struct lazy_stats stats;
};

int lazy_check(const struct mem_policy *policy, struct err *err)
{
	/* The same memory, for the same reasons. */
	return image_map_check(policy, err);
}

int lazy_new(struct lazy **ret, const struct image_chain *chain,
	     void (*failed)(void *ctx), void *ctx, struct err *err)
{
	struct lazy *lazy = calloc(1, sizeof(*lazy));
	int r = 0;

	if (!lazy)
		return err_set(err, -ENOMEM, "snapshot: out of memory");
	*lazy = (struct lazy){ .chain = chain,
			       .failed = failed,
			       .ctx = ctx,
			       .nothing = -1,
			       .wake = -1 };
	(void)pthread_mutex_init(&lazy->lock, NULL);
	lazy->uffd = faults_open(err);
	if (lazy->uffd < 0)
		r = lazy->uffd;
	if (r == 0)
		lazy->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (r == 0 && lazy->wake < 0)
		r = err_sys(err, "eventfd");
	if (r == 0)
		lazy->nothing = memfd_create("lost", MFD_CLOEXEC);
	if (r == 0 && lazy->nothing < 0)
		r = err_sys(err, "memfd_create");
	if (r == 0) {
		void *buf = mmap(NULL, IMAGE_CHUNK, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (buf == MAP_FAILED)
			r = err_sys(err, "snapshot");
		else
			lazy->buf = buf;
	}
	if (r < 0)
		(void)lazy_free(lazy);
	else
		*ret = lazy;
	return r;
}

/* The lock is held. */
static bool is_done(const struct lazy_region *r, uint64_t chunk)
{
	return r->done[chunk / 64] >> chunk % 64 & 1;
}

/* All of a region is there: it is memory as any other, and whoever waits goes
 * on. The lock is held. */
static void release_region(struct lazy_region *r)
{
	faults_release(r->lazy->uffd, r->backing->host, r->backing->size);
}

static void mark_done(struct lazy_region *r, uint64_t from, uint64_t to)
{
	r->left -= bitmap_set(r->done, from, to);
	if (r->left == 0)
		release_region(r);
}

/* The guest stops before anybody goes on without the memory. The lock is held.
 */
static void lose_memory(struct lazy *lazy, int code, const struct err *err)
{
	if (lazy->code < 0)
		return;
	lazy->code = code;
	lazy->err = *err;
	/* The guest runs: this is no bad usage any more. */
	lazy->err.input = false;
	if (lazy->failed)
		lazy->failed(lazy->ctx);
}

/* Puts the chunk's content in place, in whole pages of the host. */
static int put_merged(const struct lazy_region *r, uint64_t chunk,
		      const struct image_merged *what, struct err *err)
{
	const uint64_t page = r->backing->page;
	const uint64_t size = what->pages * IMAGE_PAGE;
	uint8_t *host = r->backing->host + chunk * IMAGE_CHUNK;
	uint64_t at = 0;
	int code = 0;

	while (code == 0 && at < size) {
		uint64_t from = at;

		while (at < size &&
		       memchr(&what->state[at / IMAGE_PAGE], IMAGE_DATA,
			      (size_t)(page / IMAGE_PAGE)))
			at += page;
		if (at > from)
			code = faults_put(r->lazy->uffd, host + from,
					  r->lazy->buf + from, at - from, page,
					  err);
		else
			at += page;
	}
	return code;
}

/*
 * Nobody may take what is not there for zeroes, and write these to a disk: an
 * access to the chunk is a page that was lost from now on, SIGBUS or EFAULT
 * (adr/0011).
 */
static void lose_chunk(const struct lazy_region *r, uint64_t chunk)
{
	const uint64_t at = chunk * IMAGE_CHUNK;
	const uint64_t left = r->backing->size - at;

	(void)mmap(r->backing->host + at,
		   (size_t)(left < IMAGE_CHUNK ? left : IMAGE_CHUNK),
		   PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		   r->lazy->nothing, 0);
}

/* Fetches a chunk. The lock is held. */
static void fetch_chunk(struct lazy_region *r, uint64_t chunk)
{
	struct lazy *lazy = r->lazy;
	struct image_merged what;
	struct err err = { 0 };
	int code = lazy->code;

	if (code == 0) {
		/* A larger page has zeroes beside what is read. */
		if (r->backing->page > IMAGE_PAGE)
			memset(lazy->buf, 0, IMAGE_CHUNK);
		code = image_chain_load_chunk(lazy->chain, r->region, chunk,
					      &what, lazy->buf, &err);
		if (code == 0)
			code = put_merged(r, chunk, &what, &err);
		if (code < 0)
			lose_memory(lazy, code, &err);
	}
	if (code < 0)
		lose_chunk(r, chunk);
	mark_done(r, chunk, chunk + 1);
}

/* What is not fetched may hold something. */
static bool next_unfetched(struct mem_fill *fill, uint64_t *from, uint64_t end,
			   uint64_t *ret_end)
{
	struct lazy_region *r = container_of(fill, struct lazy_region, fill);
	uint64_t first, last;
	GUARD(&r->lazy->lock);

	if (*from >= end)
		return false;
	first = bitmap_next_clear(r->done, *from / IMAGE_CHUNK, r->chunks);
	if (first * IMAGE_CHUNK >= end)
		return false;
	last = bitmap_next_set(r->done, first, r->chunks) * IMAGE_CHUNK;
	if (*from < first * IMAGE_CHUNK)
		*from = first * IMAGE_CHUNK;
	*ret_end = last < end ? last : end;
	return true;
}

/* Of what is given back nothing is fetched later. A chunk of which a part stays
 * is fetched now. */
static void forget_chunks(struct lazy_region *r, uint64_t offset, uint64_t size)
{
	const uint64_t end = offset + size;
	const bool to_the_end = end == r->backing->size;
	uint64_t first = offset / IMAGE_CHUNK, last = end / IMAGE_CHUNK;
	GUARD(&r->lazy->lock);

	if (r->left == 0)
		return;
	if (offset % IMAGE_CHUNK != 0 && !is_done(r, first))
		fetch_chunk(r, first);
	if (end % IMAGE_CHUNK != 0 && !to_the_end && !is_done(r, last))
		fetch_chunk(r, last);
	first += offset % IMAGE_CHUNK != 0;
	last += end % IMAGE_CHUNK != 0 && to_the_end;
	if (r->left > 0 && first < last)
		mark_done(r, first, last);
}

static int discard_lazy(struct mem_fill *fill, const struct backing *backing,
			uint64_t offset, uint64_t size)
{
	struct lazy_region *r = container_of(fill, struct lazy_region, fill);

	if (size > 0)
		forget_chunks(r, offset, size);
	return backing_drop(backing, offset, size);
}

/* Memory comes by reads, whose errors are told by lazy_error(). */
static bool find_no_lost(struct mem_fill *fill, uint64_t *ret_offset)
{
	(void)fill;
	(void)ret_offset;
	return false;
}

static void explain_lazy(struct mem_fill *fill, uint64_t offset,
			 struct err *err)
{
	(void)fill;
	(void)offset;
	(void)err_set(err, -EFAULT, "the host cannot give this page");
}

static const struct mem_fill_ops lazy_ops = {
	.next = next_unfetched,
	.discard = discard_lazy,
	.find_lost = find_no_lost,
	.explain = explain_lazy,
};

int lazy_add(struct lazy *lazy, size_t region, struct backing *backing,
	     struct err *err)
{
	struct lazy_region *r = &lazy->region[lazy->regions];
	const uint64_t chunks = image_chunks(backing->size);
	int code;

	*r = (struct lazy_region){ .fill.ops = &lazy_ops,
				   .lazy = lazy,
				   .region = region,
				   .backing = backing,
				   .chunks = chunks,
				   .left = chunks };
	r->done = calloc((size_t)bitmap_words(chunks), sizeof(*r->done));
	if (!r->done)
		return err_set(err, -ENOMEM, "snapshot: out of memory");
	lazy->regions++;
	code = faults_catch(lazy->uffd, backing->host, backing->size, err);
	if (code < 0)
		return code;
	backing->fill = &r->fill;
	return 0;
}

void lazy_follow(struct lazy *lazy, int dir, const char *id)
{
	struct err err = { 0 };

	if (order_read(&lazy->follows, dir, id, &err) < 0 &&
	    err.code != -ENOENT)
		log_info("memory: no order is followed: %s", err.msg);
}

void lazy_record(struct lazy *lazy, int dir, const char *id)
{
	lazy->dir = dir;
	lazy->id = id;
	lazy->records = true;
}

static struct lazy_region *find_lazy_region(struct lazy *lazy, uint64_t address)
{
	for (size_t i = 0; i < lazy->regions; i++) {
		struct lazy_region *r = &lazy->region[i];

		if (address - (uintptr_t)r->backing->host < r->backing->size)
			return r;
	}
	return NULL;
}

static void serve_fault(struct lazy *lazy, uint64_t address)
{
	struct lazy_region *r = find_lazy_region(lazy, address);
	uint64_t page, chunk;
	GUARD(&lazy->lock);

	if (!r)
		return;
	page = r->backing->page;
	chunk = (address - (uintptr_t)r->backing->host) / IMAGE_CHUNK;
	lazy->stats.faults++;
	if (!is_done(r, chunk)) {
		fetch_chunk(r, chunk);
		lazy->stats.fetched++;
		if (lazy->records)
			order_add(&lazy->seen, r->region, chunk);
	}
	/* Of a chunk that is done a page that is not there is zero. */
	faults_put_zero(lazy->uffd, align_down(address, page), page);
}

/* Serves whoever waits now. */
static void serve_faults(struct lazy *lazy)
{
	struct uffd_msg msg[MESSAGES];
	const ssize_t n = read(lazy->uffd, msg, sizeof(msg));

	for (ssize_t i = 0; i < n / (ssize_t)sizeof(*msg); i++)
		if (msg[i].event == UFFD_EVENT_PAGEFAULT)
			serve_fault(lazy, msg[i].arg.pagefault.address);
}

/* A chunk of an order, which is not trusted; NULL if it is not wanted. */
static struct lazy_region *wanted_region(struct lazy *lazy,
					 const struct order_chunk *what)
{
	for (size_t i = 0; i < lazy->regions; i++) {
		struct lazy_region *r = &lazy->region[i];

		if (r->region == what->region)
			return what->chunk < r->chunks &&
					       !is_done(r, what->chunk)
				     ? r
				     : NULL;
	}
	return NULL;
}

/* Fetches the next chunk of the order that is followed. Returns false if there
 * is none. The lock is held. */
static bool follow_order(struct lazy *lazy)
{
	while (lazy->followed < lazy->follows.count) {
		const struct order_chunk *what =
			&lazy->follows.at[lazy->followed++];
		struct lazy_region *r = wanted_region(lazy, what);

		if (!r)
			continue;
		fetch_chunk(r, what->chunk);
		lazy->stats.prefetched++;
		lazy->stats.followed++;
		return true;
	}
	return false;
}

/* Fetches the next chunk that nobody has asked for. Returns false if there is
 * none. */
static bool prefetch_chunk(struct lazy *lazy)
{
	GUARD(&lazy->lock);

	if (follow_order(lazy))
		return true;
	for (size_t i = 0; i < lazy->regions; i++) {
		struct lazy_region *r = &lazy->region[i];

		r->next = bitmap_next_clear(r->done, r->next, r->chunks);
		if (r->next == r->chunks)
			continue;
		fetch_chunk(r, r->next);
		lazy->stats.prefetched++;
		return true;
	}
	lazy->stats.complete = true;
	(void)munmap(lazy->buf, IMAGE_CHUNK);
	lazy->buf = NULL;
	return false;
}

static void tell_complete(struct lazy *lazy)
{
	struct lazy_stats stats;

	lazy_stats(lazy, &stats);
	log_info("memory: all fetched; %" PRIu64 " faults waited, for %" PRIu64
		 " chunks; %" PRIu64 " chunks before anybody asked, %" PRIu64
		 " of them by the order that was noted",
		 stats.faults, stats.fetched, stats.prefetched, stats.followed);
}

/* What was asked for is what the next guest will ask for. */
static void end_record(struct lazy *lazy)
{
	struct err err;

	if (order_write(&lazy->seen, lazy->dir, lazy->id, &err) < 0)
		log_warn("--record: %s", err.msg);
	else
		log_info("memory: %zu chunks were asked for first",
			 lazy->seen.count);
	GUARD(&lazy->lock);
	lazy->records = false;
}

/* How long nothing is fetched yet that nobody asks for, in ms; 0: it is; -1:
 * until the guest runs. */
static int prefetch_waits(const struct lazy *lazy)
{
	uint64_t passed;

	if (!__atomic_load_n(&lazy->prefetch, __ATOMIC_ACQUIRE))
		return -1;
	if (!lazy->records)
		return 0;
	passed = (clock_ns() - lazy->began) / NS_PER_MS;
	return passed < LAZY_RECORD_MS ? (int)(LAZY_RECORD_MS - passed) : 0;
}

static void *run_lazy(void *arg)
{
	struct lazy *lazy = arg;
	struct pollfd fds[] = { { .fd = lazy->uffd, .events = POLLIN },
				{ .fd = lazy->wake, .events = POLLIN } };

	while (!__atomic_load_n(&lazy->ends, __ATOMIC_ACQUIRE)) {
		const int wait = prefetch_waits(lazy);
		uint64_t count;

		if (wait == 0 && lazy->records)
			end_record(lazy);
		(void)poll(fds, 2, wait);
		if (fds[1].revents & POLLIN)
			(void)!read(lazy->wake, &count, sizeof(count));
		if (fds[0].revents & POLLIN)
			serve_faults(lazy);
		else if (wait == 0 && !prefetch_chunk(lazy))
			break;
	}
	if (!__atomic_load_n(&lazy->ends, __ATOMIC_ACQUIRE))
		tell_complete(lazy);
	/* Of a guest that never ran, or lost memory, nothing is learnt. */
	else if (lazy->records && lazy->code == 0 &&
		 __atomic_load_n(&lazy->prefetch, __ATOMIC_ACQUIRE))
		end_record(lazy);
	return NULL;
}

int lazy_start(struct lazy *lazy, struct err *err)
{
	pthread_attr_t attr;
	int r = pthread_attr_init(&attr);

	if (r == 0) {
		(void)pthread_attr_setstacksize(&attr, LAZY_STACK);
		r = pthread_create(&lazy->thread, &attr, run_lazy, lazy);
		(void)pthread_attr_destroy(&attr);
	}
	if (r != 0)
		return err_set(err, -r, "snapshot: thread: %s",
			       strerrordesc_np(r));
	lazy->started = true;
	return 0;
}

void lazy_prefetch(struct lazy *lazy)
{
	lazy->began = clock_ns();
	__atomic_store_n(&lazy->prefetch, true, __ATOMIC_RELEASE);
	event_fd_signal(lazy->wake);
}

void lazy_stats(struct lazy *lazy, struct lazy_stats *ret)
{
	GUARD(&lazy->lock);
	*ret = lazy->stats;
}

int lazy_error(struct lazy *lazy, struct err *err)
{
	GUARD(&lazy->lock);
	if (lazy->code < 0)
		*err = lazy->err;
	return lazy->code;
}

void lazy_stop(struct lazy *lazy)
{
	if (!lazy->started)
		return;
	__atomic_store_n(&lazy->ends, true, __ATOMIC_RELEASE);
	event_fd_signal(lazy->wake);
	(void)pthread_join(lazy->thread, NULL);
	lazy->started = false;
}

struct lazy *lazy_free(struct lazy *lazy)
{
	if (!lazy)
		return NULL;
	lazy_stop(lazy);
	fd_closep(&lazy->uffd);
	fd_closep(&lazy->wake);
	fd_closep(&lazy->nothing);
	if (lazy->buf)
		(void)munmap(lazy->buf, IMAGE_CHUNK);
	for (size_t i = 0; i < lazy->regions; i++)
		free(lazy->region[i].done);
	order_finish(&lazy->follows);
	order_finish(&lazy->seen);
	(void)pthread_mutex_destroy(&lazy->lock);
	free(lazy);
	return NULL;
}
