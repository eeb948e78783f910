/* host/fs/attr.c - what a file of a shared folder is like, and changing it. */
#include <errno.h>
#include <fcntl.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "host/fs/op.h"

#define NOBODY 65534

/* As the guest's kernel packs a device's number. Source: Linux,
 * include/linux/kdev_t.h. */
static uint32_t pack_device(dev_t dev)
{
	const uint32_t major = gnu_dev_major(dev), minor = gnu_dev_minor(dev);

	return (minor & 0xff) | major << 8 | (minor & ~0xffu) << 12;
}

/* The number of a user or group in the guest. @own: the caller's */
static uint32_t show_owner(const struct fs *fs, uint32_t id, uint32_t own)
{
	if (fs->owners == FS_OWNERS_SAME)
		return id;
	if (id == own)
		return 0;
	return id == 0 ? NOBODY : id;
}

/* The number on the host. Returns 0; -EPERM if there is none. */
static int find_owner(const struct fs *fs, uint32_t id, uint32_t own,
		      uint32_t *ret)
{
	*ret = id;
	if (fs->owners == FS_OWNERS_SAME || (own == 0 && id != UINT32_MAX))
		return 0;
	if (id == 0) {
		*ret = own;
		return 0;
	}
	return id == own || id == NOBODY || id == UINT32_MAX ? -EPERM : 0;
}

void fs_show_attr(const struct fs *fs, const struct fs_node *node,
		  const struct stat *st, struct fuse_attr *ret)
{
	*ret = (struct fuse_attr){
		.ino = st->st_ino,
		.size = (uint64_t)st->st_size,
		.blocks = (uint64_t)st->st_blocks,
		.atime = (uint64_t)st->st_atim.tv_sec,
		.mtime = (uint64_t)st->st_mtim.tv_sec,
		.ctime = (uint64_t)st->st_ctim.tv_sec,
		.atimensec = (uint32_t)st->st_atim.tv_nsec,
		.mtimensec = (uint32_t)st->st_mtim.tv_nsec,
		.ctimensec = (uint32_t)st->st_ctim.tv_nsec,
		.mode = st->st_mode,
		.nlink = (uint32_t)st->st_nlink,
		.uid = show_owner(fs, st->st_uid, fs->uid),
		.gid = show_owner(fs, st->st_gid, fs->gid),
		.rdev = pack_device(st->st_rdev),
		.blksize = (uint32_t)st->st_blksize,
	};
	if (node->mounted && node->type == S_IFDIR && !fs->flat)
		ret->flags = FUSE_ATTR_SUBMOUNT;
}

void fs_show_entry(const struct fs *fs, const struct fs_node *node,
		   const struct stat *st, struct fuse_entry_out *ret)
{
	*ret = (struct fuse_entry_out){ .nodeid = node->id,
					.entry_valid = FS_TIMEOUT,
					.attr_valid = FS_TIMEOUT };
	fs_show_attr(fs, node, st, &ret->attr);
}

static int reply_attr(struct fs_op *op)
{
	struct fuse_attr_out *out = &op->reply.attr;
	struct stat st;

	if (fstat(op->node->fd, &st) < 0)
		return -errno;
	*out = (struct fuse_attr_out){ .attr_valid = FS_TIMEOUT };
	fs_show_attr(op->fs, op->node, &st, &out->attr);
	op->reply_len = sizeof(*out);
	return 0;
}

int fs_do_getattr(struct fs_op *op)
{
	return reply_attr(op);
}

int fs_drop_privileges(const struct fs *fs, int fd)
{
	struct stat st;
	mode_t mode;

	if (fs->uid != 0)
		return 0;
	if (fstat(fd, &st) < 0)
		return -errno;
	mode = st.st_mode & 07777 & ~(mode_t)S_ISUID;
	if (mode & S_IXGRP)
		mode &= ~(mode_t)S_ISGID;
	if (mode == (st.st_mode & 07777))
		return 0;
	return fchmod(fd, mode) < 0 ? -errno : 0;
}

