/* mem/image_state.h - the pages of an image, and what can be said of one. */
#ifndef MEM_IMAGE_STATE_H
#define MEM_IMAGE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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

/* @len: not 0 */
static inline bool image_is_zero(const uint8_t *p, size_t len)
{
	return p[0] == 0 && memcmp(p, p + 1, len - 1) == 0;
}

#endif
