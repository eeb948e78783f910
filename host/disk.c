/* host/disk.c - a raw disk image. */
#include "host/disk.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "host/disk_format.h"
#include "mem/iov.h"

#define BOUNCE_SIZE ((size_t)64 * 1024)
#define PAGE 4096 /* more than direct I/O asks of memory */

/* The current step of a request's io. Not every request does every step. */
enum step {
	STEP_MOVE, /* read or write */
	STEP_ALLOCATE, /* discard or zero, by fallocate(2) */
	STEP_ZEROES, /* zero, by writing: where fallocate() cannot */
	STEP_SYNC,
};

struct raw {
	struct disk disk;
	char *path; /* owned; for messages */
	int fd; /* owned */
	struct aio_client client;
	uint32_t mem_align; /* of direct I/O's buffers, in bytes; 0: any do */
	bool cannot_zero; /* fallocate() has no FALLOC_FL_ZERO_RANGE here */
	uint64_t errors; /* requests the host failed; the first is logged */
};

static const uint8_t zeroes[PAGE] __attribute__((aligned(PAGE)));

static struct raw *raw_of(struct disk *disk)
{
	return container_of(disk, struct raw, disk);
}

static void finish_disk_request(struct disk_req *req, int res)
{
	static const char *const what[] = {
		[DISK_READ] = "read",	      [DISK_WRITE] = "write",
		[DISK_FLUSH] = "flush",	      [DISK_DISCARD] = "discard",
		[DISK_ZERO] = "write zeroes",
	};
	struct raw *raw = raw_of(req->disk);

	free(req->bounce);
	req->bounce = NULL;
	if (res < 0 && res != -ECANCELED && raw->errors++ == 0)
		log_warn("%s: %s at byte %" PRIu64 ": %s (the guest is told; "
			 "no more of these are shown)",
			 raw->path, what[req->kind], req->offset + req->moved,
			 strerrordesc_np(-res));
	req->done(req, res);
}

/* Direct I/O wants each buffer to begin and end where the hardware likes. */
static bool must_bounce(const struct raw *raw, const struct disk_req *req)
{
	if (raw->mem_align == 0)
		return false;
	for (size_t i = 0; i < req->iovs; i++)
		if (!is_aligned((uintptr_t)req->iov[i].iov_base,
				raw->mem_align) ||
		    !is_aligned(req->iov[i].iov_len, raw->disk.block))
			return true;
	return false;
}

/* Has the next part go through req->bounce. */
static int prepare_bounce(struct disk_req *req)
{
	const uint64_t left = req->len - req->moved;
	const size_t len = left < BOUNCE_SIZE ? (size_t)left : BOUNCE_SIZE;

	if (!req->bounce)
		req->bounce = aligned_alloc(PAGE, BOUNCE_SIZE);
	if (!req->bounce)
		return -ENOMEM;
	if (req->kind == DISK_WRITE)
		(void)iov_read(req->iov, req->iovs, 0, req->bounce, len);
	req->piece[0] = (struct iovec){ req->bounce, len };
	req->io.iov = req->piece;
	req->io.iovs = 1;
	req->io.len = len;
	return 0;
}

/* Has the next part be what one turn of the loop may move. */
static void prepare_part(struct disk_req *req)
{
	uint64_t left = AIO_TURN;
	unsigned n = 0;

	for (; n < DISK_PIECES && n < req->iovs && left > 0; n++) {
		const size_t len = req->iov[n].iov_len;

		req->piece[n] = req->iov[n];
		if (len > left)
			req->piece[n].iov_len = (size_t)left;
		left -= req->piece[n].iov_len;
	}
	req->io.iov = req->piece;
	req->io.iovs = n;
	req->io.len = AIO_TURN - left;
}

static int prepare_move(const struct raw *raw, struct disk_req *req)
{
	const uint64_t left = req->len - req->moved;

	req->io.kind = req->kind == DISK_READ ? AIO_READV : AIO_WRITEV;
	req->io.offset = req->offset + req->moved;
	if (must_bounce(raw, req))
		return prepare_bounce(req);
	/* An earlier part may have gone through it. */
	free(req->bounce);
	req->bounce = NULL;
	if (left > AIO_TURN) {
		prepare_part(req);
		return 0;
	}
	req->io.iov = req->iov;
	req->io.iovs = (unsigned)req->iovs;
	req->io.len = left;
	return 0;
}

