/* vmm/snapshot/lazy.c - guest memory that comes from a snapshot when it is
 * touched. */
#include "vmm/snapshot/lazy.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/event_fd.h"
#include "base/log.h"
#include "mem/bitmap.h"
#include "mem/faults.h"
#include "mem/image_map.h"
#include "mem/missing.h"
#include "vmm/snapshot/order.h"

#define LAZY_STACK (256UL << 10) /* the index and checksums of a chunk */

struct lazy {
	const struct image_chain *chain; /* borrowed; under the lock */
	void (*failed)(void *ctx);
	void *ctx;
	struct missing memory; /* owned; in chunks */
	int wake; /* owned; an eventfd: @prefetch or @ends has changed */
	bool prefetch; /* atomic */
	uint64_t began; /* when it was set, by clock_ns(); before it */
	bool ends; /* atomic */
	bool started;
	pthread_t thread;

	int dir; /* borrowed; of @id's snapshot; if @records */
	const char *id; /* borrowed */

	/* Under memory.lock, as is the chain: */
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
static int put_merged(const struct lazy *lazy, const struct missing_region *r,
		      uint64_t chunk, const struct image_merged *what,
		      struct err *err)
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
			code = faults_put(r->all->fd, host + from,
					  lazy->buf + from, at - from, page,
					  err);
		else
			at += page;
	}
	return code;
}

/* Fetches a chunk. The lock is held. */
static void fetch_chunk(struct missing_region *r, uint64_t chunk)
{
	struct lazy *lazy = container_of(r->all, struct lazy, memory);
	struct image_merged what;
	struct err err = { 0 };
	int code = lazy->code;

	if (code == 0) {
		/* A larger page has zeroes beside what is read. */
		if (r->backing->page > IMAGE_PAGE)
			memset(lazy->buf, 0, IMAGE_CHUNK);
		code = image_chain_load_chunk(lazy->chain, r->number, chunk,
					      &what, lazy->buf, &err);
		if (code == 0)
			code = put_merged(lazy, r, chunk, &what, &err);
		if (code < 0)
			lose_memory(lazy, code, &err);
	}
	if (code < 0)
		missing_lose(r, chunk, chunk + 1);
	missing_done(r, chunk, chunk + 1);
}

int lazy_new(struct lazy **ret, const struct image_chain *chain,
	     void (*failed)(void *ctx), void *ctx, struct err *err)
{
	struct lazy *lazy = calloc(1, sizeof(*lazy));
	int r;

	if (!lazy)
		return err_set(err, -ENOMEM, "snapshot: out of memory");
	*lazy = (struct lazy){
		.chain = chain, .failed = failed, .ctx = ctx, .wake = -1
	};
	r = missing_open(&lazy->memory, fetch_chunk, err);
	if (r == 0)
		lazy->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (r == 0 && lazy->wake < 0)
		r = err_sys(err, "eventfd");
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

int lazy_add(struct lazy *lazy, size_t region, struct backing *backing,
	     struct err *err)
{
	return missing_add(&lazy->memory, region, backing, IMAGE_CHUNK, true,
			   err);
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

static void serve_fault(struct lazy *lazy, uint64_t address)
{
	struct missing_region *r = missing_find(&lazy->memory, address);
	uint64_t chunk;
	GUARD(&lazy->memory.lock);

	if (!r)
		return;
	chunk = (address - (uintptr_t)r->backing->host) / IMAGE_CHUNK;
	lazy->stats.faults++;
	if (!missing_is_done(r, chunk)) {
		fetch_chunk(r, chunk);
		lazy->stats.fetched++;
		if (lazy->records)
			order_add(&lazy->seen, r->number, chunk);
	}
	/* Of a chunk that is done a page that is not there is zero. */
	missing_put_zero(r, address);
}

/* Serves whoever waits now. */
static void serve_faults(struct lazy *lazy)
{
	uint64_t address[MISSING_FAULTS];
	const size_t n = missing_read(&lazy->memory, address);

	for (size_t i = 0; i < n; i++)
		serve_fault(lazy, address[i]);
}

/* A chunk of an order, which is not trusted; NULL if it is not wanted. */
static struct missing_region *wanted_region(struct lazy *lazy,
					    const struct order_chunk *what)
{
	for (size_t i = 0; i < lazy->memory.regions; i++) {
		struct missing_region *r = &lazy->memory.region[i];

		if (r->number == what->region)
			return what->chunk < r->units &&
					       !missing_is_done(r, what->chunk)
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
		struct missing_region *r = wanted_region(lazy, what);

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
	GUARD(&lazy->memory.lock);

	if (follow_order(lazy))
		return true;
	for (size_t i = 0; i < lazy->memory.regions; i++) {
		struct missing_region *r = &lazy->memory.region[i];

		r->next = bitmap_next_clear(r->done, r->next, r->units);
		if (r->next == r->units)
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
	GUARD(&lazy->memory.lock);
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
	struct pollfd fds[] = { { .fd = lazy->memory.fd, .events = POLLIN },
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
	GUARD(&lazy->memory.lock);
	*ret = lazy->stats;
}

int lazy_error(struct lazy *lazy, struct err *err)
{
	GUARD(&lazy->memory.lock);
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
	fd_closep(&lazy->wake);
	if (lazy->buf)
		(void)munmap(lazy->buf, IMAGE_CHUNK);
	missing_close(&lazy->memory);
	order_finish(&lazy->follows);
	order_finish(&lazy->seen);
	free(lazy);
	return NULL;
}
