/*
 * host/fs/node.h - the files that a guest knows of a shared folder.
 *
 * A node stands for one inode of the host and holds it by a descriptor that
 * can neither read nor write (O_PATH). The guest gets a node by LOOKUP and
 * gives it back by FORGET; each LOOKUP counts. A request that works with a node
 * counts as a user of it. A node without both is closed.
 *
 * Thread: any, except where a function says otherwise.
 */
#ifndef HOST_FS_NODE_H
#define HOST_FS_NODE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "host/fs/slots.h"

/* What a file was like when it was opened. */
struct fs_stamp {
	bool valid;
	off_t size;
	struct timespec mtime, ctime;
};

struct fs_node {
	/* Fixed. */
	uint64_t id;
	dev_t dev;
	ino_t ino;
	mode_t type; /* S_IFMT of it */
	int fd; /* O_PATH; owned; -1: its file was gone when it was loaded */
	bool mounted; /* another file system than its parent's */

	/* Under the table's lock. */
	uint64_t lookups;
	uint32_t users;
	struct fs_node *next; /* in its bucket */
	struct fs_stamp stamp;
};

struct fs_nodes {
	pthread_mutex_t lock;
	struct fs_slots slots;
	struct fs_node **bucket; /* owned; by inode */
	uint32_t buckets; /* a power of two */
};

/*
 * Makes a table of at most @max nodes with the first one, FUSE_ROOT_ID.
 *
 * @root: O_PATH descriptor of the folder; taken over, failure included
 *
 * Returns 0, -ENOMEM, or the errno of fstat(2).
 */
int fs_nodes_init(struct fs_nodes *nodes, uint32_t max, int root);

/* Closes all. Nobody uses a node. A zeroed table is fine. */
void fs_nodes_finish(struct fs_nodes *nodes);

/* Closes all but the root. Nobody uses a node. */
void fs_nodes_clear(struct fs_nodes *nodes);

/* Returns a node that is in use from now on; NULL: there is none, or its file
 * is gone. @id: not trusted */
struct fs_node *fs_node_get(struct fs_nodes *nodes, uint64_t id);

/* Ends what fs_node_get() or fs_node_add() began. NULL is fine. */
void fs_node_put(struct fs_nodes *nodes, struct fs_node *node);

/*
 * Counts a LOOKUP of an inode, of which a node is made if there is none yet.
 * The node is in use from now on.
 *
 * @fd:     O_PATH descriptor of it; taken over, failure included
 * @st:     of @fd
 * @parent: in whose file system it should be
 *
 * Returns 0; -ENFILE if there are too many nodes; -ENOMEM.
 */
int fs_node_add(struct fs_nodes *nodes, int fd, const struct stat *st,
		const struct fs_node *parent, struct fs_node **ret);

/* A node as another table had it. */
struct fs_saved_node {
	uint64_t id, lookups;
	bool mounted;
};

/*
 * Makes a node anew in a table that has the root alone otherwise, or others
 * that were restored. fs_nodes_end_restore() follows.
 *
 * @saved: not trusted
 * @fd:    O_PATH descriptor of its file, taken over, failure included; -1: the
 *         file is gone. The node is there to be forgotten.
 * @st:    of @fd
 *
 * Returns 0; -EINVAL if there can be no such node; -ENOMEM. Thread: setup.
 */
int fs_node_restore(struct fs_nodes *nodes, const struct fs_saved_node *saved,
		    int fd, const struct stat *st);
void fs_nodes_end_restore(struct fs_nodes *nodes);

/* Takes back up to @count LOOKUPs. Neither is trusted. */
void fs_node_forget(struct fs_nodes *nodes, uint64_t id, uint64_t count);

/* True while less than half of the nodes are taken. */
bool fs_nodes_have_room(struct fs_nodes *nodes);

/*
 * Notes what a file is like as it is opened. Returns true if it has not changed
 * since it was opened before. A file that changed within the last two seconds
 * is as good as changed: the clock of its time stamps may be as coarse.
 */
bool fs_node_stamp(struct fs_nodes *nodes, struct fs_node *node,
		   const struct stat *st);

#endif