static void prepare_allocate(struct disk_req *req)
{
	const bool punch = req->kind == DISK_DISCARD || req->unmap;

	req->io.kind = AIO_FALLOCATE;
	req->io.mode = FALLOC_FL_KEEP_SIZE |
		       (punch ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE);
	req->io.offset = req->offset;
	req->io.len = req->len;
}

static void prepare_zeroes(struct disk_req *req)
{
	/* An iovec has no const; a write only reads. */
	const union {
		const uint8_t *in;
		void *out;
	} page = { zeroes };
	uint64_t left = req->len - req->moved;
	unsigned n = 0;

	for (; n < DISK_PIECES && left > 0; n++) {
		const size_t len = left < PAGE ? (size_t)left : PAGE;

		req->piece[n] = (struct iovec){ page.out, len };
		left -= len;
	}
	req->io.kind = AIO_WRITEV;
	req->io.offset = req->offset + req->moved;
	req->io.iov = req->piece;
	req->io.iovs = n;
	req->io.len = req->len - req->moved - left;
}

/* Starts what req->step says. */
static int begin_step(struct raw *raw, struct disk_req *req)
{
	int r = 0;

	switch (req->step) {
	case STEP_MOVE:
		r = prepare_move(raw, req);
		break;
	case STEP_ALLOCATE:
		prepare_allocate(req);
		break;
	case STEP_ZEROES:
		prepare_zeroes(req);
		break;
	default:
		req->io.kind = AIO_FDATASYNC;
	}
	if (r == 0)
		aio_start(&raw->client, &req->io);
	return r;
}

/* Goes on with another step, unless the request was cancelled. */
static void go_on(struct disk_req *req, enum step step)
{
	struct raw *raw = raw_of(req->disk);
	int r;

	req->step = step;
	r = aio_is_cancelled(&req->io) ? -ECANCELED : begin_step(raw, req);
	if (r < 0)
		finish_disk_request(req, r);
}

/* The bytes are where they belong. */
static void moved_all(struct disk_req *req)
{
	if (req->fua && req->kind != DISK_READ)
		go_on(req, STEP_SYNC);
	else
		finish_disk_request(req, 0);
}

static void moved_some(struct disk_req *req, int res)
{
	const size_t len = (size_t)res;

	if (res <= 0) {
		/* 0: the image has become shorter. */
		finish_disk_request(req, res < 0 ? res : -EIO);
		return;
	}
	if (req->kind == DISK_READ && req->bounce)
		(void)iov_write(req->iov, req->iovs, 0, req->bounce, len);
	if (req->kind != DISK_ZERO)
		iov_narrow(req->iov, &req->iovs, len, SIZE_MAX);
	req->moved += len;
	if (req->moved < req->len)
		go_on(req, req->step);
	else
		moved_all(req);
}

static void disk_space_allocated(struct disk_req *req, int res)
{
	struct raw *raw = raw_of(req->disk);
	/* -EINVAL: a block device with larger blocks than the guest's. */
	const bool cannot = res == -EOPNOTSUPP || res == -EINVAL;

	if (cannot && req->kind == DISK_ZERO) {
		if (res == -EOPNOTSUPP && !req->unmap)
			raw->cannot_zero = true;
		go_on(req, STEP_ZEROES);
	} else if (res == 0 || cannot) {
		moved_all(req);
	} else {
		finish_disk_request(req, res);
	}
}

static void disk_io_done(struct aio_req *io, int res)
{
	struct disk_req *req = container_of(io, struct disk_req, io);

	if (res == -EINTR)
		go_on(req, req->step);
	else if (req->step == STEP_ALLOCATE)
		disk_space_allocated(req, res);
	else if (req->step == STEP_SYNC)
		finish_disk_request(req, res);
	else
		moved_some(req, res);
}

static enum step first_step(const struct raw *raw, const struct disk_req *req)
{
	switch (req->kind) {
	case DISK_READ:
	case DISK_WRITE:
		return STEP_MOVE;
	case DISK_ZERO:
		return raw->cannot_zero && !req->unmap ? STEP_ZEROES
						       : STEP_ALLOCATE;
	case DISK_DISCARD:
		return STEP_ALLOCATE;
	case DISK_FLUSH:
		break;
	}
	return STEP_SYNC;
}

