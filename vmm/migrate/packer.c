/* vmm/migrate/packer.c - compresses pages on threads of its own. */
#include "vmm/migrate/packer.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#include "base/cleanup.h"

#define MAX_THREADS 8
#define SLOTS_A_THREAD 2 /* one is sent while the other is at work */
#define MAX_SLOTS (MAX_THREADS * SLOTS_A_THREAD)
#define FRAME_MAX ZSTD_COMPRESSBOUND(STREAM_DATA_MAX)
#define PACKER_STACK (512UL << 10)

struct packer_slot {
	struct packed packed;
	uint8_t *buf; /* owned; of FRAME_MAX bytes */
	uint8_t *raw; /* owned; of STREAM_DATA_MAX bytes: the guest may write
			 to its own while zstd reads */
	bool done; /* under the lock */
};

/* Pages are in slots of a ring: put, then begun, then taken. */
struct packer {
	struct packer_slot slot[MAX_SLOTS];
	unsigned slots;
	int level;
	pthread_t thread[MAX_THREADS];
	unsigned threads;
	pthread_mutex_t lock; /* of all that follows */
	pthread_cond_t work, done;
	uint64_t put, begun, taken; /* so far; they only grow */
	bool ends;
};

static struct packer_slot *slot_of(struct packer *packer, uint64_t number)
{
	return &packer->slot[number % packer->slots];
}

/* Returns false once there is to be no more work. */
static bool next_slot(struct packer *packer, struct packer_slot **ret)
{
	GUARD(&packer->lock);
	while (packer->begun == packer->put && !packer->ends)
		(void)pthread_cond_wait(&packer->work, &packer->lock);
	if (packer->begun == packer->put)
		return false;
	*ret = slot_of(packer, packer->begun++);
	return true;
}

/* What needs more room than it has, or fails, goes as it is. */
static void pack_slot(const struct packer *packer, struct packer_slot *slot,
		      ZSTD_CCtx *zstd)
{
	struct packed *packed = &slot->packed;
	const size_t raw = (size_t)(packed->pages.count * IMAGE_PAGE);
	size_t size;
	bool smaller;

	memcpy(slot->raw, packed->host, raw);
	packed->host = slot->raw;
	size = ZSTD_compressCCtx(zstd, slot->buf, FRAME_MAX, slot->raw, raw,
				 packer->level);
	smaller = !ZSTD_isError(size) && size < raw;
	packed->frame = smaller ? slot->buf : NULL;
	packed->size = smaller ? size : 0;
}

static void finish_slot(struct packer *packer, struct packer_slot *slot)
{
	GUARD(&packer->lock);
	slot->done = true;
	(void)pthread_cond_signal(&packer->done);
}

static void *pack_slots(void *arg)
{
	struct packer *packer = arg;
	ZSTD_CCtx *zstd = ZSTD_createCCtx();
	struct packer_slot *slot;

	while (next_slot(packer, &slot)) {
		/* Without memory for it, all goes as it is. */
		if (zstd)
			pack_slot(packer, slot, zstd);
		finish_slot(packer, slot);
	}
	(void)ZSTD_freeCCtx(zstd);
	return NULL;
}

static unsigned count_cpus(void)
{
	cpu_set_t set;
	int cpus = 1;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		cpus = CPU_COUNT(&set);
	return cpus < MAX_THREADS ? (unsigned)cpus : MAX_THREADS;
}

static int start_packers(struct packer *packer, unsigned wanted,
			 struct err *err)
{
	pthread_attr_t attr;
	int r = pthread_attr_init(&attr);

	if (r == 0)
		r = pthread_attr_setstacksize(&attr, PACKER_STACK);
	/* With fewer it takes longer. */
	while (r == 0 && packer->threads < wanted) {
		r = pthread_create(&packer->thread[packer->threads], &attr,
				   pack_slots, packer);
		packer->threads += r == 0;
	}
	(void)pthread_attr_destroy(&attr);
	return packer->threads > 0
		     ? 0
		     : err_set(err, -r, "compressing: %s", strerrordesc_np(r));
}

static int make_slots(struct packer *packer, unsigned count, struct err *err)
{
	for (; packer->slots < count; packer->slots++) {
		struct packer_slot *slot = &packer->slot[packer->slots];

		slot->buf = malloc(FRAME_MAX);
		slot->raw = malloc(STREAM_DATA_MAX);
		if (!slot->buf || !slot->raw) {
			packer->slots++;
			return err_set(err, -ENOMEM,
				       "compressing: out of memory");
		}
	}
	return 0;
}

int packer_new(struct packer **ret, int level, struct err *err)
{
	const unsigned threads = count_cpus();
	struct packer *packer = calloc(1, sizeof(*packer));
	int r;

	if (!packer)
		return err_set(err, -ENOMEM, "compressing: out of memory");
	packer->level = level;
	(void)pthread_mutex_init(&packer->lock, NULL);
	(void)pthread_cond_init(&packer->work, NULL);
	(void)pthread_cond_init(&packer->done, NULL);
	r = make_slots(packer, threads * SLOTS_A_THREAD, err);
	if (r == 0)
		r = start_packers(packer, threads, err);
	if (r < 0) {
		(void)packer_free(packer);
		return r;
	}
	*ret = packer;
	return 0;
}

struct packer *packer_free(struct packer *packer)
{
	if (!packer)
		return NULL;
	{
		GUARD(&packer->lock);
		packer->ends = true;
		packer->begun = packer->put;
		(void)pthread_cond_broadcast(&packer->work);
	}
	for (unsigned i = 0; i < packer->threads; i++)
		(void)pthread_join(packer->thread[i], NULL);
	for (unsigned i = 0; i < packer->slots; i++) {
		free(packer->slot[i].buf);
		free(packer->slot[i].raw);
	}
	(void)pthread_cond_destroy(&packer->work);
	(void)pthread_cond_destroy(&packer->done);
	(void)pthread_mutex_destroy(&packer->lock);
	free(packer);
	return NULL;
}

/* Only the caller's thread changes both numbers. */
bool packer_is_full(const struct packer *packer)
{
	return packer->put - packer->taken == packer->slots;
}

bool packer_is_empty(const struct packer *packer)
{
	return packer->put == packer->taken;
}

void packer_put(struct packer *packer, const struct stream_pages *pages,
		const uint8_t *host)
{
	struct packer_slot *slot;
	GUARD(&packer->lock);

	slot = slot_of(packer, packer->put);
	slot->packed = (struct packed){ .pages = *pages, .host = host };
	slot->done = false;
	packer->put++;
	(void)pthread_cond_signal(&packer->work);
}

void packer_take(struct packer *packer, struct packed *ret)
{
	struct packer_slot *slot = slot_of(packer, packer->taken);
	GUARD(&packer->lock);

	while (!slot->done)
		(void)pthread_cond_wait(&packer->done, &packer->lock);
	*ret = slot->packed;
	packer->taken++;
}
