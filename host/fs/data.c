/* host/fs/data.c - what is in the files of a shared folder. */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "host/fs/op.h"
#include "mem/iov.h"

/* Buffers of one transfer: more than a request has. */
#define BUFFERS_MAX 512

/* The guest asks for at most FS_MAX_PAGES pages, of up to 64 KiB. */
#define READ_MAX ((size_t)FS_MAX_PAGES * 65536)

/* The most that is copied at once: more of it would keep a thread for long. */
#define COPY_MAX ((size_t)1 << 20)

/* Sets @ret to a part of some buffers. Returns how many it is; 0: too many. */
static int take_buffers(struct iovec ret[BUFFERS_MAX], const struct iovec *iov,
			size_t count, size_t offset, size_t len)
{
	if (count > BUFFERS_MAX)
		return 0;
	memcpy(ret, iov, count * sizeof(*iov));
	iov_narrow(ret, &count, offset, len);
	return (int)count;
}

int fs_do_read(struct fs_op *op)
{
	const struct fuse_read_in *in = &op->arg.read;
	struct fs_message *msg = op->msg;
	struct iovec iov[BUFFERS_MAX];
	struct fs_handle *handle;
	int count;
	ssize_t n;

	if (in->offset > INT64_MAX || in->size > READ_MAX ||
	    in->size > op->room)
		return -EINVAL;
	if (in->size == 0)
		return 0;
	count = take_buffers(iov, msg->out, msg->outs, FS_REPLY_DATA, in->size);
	handle = fs_handle_get(&op->fs->handles, in->fh, false);
	if (!handle || count == 0) {
		fs_handle_put(&op->fs->handles, handle);
		return handle ? -EINVAL : -EBADF;
	}
	n = preadv(handle->fd, iov, count, (off_t)in->offset);
	op->data = n > 0 ? (size_t)n : 0;
	/* The one that failed may have moved some bytes. */
	msg->touched = FS_REPLY_DATA + (n < 0 ? in->size : op->data);
	n = n < 0 ? -errno : 0;
	msg->fault = n == -EFAULT;
	fs_handle_put(&op->fs->handles, handle);
	return (int)n;
}

/*
 * A page that the guest's kernel writes back (FUSE_WRITE_CACHE) has its place,
 * whatever the file's flags say.
 */
static ssize_t write_buffers(int fd, const struct iovec *iov, int count,
			     const struct fuse_write_in *in)
{
	const bool append = in->flags & O_APPEND &&
			    !(in->write_flags & FUSE_WRITE_CACHE);

	return pwritev2(fd, iov, count, (off_t)in->offset,
			append ? RWF_APPEND : 0);
}

int fs_do_write(struct fs_op *op)
{
	const struct fuse_write_in *in = &op->arg.write;
	struct fs_message *msg = op->msg;
	struct iovec iov[BUFFERS_MAX];
	struct fs_handle *handle;
	int count, r = 0;
	ssize_t n;

	if (in->offset > INT64_MAX || in->size > op->head.len - op->rest)
		return -EINVAL;
	count = take_buffers(iov, msg->in, msg->ins, op->rest, in->size);
	handle = fs_handle_get(&op->fs->handles, in->fh, false);
	if (!handle || (count == 0 && in->size > 0)) {
		fs_handle_put(&op->fs->handles, handle);
		return handle ? -EINVAL : -EBADF;
	}
	n = write_buffers(handle->fd, iov, count, in);
	if (n < 0)
		r = -errno;
	else if (in->write_flags & FUSE_WRITE_KILL_SUIDGID)
		r = fs_drop_privileges(op->fs, handle->fd);
	msg->fault = r == -EFAULT;
	op->reply.write = (struct fuse_write_out){ .size = (uint32_t)n };
	op->reply_len = sizeof(op->reply.write);
	fs_handle_put(&op->fs->handles, handle);
	return r;
}

int fs_do_lseek(struct fs_op *op)
{
	const struct fuse_lseek_in *in = &op->arg.lseek;
	struct fs_handle *handle;
	off_t at;
	int r = 0;

	/* The others move a position, and that is the guest's kernel's. */
	if (in->whence != SEEK_DATA && in->whence != SEEK_HOLE)
		return -EINVAL;
	if (in->offset > INT64_MAX)
		return -ENXIO;
	handle = fs_handle_get(&op->fs->handles, in->fh, false);
	if (!handle)
		return -EBADF;
	at = lseek(handle->fd, (off_t)in->offset, (int)in->whence);
	if (at < 0)
		r = -errno;
	op->reply.lseek.offset = (uint64_t)at;
	op->reply_len = sizeof(op->reply.lseek);
	fs_handle_put(&op->fs->handles, handle);
	return r;
}

int fs_do_fallocate(struct fs_op *op)
{
	const struct fuse_fallocate_in *in = &op->arg.fallocate;
	struct fs_handle *handle;
	int r = 0;

	if (in->offset > INT64_MAX || in->length > INT64_MAX)
		return -EFBIG;
	handle = fs_handle_get(&op->fs->handles, in->fh, false);
	if (!handle)
		return -EBADF;
	if (fallocate(handle->fd, (int)in->mode, (off_t)in->offset,
		      (off_t)in->length) < 0)
		r = -errno;
	else
		r = fs_drop_privileges(op->fs, handle->fd);
	fs_handle_put(&op->fs->handles, handle);
	return r;
}

static ssize_t copy_range(const struct fuse_copy_file_range_in *in, int from,
			  int to)
{
	off_t at = (off_t)in->off_in, to_at = (off_t)in->off_out;
	const size_t len = in->len < COPY_MAX ? (size_t)in->len : COPY_MAX;
	const ssize_t n = copy_file_range(from, &at, to, &to_at, len, 0);

	return n < 0 ? -errno : n;
}

int fs_do_copy_file_range(struct fs_op *op)
{
	const struct fuse_copy_file_range_in *in = &op->arg.copy;
	struct fs_handles *handles = &op->fs->handles;
	struct fs_handle *from, *to;
	ssize_t n = -EBADF;

	if (in->flags != 0 || in->off_in > INT64_MAX || in->off_out > INT64_MAX)
		return -EINVAL;
	from = fs_handle_get(handles, in->fh_in, false);
	to = fs_handle_get(handles, in->fh_out, false);
	if (from && to)
		n = copy_range(in, from->fd, to->fd);
	if (n > 0 && fs_drop_privileges(op->fs, to->fd) < 0)
		n = -EIO;
	fs_handle_put(handles, from);
	fs_handle_put(handles, to);
	op->reply.write = (struct fuse_write_out){ .size = (uint32_t)n };
	op->reply_len = sizeof(op->reply.write);
	return n < 0 ? (int)n : 0;
}