static int raw_start(struct disk *disk, struct disk_req *req)
{
	struct raw *raw = raw_of(disk);

	assert(!disk->ro || req->kind == DISK_READ || req->kind == DISK_FLUSH);
	assert(req->kind == DISK_FLUSH ||
	       (req->len > 0 && req->offset <= disk->size &&
		req->len <= disk->size - req->offset));
	req->disk = disk;
	req->moved = 0;
	req->bounce = NULL;
	req->io = (struct aio_req){ .fd = raw->fd, .done = disk_io_done };
	req->step = first_step(raw, req);
	return begin_step(raw, req);
}

static void raw_attach(struct disk *disk, pthread_mutex_t *lock)
{
	raw_of(disk)->client.lock = lock;
}

static void raw_kick(struct disk *disk)
{
	aio_flush(raw_of(disk)->client.aio);
}

static void raw_cancel(struct disk *disk)
{
	aio_cancel(&raw_of(disk)->client);
}

static bool raw_drain(struct disk *disk)
{
	struct raw *raw = raw_of(disk);

	if (aio_drain(&raw->client))
		return true;
	log_warn("%s: the host does not finish pending requests; they are "
		 "left to the end of the process",
		 raw->path);
	return false;
}

/* Extends the image by a hole. @now: its size, less than @size */
static int extend_image(const struct raw *raw, uint64_t now, uint64_t size,
			struct err *err)
{
	struct stat st;

	if (fstat(raw->fd, &st) < 0)
		return err_sys(err, "%s", raw->path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, -ENOSPC,
			       "%s: this block device has %" PRIu64
			       " bytes; it has to grow first",
			       raw->path, now);
	if (raw->disk.ro)
		return err_set(err, -EROFS,
			       "%s: is only read here and has %" PRIu64
			       " bytes; it has to grow first",
			       raw->path, now);
	if (size > INT64_MAX)
		return err_set(err, -EFBIG, "%s: no file can be so large",
			       raw->path);
	if (ftruncate(raw->fd, (off_t)size) < 0)
		return err_sys(err, "%s: extend it", raw->path);
	return 0;
}

static int raw_resize(struct disk *disk, uint64_t size, struct err *err)
{
	const struct raw *raw = raw_of(disk);
	uint64_t now = 0;
	int r = file_size(raw->fd, &now);

	if (r < 0) {
		errno = -r;
		return err_sys(err, "%s: size", raw->path);
	}
	if (size == DISK_SIZE_OF_IMAGE)
		size = now - now % disk->block;
	if (size % disk->block != 0)
		return err_set(err, -EINVAL,
			       "%s: %" PRIu64 " bytes are no number of blocks "
			       "of %" PRIu32,
			       raw->path, size, disk->block);
	if (size < disk->size)
		return err_set(err, -EINVAL,
			       "%s: a disk of %" PRIu64
			       " bytes cannot shrink to %" PRIu64,
			       raw->path, disk->size, size);
	if (size > now)
		r = extend_image(raw, now, size, err);
	if (r == 0)
		disk->size = size;
	return r;
}

int disk_stamp(int fd, struct disk_stamp *ret)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	*ret = (struct disk_stamp){ 0 };
	if (!S_ISBLK(st.st_mode)) {
		ret->seconds = st.st_mtim.tv_sec;
		ret->ns = (uint32_t)st.st_mtim.tv_nsec;
	}
	return file_size(fd, &ret->size);
}

static int raw_stamp(struct disk *disk, struct disk_stamp *ret, struct err *err)
{
	const struct raw *raw = raw_of(disk);
	const int r = disk_stamp(raw->fd, ret);

	return r < 0 ? err_set(err, r, "%s: %s", raw->path, strerrordesc_np(-r))
		     : 0;
}

static void raw_close(struct disk *disk)
{
	struct raw *raw = raw_of(disk);

	fd_closep(&raw->fd);
	free(raw->path);
	free(raw);
}

static const struct disk_ops raw_ops = {
	.attach = raw_attach,
	.start = raw_start,
	.kick = raw_kick,
	.cancel = raw_cancel,
	.drain = raw_drain,
	.resize = raw_resize,
	.stamp = raw_stamp,
	.close = raw_close,
};

static void raw_closep(struct raw **raw)
{
	if (*raw)
		raw_close(&(*raw)->disk);
}

