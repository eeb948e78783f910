/* mem/image_pack.c - the frames of a compressed image. */
#include "mem/image_pack.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"

#define MAX_THREADS 8
#define PACK_STACK (512UL << 10)

/* What the threads share. */
struct packing {
	struct image_pack *pack; /* borrowed */
	pthread_mutex_t lock; /* of all that follows */
	uint64_t next; /* the next chunk that no thread has */
	uint64_t end; /* of the file */
	int code; /* the first failure */
};

/* What a thread has for itself. */
struct packer {
	ZSTD_CCtx *zstd; /* owned */
	uint8_t *pages; /* owned; of a chunk */
	uint8_t *frame; /* owned; of IMAGE_FRAME_MAX bytes */
};

static void packer_finish(struct packer *packer)
{
	(void)ZSTD_freeCCtx(packer->zstd);
	free(packer->pages);
	free(packer->frame);
}

/* Reads what the image holds of a chunk, and takes it out of the file. */
static int gather_pages(const struct image_pack *pack, uint64_t chunk,
			uint8_t *to, size_t *ret_size)
{
	const uint8_t *state = pack->state + chunk * IMAGE_CHUNK_PAGES;
	const uint64_t base = chunk * IMAGE_CHUNK;
	unsigned i = 0;

	*ret_size = 0;
	while (i < IMAGE_CHUNK_PAGES) {
		const unsigned first = i;
		size_t len;
		int r;

		while (i < IMAGE_CHUNK_PAGES && state[i] == IMAGE_DATA)
			i++;
		len = (size_t)((i - first) * IMAGE_PAGE);
		r = file_read_at(pack->from, to + *ret_size, len,
				 base + first * IMAGE_PAGE);
		if (r < 0)
			return r;
		*ret_size += len;
		i += i == first;
	}
	/* Where that cannot be, the space is free at the end. */
	if (*ret_size > 0)
		(void)fallocate(pack->from,
				FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				(off_t)base, (off_t)IMAGE_CHUNK);
	return 0;
}

static uint64_t reserve_frame(struct packing *packing, size_t size)
{
	GUARD(&packing->lock);
	packing->end += size;
	return packing->end - size;
}

static int pack_chunk(struct packing *packing, struct packer *packer,
		      uint64_t chunk)
{
	const struct image_pack *pack = packing->pack;
	struct image_frame *frame = &pack->frame[chunk];
	size_t size;
	int r = gather_pages(pack, chunk, packer->pages, &size);

	*frame = (struct image_frame){ 0 };
	if (r < 0 || size == 0)
		return r;
	size = ZSTD_compressCCtx(packer->zstd, packer->frame, IMAGE_FRAME_MAX,
				 packer->pages, size, pack->level);
	if (ZSTD_isError(size))
		return -ENOMEM;
	frame->at = reserve_frame(packing, size);
	frame->size = (uint32_t)size;
	return file_write_at(pack->to, packer->frame, size, frame->at);
}

/* Returns false if there is none left, or a thread has failed. */
static bool next_to_pack(struct packing *packing, uint64_t *ret)
{
	GUARD(&packing->lock);
	if (packing->code == 0 &&
	    __atomic_load_n(packing->pack->stop, __ATOMIC_RELAXED))
		packing->code = -ECANCELED;
	if (packing->code < 0 || packing->next == packing->pack->chunks)
		return false;
	*ret = packing->next++;
	return true;
}

static int pack_chunks(struct packing *packing)
{
	_cleanup_(packer_finish) struct packer packer = {
		.zstd = ZSTD_createCCtx(),
		.pages = malloc(IMAGE_CHUNK),
		.frame = malloc(IMAGE_FRAME_MAX),
	};
	uint64_t chunk;
	int r = 0;

	if (!packer.zstd || !packer.pages || !packer.frame)
		return -ENOMEM;
	while (r == 0 && next_to_pack(packing, &chunk))
		r = pack_chunk(packing, &packer, chunk);
	return r;
}

static void *run_packer(void *arg)
{
	struct packing *packing = arg;
	const int r = pack_chunks(packing);

	GUARD(&packing->lock);
	if (packing->code == 0)
		packing->code = r;
	return NULL;
}

static unsigned count_packers(uint64_t chunks)
{
	cpu_set_t set;
	int cpus = 1;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		cpus = CPU_COUNT(&set);
	if (cpus > MAX_THREADS)
		cpus = MAX_THREADS;
	return chunks < (unsigned)cpus ? (unsigned)chunks : (unsigned)cpus;
}

/* Has up to @count threads beside this one do the work. */
static void run_packers(struct packing *packing, unsigned count)
{
	pthread_t thread[MAX_THREADS];
	unsigned started = 0;
	pthread_attr_t attr;

	if (pthread_attr_init(&attr) == 0) {
		(void)pthread_attr_setstacksize(&attr, PACK_STACK);
		/* With fewer it takes longer. */
		while (started < count && started < MAX_THREADS &&
		       pthread_create(&thread[started], &attr, run_packer,
				      packing) == 0)
			started++;
		(void)pthread_attr_destroy(&attr);
	}
	(void)run_packer(packing);
	while (started > 0)
		(void)pthread_join(thread[--started], NULL);
}

int image_pack(struct image_pack *pack, struct err *err)
{
	const unsigned threads = count_packers(pack->chunks);
	struct packing packing = { .pack = pack };

	(void)pthread_mutex_init(&packing.lock, NULL);
	run_packers(&packing, threads > 0 ? threads - 1 : 0);
	(void)pthread_mutex_destroy(&packing.lock);
	pack->size = packing.end;
	return packing.code < 0 ? err_set(err, packing.code, "compressing: %s",
					  strerrordesc_np(-packing.code))
				: 0;
}

void image_unpack_finish(struct image_unpack *unpack)
{
	(void)ZSTD_freeDCtx(unpack->zstd);
	free(unpack->frame);
	*unpack = (struct image_unpack){ 0 };
}

static int get_memory(struct image_unpack *unpack)
{
	if (!unpack->zstd)
		unpack->zstd = ZSTD_createDCtx();
	if (!unpack->frame)
		unpack->frame = malloc(IMAGE_FRAME_MAX);
	return unpack->zstd && unpack->frame ? 0 : -ENOMEM;
}

int image_unpack(struct image_unpack *unpack, int fd,
		 const struct image_frame *frame, uint8_t *to, size_t size)
{
	int r = get_memory(unpack);

	if (r == 0)
		r = file_read_at(fd, unpack->frame, frame->size, frame->at);
	return r == 0 ? zstd_frame_unpack(unpack->zstd, unpack->frame,
					  frame->size, to, size)
		      : r;
}
