/* host/fs/node.c - the files that a guest knows of a shared folder. */
#include "host/fs/node.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

#define BUCKETS_FIRST 256

static struct fs_node *free_node(struct fs_node *node)
{
	if (node)
		fd_closep(&node->fd);
	free(node);
	return NULL;
}

static void node_freep(struct fs_node **node)
{
	*node = free_node(*node);
}

/* The golden ratio spreads inode numbers, which count up. */
static struct fs_node **find_bucket(const struct fs_nodes *nodes, dev_t dev,
				    ino_t ino)
{
	const uint64_t mix = ((uint64_t)dev * 31 + (uint64_t)ino) *
			     UINT64_C(0x9e3779b97f4a7c15);

	return &nodes->bucket[(mix >> 32) & (nodes->buckets - 1)];
}

static struct fs_node *find_inode(const struct fs_nodes *nodes, dev_t dev,
				  ino_t ino)
{
	struct fs_node *node = *find_bucket(nodes, dev, ino);

	while (node && (node->dev != dev || node->ino != ino))
		node = node->next;
	return node;
}

static void link_node(struct fs_nodes *nodes, struct fs_node *node)
{
	struct fs_node **bucket = find_bucket(nodes, node->dev, node->ino);

	node->next = *bucket;
	*bucket = node;
}

static void unlink_node(struct fs_nodes *nodes, const struct fs_node *node)
{
	struct fs_node **link = find_bucket(nodes, node->dev, node->ino);

	while (*link != node)
		link = &(*link)->next;
	*link = node->next;
}

static int resize_buckets(struct fs_nodes *nodes, uint32_t count)
{
	struct fs_node **was = nodes->bucket;
	const uint32_t were = nodes->buckets;
	struct fs_node **bucket = calloc(count, sizeof(struct fs_node *));

	if (!bucket)
		return -ENOMEM;
	nodes->bucket = bucket;
	nodes->buckets = count;
	for (uint32_t i = 0; i < were; i++) {
		struct fs_node *node = was[i];

		while (node) {
			struct fs_node *next = node->next;

			link_node(nodes, node);
			node = next;
		}
	}
	free(was);
	return 0;
}

/* The node has its number. The lock is held. */
static void enter_node(struct fs_nodes *nodes, struct fs_node *node, int fd)
{
	node->fd = fd;
	/* With fewer buckets it is slower, and no more. */
	if (nodes->slots.count > nodes->buckets)
		(void)resize_buckets(nodes, nodes->buckets * 2);
	if (fd >= 0)
		link_node(nodes, node);
}

/* Makes a node, with a user and a LOOKUP. The lock is held. */
static int make_node(struct fs_nodes *nodes, int *fd, const struct stat *st,
		     struct fs_node **ret)
{
	_cleanup_(node_freep) struct fs_node *node = calloc(1, sizeof(*node));
	int r;

	if (!node)
		return -ENOMEM;
	*node = (struct fs_node){ .dev = st->st_dev,
				  .ino = st->st_ino,
				  .type = st->st_mode & S_IFMT,
				  .fd = -1,
				  .lookups = 1,
				  .users = 1 };
	r = fs_slots_add(&nodes->slots, node, &node->id);
	if (r < 0)
		return r;
	enter_node(nodes, node, TAKE_FD(*fd));
	*ret = TAKE_PTR(node);
	return 0;
}

int fs_nodes_init(struct fs_nodes *nodes, uint32_t max, int root)
{
	_cleanup_(fd_closep) int fd = root;
	struct fs_node *node;
	struct stat st;
	int r;

	*nodes = (struct fs_nodes){ 0 };
	(void)pthread_mutex_init(&nodes->lock, NULL);
	fs_slots_init(&nodes->slots, max);
	if (fstat(fd, &st) < 0)
		return -errno;
	r = resize_buckets(nodes, BUCKETS_FIRST);
	if (r == 0)
		r = make_node(nodes, &fd, &st, &node);
	return r;
}

/* Takes a node out that nothing holds. Its memory is the caller's now. */
static struct fs_node *drop_node(struct fs_nodes *nodes, struct fs_node *node)
{
	if (node->users > 0 || node->lookups > 0)
		return NULL;
	if (node->fd >= 0)
		unlink_node(nodes, node);
	fs_slots_remove(&nodes->slots, node->id);
	return node;
}

void fs_nodes_clear(struct fs_nodes *nodes)
{
	for (uint32_t i = 1; i < nodes->slots.size; i++) {
		struct fs_node *node = nodes->slots.slot[i].item;

		if (!node)
			continue;
		node->lookups = 0;
		(void)free_node(drop_node(nodes, node));
	}
}

