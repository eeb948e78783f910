/* mem/image_state.h - the pages of an image. */
#ifndef MEM_IMAGE_STATE_H
#define MEM_IMAGE_STATE_H

#include <stdint.h>

#define IMAGE_PAGE ((uint64_t)4096)
#define IMAGE_CHUNK_PAGES 256
#define IMAGE_CHUNK (IMAGE_PAGE * IMAGE_CHUNK_PAGES) /* bytes of memory */

/* State of a page in an image. */
enum image_state {
	IMAGE_PARENT, /* nothing: the page is as in the parent */
	IMAGE_DATA, /* the page is in the region's file */
	IMAGE_ZERO, /* the page is all zeroes */
	IMAGE_GONE, /* the guest gave the page up; it reads as zeroes */
};

#endif
