/* host/fs/folder.c - what is in the folders of a shared folder. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "host/fs/op.h"

/* What is read of a folder at once. */
#define READ_MOST 16384
#define READ_LEAST 512 /* the longest name fits */

/* The most of a listing that one request gets, in bytes: a guest asks again. */
#define LISTING_MAX ((size_t)1 << 20)

/* A record of the reply with the longest name. */
#define RECORD_MAX FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET_DIRENTPLUS + FS_NAME_MAX)

/* A reply that is being filled. */
struct listing {
	struct fs_op *op;
	bool plus; /* each name with what LOOKUP says of it */
	size_t room; /* in bytes */
	size_t len; /* of the reply so far */
	uint64_t at; /* where the folder's next name is */
	bool full;
};

int fs_do_opendir(struct fs_op *op)
{
	struct fuse_open_out *out = &op->reply.open;
	_cleanup_(fd_closep) int fd = -1;
	struct stat st;

	if (op->node->type != S_IFDIR)
		return -ENOTDIR;
	fd = fs_reopen(op->node, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	*out = (struct fuse_open_out){ .open_flags = FOPEN_CACHE_DIR };
	if (fs_node_stamp(&op->fs->nodes, op->node, &st))
		out->open_flags |= FOPEN_KEEP_CACHE;
	op->reply_len = sizeof(*out);
	return fs_handle_add(&op->fs->handles, TAKE_FD(fd), true, &out->fh);
}

static bool is_dot(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/*
 * What LOOKUP says of a name. Without a node the guest takes the name alone:
 * that is for "." and "..", for what is gone by now, and for when nodes grow
 * scarce.
 */
static void look_up_listed(struct fs_op *op, const char *name,
			   struct fuse_entry_out *ret)
{
	struct fs_node *node;
	struct stat st;

	memset(ret, 0, sizeof(*ret));
	if (is_dot(name) || !fs_nodes_have_room(&op->fs->nodes) ||
	    fs_find_child(op->fs, op->node, name, &st, &node) != 0)
		return;
	fs_show_entry(op->fs, node, &st, ret);
	fs_node_put(&op->fs->nodes, node);
}

/* Adds a name to the reply. Returns false if there is no room for it. */
static bool list_name(struct listing *list, const struct dirent64 *from)
{
	uint8_t record[RECORD_MAX] = { 0 };
	const size_t plus = list->plus ? sizeof(struct fuse_entry_out) : 0;
	const size_t name = strlen(from->d_name);
	const size_t len = FUSE_DIRENT_ALIGN(plus + FUSE_NAME_OFFSET + name);
	const struct fuse_dirent entry = { .ino = from->d_ino,
					   .off = (uint64_t)from->d_off,
					   .namelen = (uint32_t)name,
					   .type = from->d_type };
	struct fuse_entry_out found;

	if (name > FS_NAME_MAX)
		return true; /* no guest could name it */
	if (len > list->room - list->len)
		return false;
	if (list->plus) {
		look_up_listed(list->op, from->d_name, &found);
		memcpy(record, &found, sizeof(found));
	}
	memcpy(record + plus, &entry, FUSE_NAME_OFFSET);
	memcpy(record + plus + FUSE_NAME_OFFSET, from->d_name, name);
	list->len += fs_put(list->op, list->len, record, len);
	return true;
}

/* How much of a folder to read: about what there is room for, as what is read
 * and does not fit is read again. */
static size_t choose_read(const struct listing *list)
{
	const size_t left = list->room - list->len;
	const size_t want = list->plus ? left / 5 : left;

	if (want < READ_LEAST)
		return READ_LEAST;
	return want < READ_MOST ? want : READ_MOST;
}

/* Reads names, and lists those for which there is room. Returns how many bytes
 * were read; 0: it is the end; or a negative errno. */
static ssize_t list_some(struct listing *list, int fd)
{
	union {
		struct dirent64 entry;
		char bytes[READ_MOST];
	} buf;
	ssize_t n;

	if (lseek(fd, (off_t)list->at, SEEK_SET) < 0)
		return -errno;
	n = getdents64(fd, &buf, choose_read(list));
	if (n < 0)
		return -errno;
	for (ssize_t at = 0; at < n;) {
		const struct dirent64 *entry = (void *)(buf.bytes + at);

		if (!list_name(list, entry)) {
			list->full = true;
			break;
		}
		list->at = (uint64_t)entry->d_off;
		at += entry->d_reclen;
	}
	return n;
}

static int list_folder(struct fs_op *op, bool plus)
{
	const struct fuse_read_in *in = &op->arg.read;
	struct listing list = { .op = op, .plus = plus, .at = in->offset };
	struct fs_handle *handle;
	ssize_t n = 1;

	list.room = in->size < op->room ? in->size : op->room;
	if (list.room > LISTING_MAX)
		list.room = LISTING_MAX;
	handle = fs_handle_get(&op->fs->handles, in->fh, true);
	if (!handle)
		return -EBADF;
	(void)pthread_mutex_lock(&handle->lock);
	while (n > 0 && !list.full)
		n = list_some(&list, handle->fd);
	(void)pthread_mutex_unlock(&handle->lock);
	fs_handle_put(&op->fs->handles, handle);
	op->data = list.len;
	if (list.len > 0)
		return 0; /* what follows is said the next time */
	return list.full ? -EINVAL : (int)n;
}

int fs_do_readdir(struct fs_op *op)
{
	return list_folder(op, false);
}

int fs_do_readdirplus(struct fs_op *op)
{
	return list_folder(op, true);
}

int fs_do_releasedir(struct fs_op *op)
{
	return fs_handle_release(&op->fs->handles, op->arg.release.fh, true);
}

int fs_do_fsyncdir(struct fs_op *op)
{
	return fs_sync_handle(op, true);
}

int fs_do_syncfs(struct fs_op *op)
{
	_cleanup_(fd_closep) int fd = fs_reopen(op->node, O_RDONLY);

	if (fd < 0)
		return fd;
	return syncfs(fd) < 0 ? -errno : 0;
}
