/*
 * mem/image_format.h - where what stands in an image's index, for its reader
 * and its writer. docs/SNAPSHOT.md is the specification.
 */
#ifndef MEM_IMAGE_FORMAT_H
#define MEM_IMAGE_FORMAT_H

#include <stdio.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/bytes.h"
#include "mem/image_state.h"
#include "mem/map.h"

#define IMAGE_MAGIC "vmmindex"
#define IMAGE_VERSION 1 /* pages as they are */
#define IMAGE_VERSION_PACKED 2 /* compressed */
#define IMAGE_INDEX "index"

enum { /* bytes of the header */
       HEADER_MAGIC = 0, /* 8 */
       HEADER_VERSION = 8, /* 4 */
       HEADER_REGIONS = 12, /* 4 */
       HEADER_CHECKSUM = 16, /* 8; of all that follows, up to the chunks */
       HEADER_PAGE = 24, /* 4 */
       HEADER_CHUNK_PAGES = 28, /* 4 */
       HEADER_SIZE = 32,
};

enum { /* bytes of a region's entry */
       ENTRY_START = 0, /* 8 */
       ENTRY_BYTES = 8, /* 8 */
       ENTRY_KIND = 16, /* 4 */
       ENTRY_ZERO = 20, /* 4 */
       ENTRY_NAME = 24, /* MEM_NAME_MAX, padded with zeroes */
       ENTRY_CHUNKS = 48, /* 8; where its chunks begin in the index */
       ENTRY_SIZE = 56,
};

enum { /* bytes of a chunk's entry */
       CHUNK_STATES = 0, /* 2 bits for each page, the first in the lowest */
       CHUNK_CHECKSUM = IMAGE_CHUNK_PAGES / 4, /* 8 */
       CHUNK_SIZE = CHUNK_CHECKSUM + 8,
       /* Of a compressed image also: */
       CHUNK_FRAME_AT = CHUNK_SIZE, /* 8 */
       CHUNK_FRAME_SIZE = CHUNK_FRAME_AT + 8, /* 4 */
       CHUNK_FRAME_ZERO = CHUNK_FRAME_SIZE + 4, /* 4 */
       CHUNK_SIZE_PACKED = CHUNK_FRAME_ZERO + 4,
};

/* Bytes of a chunk's entry. @packed: of a compressed image */
static inline size_t image_entry_size(bool packed)
{
	return packed ? CHUNK_SIZE_PACKED : CHUNK_SIZE;
}

/* Regions' kinds on disk. A number is never used again for another kind. */
enum {
	IMAGE_KIND_RAM = 1,
	IMAGE_KIND_SHARED = 2,
	IMAGE_KIND_ROM = 3,
	IMAGE_KIND_DISK = 4,
};

/* A name of the file of region N: "memory-N". */
#define IMAGE_FILE_NAME 16

static inline void image_file_name(char name[static IMAGE_FILE_NAME],
				   size_t region)
{
	(void)snprintf(name, IMAGE_FILE_NAME, "memory-%u",
		       (unsigned)(region % MEM_MAX_REGIONS));
}

/*
 * The checksum of a chunk: over its place, its states, and the checksum of each
 * page that is IMAGE_DATA, in their order.
 *
 * @page: checksums of the chunk's pages; those of other states are not used
 */
static inline uint64_t image_checksum(size_t region, uint64_t chunk,
				      const uint8_t state[IMAGE_CHUNK_PAGES],
				      const uint64_t page[IMAGE_CHUNK_PAGES])
{
	uint8_t buf[16 + IMAGE_CHUNK_PAGES + 8 * IMAGE_CHUNK_PAGES];
	size_t len = 16 + IMAGE_CHUNK_PAGES;

	store_le64(buf, region);
	store_le64(buf + 8, chunk);
	memcpy(buf + 16, state, IMAGE_CHUNK_PAGES);
	for (unsigned i = 0; i < IMAGE_CHUNK_PAGES; i++) {
		if (state[i] != IMAGE_DATA)
			continue;
		store_le64(buf + len, page[i]);
		len += 8;
	}
	return XXH64(buf, len, 0);
}

static inline uint64_t image_page_checksum(const uint8_t *page)
{
	return XXH64(page, IMAGE_PAGE, 0);
}

#endif
