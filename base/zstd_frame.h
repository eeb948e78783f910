/*
 * base/zstd_frame.h - a frame of zstd that comes from elsewhere.
 */
#ifndef BASE_ZSTD_FRAME_H
#define BASE_ZSTD_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include <zstd.h>

/* Source: zstd's manual: from here on, memory grows. */
#define ZSTD_FRAME_LEVEL_MAX 19

/*
 * Decompresses one frame, which is not trusted.
 *
 * @frame: @len bytes: the frame, and nothing behind it
 * @to:    @size bytes, all that the frame is to hold. Whatever it says of
 *         itself, no more are written
 *
 * Returns 0, or -EBADMSG if it is no such frame, or of another size. No story.
 * Thread: any; one at a time for each context.
 */
int zstd_frame_unpack(ZSTD_DCtx *zstd, const uint8_t *frame, size_t len,
		      uint8_t *to, size_t size);

#endif
