/* host/fs/file.c - opening and closing the files of a shared folder. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "host/fs/op.h"

/*
 * What of the guest's flags concerns the host. The guest's O_* are the host's:
 * they have one architecture. Appending and synchronous writes are told with
 * each write; O_DIRECT would put the host's alignment on the guest's buffers.
 */
static int take_flags(uint32_t flags)
{
	return (int)(flags & (O_ACCMODE | O_TRUNC));
}

static bool is_writing(uint32_t flags)
{
	return (flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC;
}

/* Gives the guest a number for an open file. @fd: taken over */
static int reply_open(struct fs_op *op, struct fs_node *node, int fd,
		      struct fuse_open_out *out)
{
	_cleanup_(fd_closep) int held = fd;
	const bool reads = (op->arg.open.flags & O_ACCMODE) == O_RDONLY;
	struct stat st;

	if (fstat(held, &st) < 0)
		return -errno;
	*out = (struct fuse_open_out){ 0 };
	if (fs_node_stamp(&op->fs->nodes, node, &st))
		out->open_flags |= FOPEN_KEEP_CACHE;
	/* What was not written has nothing to say when it is closed. */
	if (reads)
		out->open_flags |= FOPEN_NOFLUSH;
	return fs_handle_add(&op->fs->handles, TAKE_FD(held), false, &out->fh);
}

/* Opens a file that is there. */
static int open_node(struct fs_op *op, struct fs_node *node, uint32_t flags,
		     uint32_t open_flags, struct fuse_open_out *out)
{
	int fd, r = 0;

	if (node->type == S_IFDIR)
		return -EISDIR;
	fd = fs_reopen(node, take_flags(flags));
	if (fd < 0)
		return fd;
	if (flags & O_TRUNC && open_flags & FUSE_OPEN_KILL_SUIDGID)
		r = fs_drop_privileges(op->fs, fd);
	if (r < 0) {
		(void)close(fd);
		return r;
	}
	return reply_open(op, node, fd, out);
}

int fs_do_open(struct fs_op *op)
{
	const struct fuse_open_in *in = &op->arg.open;

	if (is_writing(in->flags) && !op->fs->writable)
		return -EROFS;
	op->reply_len = sizeof(op->reply.open);
	return open_node(op, op->node, in->flags, in->open_flags,
			 &op->reply.open);
}

/* Replies with a file that is open as @fd, which is taken over. */
static int reply_created(struct fs_op *op, int fd)
{
	_cleanup_(fd_closep) int held = fd;
	_cleanup_(fd_closep) int path_fd = -1;
	struct fs_created *out = &op->reply.created;
	char path[FS_PATH_SIZE];
	struct fs_node *node;
	struct stat st;
	int r;

	fs_path(held, path);
	path_fd = open(path, O_PATH | O_CLOEXEC);
	if (path_fd < 0 || fstat(path_fd, &st) < 0)
		return -errno;
	r = fs_complete_mode(op->fs, path_fd, &st, op->arg.create.mode);
	if (r == 0)
		r = fs_complete_owner(op, path_fd, &st);
	if (r == 0)
		r = fs_node_add(&op->fs->nodes, TAKE_FD(path_fd), &st, op->node,
				&node);
	if (r != 0)
		return r;
	fs_show_entry(op->fs, node, &st, &out->entry);
	r = reply_open(op, node, TAKE_FD(held), &out->open);
	if (r < 0)
		fs_node_forget(&op->fs->nodes, node->id, 1);
	fs_node_put(&op->fs->nodes, node);
	return r;
}

/* CREATE of a file that is there already. */
static int open_existing(struct fs_op *op)
{
	const struct fuse_create_in *in = &op->arg.create;
	struct fs_created *out = &op->reply.created;
	struct fs_node *node;
	struct stat st;
	int r = fs_find_child(op->fs, op->node, op->name[0], &st, &node);

	if (r != 0)
		return r;
	r = open_node(op, node, in->flags, in->open_flags, &out->open);
	if (r == 0 && in->flags & O_TRUNC && fstat(node->fd, &st) < 0) {
		r = -errno;
		(void)fs_handle_release(&op->fs->handles, out->open.fh, false);
	}
	fs_show_entry(op->fs, node, &st, &out->entry);
	if (r < 0)
		fs_node_forget(&op->fs->nodes, node->id, 1);
	fs_node_put(&op->fs->nodes, node);
	return r;
}

/* A name that is there already may be of a special file: so the one that is
 * opened here is always a new one. */
int fs_do_create(struct fs_op *op)
{
	const struct fuse_create_in *in = &op->arg.create;
	const int fd = fs_open_child(op->node->fd, op->name[0],
				     take_flags(in->flags) | O_CREAT | O_EXCL,
				     in->mode);

	op->reply_len = sizeof(op->reply.created);
	if (fd == -EEXIST && !(in->flags & O_EXCL))
		return open_existing(op);
	return fd < 0 ? fd : reply_created(op, fd);
}

int fs_do_tmpfile(struct fs_op *op)
{
	const struct fuse_create_in *in = &op->arg.create;
	const int keep = O_EXCL; /* it is never given a name */
	const int flags = take_flags(in->flags) | ((int)in->flags & keep);
	const int fd = fs_open_child(op->node->fd, ".", flags | O_TMPFILE,
				     in->mode);

	op->reply_len = sizeof(op->reply.created);
	return fd < 0 ? fd : reply_created(op, fd);
}

int fs_do_release(struct fs_op *op)
{
	return fs_handle_release(&op->fs->handles, op->arg.release.fh, false);
}

/* Has the host say now what it would say to a close: a network file system
 * writes, and a quota may be full. */
int fs_do_flush(struct fs_op *op)
{
	struct fs_handle *handle = fs_handle_get(&op->fs->handles,
						 op->arg.flush.fh, false);
	int r = 0, copy;

	if (!handle)
		return -EBADF;
	copy = fcntl(handle->fd, F_DUPFD_CLOEXEC, 0);
	if (copy < 0 || close(copy) < 0)
		r = -errno;
	fs_handle_put(&op->fs->handles, handle);
	return r;
}

int fs_sync_handle(struct fs_op *op, bool folder)
{
	const struct fuse_fsync_in *in = &op->arg.fsync;
	struct fs_handle *handle = fs_handle_get(&op->fs->handles, in->fh,
						 folder);
	int r;

	if (!handle)
		return -EBADF;
	r = in->fsync_flags & FUSE_FSYNC_FDATASYNC ? fdatasync(handle->fd)
						   : fsync(handle->fd);
	r = r < 0 ? -errno : 0;
	fs_handle_put(&op->fs->handles, handle);
	return r;
}

int fs_do_fsync(struct fs_op *op)
{
	return fs_sync_handle(op, false);
}
