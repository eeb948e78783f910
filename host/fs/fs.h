/*
 * host/fs/fs.h - a folder of the host, served by FUSE's protocol.
 *
 * Bytes of a request in, bytes of a reply out; what carries them is not known
 * here. All of them come from a guest and are not trusted.
 *
 * What the guest cannot do, whatever it sends:
 * - Name a file outside of the folder. A name is one component, neither "." nor
 *   "..", and is looked up below a folder that the guest has got from here
 *   (openat2(2) with RESOLVE_BENEATH). A symbolic link is never followed: the
 *   guest reads it and does that itself.
 * - Open a special file of the host (a device, a pipe, a socket). It may see
 *   them.
 * - Do what this process may not. There is one user on the host, the caller.
 * - Take more descriptors than it was given, or more memory than they are
 * worth.
 *
 * Owners: see enum fs_owners. The guest's kernel checks access by what it is
 * shown; the host's kernel then checks it by the caller's rights.
 *
 * Source: FUSE's protocol 7.38, <linux/fuse.h>. 7.31 (Linux 5.4, the first with
 * virtio-fs) is the oldest that is served.
 */
#ifndef HOST_FS_FS_H
#define HOST_FS_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/err.h"
#include "base/state.h"

struct fs;

/* Whom a file of the host belongs to in the guest. */
enum fs_owners {
	/*
	 * What is the caller's (its effective user and group) is root's (0).
	 * What is root's is nobody's (65534), unless the caller is root. Other
	 * numbers stay.
	 */
	FS_OWNERS_MAP,
	/* All numbers stay. */
	FS_OWNERS_SAME,
};

struct fs_options {
	const char *path; /* of the folder */
	bool writable;
	enum fs_owners owners;
	bool flat; /* mount points in it look like other folders: a file system
		      of the guest's that lies over this one, an overlay, would
		      not enter them */
	unsigned files; /* descriptors that the guest may hold; 64 or more */
};

/* The pages of the largest transfer, and its bytes with the smallest pages. So
 * a request is a chain of less than 256 buffers. */
#define FS_MAX_PAGES 240
#define FS_MAX_WRITE (FS_MAX_PAGES * 4096)

struct fs_message {
	const struct iovec *in; /* the request; borrowed */
	size_t ins;
	const struct iovec *out; /* room for the reply; borrowed */
	size_t outs;

	/* Set by fs_serve(), in bytes from the start. */
	size_t read; /* of the request, which may have been read */
	size_t touched; /* of the room, which may have been written */
	size_t written; /* the reply; 0: there is none */
	bool fault; /* the host's kernel could not access the memory */
};

/*
 * Opens a folder.
 *
 * Returns 0; -ENOENT, -ENOTDIR, -EACCES or another errno of open(2), faults of
 * the user's; -ENOSYS if the host's kernel lacks openat2(2) (Linux 5.6);
 * another errno if /proc/self/fd is not there; -ENOMEM. The message begins with
 * the path. Thread: setup.
 */
int fs_open(struct fs **ret, const struct fs_options *opt, struct err *err);

/* Closes it, with all that the guest holds. NULL is fine; returns NULL. */
struct fs *fs_close(struct fs *fs);

/*
 * Does what a request asks for, and writes the reply. May block for as long as
 * the host's file system does. Thread: any, several at a time.
 */
void fs_serve(struct fs *fs, struct fs_message *msg);

/* The guest's driver is gone: until the next one begins with INIT, every
 * request fails. Thread: any; does not block. */
void fs_disconnect(struct fs *fs);

/* Closes what a guest still holds that is gone by now. May block. Thread: any.
 */
void fs_sweep(struct fs *fs);

/*
 * Adds what the guest holds to a state's section: its files by their paths and
 * inode numbers.
 *
 * A file that is open in the guest and has no name in the folder any more
 * cannot be saved: state_refuse().
 *
 * @first: the first id of the records, which have 2^34 of them
 *
 * Thread: any, while no request is at work.
 */
void fs_save_state(struct fs *fs, struct state *state, uint64_t first);

/*
 * Has the guest hold what it held then, of the same folder or one that looks
 * like it. Where another file or none has a path, the guest finds its own
 * number stale (ESTALE) and asks again by name.
 *
 * @from: not trusted
 *
 * Returns 0; -EBADMSG or -ENOENT if that is no such state; -ESTALE if what is
 * open is gone, or another file; the errno of opening it; -EMFILE, -ENFILE or
 * -ENOMEM. Then the guest holds nothing. Thread: setup.
 */
int fs_load_state(struct fs *fs, struct state_records *from, uint64_t first,
		  struct err *err);

/* How many files the guest holds, and how many of these it has open. Thread:
 * any. */
void fs_count(struct fs *fs, uint32_t *ret_nodes, uint32_t *ret_handles);

/*
 * Raises this process's limit on open files as far as it may.
 *
 * Returns how many of them each of @shares folders may take. Thread: setup.
 */
unsigned fs_raise_limit(unsigned shares);

#endif
