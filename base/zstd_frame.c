/* base/zstd_frame.c - a frame of zstd that comes from elsewhere. */
#include "base/zstd_frame.h"

#include <errno.h>

#include "base/bytes.h"

int zstd_frame_unpack(ZSTD_DCtx *zstd, const uint8_t *frame, size_t len,
		      uint8_t *to, size_t size)
{
	size_t got;

	/* A library may read forms from before version 1 of the format, by code
	 * that few look at. */
	if (len < sizeof(uint32_t) || load_le32(frame) != ZSTD_MAGICNUMBER)
		return -EBADMSG;
	/* Frames behind the first, or of no content, are none of ours. */
	got = ZSTD_findFrameCompressedSize(frame, len);
	if (ZSTD_isError(got) || got != len)
		return -EBADMSG;
	got = ZSTD_decompressDCtx(zstd, to, size, frame, len);
	return ZSTD_isError(got) || got != size ? -EBADMSG : 0;
}
