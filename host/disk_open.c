/* host/disk_open.c - opens a raw disk image. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/file_share.h"
#include "base/log.h"
#include "host/disk_format.h"
#include "host/disk_raw.h"

static void raw_closep(struct raw **raw)
{
	if (*raw)
		(void)raw_disk_ops.close(&(*raw)->disk);
}

/* Finds the block by trying, where the kernel does not tell. */
static uint32_t probe_block(int fd)
{
	_cleanup_(freep) uint8_t *buf = aligned_alloc(DISK_PAGE, DISK_PAGE);
	static const uint32_t sizes[] = { SECTOR_SIZE, DISK_PAGE };

	for (size_t i = 0; buf && i < sizeof(sizes) / sizeof(sizes[0]); i++)
		if (pread(fd, buf, sizes[i], 0) >= 0)
			return sizes[i];
	return 0;
}

/* Turns direct I/O on. Sets the block and how buffers are to be aligned. */
static int go_direct(struct raw *raw, struct err *err)
{
	struct statx st = { 0 };
	uint32_t block = 0;

	if (fcntl(raw->fd, F_SETFL, O_DIRECT) == 0) {
		(void)statx(raw->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &st);
		block = st.stx_mask & STATX_DIOALIGN ? st.stx_dio_offset_align
						     : probe_block(raw->fd);
	}
	if (!is_pow2(block) || block > DISK_PAGE ||
	    st.stx_dio_mem_align > DISK_PAGE)
		return err_input(err, -EOPNOTSUPP,
				 "%s: direct I/O is not possible here",
				 raw->path);
	raw->disk.block = block > SECTOR_SIZE ? block : SECTOR_SIZE;
	/* Told or not, a whole block is enough. */
	raw->mem_align = is_pow2(st.stx_dio_mem_align) ? st.stx_dio_mem_align
						       : raw->disk.block;
	return 0;
}

/* Refuses an image whose bytes are not what the guest is to see. */
static int check_raw(const struct raw *raw, uint64_t size, struct err *err)
{
	uint8_t head[DISK_FORMAT_BYTES] = { 0 };
	uint8_t tail[DISK_FORMAT_BYTES] = { 0 };
	const size_t len = size < sizeof(head) ? (size_t)size : sizeof(head);
	const char *format;
	int r = file_read_at(raw->fd, head, len, 0);

	if (r == 0)
		r = file_read_at(raw->fd, tail, len, size - len);
	if (r < 0) {
		errno = -r;
		return err_sys(err, "%s", raw->path);
	}
	format = disk_format(head, tail);
	if (!format)
		return 0;
	return err_input(err, -EMEDIUMTYPE,
			 "%s: is a %s image; only raw ones are taken: convert "
			 "it by 'qemu-img convert -O raw', or add "
			 "\",format=raw\" if the guest is to see the file as "
			 "it is",
			 raw->path, format);
}

static int size_disk(struct raw *raw, uint64_t size, struct err *err)
{
	const uint64_t rest = size % raw->disk.block;

	raw->disk.size = size - rest;
	if (raw->disk.size == 0)
		return err_input(err, -EINVAL,
				 "%s: %" PRIu64 " bytes are less than one "
				 "block of %" PRIu32,
				 raw->path, size, raw->disk.block);
	if (rest > 0)
		log_warn("%s: the last %" PRIu64 " bytes are no whole block "
			 "of %" PRIu32 "; the guest does not see them",
			 raw->path, rest, raw->disk.block);
	return 0;
}

static int make_temp(struct raw *raw, struct err *err)
{
	const int r = disk_temp_init(&raw->temp, raw->disk.size,
				     raw->disk.block, err);

	if (r < 0)
		return err_wrap(err, "%s", raw->path);
	log_info("%s: what the guest writes is in %s and vanishes with it",
		 raw->path, raw->temp.where ? raw->temp.where : "memory");
	return 0;
}

int disk_open(struct disk **ret, const struct disk_options *opt,
	      struct aio *aio, struct err *err)
{
	_cleanup_(raw_closep) struct raw *raw = calloc(1, sizeof(*raw));
	const bool reads = opt->ro || opt->temp;
	struct file file;
	int r;

	if (!raw)
		return err_set(err, -ENOMEM, "%s: out of memory", opt->path);
	raw->fd = -1;
	raw->temp.fd = -1;
	raw->path = strdup(opt->path);
	if (!raw->path)
		return err_set(err, -ENOMEM, "%s: out of memory", opt->path);
	raw->disk = (struct disk){ .ops = &raw_disk_ops,
				   .block = SECTOR_SIZE,
				   .ro = opt->ro };
	raw->client.aio = aio;

	r = file_open(&file, opt->path, reads ? O_RDONLY : O_RDWR,
		      FILE_BLOCK_TOO | FILE_NOT_EMPTY, err);
	if (r < 0)
		return r;
	raw->fd = file.fd;
	r = opt->raw ? 0 : check_raw(raw, file.size, err);
	if (r == 0 && !opt->unshared)
		r = (opt->inherit ? file_inherit
				  : file_lock)(raw->fd, raw->path, !reads, err);
	if (r == 0 && opt->direct)
		r = go_direct(raw, err);
	if (r == 0)
		r = size_disk(raw, file.size, err);
	if (r == 0 && opt->temp)
		r = make_temp(raw, err);
	if (r < 0)
		return r;
	raw->disk.fd = opt->temp ? -1 : raw->fd;
	raw->client.blocks = aio_blocks(raw->fd) ||
			     (opt->temp && aio_blocks(raw->temp.fd));
	*ret = &TAKE_PTR(raw)->disk;
	return 0;
}
