/* base/file.c - whole files and full lengths. */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/log.h"

#define BESIDE_TRIES 100

/* @st: of @fd, a regular file or a block device */
static int measure_fd(int fd, const struct stat *st, uint64_t *ret)
{
	if (S_ISBLK(st->st_mode))
		return ioctl(fd, BLKGETSIZE64, ret) < 0 ? -errno : 0;
	*ret = (uint64_t)st->st_size;
	return 0;
}

int file_size(int fd, uint64_t *ret)
{
	struct stat st;

	return fstat(fd, &st) < 0 ? -errno : measure_fd(fd, &st, ret);
}

static int measure_file(struct file *file, const char *path, bool write,
			unsigned want, struct err *err)
{
	struct stat st;
	int ro = 0;

	if (fstat(file->fd, &st) < 0)
		return err_sys(err, "%s", path);
	if (S_ISDIR(st.st_mode))
		return err_input(err, -EISDIR, "%s: is a directory", path);
	if (!S_ISREG(st.st_mode) &&
	    !(S_ISBLK(st.st_mode) && (want & FILE_BLOCK_TOO)))
		return err_input(err, -EINVAL, "%s: not a regular file", path);
	if (measure_fd(file->fd, &st, &file->size) < 0)
		return err_sys(err, "%s: size", path);
	/* open(2) allows writing to a block device that is set read-only. */
	if (S_ISBLK(st.st_mode) && write &&
	    ioctl(file->fd, BLKROGET, &ro) == 0 && ro)
		return err_input(err, -EROFS, "%s: is set read-only", path);
	if (file->size == 0 && (want & FILE_NOT_EMPTY))
		return err_input(err, -ENODATA, "%s: is empty", path);
	return 0;
}

/* The path is the user's; these say that the host is short of something. */
static bool is_hosts(int error)
{
	static const int hosts[] = { EMFILE, ENFILE, ENOMEM, EIO,
				     ENOSPC, EDQUOT, EFBIG,  EPIPE };

	for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++)
		if (error == hosts[i])
			return true;
	return false;
}

int file_failed(const char *path, struct err *err)
{
	const int code = err_sys(err, "%s", path);

	err->input = !is_hosts(-code);
	return code;
}

int file_open(struct file *ret, const char *path, int flags, unsigned want,
	      struct err *err)
{
	/* A pipe without a writer must not hold us here, hence O_NONBLOCK. */
	_cleanup_(fd_closep) int fd = open(path, flags | O_CLOEXEC | O_NOCTTY |
							 O_NONBLOCK);
	struct file file = { .fd = fd };
	int r;

	if (fd < 0)
		return file_failed(path, err);
	r = measure_file(&file, path, (flags & O_ACCMODE) != O_RDONLY, want,
			 err);
	if (r < 0)
		return r;
	/* io_uring would answer -EAGAIN where the flag stays set. */
	if (fcntl(fd, F_SETFL, flags) < 0)
		return err_sys(err, "%s", path);
	*ret = file;
	(void)TAKE_FD(fd);
	return 0;
}

/* Reads a file that was just opened, and closes it. */
static int read_opened(const struct file *file, const char *name, size_t max,
		       uint8_t **ret, size_t *ret_size, struct err *err)
{
	_cleanup_(fd_closep) int fd = file->fd;
	_cleanup_(freep) uint8_t *buf = NULL;
	int r;

	if (file->size > max || file->size >= SIZE_MAX)
		return err_input(err, -EFBIG, "%s: larger than %zu bytes", name,
				 max);
	buf = malloc((size_t)file->size + 1);
	if (!buf)
		return err_set(err, -ENOMEM, "%s: no memory to read it", name);
	r = file_read_at(fd, buf, (size_t)file->size, 0);
	if (r == -ENODATA)
		return err_set(err, -EIO, "%s: shrank while it was read", name);
	if (r < 0)
		return err_set(err, r, "%s: %s", name, strerrordesc_np(-r));
	buf[file->size] = 0;
	*ret = TAKE_PTR(buf);
	*ret_size = (size_t)file->size;
	return 0;
}

int file_read_all(const char *path, size_t max, uint8_t **ret, size_t *ret_size,
		  struct err *err)
{
	struct file file = { 0 };
	const int r = file_open(&file, path, O_RDONLY, FILE_REGULAR, err);

	return r < 0 ? r : read_opened(&file, path, max, ret, ret_size, err);
}

int file_open_in(int dir, const char *name, uint64_t *ret_size, struct err *err)
{
	/* O_NONBLOCK: a FIFO must not hold us here. */
	_cleanup_(fd_closep) int fd = openat(
		dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;

	if (fd < 0 && errno == ELOOP)
		return err_input(err, -EBADMSG, "%s: is a symbolic link", name);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "%s", name);
	if (!S_ISREG(st.st_mode))
		return err_input(err, -EBADMSG, "%s: not a regular file", name);
	*ret_size = (uint64_t)st.st_size;
	return TAKE_FD(fd);
}

int file_read_in(int dir, const char *name, size_t max, uint8_t **ret,
		 size_t *ret_size, struct err *err)
{
	struct file file = { 0 };

	file.fd = file_open_in(dir, name, &file.size, err);
	return file.fd < 0 ? file.fd
			   : read_opened(&file, name, max, ret, ret_size, err);
}

