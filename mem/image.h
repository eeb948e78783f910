/*
 * mem/image.h - the pages of a snapshot: a sparse file per region, and an
 * index.
 *
 * docs/SNAPSHOT.md specifies the files to the byte. In short: "memory-N" is as
 * long as region N and holds a page at the offset that it has in the region, so
 * that a region can be mapped from it. "index" names the regions and tells of
 * each page whether this image holds it. Pages it does not hold read as zeroes
 * from the file. A full image tells of every page; a diff tells of the pages
 * that changed since its parent was made.
 *
 * A page is of IMAGE_PAGE bytes whatever the host's page is, so an image made
 * on a host with larger pages restores on one with smaller pages, and the other
 * way round. Pages are described in chunks of IMAGE_CHUNK_PAGES, and each chunk
 * has a checksum over the content and the state of its pages.
 *
 * Nothing in the files is trusted. This file reads images; image_writer.h
 * writes them. Thread: one at a time for each image.
 */
#ifndef MEM_IMAGE_H
#define MEM_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/range.h"
#include "mem/image_pack.h"
#include "mem/image_state.h"
#include "mem/map.h"

/*
 * Where disks begin. The bytes of a disk are a region, too: behind all memory,
 * where no guest's address is, and of the kind MEM_RESERVED.
 */
#define IMAGE_DISKS (UINT64_C(1) << 63)
#define IMAGE_DISK_STEP (UINT64_C(1) << 56) /* from one disk to the next */

/* A region as an image has it. */
struct image_region {
	struct range gpa; /* whole pages; never empty */
	enum mem_kind kind; /* MEM_RESERVED: a disk */
	char name[MEM_NAME_MAX]; /* printable ASCII; terminated */
};

struct image;

/*
 * Opens an image and checks its index as a whole, but not the content of its
 * pages: image_verify() and image_load() do that.
 *
 * @dir: the snapshot's folder; borrowed for the call. Its files are opened
 *       without following symbolic links, and only regular ones are taken
 *
 * Returns 0; -ENOENT or another errno of openat(2), with the file's name in
 * @err; -EBADMSG if the index is damaged, or a file is not of its region's
 * size; -ENOTSUP for another version of the format; -ENOMEM.
 */
int image_open(struct image **ret, int dir, struct err *err);
struct image *image_close(struct image *image); /* NULL is fine; returns NULL */

/* True if images have a file of that name. */
bool image_has_file(const char *name);

size_t image_regions(const struct image *image);

/* How many of them are memory: the first. */
size_t image_memory_regions(const struct image *image);

/* @region: below image_regions(). Borrowed. */
const struct image_region *image_region(const struct image *image,
					size_t region);

/* Whether regions' files are frames, which image_load() reads, and no memory
 * that could be mapped. */
bool image_is_compressed(const struct image *image);

/* The file of a region, open for reading. Borrowed. */
int image_region_fd(const struct image *image, size_t region);

/* States of the pages of one chunk. */
struct image_chunk {
	uint8_t state[IMAGE_CHUNK_PAGES]; /* enum image_state */
	unsigned pages; /* in the region; less than all in its last chunk */
	uint64_t checksum;
	struct image_frame frame; /* of a compressed image */
};

/* How many chunks a region of @size bytes has. */
static inline uint64_t image_chunks(uint64_t size)
{
	return size / IMAGE_CHUNK + (size % IMAGE_CHUNK != 0);
}

/*
 * Reads what the index says of a chunk.
 *
 * @chunk: below image_chunks() of the region's size
 *
 * Returns 0; -EBADMSG if the index was cut short, or tells of pages behind the
 * region's end; or the errno of pread(2).
 */
int image_read_chunk(struct image *image, size_t region, uint64_t chunk,
		     struct image_chunk *ret, struct err *err);

/*
 * Finds the first chunk, at or behind *chunk, of which the image holds more
 * than its parent: pages of any state but IMAGE_PARENT. Few instructions for a
 * chunk.
 *
 * Returns 1, and 0 if there is none; otherwise as image_read_chunk().
 */
int image_next_changed(struct image *image, size_t region, uint64_t *chunk,
		       struct err *err);

/*
 * Reads the pages that the image holds of a chunk to where they belong, and
 * compares the checksum.
 *
 * @from: of image_read_chunk()
 * @host: the chunk's first byte. Pages that are not IMAGE_DATA are left alone
 *
 * Returns 0; -EBADMSG if a page or its state is not what was saved; -ENODATA if
 * the file was cut short; or the errno of pread(2).
 */
int image_load(struct image *image, size_t region, uint64_t chunk,
	       const struct image_chunk *from, uint8_t *host, struct err *err);

/* Neighbouring pages of a chunk that have one state. */
struct image_run {
	enum image_state state;
	unsigned first, count; /* pages of the chunk */
};

/* Finds the run that begins at page @from. Returns false at the chunk's end. */
bool image_next_run(const struct image_chunk *chunk, unsigned from,
		    struct image_run *ret);

/* How many pages an image has of each state. */
struct image_count {
	uint64_t state[IMAGE_GONE + 1]; /* by enum image_state */
	uint64_t packed; /* bytes of its frames; 0: it is not compressed */
};

/* Counts what the index says. Returns what image_read_chunk() returns. */
int image_count(struct image *image, struct image_count *ret, struct err *err);

/*
 * Below a full image there is no parent whose page could be taken. Returns 0,
 * or -EBADMSG if one of the states of a chunk's pages leaves it to one.
 */
int image_check_full(const uint8_t *state, unsigned pages, size_t region,
		     uint64_t chunk, struct err *err);

/*
 * Reads every page and compares every checksum.
 *
 * @full: refuse what image_check_full() refuses
 *
 * Returns what image_read_chunk(), image_load() and image_check_full() return,
 * with the first region and address that is wrong in @err.
 */
int image_verify(struct image *image, bool full, struct err *err);

#endif
