/*
 * mem/image_pack.h - the frames of a compressed image.
 *
 * The pages that an image holds of a chunk are one frame of zstd, and a frame
 * is read as a whole. Frames stand in the region's file in any order.
 */
#ifndef MEM_IMAGE_PACK_H
#define MEM_IMAGE_PACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/zstd_frame.h"
#include "mem/image_state.h"

/* No frame of a chunk is larger, in bytes. */
#define IMAGE_FRAME_MAX ((uint32_t)ZSTD_COMPRESSBOUND(IMAGE_CHUNK))

/* Source: zstd's manual: its own default. */
#define IMAGE_LEVEL_DEFAULT 3

/* Where the frame of a chunk is. */
struct image_frame {
	uint64_t at; /* offset in the region's file */
	uint32_t size; /* bytes; 0: the image holds no page of the chunk */
};

/* A region whose pages are in one file, and their frames are to be in another.
 */
struct image_pack {
	int from; /* each page at the offset that it has in the region; pages
		     that were read are taken out of it */
	int to; /* empty */
	const uint8_t *state; /* enum image_state of each page; whole chunks */
	uint64_t chunks;
	int level; /* 1 to ZSTD_FRAME_LEVEL_MAX */
	const bool *stop; /* atomic; borrowed: set, it ends with -ECANCELED */
	struct image_frame *frame; /* set; one for each chunk */
	uint64_t size; /* set: bytes of @to */
};

/*
 * Compresses a region, on as many threads as there are processors, but at most
 * 8.
 *
 * Returns 0; -ENOMEM; -ECANCELED; or the errno of pread(2) or pwrite(2).
 * Thread: any.
 */
int image_pack(struct image_pack *pack, struct err *err);

/* Memory to read frames with. Zeroed, it has none yet. */
struct image_unpack {
	ZSTD_DCtx *zstd; /* owned */
	uint8_t *frame; /* owned; of IMAGE_FRAME_MAX bytes */
};

void image_unpack_finish(struct image_unpack *unpack);

/*
 * Reads a frame. It is not trusted.
 *
 * @frame: its size is at most IMAGE_FRAME_MAX
 * @to:    @size bytes, all that the frame is to hold
 *
 * Returns 0; -EBADMSG if it is no frame of @size bytes; -ENODATA if the file
 * ends before; -ENOMEM; or the errno of pread(2). No story.
 */
int image_unpack(struct image_unpack *unpack, int fd,
		 const struct image_frame *frame, uint8_t *to, size_t size);

#endif
