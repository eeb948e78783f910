/* mem/image_map.c - guest memory that is mapped from the files of a snapshot.
 */
#include "mem/image_map.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "mem/discard.h"
#include "mem/fill.h"

/*
 * The process may have 65530 mappings. A hole splits the mapping of the full
 * image's file if it is a 512th of the region, and HOLE_LEAST; of diffs' runs
 * at most MAX_RUNS are mapped, and the rest is copied.
 */
#define HOLE_LEAST ((uint64_t)256 << 10)
#define HOLES_MOST 512
#define MAX_RUNS 4096
#define RUN_LEAST ((uint64_t)64 << 10) /* less is copied */

#define PROBE ((size_t)64 << 10) /* what is read at a time */

/* A part of the region that is mapped from files, in bytes. */
struct piece {
	uint64_t from, end;
};

struct pieces {
	struct piece *at; /* owned */
	size_t count, room;
};

struct image_map {
	struct mem_fill fill;
	const struct image_chain *chain; /* borrowed */
	size_t region;
	struct backing *backing; /* borrowed, for the set-up */
	struct pieces pieces; /* sorted, apart from each other */
	struct pieces fresh; /* of the image that is being mapped; ascending */
};

int image_map_check(const struct mem_policy *policy, struct err *err)
{
	if (policy->huge == MEM_HUGE_TLB)
		return err_input(err, -ENOTSUP,
				 "huge pages of a pool are not mapped from "
				 "files");
	if (policy->source != MEM_ANON)
		return err_input(
			err, -ENOTSUP, "memory of backing=%s is its own file",
			policy->source == MEM_MEMFD ? "memfd" : "file");
	if (policy->prealloc)
		return err_input(err, -ENOTSUP,
				 "prealloc=on wants all of it at once");
	return 0;
}

static int add_piece(struct pieces *pieces, uint64_t from, uint64_t end,
		     struct err *err)
{
	if (pieces->count > 0 && pieces->at[pieces->count - 1].end == from) {
		pieces->at[pieces->count - 1].end = end;
		return 0;
	}
	if (pieces->count == pieces->room) {
		const size_t room = pieces->room ? 2 * pieces->room : 16;
		struct piece *grown = reallocarray(pieces->at, room,
						   sizeof(*grown));

		if (!grown)
			return err_set(err, -ENOMEM, "snapshot: out of memory");
		pieces->at = grown;
		pieces->room = room;
	}
	pieces->at[pieces->count++] = (struct piece){ from, end };
	return 0;
}