/* Finds the block by trying, where the kernel does not tell. */
static uint32_t probe_block(int fd)
{
	_cleanup_(freep) uint8_t *buf = aligned_alloc(PAGE, PAGE);
	static const uint32_t sizes[] = { SECTOR_SIZE, PAGE };

	for (size_t i = 0; buf && i < sizeof(sizes) / sizeof(sizes[0]); i++)
		if (pread(fd, buf, sizes[i], 0) >= 0)
			return sizes[i];
	return 0;
}

/* Turns direct I/O on. Sets the block and how buffers are to be aligned. */
static int go_direct(struct raw *raw, struct err *err)
{
	struct statx st = { 0 };
	uint32_t block = 0;

	if (fcntl(raw->fd, F_SETFL, O_DIRECT) == 0) {
		(void)statx(raw->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &st);
		block = st.stx_mask & STATX_DIOALIGN ? st.stx_dio_offset_align
						     : probe_block(raw->fd);
	}
	if (!is_pow2(block) || block > PAGE || st.stx_dio_mem_align > PAGE)
		return err_input(err, -EOPNOTSUPP,
				 "%s: direct I/O is not possible here",
				 raw->path);
	raw->disk.block = block > SECTOR_SIZE ? block : SECTOR_SIZE;
	/* Told or not, a whole block is enough. */
	raw->mem_align = is_pow2(st.stx_dio_mem_align) ? st.stx_dio_mem_align
						       : raw->disk.block;
	return 0;
}

/* Refuses an image whose bytes are not what the guest is to see. */
static int check_raw(const struct raw *raw, uint64_t size, struct err *err)
{
	uint8_t head[DISK_FORMAT_BYTES] = { 0 };
	uint8_t tail[DISK_FORMAT_BYTES] = { 0 };
	const size_t len = size < sizeof(head) ? (size_t)size : sizeof(head);
	const char *format;
	int r = file_read_at(raw->fd, head, len, 0);

	if (r == 0)
		r = file_read_at(raw->fd, tail, len, size - len);
	if (r < 0) {
		errno = -r;
		return err_sys(err, "%s", raw->path);
	}
	format = disk_format(head, tail);
	if (!format)
		return 0;
	return err_input(err, -EMEDIUMTYPE,
			 "%s: is a %s image; only raw ones are taken: convert "
			 "it by 'qemu-img convert -O raw', or add "
			 "\",format=raw\" if the guest is to see the file as "
			 "it is",
			 raw->path, format);
}

static int size_disk(struct raw *raw, uint64_t size, struct err *err)
{
	const uint64_t rest = size % raw->disk.block;

	raw->disk.size = size - rest;
	if (raw->disk.size == 0)
		return err_input(err, -EINVAL,
				 "%s: %" PRIu64 " bytes are less than one "
				 "block of %" PRIu32,
				 raw->path, size, raw->disk.block);
	if (rest > 0)
		log_warn("%s: the last %" PRIu64 " bytes are no whole block "
			 "of %" PRIu32 "; the guest does not see them",
			 raw->path, rest, raw->disk.block);
	return 0;
}

int disk_open(struct disk **ret, const struct disk_options *opt,
	      struct aio *aio, struct err *err)
{
	_cleanup_(raw_closep) struct raw *raw = calloc(1, sizeof(*raw));
	struct file file;
	int r;

	if (!raw)
		return err_set(err, -ENOMEM, "%s: out of memory", opt->path);
	raw->fd = -1;
	raw->path = strdup(opt->path);
	if (!raw->path)
		return err_set(err, -ENOMEM, "%s: out of memory", opt->path);
	raw->disk = (struct disk){ .ops = &raw_ops,
				   .block = SECTOR_SIZE,
				   .ro = opt->ro };
	raw->client.aio = aio;

	r = file_open(&file, opt->path, opt->ro ? O_RDONLY : O_RDWR,
		      FILE_BLOCK_TOO | FILE_NOT_EMPTY, err);
	if (r < 0)
		return r;
	raw->fd = file.fd;
	r = opt->raw ? 0 : check_raw(raw, file.size, err);
	if (r == 0)
		r = file_lock(raw->fd, raw->path, !opt->ro, err);
	if (r == 0 && opt->direct)
		r = go_direct(raw, err);
	if (r == 0)
		r = size_disk(raw, file.size, err);
	if (r < 0)
		return r;
	*ret = &TAKE_PTR(raw)->disk;
	return 0;
}