int file_read_text(const char *path, char *buf, size_t size)
{
	_cleanup_(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	const ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return 0;
}

/* True if both are descriptors of one file, and either may write it. */
static bool files_clash(int fd, int other, bool exclusive)
{
	struct stat a, b;
	const int flags = fcntl(other, F_GETFL);

	if (flags < 0 || fstat(fd, &a) < 0 || fstat(other, &b) < 0)
		return false;
	if (!exclusive && (flags & O_ACCMODE) == O_RDONLY)
		return false;
	if (S_ISBLK(a.st_mode) && S_ISBLK(b.st_mode))
		return a.st_rdev == b.st_rdev;
	return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static void dir_closep(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
}

/* True if this process has opened the file of @fd before, in a way that a lock
 * would not allow. */
static bool is_ours(int fd, bool exclusive)
{
	_cleanup_(dir_closep) DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;

	/* The stream is ours alone. NOLINTNEXTLINE(concurrency-mt-unsafe) */
	while (dir && (entry = readdir(dir))) {
		const int other = atoi(entry->d_name);

		if (*entry->d_name != '.' && other != fd &&
		    files_clash(fd, other, exclusive))
			return true;
	}
	return false;
}

int file_lock(int fd, const char *path, bool exclusive, struct err *err)
{
	struct flock lock = {
		.l_type = exclusive ? F_WRLCK : F_RDLCK,
		.l_whence = SEEK_SET,
	};
	int code;

	if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
		return 0;
	code = errno;
	if (is_ours(fd, exclusive))
		return err_input(err, -EBUSY,
				 "%s: this machine uses it twice, and may "
				 "write it",
				 path);
	if (code == EAGAIN)
		return err_input(err, -EBUSY,
				 "%s: in use by another machine or program",
				 path);
	log_warn("%s: cannot be locked: %s; see that nothing else writes it",
		 path,
		 code == EACCES ? "this kernel has no file locks "
				  "(CONFIG_FILE_LOCKING)"
				: strerrordesc_np(code));
	return 0;
}

int file_clone_range(int to, int from, uint64_t offset, uint64_t len)
{
	const struct file_clone_range range = { .src_fd = from,
						.src_offset = offset,
						.src_length = len,
						.dest_offset = offset };

	return ioctl(to, FICLONERANGE, &range) < 0 ? -errno : 0;
}

int file_read_at(int fd, void *buf, size_t len, uint64_t offset)
{
	uint8_t *p = buf;

	while (len > 0) {
		ssize_t n = pread(fd, p, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ENODATA;
		p += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

int file_write_at(int fd, const void *buf, size_t len, uint64_t offset)
{
	const uint8_t *p = buf;

	while (len > 0) {
		ssize_t n = pwrite(fd, p, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
		p += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

/* Writes all of @buf, and closes. Not by pwrite(2): it may be a pipe. */
static int write_close(int *fd, const void *buf, size_t len)
{
	const uint8_t *p = buf;

	while (len > 0) {
		const ssize_t n = write(*fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	/* Some file systems tell only now that the disk is full. */
	return close(TAKE_FD(*fd)) < 0 ? -errno : 0;
}

/* Makes a file beside another, under a name that none has. */
static int make_beside(const char *path, mode_t mode, char **ret_name)
{
	for (unsigned i = 0; i < BESIDE_TRIES; i++) {
		_cleanup_(freep) char *name = NULL;
		int fd;

		if (asprintf(&name, "%s.tmp%u", path, i) < 0) {
			name = NULL;
			return -ENOMEM;
		}
		fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
		if (fd >= 0) {
			*ret_name = TAKE_PTR(name);
			return fd;
		}
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

/* @path: as it is, or what its links lead to; @old: what it was; NULL: not */
static int replace_file(const char *path, const struct stat *old,
			enum file_access access, const void *buf, size_t len)
{
	const mode_t most = access == FILE_FOR_OWNER ? 0700 : 0777;
	_cleanup_(freep) char *name = NULL;
	_cleanup_(fd_closep) int fd = make_beside(path, 0666 & most, &name);
	int r;

	if (fd < 0)
		return fd;
	if (old)
		(void)fchmod(fd, old->st_mode & most);
	r = write_close(&fd, buf, len);
	if (r == 0 && rename(name, path) < 0)
		r = -errno;
	if (r < 0 && name)
		(void)unlink(name);
	return r;
}

static int write_all(const char *path, enum file_access access, const void *buf,
		     size_t len)
{
	/* A pipe without a reader must not hold us here: ENXIO. */
	_cleanup_(fd_closep) int fd = open(path, O_WRONLY | O_CLOEXEC |
							 O_NOCTTY | O_NONBLOCK);
	_cleanup_(freep) char *target = NULL;
	struct stat st;

	if (fd < 0)
		return errno == ENOENT
			     ? replace_file(path, NULL, access, buf, len)
			     : -errno;
	if (fcntl(fd, F_SETFL, 0) < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return write_close(&fd, buf, len);
	target = realpath(path, NULL);
	return target ? replace_file(target, &st, access, buf, len) : -errno;
}

int file_write_all(const char *path, enum file_access access, const void *buf,
		   size_t len, struct err *err)
{
	const int r = write_all(path, access, buf, len);

	if (r == 0)
		return 0;
	errno = -r;
	return file_failed(path, err);
}
