/* mem/populate.c - takes all pages of regions before the guest does. */
#include "mem/populate.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "mem/advise.h"
#include "mem/backing.h"
#include "mem/shortage.h"

#define MAX_THREADS 32 /* more wait for each other in the kernel */
#define CHUNK ((uint64_t)64 << 20) /* what is done between two looks around */

struct populate {
	const struct mem_map *map; /* borrowed */
	uint64_t total;
	/* Not uint64_t: a 32-bit host has no atomics of more than a word. */
	size_t done; /* atomic, bytes */
	size_t next; /* atomic: the first chunk nobody has taken */
	uint32_t stop; /* atomic */
	uint32_t busy; /* atomic: threads that are not at their end */
	int fd; /* owned */
	pthread_mutex_t lock; /* of err */
	struct err err; /* the first one */
	pthread_t thread[MAX_THREADS];
	unsigned threads;
};

static bool wants_populate(const struct mem_region *r)
{
	return r->backing && r->backing->policy.prealloc;
}

/* Pages are whole in it: both are powers of two. */
static uint64_t chunk_size(const struct mem_region *r)
{
	return r->backing->page > CHUNK ? r->backing->page : CHUNK;
}

/* Finds the chunk numbered @index, over all regions. False: there are less. */
static bool find_chunk(const struct populate *p, uint64_t index,
		       const struct mem_region **ret, struct range *ret_part)
{
	for (size_t i = 0; i < p->map->count; i++) {
		const struct mem_region *r = &p->map->region[i];
		uint64_t size, chunks;

		if (!wants_populate(r))
			continue;
		size = chunk_size(r);
		chunks = (r->gpa.size - 1) / size + 1;
		if (index < chunks) {
			const uint64_t left = r->gpa.size - index * size;

			*ret = r;
			*ret_part = (struct range){ index * size,
						    left < size ? left : size };
			return true;
		}
		index -= chunks;
	}
	return false;
}

static const char *explain_populate(const struct mem_region *r, int code)
{
	switch (code) {
	case EINVAL:
		return "this host's kernel cannot (MADV_POPULATE_WRITE, Linux "
		       "5.14)";
	case EHWPOISON:
		return "the host's memory has a hardware error there";
	case EFAULT:
		if (r->backing->policy.huge == MEM_HUGE_TLB)
			return "no huge page is left for it";
		if (r->backing->policy.source == MEM_FILE)
			return "its file has no room for it, or cannot be read";
		break;
	default:
		break;
	}
	return strerrordesc_np(code);
}

static void report_populate_failure(struct populate *p,
				    const struct mem_region *r,
				    struct range part, int code)
{
	char size[SIZE_TEXT];

	__atomic_store_n(&p->stop, 1, __ATOMIC_RELAXED);
	GUARD(&p->lock);
	if (p->err.code != 0)
		return;
	(void)err_set(&p->err, code == EINVAL ? -ENOTSUP : -code,
		      "prealloc=on: %s of %s at 0x%" PRIx64
		      ", offset 0x%" PRIx64 ": %s",
		      size_format(size, r->gpa.size), r->name, r->gpa.start,
		      part.start, explain_populate(r, code));
}

static bool populate_next(struct populate *p)
{
	const size_t index = __atomic_fetch_add(&p->next, 1, __ATOMIC_RELAXED);
	const struct mem_region *r;
	struct range part;
	int ret;

	if (__atomic_load_n(&p->stop, __ATOMIC_RELAXED) ||
	    !find_chunk(p, index, &r, &part))
		return false;
	ret = mem_advise(r->host + part.start, part.size, MADV_POPULATE_WRITE);
	if (ret < 0) {
		report_populate_failure(p, r, part, -ret);
		return false;
	}
	(void)__atomic_fetch_add(&p->done, (size_t)part.size, __ATOMIC_RELAXED);
	return true;
}

