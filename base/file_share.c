/* base/file_share.c - hands the lock of a file to another process. */
#include "base/file_share.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/file.h"

#define OWNER INT64_C(0)
#define HEIR INT64_C(1)
#define MARKS (INT64_C(1) << 61)
#define TO_THE_END INT64_C(0) /* a length */

/* @command: F_OFD_SETLK or F_OFD_GETLK. Returns 0 or -errno. */
static int use_lock(int fd, int command, struct flock *lock)
{
	return fcntl(fd, command, lock) < 0 ? -errno : 0;
}

/* @type: F_WRLCK or F_UNLCK */
static int set_part(int fd, short type, int64_t start, int64_t len)
{
	struct flock lock = { .l_type = type,
			      .l_whence = SEEK_SET,
			      .l_start = (off_t)start,
			      .l_len = (off_t)len };

	return use_lock(fd, F_OFD_SETLK, &lock);
}

static int64_t place_of(uint32_t mark)
{
	return MARKS + 2 * (int64_t)mark;
}

/* True if somebody else has locked a byte. */
static bool is_locked(int fd, int64_t at)
{
	struct flock lock = { .l_type = F_WRLCK,
			      .l_whence = SEEK_SET,
			      .l_start = (off_t)at,
			      .l_len = 1 };

	return use_lock(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

int file_share(int fd, uint32_t *ret_mark)
{
	uint32_t mark;
	int r;

	if (getrandom(&mark, sizeof(mark), 0) != sizeof(mark))
		return -EIO;
	if (mark == FILE_MARK_NONE)
		mark--;
	/* All of it is ours: what is given up here can be had again. */
	r = set_part(fd, F_WRLCK, OWNER, TO_THE_END);
	if (r < 0) {
		*ret_mark = FILE_MARK_NONE;
		return r == -EAGAIN || r == -EBADF ? r : 0;
	}
	r = set_part(fd, F_UNLCK, HEIR, place_of(mark) - HEIR);
	if (r == 0)
		r = set_part(fd, F_UNLCK, place_of(mark) + 1, TO_THE_END);
	if (r < 0)
		(void)file_unshare(fd);
	*ret_mark = mark;
	return r;
}

/* A lock is had as a whole or not at all. */
int file_unshare(int fd)
{
	int r = set_part(fd, F_WRLCK, OWNER, TO_THE_END);

	if (r != -EAGAIN)
		return r;
	r = set_part(fd, F_WRLCK, OWNER, HEIR - OWNER);
	return r == 0 ? set_part(fd, F_WRLCK, MARKS, TO_THE_END) : r;
}

void file_yield(int fd)
{
	(void)set_part(fd, F_UNLCK, OWNER, TO_THE_END);
}

bool file_is_shared(int fd, uint32_t mark)
{
	return is_locked(fd, place_of(mark)) &&
	       !is_locked(fd, place_of(mark) + 1);
}

int file_inherit(int fd, const char *path, bool exclusive, struct err *err)
{
	int r;

	if (!exclusive)
		return file_lock(fd, path, exclusive, err);
	r = set_part(fd, F_WRLCK, HEIR, MARKS - HEIR);
	if (r == -EAGAIN)
		return err_input(err, -EBUSY,
				 "%s: in use by another machine or program",
				 path);
	/* Where there are no locks there is nothing to inherit. */
	return 0;
}

int file_own(int fd)
{
	return set_part(fd, F_WRLCK, OWNER, TO_THE_END);
}
