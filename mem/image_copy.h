/*
 * mem/image_copy.h - copies guest memory to an image, while the guest runs and
 * then while it is paused.
 *
 * A copy is made in passes. Each takes what a reader (mem/dirty.h) says has
 * changed since the pass before, and copies it. After a pass while the guest is
 * paused, the image is the guest's memory at that moment. Pages that were never
 * touched are not read, and take no space.
 *
 * Thread: one at a time for each copy.
 */
#ifndef MEM_IMAGE_COPY_H
#define MEM_IMAGE_COPY_H

#include <stdint.h>

#include "base/err.h"
#include "mem/dirty.h"
#include "mem/image_writer.h"
#include "mem/map.h"

struct image_copy;

/*
 * Begins an image of all regions that have memory.
 *
 * @map: frozen; borrowed, outlives the copy
 * @dir: as of image_writer_new()
 *
 * Returns 0, what image_writer_new() or residency_open() returns.
 */
int image_copy_new(struct image_copy **ret, const struct mem_map *map, int dir,
		   enum image_kind kind, struct err *err);
struct image_copy *image_copy_free(struct image_copy *copy); /* NULL is fine */

/*
 * Harvests a reader and copies the pages it gives.
 *
 * @reader: for IMAGE_FULL a DIRTY_ALL one that has not been harvested yet, or
 *          what it has become since; for IMAGE_DIFF, one that has told all to
 *          the parent
 * @ret_bytes: of guest memory that the pass looked at; a measure of what a
 *          further pass would find
 *
 * Returns 0; what dirty_harvest() or dirty_next() returns; or what
 * image_writer_put() returns. Thread: any.
 */
int image_copy_pass(struct image_copy *copy, struct dirty_reader *reader,
		    uint64_t *ret_bytes, struct err *err);

/* Has the pass that is under way, and all later ones, end soon: with
 * -ECANCELED. Thread: any. */
void image_copy_stop(struct image_copy *copy);

/*
 * Takes guest memory out of the image that the guest gave up. For the time
 * while the guest is paused, after the last pass.
 *
 * @gpa: whole pages of IMAGE_PAGE; what is no memory of an image is ignored
 *
 * Returns 0 or what image_writer_clear() returns.
 */
int image_copy_drop(struct image_copy *copy, struct range gpa, struct err *err);

/*
 * Takes out what is not plugged. For the time while the guest is paused, after
 * the last pass. Returns what image_copy_drop() returns.
 */
int image_copy_drop_unplugged(struct image_copy *copy, struct err *err);

/* The image, to end it and to count its pages. Borrowed. */
struct image_writer *image_copy_writer(struct image_copy *copy);

#endif
