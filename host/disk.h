/*
 * host/disk.h - a disk behind a small table of functions.
 *
 * One disk belongs to one device. All of its requests are asynchronous; offsets
 * and lengths are in bytes, and multiples of disk->block.
 *
 * Thread: loop or setup, except cancel(), which may be called by any. The
 * device's lock is held in all calls but disk_open(), and those from resize()
 * on.
 */
#ifndef HOST_DISK_H
#define HOST_DISK_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/aio.h"
#include "base/err.h"
#include "host/disk_log.h"

#define SECTOR_SIZE 512u /* what a disk's size and addresses count in */
#define DISK_PIECES 16
#define DISK_SIZE_OF_IMAGE UINT64_MAX /* for resize() */

enum disk_kind {
	DISK_READ, /* fills the buffers */
	DISK_WRITE, /* from the buffers */
	DISK_FLUSH, /* what was written before is on stable storage */
	DISK_DISCARD, /* the bytes are of no use any more; a hint */
	DISK_ZERO, /* the bytes read as zeroes from now on */
};

/* Embedded in the device's request. */
struct disk_req {
	/* Set by the device, and left alone until done(). */
	enum disk_kind kind;
	uint64_t offset, len; /* inside the disk, and not 0; not for a flush */
	struct iovec *iov; /* borrowed; @len bytes; the disk narrows it */
	size_t iovs;
	bool fua; /* forced unit access: a write, or zeroes, are flushed before
		     they are done */
	bool unmap; /* DISK_ZERO: the space may be given back */
	/*
	 * @res: 0 or a negative errno; -ECANCELED if cancel() stopped it, and
	 * then some of it may have been done. May start the request again.
	 * Thread: loop, or drain()'s.
	 */
	void (*done)(struct disk_req *req, int res);

	uint64_t moved; /* bytes read or written; for done() to read */

	/* The disk's own. */
	struct disk *disk;
	struct aio_req io;
	unsigned step; /* what @io is at */
	uint8_t *bounce; /* owned; NULL: the buffers are used as they are */
	struct iovec piece[DISK_PIECES]; /* what @io moves if not @iov */
};

/* What tells whether an image has been written since. */
struct disk_stamp {
	uint64_t size; /* in bytes */
	int64_t seconds; /* when it was last written, since 1970; 0: a block
			    device */
	uint32_t ns; /* and beside the seconds */
};

