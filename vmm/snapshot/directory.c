/* vmm/snapshot/directory.c - the folder of a snapshot, made whole or not at
 * all.
 */
#include "vmm/snapshot/directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "mem/image.h"

#define PARTIAL ".partial"

static void close_snapshot_dir(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
}

static bool ends_with(const char *text, const char *end)
{
	const size_t len = strlen(text), end_len = strlen(end);

	return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* Splits @path into the folder that holds it and its last component. */
static int split_path(struct snapshot_dir *dir, const char *path,
		      char **ret_parent, struct err *err)
{
	_cleanup_(freep) char *copy = strdup(path);
	size_t len = copy ? strlen(copy) : 0;
	char *slash;

	if (!copy)
		return err_set(err, -ENOMEM, "%s: out of memory", path);
	while (len > 1 && copy[len - 1] == '/')
		copy[--len] = '\0';
	slash = strrchr(copy, '/');
	dir->final = strdup(slash ? slash + 1 : copy);
	if (slash)
		slash[slash == copy ? 1 : 0] = '\0';
	*ret_parent = strdup(slash ? copy : ".");
	dir->path = strdup(path);
	if (!dir->path || !dir->final || !*ret_parent ||
	    asprintf(&dir->partial, "%s" PARTIAL, dir->final) < 0) {
		dir->partial = NULL;
		return err_set(err, -ENOMEM, "%s: out of memory", path);
	}
	if (ends_with(dir->final, PARTIAL) || dir->final[0] == '\0' ||
	    strcmp(dir->final, ".") == 0 || strcmp(dir->final, "..") == 0)
		return err_input(err, -EINVAL,
				 "%s: not a name for a snapshot's folder",
				 path);
	return 0;
}

/*
 * Calls @visit for each entry of a folder, until it does not return 0. Returns
 * what it returned last, or a negative errno.
 */
static int walk_folder(int fd, int (*visit)(int fd, const char *name))
{
	const int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(close_snapshot_dir) DIR *list = again < 0 ? NULL
							    : fdopendir(again);
	const struct dirent *entry;
	int r = list ? 0 : -errno;

	if (!list && again >= 0)
		(void)close(again);
	while (r == 0 && list) {
		errno = 0;
		entry = readdir(list); // NOLINT: the stream is ours alone
		if (!entry)
			return -errno;
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			r = visit(fd, entry->d_name);
	}
	return r;
}

static int remove_entry(int fd, const char *name)
{
	return unlinkat(fd, name, 0) < 0 ? -errno : 0;
}

static int find_snapshot_entry(int fd, const char *name)
{
	(void)fd;
	(void)name;
	return 1;
}

static int find_foreign_entry(int fd, const char *name)
{
	(void)fd;
	return strcmp(name, SNAPSHOT_ABOUT) != 0 &&
	       strcmp(name, SNAPSHOT_STATE) != 0 &&
	       strcmp(name, SNAPSHOT_ORDER) != 0 && !image_has_file(name);
}

static bool is_snapshot(int fd)
{
	struct stat st;

	return fstatat(fd, SNAPSHOT_ABOUT, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st.st_mode);
}

/* What stands where the snapshot is to be has to be ours: all of it goes. */
static int check_snapshot_place(const struct snapshot_dir *dir, struct err *err)
{
	_cleanup_(fd_closep) int fd = openat(dir->parent, dir->final,
					     O_RDONLY | O_DIRECTORY |
						     O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 ||
	    (!is_snapshot(fd) && walk_folder(fd, find_snapshot_entry) != 0))
		return err_input(err, -EEXIST,
				 "%s: is there already, and is no snapshot",
				 dir->path);
	if (walk_folder(fd, find_foreign_entry) != 0)
		return err_input(err, -EEXIST,
				 "%s: is there already, and holds other files "
				 "than a snapshot's",
				 dir->path);
	return 0;
}

/*
 * Locks a folder that was opened by its name. Returns -EBUSY if another process
 * has the lock, or gave the name to another folder before it could be taken.
 */
static int lock_snapshot_folder(int parent, const char *name, int fd)
{
	struct stat named, opened;

	/* A file system without locks takes the risk of two at once. */
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		return -EBUSY;
	if (fstat(fd, &opened) < 0)
		return -errno;
	if (fstatat(parent, name, &named, AT_SYMLINK_NOFOLLOW) < 0 ||
	    named.st_dev != opened.st_dev || named.st_ino != opened.st_ino)
		return -EBUSY;
	return 0;
}

/* Takes over a folder that a killed process left, if it is one. */
static int clear_partial(const struct snapshot_dir *dir, int fd,
			 struct err *err)
{
	struct stat st;
	int r = 0;

	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (st.st_uid != geteuid())
		return err_input(err, -EPERM,
				 "%s" PARTIAL ": belongs to another user",
				 dir->path);
	else if (walk_folder(fd, find_foreign_entry) != 0)
		return err_input(err, -EEXIST,
				 "%s" PARTIAL ": holds other files than a "
				 "snapshot's",
				 dir->path);
	if (r == 0 && fchmod(fd, 0700) < 0)
		r = -errno;
	if (r == 0)
		r = walk_folder(fd, remove_entry);
	return r < 0 ? err_set(err, r, "%s" PARTIAL ": %s", dir->path,
			       strerrordesc_np(-r))
		     : 0;
}

static int make_partial(struct snapshot_dir *dir, struct err *err)
{
	_cleanup_(fd_closep) int fd = -1;
	int r;

	if (mkdirat(dir->parent, dir->partial, 0700) < 0 && errno != EEXIST)
		return file_failed(dir->path, err);
	fd = openat(dir->parent, dir->partial,
		    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return file_failed(dir->path, err);
	r = lock_snapshot_folder(dir->parent, dir->partial, fd);
	if (r == -EBUSY)
		return err_input(err, r,
				 "%s: another snapshot is being written there",
				 dir->path);
	if (r < 0)
		return err_set(err, r, "%s" PARTIAL ": %s", dir->path,
			       strerrordesc_np(-r));
	/* Another process may have filled it before it was locked. */
	r = clear_partial(dir, fd, err);
	if (r == 0)
		dir->fd = TAKE_FD(fd);
	return r;
}

int snapshot_dir_begin(struct snapshot_dir *ret, const char *path,
		       struct err *err)
{
	struct snapshot_dir dir = SNAPSHOT_DIR_NONE;
	_cleanup_(freep) char *parent = NULL;
	int r = split_path(&dir, path, &parent, err);

	if (r == 0) {
		dir.parent = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (dir.parent < 0)
			r = file_failed(parent, err);
	}
	if (r == 0)
		r = check_snapshot_place(&dir, err);
	if (r == 0)
		r = make_partial(&dir, err);
	if (r < 0)
		snapshot_dir_finish(&dir);
	else
		*ret = dir;
	return r;
}

/*
 * Gives the folder its name. An older snapshot takes the partial one's name.
 *
 * @ret_old: that folder, locked, so that no other process takes it over while
 *           it is being removed; -1 if there was none
 */
static int put_in_place(const struct snapshot_dir *dir, int *ret_old)
{
	_cleanup_(fd_closep) int old = -1;
	int r;

	*ret_old = -1;
	/* An empty folder gives way to rename(2); a full one does not. */
	if (renameat(dir->parent, dir->partial, dir->parent, dir->final) == 0)
		return 0;
	if (errno != ENOTEMPTY && errno != EEXIST)
		return -errno;
	old = openat(dir->parent, dir->final,
		     O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (old < 0)
		return -errno;
	r = lock_snapshot_folder(dir->parent, dir->final, old);
	if (r < 0)
		return r;
	if (renameat2(dir->parent, dir->partial, dir->parent, dir->final,
		      RENAME_EXCHANGE) < 0)
		return -errno;
	*ret_old = TAKE_FD(old);
	return 0;
}

static void remove_old(const struct snapshot_dir *dir, int old)
{
	int r = walk_folder(old, remove_entry);

	if (r == 0 && unlinkat(dir->parent, dir->partial, AT_REMOVEDIR) < 0)
		r = -errno;
	if (r < 0)
		log_warn("%s" PARTIAL ": the old snapshot is left: %s",
			 dir->path, strerrordesc_np(-r));
}

int snapshot_dir_commit(struct snapshot_dir *dir, struct err *err)
{
	_cleanup_(fd_closep) int old = -1;
	int r = check_snapshot_place(dir, err);

	if (r < 0)
		return r;
	if (fsync(dir->fd) < 0)
		return err_sys(err, "%s" PARTIAL, dir->path);
	r = put_in_place(dir, &old);
	if (r < 0)
		return err_set(err, r, "%s: %s", dir->path,
			       strerrordesc_np(-r));
	fd_closep(&dir->fd);
	dir->fd = -1;
	/* Before that, a loss of power might bring back the old one's name,
	 * and not its files. */
	if (fsync(dir->parent) < 0)
		return err_sys(err, "%s: the folder it is in", dir->path);
	if (old >= 0)
		remove_old(dir, old);
	return 0;
}

void snapshot_dir_finish(struct snapshot_dir *dir)
{
	if (dir->fd >= 0 && dir->partial) {
		(void)walk_folder(dir->fd, remove_entry);
		(void)unlinkat(dir->parent, dir->partial, AT_REMOVEDIR);
	}
	fd_closep(&dir->fd);
	fd_closep(&dir->parent);
	free(dir->path);
	free(dir->partial);
	free(dir->final);
	*dir = (struct snapshot_dir)SNAPSHOT_DIR_NONE;
}

int snapshot_dir_open(const char *path, struct err *err)
{
	_cleanup_(fd_closep) int fd = open(path,
					   O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return file_failed(path, err);
	if (!is_snapshot(fd))
		return err_input(
			err, -ENODATA,
			"%s: is no snapshot: it has no " SNAPSHOT_ABOUT, path);
	return TAKE_FD(fd);
}

int snapshot_file_write(int dir, const char *name, const void *buf, size_t len,
			struct err *err)
{
	_cleanup_(fd_closep) int fd = openat(
		dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		0600);
	int r;

	if (fd < 0)
		return err_sys(err, "%s", name);
	r = file_write_at(fd, buf, len, 0);
	if (r == 0 && fdatasync(fd) < 0)
		r = -errno;
	return r < 0 ? err_set(err, r, "%s: %s", name, strerrordesc_np(-r)) : 0;
}
