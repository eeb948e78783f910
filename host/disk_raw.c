/* host/disk_raw.c - a raw disk image. */
#include "host/disk_raw.h"

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
#include "mem/iov.h"

#define BOUNCE_SIZE ((size_t)64 * 1024)

/* The current step of a request's io. Not every request does every step. */
enum step {
	STEP_MOVE, /* read or write */
	STEP_ALLOCATE, /* discard or zero, by fallocate(2) */
	STEP_ZEROES, /* zero, by writing: where fallocate() cannot */
	STEP_SYNC,
};

static const uint8_t zeroes[DISK_PAGE] __attribute__((aligned(DISK_PAGE)));

/* The place of a disk's temporary file, for messages. */
static const char *temp_place(const struct raw *raw)
{
	if (!raw_is_temp(raw))
		return "";
	return raw->temp.where ? raw->temp.where : "memory";
}

/* Part of what failed may have been done. */
static void note_change(const struct raw *raw, const struct disk_req *req)
{
	if (req->kind == DISK_READ || req->kind == DISK_FLUSH)
		return;
	for (struct disk_log *log = raw->logs; log; log = log->next)
		disk_log_mark(log, req->offset, req->len);
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
	note_change(raw, req);
	if (res < 0 && res != -ECANCELED && raw->errors++ == 0)
		log_warn("%s%s%s: %s at byte %" PRIu64 ": %s (the guest is "
			 "told; no more of these are shown)",
			 raw->path,
			 raw_is_temp(raw) ? ", temporary file in " : "",
			 temp_place(raw), what[req->kind],
			 req->offset + req->moved, strerrordesc_np(-res));
	req->done(req, res);
}

/* Direct I/O wants each buffer to begin and end where the hardware likes. */
static bool must_bounce(const struct raw *raw, const struct disk_req *req)
{
	/* A temporary file is not opened for it. */
	if (raw->mem_align == 0 || req->io.fd != raw->fd)
		return false;
	for (size_t i = 0; i < req->iovs; i++)
		if (!is_aligned((uintptr_t)req->iov[i].iov_base,
				raw->mem_align) ||
		    !is_aligned(req->iov[i].iov_len, raw->disk.block))
			return true;
	return false;
}

