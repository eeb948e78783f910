/* tests/unit/saved_memory.h - a chain of images with random pages, and memory
 * to be filled from it. */
#ifndef TESTS_UNIT_SAVED_MEMORY_H
#define TESTS_UNIT_SAVED_MEMORY_H

#include <stdint.h>

#include "mem/backing.h"
#include "mem/dirty.h"
#include "mem/image_chain.h"
#include "mem/map.h"
#include "tests/unit/temp_folder.h"

#define SAVED_PAGES 1600 /* of IMAGE_PAGE: chunks, and a part of one */
#define SAVED_SIZE (SAVED_PAGES * IMAGE_PAGE)

struct saved_memory {
	struct temp_folder folder;
	int top; /* the folder, open */
	struct image_chain chain;
	uint8_t *want; /* what the chain holds; SAVED_SIZE bytes */
	unsigned seed;
	unsigned made; /* images */

	struct mem_map map; /* a region, at saved_place */
	struct backing backing; /* its memory */
	struct dirty dirty; /* of @map */
};

extern const struct range saved_place;

/* Makes a chain of so many images, and memory that is not filled yet. @data:
 * how many in a hundred runs of pages have content. */
struct saved_memory *saved_memory_new(unsigned images, unsigned data,
				      unsigned seed);
void saved_memory_free(struct saved_memory *saved);

unsigned saved_memory_choose(struct saved_memory *saved, unsigned below);

/* Asserts that memory is @want. Touches all of it. */
void saved_memory_check(const struct saved_memory *saved);

/* Writes memory to a new image by a reader, and opens it. */
struct image *saved_memory_copy(struct saved_memory *saved,
				struct dirty_reader *reader,
				enum image_kind kind);

/* Asserts that @image, which is full, holds @want. Closes it. */
void saved_memory_check_image(const struct saved_memory *saved,
			      struct image *image);

/* Cuts the file of the chain's first image short. */
void saved_memory_cut(const struct saved_memory *saved, uint64_t size);

/* Changes a byte of page @page in the file of the last image that holds it. */
void saved_memory_damage(const struct saved_memory *saved, unsigned page);

#endif
