/*
 * vmm/migrate/unpacker.h - brings compressed pages from a stream to guest
 * memory. [pure]
 */
#ifndef VMM_MIGRATE_UNPACKER_H
#define VMM_MIGRATE_UNPACKER_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/zstd_frame.h"
#include "vmm/migrate/channel.h"

/* What it needs is made with the first pages. */
struct unpacker {
	ZSTD_DCtx *zstd; /* owned */
	uint8_t *frame; /* owned; as it came */
	int fd; /* owned memfd: what is decompressed */
	uint8_t *pages; /* owned; the mapping of @fd */
};

#define UNPACKER_NONE    \
	{                \
		.fd = -1 \
	}

void unpacker_finish(struct unpacker *unpacker); /* NONE is fine */

/*
 * Reads a frame, and puts its pages into guest memory. The frame is not
 * trusted.
 *
 * @len:  bytes of the frame, at most STREAM_DATA_MAX
 * @host: where the pages are to be; @size bytes, at most STREAM_DATA_MAX
 *
 * Returns 0; -EBADMSG if it is no frame of @size bytes; -EFAULT if the host has
 * no memory there, which raises no signal; -ENOMEM; or what channel_read() and
 * memfd_create(2) return.
 */
int unpacker_read(struct unpacker *unpacker, struct channel *channel,
		  size_t len, uint8_t *host, size_t size, struct err *err);

#endif