/* The first piece that ends behind @offset, or the count. */
static size_t find_piece(const struct pieces *pieces, uint64_t offset)
{
	size_t low = 0, high = pieces->count;

	while (low < high) {
		const size_t mid = low + (high - low) / 2;

		if (pieces->at[mid].end > offset)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

static bool is_mapped(const struct pieces *pieces, uint64_t from, uint64_t end)
{
	const size_t i = find_piece(pieces, from);

	return i < pieces->count && pieces->at[i].from < end;
}

/* Makes one sorted list of two. */
static int merge_fresh(struct image_map *map, struct err *err)
{
	const struct pieces a = map->pieces, b = map->fresh;
	struct pieces all = { 0 };
	size_t i = 0, j = 0;
	int r = 0;

	while (r == 0 && (i < a.count || j < b.count)) {
		const bool first = j == b.count ||
				   (i < a.count &&
				    a.at[i].from <= b.at[j].from);
		const struct piece next = first ? a.at[i++] : b.at[j++];
		struct piece *last = all.count > 0 ? &all.at[all.count - 1]
						   : NULL;

		if (!last || last->end < next.from)
			r = add_piece(&all, next.from, next.end, err);
		else if (last->end < next.end)
			last->end = next.end;
	}
	if (r < 0) {
		free(all.at);
		return r;
	}
	free(a.at);
	map->pieces = all;
	map->fresh.count = 0;
	return 0;
}

static int map_piece(struct image_map *map, const struct image *image,
		     uint64_t from, uint64_t end, struct err *err)
{
	const struct backing *b = map->backing;
	const int flags = b->policy.reserve ? 0 : MAP_NORESERVE;

	if (mmap(b->host + from, (size_t)(end - from), PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_FIXED | flags,
		 image_region_fd(image, map->region),
		 (off_t)from) == MAP_FAILED)
		return err_sys(err, "memory-%zu: mmap", map->region);
	return add_piece(&map->fresh, from, end, err);
}

/* The next data in a file, in whole pages of the host. Where the file system
 * cannot tell, all is data. Returns false if there is none. */
static bool next_file_data(int fd, const struct backing *b, struct piece *ret)
{
	const off_t data = lseek(fd, (off_t)ret->end, SEEK_DATA);
	off_t hole;

	if (data < 0 && errno == ENXIO)
		return false;
	if (data < 0) {
		*ret = (struct piece){ ret->end, b->size };
		return ret->from < b->size;
	}
	hole = lseek(fd, data, SEEK_HOLE);
	ret->from = align_down((uint64_t)data, b->page);
	if (hole <= data || !align_up((uint64_t)hole, b->page, &ret->end) ||
	    ret->end > b->size)
		ret->end = b->size;
	return ret->from < b->size;
}

/* Maps the data of the full image's file, and small holes with it. */
static int map_full(struct image_map *map, struct err *err)
{
	const struct image *image = map->chain->image[0];
	const int fd = image_region_fd(image, map->region);
	const uint64_t part = map->backing->size / HOLES_MOST;
	const uint64_t least = part > HOLE_LEAST ? part : HOLE_LEAST;
	struct piece data = { 0 }, whole = { 0 };
	int r = 0;

	while (r == 0 && data.end < map->backing->size &&
	       next_file_data(fd, map->backing, &data)) {
		if (whole.end > 0 && data.from - whole.end < least) {
			whole.end = data.end;
			continue;
		}
		if (whole.end > 0)
			r = map_piece(map, image, whole.from, whole.end, err);
		whole = data;
	}
	if (r == 0 && whole.end > 0)
		r = map_piece(map, image, whole.from, whole.end, err);
	return r == 0 ? merge_fresh(map, err) : r;
}

static int copy_part(const struct image_map *map, const struct image *image,
		     uint64_t from, uint64_t end, struct err *err)
{
	int r;

	if (from == end)
		return 0;
	r = file_read_at(image_region_fd(image, map->region),
			 map->backing->host + from, (size_t)(end - from), from);
	return r < 0 ? err_set(err, r, "memory-%zu: %s", map->region,
			       strerrordesc_np(-r))
		     : 0;
}

/* The whole pages of the host in a run. Returns false if they are too few to be
 * mapped. */
static bool find_whole_pages(const struct image_map *map, uint64_t from,
			     uint64_t end, struct piece *ret)
{
	const uint64_t page = map->backing->page;

	ret->end = align_down(end, page);
	return align_up(from, page, &ret->from) && ret->from < ret->end &&
	       ret->end - ret->from >= RUN_LEAST &&
	       map->fresh.count < MAX_RUNS / map->chain->count;
}

static int put_data(struct image_map *map, const struct image *image,
		    uint64_t from, uint64_t end, struct err *err)
{
	struct piece whole;
	int r;

	if (!find_whole_pages(map, from, end, &whole))
		return copy_part(map, image, from, end, err);
	r = map_piece(map, image, whole.from, whole.end, err);
	if (r == 0)
		r = copy_part(map, image, from, whole.from, err);
	return r == 0 ? copy_part(map, image, whole.end, end, err) : r;
}

static void clear_pages(const struct image_map *map, uint64_t from,
			uint64_t end)
{
	for (uint64_t at = from; at < end; at += IMAGE_PAGE) {
		uint8_t *page = map->backing->host + at;

		if (page[0] != 0 || memcmp(page, page + 1, IMAGE_PAGE - 1) != 0)
			memset(page, 0, IMAGE_PAGE);
	}
}

/* The files below may hold something there. */
static int put_zeroes(struct image_map *map, uint64_t from, uint64_t end,
		      struct err *err)
{
	const struct backing *b = map->backing;
	struct piece whole;
	int r = 0;

	if (!find_whole_pages(map, from, end, &whole)) {
		clear_pages(map, from, end);
		return 0;
	}
	if (is_mapped(&map->pieces, whole.from, whole.end))
		r = backing_renew(b, whole.from, whole.end - whole.from, err);
	else if (backing_drop(b, whole.from, whole.end - whole.from) < 0)
		clear_pages(map, whole.from, whole.end);
	clear_pages(map, from, whole.from);
	clear_pages(map, whole.end, end);
	return r;
}

static int put_chunk(struct image_map *map, struct image *image, uint64_t chunk,
		     struct err *err)
{
	struct image_chunk what;
	struct image_run run;
	int r = image_read_chunk(image, map->region, chunk, &what, err);

	for (unsigned at = 0; r == 0 && image_next_run(&what, at, &run);
	     at = run.first + run.count) {
		const uint64_t from = chunk * IMAGE_CHUNK +
				      run.first * IMAGE_PAGE;
		const uint64_t end = from + run.count * IMAGE_PAGE;

		if (run.state == IMAGE_DATA)
			r = put_data(map, image, from, end, err);
		else if (run.state != IMAGE_PARENT)
			r = put_zeroes(map, from, end, err);
	}
	return r;
}

static int map_diff(struct image_map *map, struct image *image, struct err *err)
{
	uint64_t chunk = 0;
	int r;

	while ((r = image_next_changed(image, map->region, &chunk, err)) > 0) {
		r = put_chunk(map, image, chunk, err);
		if (r < 0)
			return r;
		chunk++;
	}
	return r == 0 ? merge_fresh(map, err) : r;
}

static bool next_filled(struct mem_fill *fill, uint64_t *from, uint64_t end,
			uint64_t *ret_end)
{
	const struct pieces *pieces =
		&container_of(fill, struct image_map, fill)->pieces;
	const size_t i = find_piece(pieces, *from);

	if (i == pieces->count || pieces->at[i].from >= end)
		return false;
	if (*from < pieces->at[i].from)
		*from = pieces->at[i].from;
	*ret_end = pieces->at[i].end < end ? pieces->at[i].end : end;
	return true;
}

/* A file's content would come to light again, so other memory takes its place.
 */
static int discard_mapped(struct mem_fill *fill, const struct backing *backing,
			  uint64_t offset, uint64_t size)
{
	const struct image_map *map = container_of(fill, struct image_map,
						   fill);
	struct err err;

	if (!is_mapped(&map->pieces, offset, offset + size))
		return backing_drop(backing, offset, size);
	return backing_renew(backing, offset, size, &err);
}

/* Whether a file of the chain is shorter than the region now. */
static const struct image *find_short(const struct image_map *map,
				      uint64_t *ret_end)
{
	for (size_t i = 0; i < map->chain->count; i++) {
		const struct image *image = map->chain->image[i];
		struct stat st;

		if (fstat(image_region_fd(image, map->region), &st) < 0)
			continue;
		*ret_end = (uint64_t)st.st_size;
		if (*ret_end < map->backing->size)
			return image;
	}
	return NULL;
}

static bool find_unread(const struct image_map *map, uint64_t *ret)
{
	_cleanup_(freep) void *buf = malloc(PROBE);

	for (size_t i = 0; buf && i < map->chain->count; i++) {
		const int fd = image_region_fd(map->chain->image[i],
					       map->region);
		off_t at = lseek(fd, 0, SEEK_DATA);

		while (at >= 0) {
			const ssize_t n = pread(fd, buf, PROBE, at);

			if (n < 0 && errno != EINTR) {
				*ret = align_down((uint64_t)at,
						  map->backing->page);
				return true;
			}
			if (n == 0)
				break;
			at = lseek(fd, at + (n > 0 ? n : 0), SEEK_DATA);
		}
	}
	return false;
}

static bool find_lost_page(struct mem_fill *fill, uint64_t *ret_offset)
{
	const struct image_map *map = container_of(fill, struct image_map,
						   fill);
	uint64_t end;

	if (find_short(map, &end) && align_up(end, map->backing->page, &end) &&
	    end < map->backing->size) {
		*ret_offset = end;
		return true;
	}
	return find_unread(map, ret_offset);
}

/* Where an open file is, as far as the host can tell. */
static void name_file(int fd, char *ret, size_t size)
{
	char link[32];
	ssize_t len;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, ret, size - 1);
	ret[len > 0 ? len : 0] = '\0';
}

static void explain_lost(struct mem_fill *fill, uint64_t offset,
			 struct err *err)
{
	const struct image_map *map = container_of(fill, struct image_map,
						   fill);
	uint64_t end;
	const struct image *image = find_short(map, &end);
	char path[PATH_MAX];

	if (!image || end > offset) {
		name_file(image_region_fd(map->chain->image[0], map->region),
			  path, sizeof(path));
		(void)err_set(err, -EFAULT,
			      "%s, or a diff on top of it: cannot be read",
			      path);
		return;
	}
	name_file(image_region_fd(image, map->region), path, sizeof(path));
	(void)err_set(err, -EFAULT, "%s was truncated while the guest used it",
		      path);
}

static const struct mem_fill_ops map_ops = {
	.next = next_filled,
	.discard = discard_mapped,
	.find_lost = find_lost_page,
	.explain = explain_lost,
};

int image_map_new(struct image_map **ret, const struct image_chain *chain,
		  size_t region, struct backing *backing, struct err *err)
{
	struct image_map *map;
	int r = image_map_check(&backing->policy, err);

	if (r < 0)
		return r;
	map = calloc(1, sizeof(*map));
	if (!map)
		return err_set(err, -ENOMEM, "snapshot: out of memory");
	*map = (struct image_map){ .fill.ops = &map_ops,
				   .chain = chain,
				   .region = region,
				   .backing = backing };
	r = map_full(map, err);
	for (size_t i = 1; r == 0 && i < chain->count; i++)
		r = map_diff(map, chain->image[i], err);
	if (r == 0)
		r = backing_advise(backing, 0, backing->size, err);
	if (r < 0) {
		(void)image_map_free(map);
		return r;
	}
	backing->fill = &map->fill;
	*ret = map;
	return 0;
}

struct image_map *image_map_free(struct image_map *map)
{
	if (!map)
		return NULL;
	free(map->pieces.at);
	free(map->fresh.at);
	free(map);
	return NULL;
}
