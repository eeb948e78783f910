/*
 * mem/image_chain.h - a full image and the diffs on top of it, seen as one.
 *
 * In a chain, the first image is full and each other one is a diff whose parent
 * is the image before it. The state of a page is that of the last image that
 * holds one for it. vmm/snapshot checks which image is the parent of which;
 * this file checks that all have the same regions. Thread: one at a time for
 * each chain.
 */
#ifndef MEM_IMAGE_CHAIN_H
#define MEM_IMAGE_CHAIN_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "mem/image.h"
#include "mem/image_writer.h"

/* Zeroed, it is an empty one. */
struct image_chain {
	struct image **image; /* owned, oldest first */
	size_t count;
};

/*
 * Adds an image on top.
 *
 * @image: taken over, failure included
 *
 * Returns 0; -EBADMSG if its regions are not those of the image below; -ENOMEM.
 */
int image_chain_add(struct image_chain *chain, struct image *image,
		    struct err *err);

void image_chain_finish(struct image_chain *chain); /* zeroed is fine */

/*
 * Reads a region and compares every checksum.
 *
 * @host: the region's first byte, all zeroes. Pages that are zero are not
 *        touched
 * @stop: a descriptor; once it is readable, this ends; -1: none
 *
 * Returns what image_read_chunk() and image_load() return; -EBADMSG also if the
 * first image leaves a page to a parent; -EINTR if @stop is readable.
 */
int image_chain_load(const struct image_chain *chain, size_t region,
		     uint8_t *host, int stop, struct err *err);

/* A chunk as the images of a chain have it together. */
struct image_merged {
	uint8_t state[IMAGE_CHUNK_PAGES]; /* the last word on each page */
	size_t image[IMAGE_CHUNK_PAGES]; /* whose word that is: its place in the
					    chain */
	size_t last; /* the place of the image that was added last */
	unsigned pages; /* in the region */
};

/*
 * Reads one chunk and compares its checksums.
 *
 * @host: the chunk's first byte; what is IMAGE_DATA in @ret is written. Other
 *        pages are left alone, or written to and zeroed
 *
 * Returns what image_chain_load() returns.
 */
int image_chain_load_chunk(const struct image_chain *chain, size_t region,
			   uint64_t chunk, struct image_merged *ret,
			   uint8_t *host, struct err *err);

/*
 * Reads every page of every image and compares every checksum.
 *
 * Returns what image_verify() returns; -EBADMSG also if the first image leaves
 * a page to a parent.
 */
int image_chain_verify(const struct image_chain *chain, struct err *err);

/*
 * Writes all that the chain tells to one image, comparing every checksum.
 *
 * @writer: new, IMAGE_FULL, of the chain's regions; not ended here
 *
 * Returns what image_chain_load() and image_writer_put() return.
 */
int image_chain_merge(const struct image_chain *chain,
		      struct image_writer *writer, struct err *err);

#endif
