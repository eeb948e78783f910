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

#define PARTIAL ".partial"

static void closedirp(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
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
	if (dir->final[0] == '\0' || strcmp(dir->final, ".") == 0 ||
	    strcmp(dir->final, "..") == 0)
		return err_input(err, -EINVAL,
				 "%s: not a name for a snapshot's folder",
				 path);
	return 0;
}

/* Removes the files in a folder. It has no folders in it. */
static int empty_folder(int fd)
{
	const int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(closedirp) DIR *list = again < 0 ? NULL : fdopendir(again);
	const struct dirent *entry;

	if (!list) {
		const int code = -errno;

		if (again >= 0)
			(void)close(again);
		return code;
	}
	while ((entry = readdir(list))) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		if (unlinkat(fd, entry->d_name, 0) < 0)
			return -errno;
	}
	return 0;
}

static int remove_folder(int parent, const char *name)
{
	_cleanup_(fd_closep) int fd = openat(
		parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	const int r = fd < 0 ? -errno : empty_folder(fd);

	if (r < 0)
		return r;
	return unlinkat(parent, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

static bool folder_is_empty(int fd)
{
	const int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(closedirp) DIR *list = again < 0 ? NULL : fdopendir(again);
	const struct dirent *entry;
	bool empty = list != NULL;

	while (empty && (entry = readdir(list)))
		empty = strcmp(entry->d_name, ".") == 0 ||
			strcmp(entry->d_name, "..") == 0;
	if (!list && again >= 0)
		(void)close(again);
	return empty;
}

static bool is_snapshot(int fd)
{
	struct stat st;

	return fstatat(fd, SNAPSHOT_ABOUT, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st.st_mode);
}

/* What stands where the snapshot is to be has to be ours. */
static int check_place(const struct snapshot_dir *dir, struct err *err)
{
	_cleanup_(fd_closep) int fd = openat(dir->parent, dir->final,
					     O_RDONLY | O_DIRECTORY |
						     O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd >= 0 && (is_snapshot(fd) || folder_is_empty(fd)))
		return 0;
	return err_input(err, -EEXIST,
			 "%s: is there already, and is no snapshot", dir->path);
}

static int input_sys(const char *path, struct err *err)
{
	static const int hosts[] = { EMFILE, ENFILE, ENOMEM, EIO, ENOSPC };
	const int code = err_sys(err, "%s", path);

	err->input = true;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++)
		if (code == -hosts[i])
			err->input = false;
	return code;
}

static int make_partial(struct snapshot_dir *dir, struct err *err)
{
	int r;

	if (mkdirat(dir->parent, dir->partial, 0700) < 0 && errno != EEXIST)
		return input_sys(dir->path, err);
	dir->fd = openat(dir->parent, dir->partial,
			 O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir->fd < 0)
		return input_sys(dir->path, err);
	/* A kernel without locks takes the risk of two at once. */
	if (flock(dir->fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
		fd_closep(&dir->fd);
		dir->fd = -1;
		return err_input(err, -EBUSY,
				 "%s: another snapshot is being written there",
				 dir->path);
	}
	r = empty_folder(dir->fd);
	if (r < 0)
		return err_set(err, r, "%s" PARTIAL ": %s", dir->path,
			       strerrordesc_np(-r));
	return 0;
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
			r = input_sys(parent, err);
	}
	if (r == 0)
		r = check_place(&dir, err);
	if (r == 0)
		r = make_partial(&dir, err);
	if (r < 0)
		snapshot_dir_finish(&dir);
	else
		*ret = dir;
	return r;
}

/* The old snapshot takes the partial one's name, and is then removed. */
static int replace_old(const struct snapshot_dir *dir)
{
	int r;

	if (renameat2(dir->parent, dir->partial, dir->parent, dir->final,
		      RENAME_EXCHANGE) < 0)
		return -errno;
	r = remove_folder(dir->parent, dir->partial);
	if (r < 0)
		log_warn("%s" PARTIAL ": the old snapshot is left: %s",
			 dir->path, strerrordesc_np(-r));
	return 0;
}

static int put_in_place(const struct snapshot_dir *dir)
{
	/* An empty folder gives way to rename(2); a full one does not. */
	if (renameat(dir->parent, dir->partial, dir->parent, dir->final) == 0)
		return 0;
	return errno == ENOTEMPTY || errno == EEXIST ? replace_old(dir)
						     : -errno;
}

int snapshot_dir_commit(struct snapshot_dir *dir, struct err *err)
{
	int r = check_place(dir, err);

	if (r < 0)
		return r;
	if (fsync(dir->fd) < 0)
		return err_sys(err, "%s" PARTIAL, dir->path);
	r = put_in_place(dir);
	if (r < 0)
		return err_set(err, r, "%s: %s", dir->path,
			       strerrordesc_np(-r));
	fd_closep(&dir->fd);
	dir->fd = -1;
	if (fsync(dir->parent) < 0)
		return err_sys(err, "%s: the folder it is in", dir->path);
	return 0;
}

void snapshot_dir_finish(struct snapshot_dir *dir)
{
	if (dir->fd >= 0) {
		(void)empty_folder(dir->fd);
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
		return input_sys(path, err);
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

int snapshot_file_read(int dir, const char *name, size_t max, uint8_t **ret,
		       size_t *ret_size, struct err *err)
{
	_cleanup_(fd_closep) int fd = openat(
		dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	_cleanup_(freep) uint8_t *buf = NULL;
	struct stat st;
	int r;

	if (fd < 0 && errno == ELOOP)
		return err_input(err, -EBADMSG, "%s: is a symbolic link", name);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "%s", name);
	if (!S_ISREG(st.st_mode))
		return err_input(err, -EBADMSG, "%s: not a regular file", name);
	if ((uint64_t)st.st_size > max)
		return err_input(err, -EFBIG, "%s: larger than %zu bytes", name,
				 max);
	buf = malloc((size_t)st.st_size + 1);
	if (!buf)
		return err_set(err, -ENOMEM, "%s: no memory to read it", name);
	r = file_read_at(fd, buf, (size_t)st.st_size, 0);
	if (r < 0)
		return err_set(err, r == -ENODATA ? -EIO : r, "%s: %s", name,
			       r == -ENODATA ? "shrank while it was read"
					     : strerrordesc_np(-r));
	buf[st.st_size] = 0;
	*ret_size = (size_t)st.st_size;
	*ret = TAKE_PTR(buf);
	return 0;
}
