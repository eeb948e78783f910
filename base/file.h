/*
 * base/file.h - whole files and full lengths.
 *
 * The user chooses file names; file content is not trusted. No function blocks
 * on a file of the wrong type. Thread: any.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum file_want {
	FILE_REGULAR = 0, /* a regular file, may be empty */
	FILE_BLOCK_TOO = 1, /* or a block device */
	FILE_NOT_EMPTY = 2, /* of at least one byte */
};

struct file {
	int fd; /* close-on-exec; closed by the caller */
	uint64_t size; /* in bytes, when it was opened */
};

/*
 * Opens @path.
 *
 * @flags: of open(2): O_RDONLY or O_RDWR, and O_DIRECT, O_SYNC as wished
 * @want:  enum file_want, or'ed
 *
 * Returns 0; the errno of open(2); -EISDIR for a directory; -EINVAL for another
 * special file (a pipe, a terminal, ...); -EROFS for a block device that is to
 * be written and is set read-only; -ENODATA for an empty file if that was
 * refused. The message begins with the path.
 */
int file_open(struct file *ret, const char *path, int flags, unsigned want,
	      struct err *err);

/*
 * Measures an open regular file or block device anew, in bytes. Returns 0, or
 * the errno of fstat(2) or of the ioctl BLKGETSIZE64.
 */
int file_size(int fd, uint64_t *ret);

/*
 * Reads all of a regular file.
 *
 * @max: refuse a file of more bytes than this
 * @ret: its bytes and one byte 0 behind them; freed by the caller
 *
 * Returns 0; what file_open() returns; -EFBIG; -ENOMEM; -EIO if the file
 * shrinks meanwhile. The message begins with the path.
 */
int file_read_all(const char *path, size_t max, uint8_t **ret, size_t *ret_size,
		  struct err *err);

/*
 * The same for a name that is not trusted, in a folder: symbolic links are not
 * followed, and no other kind of file is opened. The messages begin with the
 * name.
 *
 * @dir: open
 *
 * file_open_in() returns a descriptor for reading that the caller owns,
 * -EBADMSG if it is no regular file, or the errno of openat(2).
 */
int file_open_in(int dir, const char *name, uint64_t *ret_size,
		 struct err *err);
int file_read_in(int dir, const char *name, size_t max, uint8_t **ret,
		 size_t *ret_size, struct err *err);

/*
 * Records a system call that just failed on a file whose name is the user's:
 * their fault, but for what the host is short of. Returns -errno.
 */
int file_failed(const char *path, struct err *err);

/*
 * Reads the beginning of a short text, as the kernel makes them in procfs and
 * sysfs: at most @size - 1 bytes, and a byte 0 behind them. Returns 0, or the
 * errno of what went wrong; no story, for many of these files need not be
 * there.
 */
int file_read_text(const char *path, char *buf, size_t size);

/* Access mode of a file that file_write_all() makes. */
enum file_access {
	FILE_FOR_ALL, /* a new one: as the umask says; an old one: as before */
	FILE_FOR_OWNER, /* its owner alone, whatever an old one allowed */
};

/*
 * Writes a file anew, as a whole. It is made beside the old one and takes its
 * place when it is complete, so on failure the old one is still there. If @path
 * is a link, its target is replaced. A pipe is waited for until its reader has
 * taken all of it; without a reader it is -ENXIO. @access is for regular files.
 * Returns 0, or the errno of what went wrong. The message begins with the path.
 */
int file_write_all(const char *path, enum file_access access, const void *buf,
		   size_t len, struct err *err);

/*
 * Locks a file until it is closed: @exclusive against all others, else against
 * those. The lock is advisory and the open file's (F_OFD_SETLK). If the file
 * system or the kernel has no locks, a warning says so, and only a second use
 * by this process is found, by its open descriptors in /proc/self/fd.
 *
 * @fd: open for writing if @exclusive
 *
 * Returns 0, or -EBUSY, a fault of the user's, if the file is in use: by this
 * process or by another one, and the message says which. It begins with the
 * path.
 */
int file_lock(int fd, const char *path, bool exclusive, struct err *err);

/*
 * Has a file share bytes with another one, at the same place, until one of them
 * is written: FICLONERANGE.
 *
 * @offset, @len: whole blocks of the file system
 *
 * Returns 0, or the errno of ioctl_ficlonerange(2): the file system cannot, or
 * they are on two. No story.
 */
int file_clone_range(int to, int from, uint64_t offset, uint64_t len);

/*
 * Reads, or writes, exactly @len bytes at @offset. Returns 0; the errno of
 * pread(2) or pwrite(2); -ENODATA if the file ends before, -EIO if the disk
 * takes nothing.
 */
int file_read_at(int fd, void *buf, size_t len, uint64_t offset);
int file_write_at(int fd, const void *buf, size_t len, uint64_t offset);

#endif
