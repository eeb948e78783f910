/* host/fs/path.c - the host's names of what a shared folder has open. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/fs/op.h"

void fs_path(int fd, char path[FS_PATH_SIZE])
{
	(void)snprintf(path, FS_PATH_SIZE, "/proc/self/fd/%d", fd);
}

int fs_reopen(const struct fs_node *node, int flags)
{
	char path[FS_PATH_SIZE];
	int fd;

	if (node->type == S_IFLNK)
		return -ELOOP;
	if (node->type != S_IFREG && node->type != S_IFDIR)
		return -ENXIO;
	fs_path(node->fd, path);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int fs_open_child(int parent, const char *name, int flags, mode_t mode)
{
	const bool makes = flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE;
	struct open_how how = {
		.flags = (unsigned)(flags | O_NOFOLLOW | O_CLOEXEC),
		.mode = makes ? mode & 07777 : 0,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS |
			   RESOLVE_NO_SYMLINKS,
	};
	long fd;

	if (!(flags & O_PATH))
		how.flags |= O_LARGEFILE;
	fd = syscall(SYS_openat2, parent, name, &how, sizeof(how));
	return fd < 0 ? -errno : (int)fd;
}

int fs_complete_mode(const struct fs *fs, int fd, struct stat *st, mode_t mode)
{
	const mode_t want = mode & 0777;
	char path[FS_PATH_SIZE];

	/* An ACL of the folder's stands for the umask, and counts. */
	if (!(want & fs->umask) || (st->st_mode & 0777) != (want & ~fs->umask))
		return 0;
	fs_path(fd, path);
	if (chmod(path, (st->st_mode & 07000) | want) < 0)
		return -errno;
	st->st_mode |= want;
	return 0;
}

int fs_complete_owner(const struct fs_op *op, int fd, struct stat *st)
{
	const struct fuse_in_header *head = &op->head;

	if (op->fs->owners != FS_OWNERS_SAME || op->fs->uid != 0 ||
	    (st->st_uid == head->uid && st->st_gid == head->gid))
		return 0;
	if (fchownat(fd, "", head->uid, head->gid,
		     AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return fstat(fd, st) < 0 ? -errno : 0;
}
