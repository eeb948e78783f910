/* vmm/boot/decompress.c - decompresses a part of a kernel file into memory. */
#include "vmm/boot/decompress.h"

#include <errno.h>
#include <inttypes.h>

#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/cleanup.h"

#define CHUNK (32u << 10) /* compressed bytes at a time */
#define FIRST (8ULL << 20) /* most kernels take one or two enlargements */

struct job {
	struct decompress_source in; /* what is left of it */
	uint64_t limit;
	uint8_t *out; /* owned */
	uint64_t used, room; /* of out, in bytes */
	uint8_t chunk[CHUNK];
};

static void job_free(struct job **job)
{
	if (*job)
		free((*job)->out);
	free(*job);
}

static int report_bad_stream(const struct job *job, const char *what,
			     struct err *err)
{
	return err_input(err, -EBADMSG, "kernel %s: compressed data: %s",
			 job->in.path, what);
}

static int report_job_memory(const struct job *job, struct err *err)
{
	return err_set(err, -ENOMEM, "kernel %s: no memory to decompress it",
		       job->in.path);
}

/* Reads the next chunk. Returns its length, or -errno. */
static int refill_input(struct job *job, struct err *err)
{
	const uint64_t left = job->in.size;
	const unsigned n = left < CHUNK ? (unsigned)left : CHUNK;
	int r;

	if (n == 0)
		return report_bad_stream(job, "truncated", err);
	r = job->in.read(job->in.ctx, job->in.offset, job->chunk, n, err);
	if (r < 0)
		return r;
	job->in.offset += n;
	job->in.size -= n;
	return (int)n;
}

/*
 * Makes room for a byte more. A byte beyond the limit shows that it is
 * exceeded.
 */
static int enlarge_output(struct job *job, struct err *err)
{
	uint64_t room = job->room ? job->room * 2 : FIRST;
	uint8_t *out;

	if (job->used < job->room)
		return 0;
	if (job->used > job->limit)
		return err_input(err, -EFBIG,
				 "kernel %s: decompresses to more than the "
				 "limit of %" PRIu64 " KiB",
				 job->in.path, job->limit >> 10);
	if (room > job->limit)
		room = job->limit + 1;
	out = room <= SIZE_MAX ? realloc(job->out, (size_t)room) : NULL;
	if (!out)
		return report_job_memory(job, err);
	job->out = out;
	job->room = room;
	return 0;
}

static void inflate_finish(z_stream *z)
{
	(void)inflateEnd(z);
}

static int decompress_gzip(struct job *job, struct err *err)
{
	_cleanup_(inflate_finish) z_stream z = { 0 };
	int end = inflateInit2(&z, 16 + MAX_WBITS); /* 16: gzip's header */

	if (end != Z_OK)
		return report_job_memory(job, err);
	while (end != Z_STREAM_END) {
		uint64_t room;
		int r = enlarge_output(job, err);

		if (r == 0 && z.avail_in == 0) {
			r = refill_input(job, err);
			z.next_in = job->chunk;
			z.avail_in = r > 0 ? (unsigned)r : 0;
		}
		if (r < 0)
			return r;
		room = job->room - job->used;
		z.next_out = job->out + job->used;
		z.avail_out = room < INT32_MAX ? (unsigned)room : INT32_MAX;
		end = inflate(&z, Z_NO_FLUSH);
		job->used = (uint64_t)(z.next_out - job->out);
		if (end == Z_MEM_ERROR)
			return report_job_memory(job, err);
		if (end != Z_OK && end != Z_STREAM_END && end != Z_BUF_ERROR)
			return report_bad_stream(job, z.msg ? z.msg : "broken",
						 err);
	}
	return 0;
}

static void zstd_freep(ZSTD_DCtx **z)
{
	(void)ZSTD_freeDCtx(*z);
}

static int decompress_zstd(struct job *job, struct err *err)
{
	_cleanup_(zstd_freep) ZSTD_DCtx *z = ZSTD_createDCtx();
	ZSTD_inBuffer in = { job->chunk, 0, 0 };
	size_t left = 1;

	if (!z)
		return report_job_memory(job, err);
	while (left != 0) {
		ZSTD_outBuffer out;
		int r = enlarge_output(job, err);

		if (r == 0 && in.pos == in.size) {
			r = refill_input(job, err);
			in.pos = 0;
			in.size = r > 0 ? (size_t)r : 0;
		}
		if (r < 0)
			return r;
		out = (ZSTD_outBuffer){ job->out, (size_t)job->room,
					(size_t)job->used };
		left = ZSTD_decompressStream(z, &out, &in);
		job->used = out.pos;
		if (!ZSTD_isError(left))
			continue;
		if (ZSTD_getErrorCode(left) == ZSTD_error_memory_allocation)
			return report_job_memory(job, err);
		return report_bad_stream(job, ZSTD_getErrorName(left), err);
	}
	return 0;
}

int decompress(const struct decompress_source *source,
	       enum decompress_method method, uint64_t limit, uint8_t **ret,
	       uint64_t *ret_size, struct err *err)
{
	_cleanup_(job_free) struct job *job = calloc(1, sizeof(*job));
	int r;

	if (!job)
		return err_set(err, -ENOMEM, "kernel %s: out of memory",
			       source->path);
	job->in = *source;
	job->limit = limit;
	r = method == DECOMPRESS_GZIP ? decompress_gzip(job, err)
				      : decompress_zstd(job, err);
	if (r < 0)
		return r;
	if (job->used == 0)
		return report_bad_stream(job, "empty", err);
	if (job->used > limit) {
		job->room = job->used;
		return enlarge_output(job, err);
	}
	*ret = TAKE_PTR(job->out);
	*ret_size = job->used;
	return 0;
}