static int set_owner(const struct fs_op *op, const struct fuse_setattr_in *in)
{
	const struct fs *fs = op->fs;
	uint32_t uid = UINT32_MAX, gid = UINT32_MAX; /* as they are */
	int r = 0;

	if (in->valid & FATTR_UID)
		r = find_owner(fs, in->uid, fs->uid, &uid);
	if (r == 0 && in->valid & FATTR_GID)
		r = find_owner(fs, in->gid, fs->gid, &gid);
	if (r == 0 && fchownat(op->node->fd, "", uid, gid,
			       AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0)
		r = -errno;
	return r;
}

static int set_mode(const struct fs_op *op, const struct fuse_setattr_in *in)
{
	char path[FS_PATH_SIZE];

	if (op->node->type == S_IFLNK)
		return -EOPNOTSUPP;
	fs_path(op->node->fd, path);
	return chmod(path, in->mode & 07777) < 0 ? -errno : 0;
}

/* By the handle that the guest writes through, if there is one: its file may
 * be one that cannot be opened any more. */
static int set_size(const struct fs_op *op, const struct fuse_setattr_in *in)
{
	struct fs_handle *handle = NULL;
	_cleanup_(fd_closep) int own = -1;
	int fd, r = 0;

	if (in->size > INT64_MAX)
		return -EFBIG;
	if (in->valid & FATTR_FH) {
		handle = fs_handle_get(&op->fs->handles, in->fh, false);
		if (!handle)
			return -EBADF;
		fd = handle->fd;
	} else {
		if (op->node->type == S_IFDIR)
			return -EISDIR;
		fd = own = fs_reopen(op->node, O_WRONLY);
		if (fd < 0)
			return fd;
	}
	if (ftruncate(fd, (off_t)in->size) < 0)
		r = -errno;
	if (r == 0 && in->valid & FATTR_KILL_SUIDGID)
		r = fs_drop_privileges(op->fs, fd);
	fs_handle_put(&op->fs->handles, handle);
	return r;
}

static struct timespec choose_time(uint32_t valid, uint32_t set, uint32_t now,
				   uint64_t seconds, uint32_t ns)
{
	if (valid & now)
		return (struct timespec){ .tv_nsec = UTIME_NOW };
	if (valid & set && ns < 1000000000)
		return (struct timespec){ .tv_sec = (time_t)seconds,
					  .tv_nsec = (long)ns };
	return (struct timespec){ .tv_nsec = UTIME_OMIT };
}

static int set_times(const struct fs_op *op, const struct fuse_setattr_in *in)
{
	const struct timespec times[] = {
		choose_time(in->valid, FATTR_ATIME, FATTR_ATIME_NOW, in->atime,
			    in->atimensec),
		choose_time(in->valid, FATTR_MTIME, FATTR_MTIME_NOW, in->mtime,
			    in->mtimensec),
	};
	char path[FS_PATH_SIZE];

	fs_path(op->node->fd, path);
	return utimensat(AT_FDCWD, path, times, 0) < 0 ? -errno : 0;
}

/* The owner comes before the mode, of which it may take bits away. */
int fs_do_setattr(struct fs_op *op)
{
	const struct fuse_setattr_in *in = &op->arg.setattr;
	int r = 0;

	if (in->valid & (FATTR_UID | FATTR_GID))
		r = set_owner(op, in);
	if (r == 0 && in->valid & FATTR_MODE)
		r = set_mode(op, in);
	if (r == 0 && in->valid & FATTR_SIZE)
		r = set_size(op, in);
	if (r == 0 && in->valid & (FATTR_ATIME | FATTR_MTIME))
		r = set_times(op, in);
	return r == 0 ? reply_attr(op) : r;
}

int fs_do_statfs(struct fs_op *op)
{
	struct fuse_kstatfs *out = &op->reply.statfs.st;
	struct statfs st;

	if (fstatfs(op->node->fd, &st) < 0)
		return -errno;
	*out = (struct fuse_kstatfs){
		.blocks = (uint64_t)st.f_blocks,
		.bfree = (uint64_t)st.f_bfree,
		.bavail = (uint64_t)st.f_bavail,
		.files = (uint64_t)st.f_files,
		.ffree = (uint64_t)st.f_ffree,
		.bsize = (uint32_t)st.f_bsize,
		.namelen = (uint32_t)st.f_namelen,
		.frsize = (uint32_t)st.f_frsize,
	};
	op->reply_len = sizeof(op->reply.statfs);
	return 0;
}
