/* tests/unit/fake_disk.c - a disk in memory, whose pace the test sets. */
#include "tests/unit/fake_disk.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "mem/iov.h"

static struct fake_disk *fake_of(struct disk *disk)
{
	return container_of(disk, struct fake_disk, disk);
}

static void fake_attach(struct disk *disk, pthread_mutex_t *lock)
{
	fake_of(disk)->lock = lock;
}

static int fake_start(struct disk *disk, struct disk_req *req)
{
	struct fake_disk *fake = fake_of(disk);

	if (fake->start_fails)
		return fake->start_fails;
	/* What every disk may rely on. */
	if (req->kind != DISK_FLUSH &&
	    (req->len == 0 || req->offset > disk->size ||
	     req->len > disk->size - req->offset ||
	     req->offset % disk->block != 0 || req->len % disk->block != 0))
		abort();
	if ((req->kind == DISK_READ || req->kind == DISK_WRITE) &&
	    iov_length(req->iov, req->iovs) != req->len)
		abort();
	if (disk->ro && req->kind != DISK_READ && req->kind != DISK_FLUSH)
		abort();
	if (fake->count == FAKE_DISK_MAX)
		abort();
	fake->waiting[fake->count++] = req;
	return 0;
}

static void fake_kick(struct disk *disk)
{
	fake_of(disk)->kicks++;
}

static struct disk_req *take(struct fake_disk *fake, unsigned index)
{
	struct disk_req *req = fake->waiting[index];

	assert(index < fake->count);
	fake->waiting[index] = fake->waiting[--fake->count];
	if (fake->cancelled > 0) {
		/* All of those that wait, or none. */
		fake->cancelled--;
		fake->ends = -ECANCELED;
	} else {
		fake->ends = fake->fails;
	}
	return req;
}

static void fake_cancel(struct disk *disk)
{
	struct fake_disk *fake = fake_of(disk);

	fake->cancels++;
	fake->cancelled = fake->count;
}

static void move(struct fake_disk *fake, struct disk_req *req)
{
	uint8_t *at = fake->data + req->offset;

	switch (req->kind) {
	case DISK_READ:
		(void)iov_write(req->iov, req->iovs, 0, at, (size_t)req->len);
		break;
	case DISK_WRITE:
		(void)iov_read(req->iov, req->iovs, 0, at, (size_t)req->len);
		break;
	case DISK_ZERO:
	case DISK_DISCARD:
		memset(at, 0, (size_t)req->len);
		break;
	case DISK_FLUSH:
		fake->flushes++;
		break;
	}
	fake->flushes += req->fua && req->kind == DISK_WRITE;
	/* As a disk that moves the bytes in two parts. */
	if (req->kind == DISK_READ || req->kind == DISK_WRITE)
		iov_narrow(req->iov, &req->iovs, (size_t)req->len / 2,
			   SIZE_MAX);
}

static void serve(struct fake_disk *fake, struct disk_req *req)
{
	const int res = fake->ends;

	req->moved = 0;
	if (res == 0) {
		move(fake, req);
		req->moved = req->len;
	}
	req->done(req, res);
}

static bool fake_drain(struct disk *disk)
{
	struct fake_disk *fake = fake_of(disk);

	while (fake->count > 0 && !fake->hangs)
		serve(fake, take(fake, 0));
	return fake->count == 0;
}

/* Has room for what it was made with, and no more. */
static int fake_resize(struct disk *disk, uint64_t size, struct err *err)
{
	struct fake_disk *fake = fake_of(disk);

	if (fake->resize_fails)
		return err_set(err, fake->resize_fails, "it stays");
	disk->size = size == DISK_SIZE_OF_IMAGE ? fake->room : size;
	return 0;
}

static int fake_stamp(struct disk *disk, struct disk_stamp *ret,
		      struct err *err)
{
	(void)err;
	*ret = (struct disk_stamp){ .size = disk->size };
	return 0;
}

static bool fake_close(struct disk *disk)
{
	fake_of(disk)->closes++;
	return true;
}

static const struct disk_ops fake_ops = {
	.attach = fake_attach,
	.start = fake_start,
	.kick = fake_kick,
	.cancel = fake_cancel,
	.drain = fake_drain,
	.resize = fake_resize,
	.stamp = fake_stamp,
	.close = fake_close,
};

void fake_disk_init(struct fake_disk *fake, uint64_t size)
{
	*fake = (struct fake_disk){ 0 };
	fake->disk = (struct disk){ .ops = &fake_ops,
				    .size = size,
				    .block = SECTOR_SIZE };
	fake->room = 2 * size;
	fake->data = calloc(1, (size_t)fake->room);
	if (!fake->data)
		abort();
}

void fake_disk_finish(struct fake_disk *fake)
{
	free(fake->data);
	fake->data = NULL;
}

void fake_disk_do(struct fake_disk *fake, unsigned index)
{
	struct disk_req *req = take(fake, index);

	GUARD(fake->lock);
	serve(fake, req);
}

void fake_disk_do_all(struct fake_disk *fake)
{
	while (fake->count > 0)
		fake_disk_do(fake, fake->count - 1);
}
