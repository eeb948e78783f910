/*
 * mem/image_writer.h - writes the pages of a snapshot (mem/image.h).
 *
 * Each page may be told several times, and the last word counts: a snapshot of
 * a guest that runs copies a page again when it has changed. A page that is
 * being written while it is told is told again later, so that its checksum is
 * right in the end.
 *
 * Thread: one at a time for each writer.
 */
#ifndef MEM_IMAGE_WRITER_H
#define MEM_IMAGE_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "mem/image.h"

enum image_kind {
	IMAGE_FULL, /* a page not reported is zero */
	IMAGE_DIFF, /* a page not reported is as in the parent */
};

struct image_writer;

/*
 * Begins an image: makes the file of each region, all of it a hole.
 *
 * @dir:    an empty folder; borrowed until image_writer_free()
 * @region: @count of them, in ascending order without overlaps; copied
 *
 * Returns 0; -ENOSPC if there are more than MEM_MAX_REGIONS; -ENOMEM; or the
 * errno of making a file, with its name in @err.
 */
int image_writer_new(struct image_writer **ret, int dir, enum image_kind kind,
		     const struct image_region *region, size_t count,
		     struct err *err);

/* Releases it; the files stay as far as they are. NULL is fine; returns NULL.
 */
struct image_writer *image_writer_free(struct image_writer *writer);

/*
 * Tells the content of pages. Pages of zeroes are not written.
 *
 * @offset, @len: in the region; whole pages of IMAGE_PAGE
 * @host:         their content, which may change meanwhile
 *
 * Returns 0, or the errno of pwrite(2) or fallocate(2): -ENOSPC for a full
 * disk, -EFBIG beyond ulimit -f.
 */
int image_writer_put(struct image_writer *writer, size_t region,
		     uint64_t offset, const uint8_t *host, uint64_t len,
		     struct err *err);

/* Pages that hold data. */
struct image_data {
	uint64_t offset, len; /* in the region, in bytes; whole pages */
	const uint8_t *host; /* their content */
	int from; /* a file that has them at @offset, too; -1: none */
};

/* The same. The image shares the pages with the file where the file system can,
 * and they take no space. */
int image_writer_put_data(struct image_writer *writer, size_t region,
			  const struct image_data *data, struct err *err);

/*
 * Tells pages that hold nothing: IMAGE_ZERO, or IMAGE_GONE. Returns 0, or the
 * errno of fallocate(2) or pwrite(2).
 */
int image_writer_clear(struct image_writer *writer, size_t region,
		       uint64_t offset, uint64_t len, enum image_state state,
		       struct err *err);

/*
 * Has image_writer_end() compress the pages. Until then they take the place on
 * the disk that they take without.
 *
 * @level: of zstd, 1 to ZSTD_FRAME_LEVEL_MAX
 */
void image_writer_compress(struct image_writer *writer, int level);

/* Has the compressing, which may take minutes, end soon: image_writer_end()
 * then returns -ECANCELED. Thread: any. */
void image_writer_stop(struct image_writer *writer);

/*
 * Writes the index. All files are on stable storage when it returns. Nothing
 * more can be told then. Returns 0 or the errno of what failed.
 */
int image_writer_end(struct image_writer *writer, struct err *err);

/*
 * Counts the pages reported so far, each once; after image_writer_end() also
 * those not reported.
 */
void image_writer_count(const struct image_writer *writer,
			struct image_count *ret);

/* Bytes written to the files of regions, repetitions included, but not what is
 * shared with other files; of a compressed
 * image that was ended, the bytes that it has there. */
uint64_t image_writer_bytes(const struct image_writer *writer);

#endif
