/*
 * host/fs/xattr.c - extended attributes in a shared folder.
 *
 * The guest has those of the user's namespace. The others are the host's:
 * security modules, file capabilities, ACLs and what only root may see.
 */
#include <errno.h>
#include <limits.h>
#include <linux/limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/cleanup.h"
#include "host/fs/op.h"
#include "mem/iov.h"

static bool is_users(const char *name)
{
	static const char prefix[] = "user.";

	return strncmp(name, prefix, sizeof(prefix) - 1) == 0;
}

static int check_xattr(const char *name)
{
	if (strlen(name) > XATTR_NAME_MAX)
		return -ERANGE;
	return is_users(name) ? 0 : -EOPNOTSUPP;
}

/* Replies with a value, or with its length if that is asked for. */
static int reply_xattr(struct fs_op *op, const void *value, size_t len)
{
	const uint32_t size = op->arg.getxattr.size;

	if (size == 0) {
		if (op->room < sizeof(op->reply.xattr))
			return -EINVAL;
		op->reply.xattr.size = (uint32_t)len;
		op->reply_len = sizeof(op->reply.xattr);
		return 0;
	}
	if (len > size || len > op->room)
		return -ERANGE;
	op->data = fs_put(op, 0, value, len);
	return 0;
}

int fs_do_getxattr(struct fs_op *op)
{
	_cleanup_(freep) void *value = NULL;
	char path[FS_PATH_SIZE];
	ssize_t len;
	const int r = check_xattr(op->name[0]);

	if (r < 0)
		return r;
	value = malloc(XATTR_SIZE_MAX);
	if (!value)
		return -ENOMEM;
	fs_path(op->node->fd, path);
	len = getxattr(path, op->name[0], value, XATTR_SIZE_MAX);
	return len < 0 ? -errno : reply_xattr(op, value, (size_t)len);
}

/* Leaves those that are not the guest's out of a list. Returns its length. */
static size_t filter_names(char *list, size_t len)
{
	size_t kept = 0;

	for (size_t at = 0; at < len;) {
		const size_t one = strnlen(list + at, len - at - 1) + 1;

		if (is_users(list + at)) {
			memmove(list + kept, list + at, one);
			kept += one;
		}
		at += one;
	}
	return kept;
}

int fs_do_listxattr(struct fs_op *op)
{
	_cleanup_(freep) char *list = malloc(XATTR_LIST_MAX);
	char path[FS_PATH_SIZE];
	ssize_t len;

	if (!list)
		return -ENOMEM;
	fs_path(op->node->fd, path);
	len = listxattr(path, list, XATTR_LIST_MAX);
	if (len < 0)
		return -errno;
	return reply_xattr(op, list, filter_names(list, (size_t)len));
}

int fs_do_setxattr(struct fs_op *op)
{
	const struct fuse_setxattr_in *in = &op->arg.setxattr;
	const struct fs_message *msg = op->msg;
	_cleanup_(freep) void *value = NULL;
	char path[FS_PATH_SIZE];
	const int r = check_xattr(op->name[0]);

	if (r < 0)
		return r;
	if (in->size > XATTR_SIZE_MAX)
		return -E2BIG;
	if (in->size > op->head.len - op->rest)
		return -EINVAL;
	value = malloc(XATTR_SIZE_MAX);
	if (!value)
		return -ENOMEM;
	(void)iov_read(msg->in, msg->ins, op->rest, value, in->size);
	fs_path(op->node->fd, path);
	return setxattr(path, op->name[0], value, in->size, (int)in->flags) < 0
		     ? -errno
		     : 0;
}

int fs_do_removexattr(struct fs_op *op)
{
	char path[FS_PATH_SIZE];
	const int r = check_xattr(op->name[0]);

	if (r < 0)
		return r;
	fs_path(op->node->fd, path);
	return removexattr(path, op->name[0]) < 0 ? -errno : 0;
}