struct disk_ops {
	/*
	 * Sets the lock that is held while done() runs. Called once, before
	 * start().
	 */
	void (*attach)(struct disk *disk, pthread_mutex_t *lock);
	/*
	 * Puts a request in line; the host may not see it before kick(). It
	 * ends with one call of done(), never from in here. Returns 0, or
	 * -ENOMEM, and then done() is not called.
	 */
	int (*start)(struct disk *disk, struct disk_req *req);
	void (*kick)(struct disk *disk);
	/* Has all requests end as soon as the host lets them; done() is called
	 * later. Thread: any. */
	void (*cancel)(struct disk *disk);
	/*
	 * Waits until done() has been called for all requests. Returns false if
	 * the wait was given up (aio_drain()): the host still uses their
	 * buffers.
	 */
	bool (*drain)(struct disk *disk);
	/*
	 * Makes the disk larger and sets disk->size. Requests may be in flight.
	 * Does nothing if the disk has this size.
	 *
	 * @size: in bytes; an image file that is smaller is extended by a hole,
	 *        a larger one is left as it is. DISK_SIZE_OF_IMAGE: what the
	 *        image has now, without a rest that is less than a block
	 *
	 * Returns 0; -EINVAL if the size is no number of blocks, or less than
	 * the disk has; -ENOSPC if a block device is smaller; -EROFS if the
	 * image file is smaller and the disk read-only; -EOPNOTSUPP if what is
	 * written to it vanishes; -EFBIG if no file can
	 * be so large; or the errno of fstat(2), ftruncate(2) or the ioctl
	 * BLKGETSIZE64. May wait for the host's file system.
	 */
	int (*resize)(struct disk *disk, uint64_t size, struct err *err);
	/* Tells what the open image is like now, whatever its path leads to.
	 * Returns 0, or the errno of fstat(2) or of the ioctl BLKGETSIZE64. */
	int (*stamp)(struct disk *disk, struct disk_stamp *ret,
		     struct err *err);
	/*
	 * Begins a log of what is written from now on, and ends it
	 * (host/disk_log.h). Takes the lock itself. Returns what disk_log_new()
	 * returns. Thread: loop.
	 */
	int (*log)(struct disk *disk, bool all, struct disk_log **ret,
		   struct err *err);
	void (*unlog)(struct disk *disk, struct disk_log *log);
	/*
	 * Reads what the disk holds now, beside the requests in flight: of one
	 * that writes there meanwhile it may read a part. No lock is held.
	 *
	 * @offset, @buf: multiples of DISK_LOG_PAGE
	 * @len:          whole blocks, not 0, inside the disk
	 *
	 * Returns 0; the errno of pread(2); -ENODATA if the image is shorter.
	 * Thread: any.
	 */
	int (*peek)(struct disk *disk, uint64_t offset, void *buf, size_t len);
	/*
	 * Returns the first byte at or behind @from that may be another than
	 * zero, or UINT64_MAX. Nothing writes meanwhile, or what does is
	 * logged. Thread: any.
	 */
	uint64_t (*next_data)(struct disk *disk, uint64_t from);
	/*
	 * Closes the disk. No request is in flight.
	 *
	 * Returns false if the disk has a log: its owner may peek() at any time
	 * yet, as after a wait for storage that was given up. The disk then
	 * stays as it is, and still uses the lock of attach(). It may be closed
	 * again once it has no log. Thread: loop or setup.
	 */
	bool (*close)(struct disk *disk);
};

struct disk {
	const struct disk_ops *ops;
	uint64_t size; /* in bytes; a multiple of @block, not 0; changed by
			  resize() alone */
	uint32_t block; /* in bytes; a power of two, at least SECTOR_SIZE */
	bool ro; /* takes no write, discard or zeroes */
	int fd; /* of the image, borrowed; -1: what is written is not in it */
};

struct disk_options {
	const char *path; /* borrowed for the call */
	bool ro;
	bool temp; /* the image is only read; writes vanish with the disk. Not
		      with @ro */
	bool direct; /* past the host's page cache; the image's bytes alone */
	bool unshared; /* nobody else can open it: it is not locked */
	bool raw; /* take an image that looks like another format as raw */
	bool inherit; /* it is still locked by a process that shares it:
			 base/file_share.h */
};

/*
 * Opens a raw image: a file or a block device, byte for byte what the guest
 * sees. An image that begins as one of another format does is refused by the
 * format's name, unless @opt->raw; nothing but its magic number is read
 * (host/disk_format.h). A partial block at the end is not part of the disk; a
 * warning says so.
 *
 * The image is locked until it is closed: against all others, or if it is only
 * read, against writers; so two machines do not write one image. The lock is
 * advisory and the open file's: see file_lock().
 *
 * With @opt->temp, writes go to an unnamed file (host/disk_temp.h), and the
 * image counts as only read. A flush has nothing to do then.
 *
 * With @opt->direct, the disk's block is what direct I/O there takes, and what
 * is in buffers that it cannot use is copied.
 *
 * @aio: borrowed; outlives the disk
 *
 * Returns 0; what file_open() returns; and, as faults of the user's: -EINVAL if
 * there is less than one block, -EBUSY if the image is in use, -EMEDIUMTYPE if
 * it is not raw, -EOPNOTSUPP if there is no direct I/O. -ENOMEM, or the errno
 * of pread(2), or what disk_temp_init() returns. The message begins with the
 * path.
 */
int disk_open(struct disk **ret, const struct disk_options *opt,
	      struct aio *aio, struct err *err);

/* Tells what an open regular file or block device is like now. Returns 0, or
 * the errno of fstat(2) or of the ioctl BLKGETSIZE64. Thread: any. */
int disk_stamp(int fd, struct disk_stamp *ret);

#endif
