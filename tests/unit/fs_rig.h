/* tests/unit/fs_rig.h - a shared folder and the messages of a guest. */
#ifndef TESTS_UNIT_FS_RIG_H
#define TESTS_UNIT_FS_RIG_H

#include <linux/fuse.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/fs/fs.h"
#include "tests/unit/temp_folder.h"

#define RIG_REPLY_MAX 65536
#define RIG_REQUEST_MAX (1 << 20)

struct fs_rig {
	struct temp_folder folder;
	struct fs *fs;
	uint32_t uid, gid; /* in the guest, of the next requests */
	/* The last reply, behind its header. */
	uint8_t *reply; /* RIG_REPLY_MAX bytes */
	size_t len;
};

/* Shares a new folder, and begins the session. Ends the program on failure. */
void fs_rig_init(struct fs_rig *rig, const struct fs_options *opt);
void fs_rig_finish(struct fs_rig *rig);

/* Sends INIT. Returns the reply's error. */
int fs_rig_begin(struct fs_rig *rig, uint32_t minor);

/*
 * Sends a request: @arg, then @len bytes of @data. Returns the error of the
 * reply, which is checked for its form; 1 if there is no reply.
 */
int fs_send(struct fs_rig *rig, uint32_t opcode, uint64_t node, const void *arg,
	    size_t arg_len, const void *data, size_t len);

/* The same with room for @room bytes behind the reply's header. */
int fs_send_room(struct fs_rig *rig, uint32_t opcode, uint64_t node,
		 const void *request, size_t len, size_t room);

/* Looks a name up. Returns its node, or a negative errno. */
int64_t fs_lookup(struct fs_rig *rig, uint64_t parent, const char *name);

/* Opens a file, or makes it first. Returns its handle, or a negative errno. */
int64_t fs_open_node(struct fs_rig *rig, uint64_t node, uint32_t flags);
int64_t fs_create(struct fs_rig *rig, uint64_t parent, const char *name,
		  uint32_t flags, uint32_t mode, uint64_t *ret_node);

/* Writes, or reads, @len bytes. Returns how many were, or a negative errno. */
int64_t fs_write(struct fs_rig *rig, uint64_t handle, uint64_t offset,
		 const void *data, size_t len, uint32_t flags);
int64_t fs_read(struct fs_rig *rig, uint64_t handle, uint64_t offset,
		size_t len);

/* What the last reply says of a file. */
const struct fuse_attr *fs_entry_attr(const struct fs_rig *rig);

#endif