/* Has the next part, of @left bytes at most, go through req->bounce. */
static int prepare_bounce(struct disk_req *req, uint64_t left)
{
	const size_t len = left < BOUNCE_SIZE ? (size_t)left : BOUNCE_SIZE;

	if (!req->bounce)
		req->bounce = aligned_alloc(DISK_PAGE, BOUNCE_SIZE);
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

/* Has the next part be of at most @most bytes. */
static void prepare_part(struct disk_req *req, uint64_t most)
{
	uint64_t left = most;
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
	req->io.len = most - left;
}

/*
 * Sets the file that the next part is in. Returns how much of the request is
 * there.
 */
static uint64_t find_part(const struct raw *raw, struct disk_req *req)
{
	const uint64_t left = req->len - req->moved;
	bool written = true;
	uint64_t run = left;

	req->io.fd = raw->fd;
	if (!raw_is_temp(raw))
		return left;
	if (req->kind == DISK_READ)
		run = disk_temp_run(&raw->temp, req->offset + req->moved, left,
				    &written);
	if (written)
		req->io.fd = raw->temp.fd;
	return run;
}

static int prepare_move(const struct raw *raw, struct disk_req *req)
{
	const uint64_t left = req->len - req->moved;
	const uint64_t run = find_part(raw, req);

	req->io.kind = req->kind == DISK_READ ? AIO_READV : AIO_WRITEV;
	req->io.offset = req->offset + req->moved;
	if (must_bounce(raw, req))
		return prepare_bounce(req, run);
	/* An earlier part may have gone through it. */
	free(req->bounce);
	req->bounce = NULL;
	if (run < left || left > AIO_TURN) {
		prepare_part(req, run < AIO_TURN ? run : AIO_TURN);
		return 0;
	}
	req->io.iov = req->iov;
	req->io.iovs = (unsigned)req->iovs;
	req->io.len = left;
	return 0;
}

static void prepare_allocate(const struct raw *raw, struct disk_req *req)
{
	/* A hole in a temporary file hides the image's bytes. */
	const bool punch = req->kind == DISK_DISCARD || req->unmap ||
			   raw_is_temp(raw);

	req->io.fd = raw_write_fd(raw);
	req->io.kind = AIO_FALLOCATE;
	req->io.mode = FALLOC_FL_KEEP_SIZE |
		       (punch ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE);
	req->io.offset = req->offset;
	req->io.len = req->len;
}

static void prepare_zeroes(const struct raw *raw, struct disk_req *req)
{
	/* An iovec has no const; a write only reads. */
	const union {
		const uint8_t *in;
		void *out;
	} page = { zeroes };
	uint64_t left = req->len - req->moved;
	unsigned n = 0;

	for (; n < DISK_PIECES && left > 0; n++) {
		const size_t len = left < DISK_PAGE ? (size_t)left : DISK_PAGE;

		req->piece[n] = (struct iovec){ page.out, len };
		left -= len;
	}
	req->io.fd = raw_write_fd(raw);
	req->io.kind = AIO_WRITEV;
	req->io.offset = req->offset + req->moved;
	req->io.iov = req->piece;
	req->io.iovs = n;
	req->io.len = req->len - req->moved - left;
}

/* What need not last has no more to do than come back in its turn. */
static void prepare_sync(const struct raw *raw, struct disk_req *req)
{
	req->io.fd = raw->fd;
	req->io.kind = raw_is_temp(raw) ? AIO_READV : AIO_FDATASYNC;
	req->io.iov = NULL;
	req->io.iovs = 0;
	req->io.offset = 0;
	req->io.len = 0;
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
		prepare_allocate(raw, req);
		break;
	case STEP_ZEROES:
		prepare_zeroes(raw, req);
		break;
	default:
		prepare_sync(raw, req);
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
	const struct raw *raw = raw_of(req->disk);

	if (req->fua && req->kind != DISK_READ && !raw_is_temp(raw))
		go_on(req, STEP_SYNC);
	else
		finish_disk_request(req, 0);
}

static void moved_some(struct disk_req *req, int res)
{
	struct raw *raw = raw_of(req->disk);
	const size_t len = (size_t)res;

	if (res <= 0) {
		/* 0: the image has become shorter. */
		finish_disk_request(req, res < 0 ? res : -EIO);
		return;
	}
	if (req->kind == DISK_READ && req->bounce)
		(void)iov_write(req->iov, req->iovs, 0, req->bounce, len);
	if (req->kind != DISK_READ && raw_is_temp(raw))
		disk_temp_wrote(&raw->temp, req->offset + req->moved, len);
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
		if (res == 0 && raw_is_temp(raw))
			disk_temp_wrote(&raw->temp, req->offset, req->len);
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
	req->io = (struct aio_req){ .done = disk_io_done };
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
	if (size > disk->size && raw_is_temp(raw))
		return err_set(
			err, -EOPNOTSUPP,
			"%s: a disk with 'temp' does not grow: its image "
			"is only read, and what is written to it "
			"vanishes",
			raw->path);
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

static bool raw_close(struct disk *disk)
{
	struct raw *raw = raw_of(disk);

	/* Logs begin and end on this thread alone. */
	if (raw->logs)
		return false;
	disk_temp_finish(&raw->temp);
	fd_closep(&raw->fd);
	free(raw->path);
	free(raw);
	return true;
}

const struct disk_ops raw_disk_ops = {
	.attach = raw_attach,
	.start = raw_start,
	.kick = raw_kick,
	.cancel = raw_cancel,
	.drain = raw_drain,
	.resize = raw_resize,
	.stamp = raw_stamp,
	.log = raw_log,
	.unlog = raw_unlog,
	.peek = raw_peek,
	.next_data = raw_next_data,
	.close = raw_close,
};
