/* host/fs/names.c - the names in the folders of a shared folder. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "host/fs/op.h"

int fs_find_child(struct fs *fs, const struct fs_node *parent, const char *name,
		  struct stat *st, struct fs_node **ret)
{
	_cleanup_(fd_closep) int fd = fs_open_child(parent->fd, name, O_PATH,
						    0);

	if (fd < 0)
		return fd;
	if (fstat(fd, st) < 0)
		return -EIO;
	return fs_node_add(&fs->nodes, TAKE_FD(fd), st, parent, ret);
}

int fs_do_lookup(struct fs_op *op)
{
	struct fs_node *node;
	struct stat st;
	const int r = fs_find_child(op->fs, op->node, op->name[0], &st, &node);

	if (r != 0)
		return r;
	fs_show_entry(op->fs, node, &st, &op->reply.entry);
	op->reply_len = sizeof(op->reply.entry);
	fs_node_put(&op->fs->nodes, node);
	return 0;
}

enum made_mode { AS_IT_IS = -1 };

/* Completes something that was just made, and replies with it. @mode: what the
 * guest wants it to have */
static int reply_made(struct fs_op *op, int mode)
{
	struct fs_node *node;
	struct stat st;
	int r = fs_find_child(op->fs, op->node, op->name[0], &st, &node);

	if (r != 0)
		return r;
	if (mode != AS_IT_IS)
		r = fs_complete_mode(op->fs, node->fd, &st, (mode_t)mode);
	if (r == 0)
		r = fs_complete_owner(op, node->fd, &st);
	if (r == 0) {
		fs_show_entry(op->fs, node, &st, &op->reply.entry);
		op->reply_len = sizeof(op->reply.entry);
	} else {
		fs_node_forget(&op->fs->nodes, node->id, 1);
	}
	fs_node_put(&op->fs->nodes, node);
	return r;
}

int fs_do_mknod(struct fs_op *op)
{
	const struct fuse_mknod_in *in = &op->arg.mknod;
	const dev_t dev = makedev((in->rdev >> 8) & 0xfff,
				  (in->rdev & 0xff) |
					  ((in->rdev >> 12) & 0xfff00));

	if (S_ISDIR(in->mode) || S_ISLNK(in->mode))
		return -EINVAL;
	if (mknodat(op->node->fd, op->name[0], in->mode, dev) < 0)
		return -errno;
	return reply_made(op, (int)(in->mode & 07777));
}

int fs_do_mkdir(struct fs_op *op)
{
	const mode_t mode = op->arg.mkdir.mode & 07777;

	if (mkdirat(op->node->fd, op->name[0], mode) < 0)
		return -errno;
	return reply_made(op, (int)mode);
}

int fs_do_symlink(struct fs_op *op)
{
	if (strlen(op->name[1]) > FS_TARGET_MAX)
		return -ENAMETOOLONG;
	if (symlinkat(op->name[1], op->node->fd, op->name[0]) < 0)
		return -errno;
	return reply_made(op, AS_IT_IS);
}

int fs_do_readlink(struct fs_op *op)
{
	char target[FS_TARGET_MAX + 1];
	const ssize_t len = readlinkat(op->node->fd, "", target,
				       sizeof(target));

	/* Of another file it is -ENOENT, as its own name is empty. */
	if (op->node->type != S_IFLNK)
		return -EINVAL;
	if (len < 0)
		return -errno;
	if ((size_t)len == sizeof(target))
		return -ENAMETOOLONG;
	if ((size_t)len > op->room)
		return -ERANGE;
	op->data = fs_put(op, 0, target, (size_t)len);
	return 0;
}

int fs_do_unlink(struct fs_op *op)
{
	return unlinkat(op->node->fd, op->name[0], 0) < 0 ? -errno : 0;
}

int fs_do_rmdir(struct fs_op *op)
{
	return unlinkat(op->node->fd, op->name[0], AT_REMOVEDIR) < 0 ? -errno
								     : 0;
}

static int rename_child(struct fs_op *op, uint64_t to_id, uint32_t flags)
{
	struct fs_node *to;
	int r = 0;

	if (flags & ~(uint32_t)(RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	to = fs_node_get(&op->fs->nodes, to_id);
	if (!to)
		return -ESTALE;
	if (renameat2(op->node->fd, op->name[0], to->fd, op->name[1], flags) <
	    0)
		r = -errno;
	fs_node_put(&op->fs->nodes, to);
	return r;
}

int fs_do_rename(struct fs_op *op)
{
	return rename_child(op, op->arg.rename.newdir, 0);
}

int fs_do_rename2(struct fs_op *op)
{
	return rename_child(op, op->arg.rename2.newdir, op->arg.rename2.flags);
}

/* By its path in /proc: by the empty one, only root may. */
int fs_do_link(struct fs_op *op)
{
	struct fs_node *node = fs_node_get(&op->fs->nodes,
					   op->arg.link.oldnodeid);
	char path[FS_PATH_SIZE];
	int r = 0;

	if (!node)
		return -ESTALE;
	fs_path(node->fd, path);
	if (linkat(AT_FDCWD, path, op->node->fd, op->name[0],
		   AT_SYMLINK_FOLLOW) < 0)
		r = -errno;
	fs_node_put(&op->fs->nodes, node);
	return r == 0 ? fs_do_lookup(op) : r;
}
