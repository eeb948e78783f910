/* vmm/snapshot/chain.c - a snapshot with all that it stands on. */
#include "vmm/snapshot/chain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/state.h"
#include "vmm/snapshot/directory.h"

/* One folder of a chain. */
struct link {
	char *path; /* owned; absolute */
	int fd; /* owned */
	struct snapshot_about about; /* owned */
};

static void link_finish(struct link *link)
{
	free(link->path);
	fd_closep(&link->fd);
	snapshot_about_finish(&link->about);
	*link = (struct link){ .fd = -1 };
}

static int link_open(struct link *ret, const char *path, const char *arch,
		     struct err *err)
{
	_cleanup_(link_finish) struct link link = { .fd = -1 };
	int r;

	link.fd = snapshot_dir_open(path, err);
	if (link.fd < 0)
		return link.fd;
	link.path = realpath(path, NULL);
	if (!link.path)
		return err_sys(err, "%s", path);
	r = snapshot_about_read(&link.about, link.fd, arch, err);
	if (r < 0)
		return err_wrap(err, "%s", path);
	*ret = link;
	link = (struct link){ .fd = -1 };
	return 0;
}

/* Opens the folder at @path if it is the parent that is looked for. */
static int try_parent(struct link *ret, const struct link *child,
		      const char *path, const char *arch, struct err *err)
{
	int r = link_open(ret, path, arch, err);

	if (r < 0)
		return r;
	if (strcmp(ret->about.id, child->about.parent_id) == 0)
		return 0;
	link_finish(ret);
	return err_input(err, -ENOENT, "%s: is another snapshot", path);
}

/* The folder that holds @path, with the name of @parent's folder in it. */
static char *path_beside(const char *path, const char *parent)
{
	const char *slash = strrchr(path, '/');
	const char *name = strrchr(parent, '/');
	char *ret;

	if (asprintf(&ret, "%.*s/%s", (int)(slash - path), path,
		     name ? name + 1 : parent) < 0)
		return NULL;
	return ret;
}

static int open_parent(struct link *ret, const struct link *child,
		       const char *arch, struct err *err)
{
	_cleanup_(freep) char *other = path_beside(child->path,
						   child->about.parent);
	const char *const path[] = { child->about.parent, other };
	struct err there = { 0 };

	if (!other)
		return err_set(err, -ENOMEM, "snapshot: out of memory");
	for (size_t i = 0; i < 2; i++) {
		int r;

		/* A relative path in vm.json would mean our own folder. */
		if (path[i][0] != '/')
			continue;
		r = try_parent(ret, child, path[i], arch, err);
		if (r == 0)
			return 0;
		if (r != -ENOENT && r != -ENODATA && r != -ENOTDIR &&
		    there.code == 0)
			there = *err;
	}
	/* One is there, and cannot be read. */
	if (there.code != 0) {
		*err = there;
		return err->code;
	}
	return err_input(err, -ENOENT,
			 "%s: its parent, the snapshot %s, is neither at %s "
			 "nor beside it",
			 child->path, child->about.parent_id,
			 child->about.parent);
}

static int open_image(struct image **ret, const struct link *link,
		      struct err *err)
{
	const int r = image_open(ret, link->fd, err);

	return r < 0 ? err_wrap(err, "%s", link->path) : 0;
}

/* The images from the top down to the full one. */
struct found_images {
	struct image *image[SNAPSHOT_MAX_CHAIN]; /* owned */
	char id[SNAPSHOT_MAX_CHAIN][SNAPSHOT_ID_SIZE];
	size_t count;
};

static void found_images_finish(struct found_images *found)
{
	while (found->count > 0)
		(void)image_close(found->image[--found->count]);
}

/* A chain has a file for each region of each of its snapshots. */
static void allow_open_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	/* Without it, a long chain is refused with EMFILE. */
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* @alone: the parents are not looked for */
static int find_images(struct found_images *found, const struct link *top,
		       bool alone, const char *arch, struct err *err)
{
	_cleanup_(link_finish) struct link below = { .fd = -1 };
	const struct link *link = top;

	for (;;) {
		struct link parent = { .fd = -1 };
		int r;

		if (found->count == SNAPSHOT_MAX_CHAIN)
			return err_input(err, -ELOOP,
					 "%s: more than %d snapshots on top of "
					 "each other",
					 link->path, SNAPSHOT_MAX_CHAIN);
		r = open_image(&found->image[found->count], link, err);
		if (r < 0)
			return r;
		memcpy(found->id[found->count++], link->about.id,
		       SNAPSHOT_ID_SIZE);
		if (alone || !link->about.parent)
			return 0;
		allow_open_files();
		r = open_parent(&parent, link, arch, err);
		if (r < 0)
			return r;
		link_finish(&below);
		below = parent;
		link = &below;
	}
}

