/*
 * host/fs/op.h - a request at work; private to host/fs/.
 *
 * serve.c checks a request's form, and calls the function of its opcode. That
 * returns 0 or a negative errno, which is the reply's.
 */
#ifndef HOST_FS_OP_H
#define HOST_FS_OP_H

#include <linux/fuse.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/log.h"
#include "host/fs/fs.h"
#include "host/fs/handle.h"
#include "host/fs/node.h"

#define FS_NAME_MAX 255
#define FS_TARGET_MAX 4095 /* of a symbolic link */
/* Two names, or a name and a target, each with its byte 0. */
#define FS_STRINGS_MAX (FS_NAME_MAX + 1 + FS_TARGET_MAX + 1)

/* How long the guest may believe an answer, in seconds. */
#define FS_TIMEOUT 1

struct fs {
	bool writable;
	enum fs_owners owners;
	bool flat;
	uid_t uid; /* the caller's */
	gid_t gid;
	mode_t umask; /* the caller's */
	struct fs_nodes nodes;
	struct fs_handles handles;
	/* Held for reading by each request; for writing to begin and to end. */
	pthread_rwlock_t session;
	bool begun; /* atomic: there was an INIT */
	bool crowded; /* atomic: a warning about descriptors was given */
	struct log_limit guest_errors;
};

/* The fixed part of a request. */
union fs_arg {
	struct fuse_init_in init;
	struct fuse_forget_in forget;
	struct fuse_batch_forget_in batch_forget;
	struct fuse_getattr_in getattr;
	struct fuse_setattr_in setattr;
	struct fuse_mknod_in mknod;
	struct fuse_mkdir_in mkdir;
	struct fuse_rename_in rename;
	struct fuse_rename2_in rename2;
	struct fuse_link_in link;
	struct fuse_open_in open;
	struct fuse_create_in create;
	struct fuse_release_in release;
	struct fuse_flush_in flush;
	struct fuse_read_in read;
	struct fuse_write_in write;
	struct fuse_fsync_in fsync;
	struct fuse_setxattr_in setxattr; /* its first 8 bytes */
	struct fuse_getxattr_in getxattr;
	struct fuse_fallocate_in fallocate;
	struct fuse_lseek_in lseek;
	struct fuse_copy_file_range_in copy;
};

struct fs_created {
	struct fuse_entry_out entry;
	struct fuse_open_out open;
};

/* The fixed part of a reply. */
union fs_reply {
	struct fuse_init_out init;
	struct fuse_entry_out entry;
	struct fuse_attr_out attr;
	struct fuse_open_out open;
	struct fs_created created;
	struct fuse_write_out write;
	struct fuse_statfs_out statfs;
	struct fuse_getxattr_out xattr;
	struct fuse_lseek_out lseek;
};

struct fs_op {
	struct fs *fs;
	struct fs_message *msg;
	struct fuse_in_header head;
	union fs_arg arg; /* zeroes behind what was sent */
	size_t rest; /* where the request goes on behind arg and names */
	const char *name[2];
	char *strings; /* FS_STRINGS_MAX bytes, which @name points into;
			  borrowed */
	struct fs_node *node; /* of head.nodeid; in use */

	/* For the reply. */
	size_t room; /* for data, if there is no fixed part */
	union fs_reply reply;
	size_t reply_len;
	size_t data; /* bytes that lie behind the header already */
};

/* Where a reply's data goes, and a request's begins at the earliest. */
#define FS_REPLY_DATA sizeof(struct fuse_out_header)

/* Data of a reply. Returns how many bytes fit. */
size_t fs_put(struct fs_op *op, size_t offset, const void *buf, size_t len);

/* session.c */
int fs_do_init(struct fs_op *op);
int fs_do_destroy(struct fs_op *op);
int fs_do_forget(struct fs_op *op);
int fs_do_batch_forget(struct fs_op *op);
int fs_do_interrupt(struct fs_op *op);
/* Closes what the guest holds. No request is at work. */
void fs_forget_all(struct fs *fs);

/* attr.c */
int fs_do_getattr(struct fs_op *op);
int fs_do_setattr(struct fs_op *op);
int fs_do_statfs(struct fs_op *op);

/* What the guest is shown of a file. */
void fs_show_attr(const struct fs *fs, const struct fs_node *node,
		  const struct stat *st, struct fuse_attr *ret);
void fs_show_entry(const struct fs *fs, const struct fs_node *node,
		   const struct stat *st, struct fuse_entry_out *ret);

/*
 * After a write, for a request that says so: takes away the bits that have a
 * program run as its owner. The host's kernel does it itself unless the caller
 * is root.
 */
int fs_drop_privileges(const struct fs *fs, int fd);

/* names.c */
int fs_do_lookup(struct fs_op *op);
int fs_do_mknod(struct fs_op *op);
int fs_do_mkdir(struct fs_op *op);
int fs_do_symlink(struct fs_op *op);
int fs_do_readlink(struct fs_op *op);
int fs_do_unlink(struct fs_op *op);
int fs_do_rmdir(struct fs_op *op);
int fs_do_rename(struct fs_op *op);
int fs_do_rename2(struct fs_op *op);
int fs_do_link(struct fs_op *op);

/*
 * Finds a child of a folder, and counts the LOOKUP.
 *
 * @ret: in use
 * Returns 0 or a negative errno.
 */
int fs_find_child(struct fs *fs, const struct fs_node *parent, const char *name,
		  struct stat *st, struct fs_node **ret);

/* path.c: the host's names of what is open here */

#define FS_PATH_SIZE 32

/* Writes a path that leads to what a descriptor stands for. */
void fs_path(int fd, char path[FS_PATH_SIZE]);

/* Opens a file or folder anew. Returns a descriptor or a negative errno. A
 * special file is -ENXIO, a symbolic link -ELOOP. */
int fs_reopen(const struct fs_node *node, int flags);

/* Opens a child, without a step out of the folder or a symbolic link. */
int fs_open_child(int parent, const char *name, int flags, mode_t mode);

/* Gives a file that was just made the mode that was asked for. Those who make
 * files here have the caller's umask, and the guest has its own. */
int fs_complete_mode(const struct fs *fs, int fd, struct stat *st, mode_t mode);

/* Gives a file that was just made to the user in the guest, if the caller may
 * and owners stay as they are. */
int fs_complete_owner(const struct fs_op *op, int fd, struct stat *st);

/* file.c */
int fs_do_open(struct fs_op *op);
int fs_do_create(struct fs_op *op);
int fs_do_tmpfile(struct fs_op *op);
int fs_do_release(struct fs_op *op);
int fs_do_flush(struct fs_op *op);
int fs_do_fsync(struct fs_op *op);
/* FSYNC and FSYNCDIR. */
int fs_sync_handle(struct fs_op *op, bool folder);

/* data.c */
int fs_do_read(struct fs_op *op);
int fs_do_write(struct fs_op *op);
int fs_do_lseek(struct fs_op *op);
int fs_do_fallocate(struct fs_op *op);
int fs_do_copy_file_range(struct fs_op *op);

/* folder.c */
int fs_do_opendir(struct fs_op *op);
int fs_do_readdir(struct fs_op *op);
int fs_do_readdirplus(struct fs_op *op);
int fs_do_releasedir(struct fs_op *op);
int fs_do_fsyncdir(struct fs_op *op);
int fs_do_syncfs(struct fs_op *op);

/* xattr.c */
int fs_do_getxattr(struct fs_op *op);
int fs_do_listxattr(struct fs_op *op);
int fs_do_setxattr(struct fs_op *op);
int fs_do_removexattr(struct fs_op *op);

#endif