static void *populate_thread(void *arg)
{
	struct populate *p = arg;

	while (populate_next(p))
		;
	if (__atomic_sub_fetch(&p->busy, 1, __ATOMIC_ACQ_REL) == 0)
		(void)eventfd_write(p->fd, 1);
	return NULL;
}

static unsigned count_threads(const struct populate *p)
{
	const struct mem_region *r;
	struct range part;
	cpu_set_t set;
	unsigned n = 1;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		n = (unsigned)CPU_COUNT(&set);
	if (n > MAX_THREADS)
		n = MAX_THREADS;
	while (n > 1 && !find_chunk(p, n - 1, &r, &part))
		n--;
	return n;
}

/* Threads that could not be started leave more to the others, if any. */
static int start_threads(struct populate *p, struct err *err)
{
	const unsigned want = count_threads(p);
	int r = 0;

	p->busy = want;
	for (; r == 0 && p->threads < want; p->threads += r == 0)
		r = pthread_create(&p->thread[p->threads], NULL,
				   populate_thread, p);
	if (p->threads == 0)
		return err_set(err, -r, "prealloc=on: thread: %s",
			       strerrordesc_np(r));
	if (p->threads < want && __atomic_sub_fetch(&p->busy, want - p->threads,
						    __ATOMIC_ACQ_REL) == 0)
		(void)eventfd_write(p->fd, 1);
	return 0;
}

/*
 * How much of the host's free memory it takes to populate a region: none for a
 * pool, which has promised its pages, nor for a shared file, whose pages belong
 * to the page cache.
 */
static uint64_t region_takes(const struct mem_region *r)
{
	const struct mem_policy *policy = &r->backing->policy;

	if (policy->huge == MEM_HUGE_TLB)
		return 0;
	if (policy->source == MEM_FILE && policy->share)
		return shortage_of_file(r->backing->fd, r->gpa.size);
	return r->gpa.size;
}

static uint64_t still_needed(const struct mem_map *map)
{
	uint64_t need = 0;

	for (size_t i = 0; i < map->count; i++) {
		const struct mem_region *r = &map->region[i];

		if (wants_populate(r))
			need += region_takes(r);
	}
	return need;
}

int populate_start(struct populate **ret, const struct mem_map *map,
		   struct err *err)
{
	struct populate *p;
	uint64_t total = 0;
	int r;

	assert(map->frozen);
	for (size_t i = 0; i < map->count; i++)
		if (wants_populate(&map->region[i]))
			total += map->region[i].gpa.size;
	*ret = NULL;
	if (total == 0)
		return 0;
	r = shortage_check("prealloc=on", still_needed(map), err);
	if (r < 0)
		return r;
	p = calloc(1, sizeof(*p));
	if (!p)
		return err_set(err, -ENOMEM, "prealloc: out of memory");
	p->map = map;
	p->total = total;
	(void)pthread_mutex_init(&p->lock, NULL);
	p->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = p->fd < 0 ? err_sys(err, "eventfd") : start_threads(p, err);
	if (r < 0)
		(void)populate_finish(p, &(struct err){ 0 });
	else
		*ret = p;
	return r;
}

int populate_fd(const struct populate *p)
{
	return p->fd;
}

uint64_t populate_total(const struct populate *p)
{
	return p->total;
}

uint64_t populate_done(const struct populate *p)
{
	return __atomic_load_n(&p->done, __ATOMIC_RELAXED);
}

void populate_stop(struct populate *p)
{
	__atomic_store_n(&p->stop, 1, __ATOMIC_RELAXED);
}

int populate_finish(struct populate *p, struct err *err)
{
	int r;

	if (!p)
		return 0;
	for (unsigned i = 0; i < p->threads; i++)
		(void)pthread_join(p->thread[i], NULL);
	r = p->err.code;
	if (r < 0)
		*err = p->err;
	fd_closep(&p->fd);
	(void)pthread_mutex_destroy(&p->lock);
	free(p);
	return r;
}