void fs_nodes_finish(struct fs_nodes *nodes)
{
	if (nodes->slots.size > 0) {
		fs_nodes_clear(nodes);
		(void)free_node(nodes->slots.slot[0].item);
	}
	fs_slots_finish(&nodes->slots);
	free(nodes->bucket);
	*nodes = (struct fs_nodes){ 0 };
}

struct fs_node *fs_node_get(struct fs_nodes *nodes, uint64_t id)
{
	struct fs_node *node;

	GUARD(&nodes->lock);
	node = fs_slots_get(&nodes->slots, id);
	if (!node || node->fd < 0)
		return NULL;
	node->users++;
	return node;
}

static struct fs_node *end_use(struct fs_nodes *nodes, struct fs_node *node)
{
	GUARD(&nodes->lock);
	node->users--;
	return drop_node(nodes, node);
}

void fs_node_put(struct fs_nodes *nodes, struct fs_node *node)
{
	if (node)
		(void)free_node(end_use(nodes, node)); /* without the lock */
}

static int add_lookup(struct fs_nodes *nodes, int *fd, const struct stat *st,
		      const struct fs_node *parent, struct fs_node **ret)
{
	struct fs_node *node;
	int r;

	GUARD(&nodes->lock);
	node = find_inode(nodes, st->st_dev, st->st_ino);
	if (node) {
		node->users++;
		node->lookups++;
		*ret = node;
		return 0;
	}
	r = make_node(nodes, fd, st, ret);
	if (r == 0)
		(*ret)->mounted = st->st_dev != parent->dev;
	return r;
}

int fs_node_add(struct fs_nodes *nodes, int fd, const struct stat *st,
		const struct fs_node *parent, struct fs_node **ret)
{
	_cleanup_(fd_closep) int held = fd;

	return add_lookup(nodes, &held, st, parent, ret);
}

int fs_node_restore(struct fs_nodes *nodes, const struct fs_saved_node *saved,
		    int fd, const struct stat *st)
{
	_cleanup_(fd_closep) int held = fd;
	_cleanup_(node_freep) struct fs_node *node = calloc(1, sizeof(*node));
	int r;

	if (!node)
		return -ENOMEM;
	*node = (struct fs_node){ .id = saved->id,
				  .fd = -1,
				  .mounted = saved->mounted,
				  .lookups = saved->lookups };
	if (held >= 0) {
		node->dev = st->st_dev;
		node->ino = st->st_ino;
		node->type = st->st_mode & S_IFMT;
	}
	GUARD(&nodes->lock);
	if (saved->lookups == 0)
		return -EINVAL;
	r = fs_slots_restore(&nodes->slots, node, saved->id);
	if (r == 0)
		enter_node(nodes, TAKE_PTR(node), TAKE_FD(held));
	return r;
}

void fs_nodes_end_restore(struct fs_nodes *nodes)
{
	GUARD(&nodes->lock);
	fs_slots_end_restore(&nodes->slots);
}

static struct fs_node *end_lookups(struct fs_nodes *nodes, uint64_t id,
				   uint64_t count)
{
	struct fs_node *node;

	GUARD(&nodes->lock);
	node = fs_slots_get(&nodes->slots, id);
	if (!node || node == nodes->slots.slot[0].item)
		return NULL;
	node->lookups -= count < node->lookups ? count : node->lookups;
	return drop_node(nodes, node);
}

void fs_node_forget(struct fs_nodes *nodes, uint64_t id, uint64_t count)
{
	(void)free_node(end_lookups(nodes, id, count));
}

bool fs_nodes_have_room(struct fs_nodes *nodes)
{
	GUARD(&nodes->lock);
	return nodes->slots.count < nodes->slots.max / 2;
}

static bool equal_times(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool fs_node_stamp(struct fs_nodes *nodes, struct fs_node *node,
		   const struct stat *st)
{
	struct fs_stamp now = { true, st->st_size, st->st_mtim, st->st_ctim };
	const time_t recent = time(NULL) - 2;
	bool same;

	if (st->st_mtim.tv_sec > recent || st->st_ctim.tv_sec > recent)
		now.valid = false;
	GUARD(&nodes->lock);
	same = now.valid && node->stamp.valid && now.size == node->stamp.size &&
	       equal_times(&now.mtime, &node->stamp.mtime) &&
	       equal_times(&now.ctime, &node->stamp.ctime);
	node->stamp = now;
	return same;
}