static int add_images(struct snapshot_chain *chain, struct found_images *found,
		      const char *path, struct err *err)
{
	int r = 0;

	while (r == 0 && found->count > 0) {
		const size_t i = --found->count;

		memcpy(chain->id[chain->memory.count], found->id[i],
		       SNAPSHOT_ID_SIZE);
		r = image_chain_add(&chain->memory, found->image[i], err);
	}
	return r < 0 ? err_wrap(err, "%s", path) : 0;
}

static int open_chain(struct snapshot_chain *ret, const char *path, bool alone,
		      const char *arch, struct err *err)
{
	_cleanup_(found_images_finish) struct found_images found;
	struct link top = { .fd = -1 };
	int r;

	found.count = 0; /* of the rest, what it counts is set */
	r = link_open(&top, path, arch, err);
	if (r < 0)
		return r;
	*ret = (struct snapshot_chain){ .about = top.about,
					.full_path = top.path,
					.fd = top.fd };
	r = find_images(&found, &top, alone, arch, err);
	if (r == 0)
		r = add_images(ret, &found, path, err);
	if (r < 0)
		snapshot_chain_finish(ret);
	return r;
}

int snapshot_chain_open(struct snapshot_chain *ret, const char *path,
			const char *arch, struct err *err)
{
	return open_chain(ret, path, false, arch, err);
}

int snapshot_chain_open_top(struct snapshot_chain *ret, const char *path,
			    const char *arch, struct err *err)
{
	return open_chain(ret, path, true, arch, err);
}

void snapshot_chain_finish(struct snapshot_chain *chain)
{
	image_chain_finish(&chain->memory);
	snapshot_about_finish(&chain->about);
	if (chain->full_path)
		fd_closep(&chain->fd);
	free(chain->full_path);
	*chain = (struct snapshot_chain){ 0 };
}

int snapshot_chain_state(const struct snapshot_chain *chain, uint8_t **ret,
			 size_t *ret_size, struct err *err)
{
	const int r = file_read_in(chain->fd, SNAPSHOT_STATE, STATE_MAX_SIZE,
				   ret, ret_size, err);

	return r < 0 ? err_wrap(err, "%s", chain->full_path) : 0;
}

int snapshot_chain_verify(const struct snapshot_chain *chain, struct err *err)
{
	_cleanup_(freep) uint8_t *state = NULL;
	struct state_view view;
	size_t size;
	int r = snapshot_chain_state(chain, &state, &size, err);

	if (r < 0)
		return r;
	r = state_open(&view, state, size, chain->about.architecture, err);
	if (r == 0)
		r = image_chain_verify(&chain->memory, err);
	return r < 0 ? err_wrap(err, "%s", chain->full_path) : 0;
}

static int copy_state(const struct snapshot_chain *chain, int dir,
		      struct err *err)
{
	_cleanup_(freep) uint8_t *state = NULL;
	size_t size;
	int r = snapshot_chain_state(chain, &state, &size, err);

	if (r < 0)
		return r;
	return snapshot_file_write(dir, SNAPSHOT_STATE, state, size, err);
}

static int merge_memory(const struct image_chain *chain, int dir, int level,
			struct err *err)
{
	struct image_region region[MEM_MAX_REGIONS];
	const size_t count = image_regions(chain->image[0]);
	struct image_writer *writer = NULL;
	int r;

	for (size_t i = 0; i < count; i++)
		region[i] = *image_region(chain->image[0], i);
	r = image_writer_new(&writer, dir, IMAGE_FULL, region, count, err);
	if (r == 0 && level > 0)
		image_writer_compress(writer, level);
	if (r == 0)
		r = image_chain_merge(chain, writer, err);
	if (r == 0)
		r = image_writer_end(writer, err);
	(void)image_writer_free(writer);
	return r;
}

int snapshot_chain_merge(const struct snapshot_chain *chain, const char *path,
			 int level, struct err *err)
{
	_cleanup_(snapshot_dir_finish) struct snapshot_dir dir =
		SNAPSHOT_DIR_NONE;
	struct snapshot_about about = chain->about;
	int r = snapshot_dir_begin(&dir, path, err);

	if (r < 0)
		return r;
	about.parent = NULL;
	r = merge_memory(&chain->memory, dir.fd, level, err);
	if (r == 0)
		r = copy_state(chain, dir.fd, err);
	if (r == 0)
		r = snapshot_about_write(&about, dir.fd, err);
	if (r < 0)
		return err_wrap(err, "%s", path);
	return snapshot_dir_commit(&dir, err);
}
