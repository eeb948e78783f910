/* mem/image_copy.c - copies guest memory to an image. */
#include "mem/image_copy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

struct image_copy {
	const struct mem_map *map; /* borrowed */
	struct page_copy *pages; /* owned */
	struct image_writer *writer; /* owned */
	size_t memory; /* regions in front of the disks */
	size_t in_image[MEM_MAX_REGIONS]; /* index there of map->region[i] */
};

struct image_copy *image_copy_free(struct image_copy *copy)
{
	if (!copy)
		return NULL;
	copy->writer = image_writer_free(copy->writer);
	copy->pages = page_copy_free(copy->pages);
	free(copy);
	return NULL;
}

static void image_copy_freep(struct image_copy **copy)
{
	*copy = image_copy_free(*copy);
}

static int put_in_image(void *ctx, size_t region, uint64_t offset,
			const uint8_t *host, uint64_t size, struct err *err)
{
	const struct image_copy *copy = ctx;

	return image_writer_put(copy->writer, copy->in_image[region], offset,
				host, size, err);
}

static int clear_in_image(void *ctx, size_t region, uint64_t offset,
			  uint64_t size, enum image_state state,
			  struct err *err)
{
	const struct image_copy *copy = ctx;

	return image_writer_clear(copy->writer, copy->in_image[region], offset,
				  size, state, err);
}

static const struct page_sink image_sink = {
	.put = put_in_image,
	.clear = clear_in_image,
};

/* Lists the regions of the map that have memory. Returns how many. */
static size_t list_regions(struct image_copy *copy, const struct mem_map *map,
			   struct image_region region[MEM_MAX_REGIONS])
{
	size_t count = 0;

	for (size_t i = 0; i < map->count; i++) {
		const struct mem_region *from = &map->region[i];

		if (from->kind == MEM_RESERVED)
			continue;
		copy->in_image[i] = count;
		region[count].gpa = from->gpa;
		region[count].kind = from->kind;
		memcpy(region[count].name, from->name, MEM_NAME_MAX);
		count++;
	}
	return count;
}

int image_copy_new_disks(struct image_copy **ret, const struct mem_map *map,
			 const struct image_disks *disks, int dir,
			 enum image_kind kind, struct err *err)
{
	_cleanup_(image_copy_freep) struct image_copy *copy = calloc(
		1, sizeof(*copy));
	struct image_region region[MEM_MAX_REGIONS];
	size_t count;
	int r;

	if (!copy)
		return err_set(err, -ENOMEM, "out of memory");
	copy->map = map;
	count = list_regions(copy, map, region);
	copy->memory = count;
	if (disks && disks->count > MEM_MAX_REGIONS - count)
		return err_set(err, -ENOSPC, "too many disks and regions");
	for (size_t i = 0; disks && i < disks->count; i++)
		region[count++] = disks->region[i];
	r = page_copy_new(&copy->pages, map, &image_sink, copy,
			  kind == IMAGE_FULL, err);
	if (r == 0)
		r = image_writer_new(&copy->writer, dir, kind, region, count,
				     err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(copy);
	return 0;
}

int image_copy_new(struct image_copy **ret, const struct mem_map *map, int dir,
		   enum image_kind kind, struct err *err)
{
	return image_copy_new_disks(ret, map, NULL, dir, kind, err);
}

struct page_copy *image_copy_pages(struct image_copy *copy)
{
	return copy->pages;
}

int image_copy_put_disk(struct image_copy *copy, size_t disk,
			const struct image_data *data, struct err *err)
{
	return image_writer_put_data(copy->writer, copy->memory + disk, data,
				     err);
}

struct image_writer *image_copy_writer(struct image_copy *copy)
{
	return copy->writer;
}
