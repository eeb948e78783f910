/*
 * base/file_share.h - hands the lock of a file from one process to another, on
 * another host as well, with no moment at which a third could take it.
 *
 * file_lock() locks all of a file's offsets, those behind its end included, and
 * so excludes every other lock. Here the offsets are shared out:
 *
 *	0		the owner's byte
 *	[1, 2^61)	the heir's part
 *	2^61 + 2 mark	the owner's mark, a random number that only the heir is
 *			told: where that is locked, and the byte behind it is
 *			not, the file is the one that the owner has
 *
 * The owner shares: it keeps its byte and its mark. The heir inherits: it takes
 * its part. A third, which wants all, is refused by either. The owner yields,
 * then the heir owns: it takes all. If the heir never does, the owner unshares.
 * While the heir is still there, the owner then has all but the heir's part.
 *
 * Locks are advisory, and the open file's. Thread: any.
 */
#ifndef BASE_FILE_SHARE_H
#define BASE_FILE_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define FILE_MARK_NONE UINT32_MAX

/*
 * The owner's part: from file_lock() to its byte and its mark.
 *
 * @fd: locked exclusively
 * @ret_mark: for the heir; FILE_MARK_NONE: there are no locks on this file
 *
 * Returns 0, or the errno of fcntl(2) or getrandom(2); then all is locked as it
 * was.
 */
int file_share(int fd, uint32_t *ret_mark);

/*
 * All is the owner's again; or, as long as an heir has its part, all but that,
 * which excludes a third as well.
 *
 * Returns 0, or the errno of fcntl(2): -EAGAIN if somebody else has what is the
 * owner's: after file_yield(), one who has taken all.
 */
int file_unshare(int fd);

/* The owner has nothing any more. */
void file_yield(int fd);

/* True if somebody else has shared this very file by that mark. */
bool file_is_shared(int fd, uint32_t mark);

/*
 * Does what file_lock() does, for the heir of an owner that has shared it.
 *
 * @exclusive: false: only read, and then nothing is shared: as file_lock()
 */
int file_inherit(int fd, const char *path, bool exclusive, struct err *err);

/* All is the heir's: the owner has yielded. Returns 0, or the errno of
 * fcntl(2): -EAGAIN if the owner has not. */
int file_own(int fd);

#endif
