/*
 * mem/image_copy.h - an image as what guest memory is copied to
 * (mem/page_copy.h).
 *
 * Pages that were never touched are not read, and take no space.
 *
 * Thread: one at a time for each copy.
 */
#ifndef MEM_IMAGE_COPY_H
#define MEM_IMAGE_COPY_H

#include <stdint.h>

#include "base/err.h"
#include "mem/image_writer.h"
#include "mem/map.h"
#include "mem/page_copy.h"

struct image_copy;

/*
 * Begins an image of all regions that have memory.
 *
 * @map: frozen; borrowed, outlives the copy
 * @dir: as of image_writer_new()
 *
 * Returns 0, what image_writer_new() or page_copy_new() returns.
 */
int image_copy_new(struct image_copy **ret, const struct mem_map *map, int dir,
		   enum image_kind kind, struct err *err);

/* Regions of disks, in ascending order. */
struct image_disks {
	const struct image_region *region; /* borrowed */
	size_t count;
};

/*
 * The same with the regions of disks behind those of memory. The caller tells
 * their pages to the writer.
 *
 * @disks: copied; NULL: none
 */
int image_copy_new_disks(struct image_copy **ret, const struct mem_map *map,
			 const struct image_disks *disks, int dir,
			 enum image_kind kind, struct err *err);
struct image_copy *image_copy_free(struct image_copy *copy); /* NULL is fine */

/*
 * The copy, to make passes. Borrowed. Its reader: for IMAGE_FULL a DIRTY_ALL
 * one that has not been harvested yet, or what it has become since; for
 * IMAGE_DIFF, one that has told all to the parent.
 */
struct page_copy *image_copy_pages(struct image_copy *copy);

/* Tells pages of a disk, as image_writer_put_data() does. @disk: of those given
 * to image_copy_new_disks() */
int image_copy_put_disk(struct image_copy *copy, size_t disk,
			const struct image_data *data, struct err *err);

/* The image, to end it and to count its pages. Borrowed. */
struct image_writer *image_copy_writer(struct image_copy *copy);

#endif
