/* vmm/migrate/unpacker.c - brings compressed pages from a stream to guest
 * memory. */
#include "vmm/migrate/unpacker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "vmm/migrate/stream.h"

void unpacker_finish(struct unpacker *unpacker)
{
	(void)ZSTD_freeDCtx(unpacker->zstd);
	free(unpacker->frame);
	if (unpacker->pages)
		(void)munmap(unpacker->pages, STREAM_DATA_MAX);
	fd_closep(&unpacker->fd);
	*unpacker = (struct unpacker)UNPACKER_NONE;
}

static int make_unpacked_pages(struct unpacker *unpacker, struct err *err)
{
	void *pages;

	unpacker->fd = memfd_create("unpacked", MFD_CLOEXEC);
	if (unpacker->fd < 0 || ftruncate(unpacker->fd, STREAM_DATA_MAX) < 0)
		return err_sys(err, "compressed pages");
	pages = mmap(NULL, STREAM_DATA_MAX, PROT_READ | PROT_WRITE, MAP_SHARED,
		     unpacker->fd, 0);
	if (pages == MAP_FAILED)
		return err_sys(err, "compressed pages");
	unpacker->pages = pages;
	return 0;
}

static int make_unpacker(struct unpacker *unpacker, struct err *err)
{
	if (!unpacker->zstd)
		unpacker->zstd = ZSTD_createDCtx();
	if (!unpacker->frame)
		unpacker->frame = malloc(STREAM_DATA_MAX);
	if (!unpacker->zstd || !unpacker->frame)
		return err_set(err, -ENOMEM, "out of memory");
	return unpacker->pages ? 0 : make_unpacked_pages(unpacker, err);
}

int unpacker_read(struct unpacker *unpacker, struct channel *channel,
		  size_t len, uint8_t *host, size_t size, struct err *err)
{
	int r = make_unpacker(unpacker, err);

	if (r == 0)
		r = channel_read(channel, unpacker->frame, len, err);
	if (r < 0)
		return r;
	r = zstd_frame_unpack(unpacker->zstd, unpacker->frame, len,
			      unpacker->pages, size);
	if (r < 0)
		return err_input(err, r,
				 "the stream is damaged: pages that cannot be "
				 "decompressed");
	/* The kernel tells of memory that it has not; a store would not. */
	r = file_read_at(unpacker->fd, host, size, 0);
	return r < 0 ? err_set(err, r, "pages: %s", strerrordesc_np(-r)) : 0;
}
