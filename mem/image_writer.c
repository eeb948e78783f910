/* mem/image_writer.c - writes the pages of a snapshot. */
#include "mem/image_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/zeroes.h"
#include "mem/image_format.h"
#include "mem/image_pack.h"

/* Entries of chunks that are written at once. */
#define WRITE_BATCH 512

/*
 * States of the pages of a region, in memory that costs nothing until it is
 * used.
 */
struct page_table {
	uint8_t *state; /* enum image_state; one byte for each page, whole
			   chunks */
	uint64_t *checksum; /* of pages that are IMAGE_DATA; for each page */
	size_t size; /* of the mapping that holds both, in bytes */
};

struct written_region {
	struct image_region info;
	struct page_table pages;
	struct image_frame *frame; /* owned; for each chunk, once compressed */
	int fd; /* owned */
	bool alone; /* it cannot share bytes with other files */
};

struct image_writer {
	int dir; /* borrowed */
	enum image_kind kind;
	size_t count;
	uint64_t bytes; /* written to files of regions */
	int level; /* 0: not compressed */
	bool stop; /* atomic: compressing ends */
	struct written_region region[MEM_MAX_REGIONS];
};

static int map_page_table(struct page_table *ret, uint64_t size,
			  struct err *err)
{
	const uint64_t pages = image_chunks(size) * IMAGE_CHUNK_PAGES;
	const uint64_t most = SIZE_MAX / (1 + sizeof(uint64_t));
	const size_t bytes = (size_t)(pages * (1 + sizeof(uint64_t)));
	void *p;

	if (pages > most)
		return err_set(err, -EFBIG,
			       "snapshot: a region is too large for this host");
	p = map_zeroes(bytes);
	if (!p)
		return err_sys(err, "snapshot: list of pages");
	*ret = (struct page_table){
		.checksum = p,
		.state = (uint8_t *)p + pages * sizeof(uint64_t),
		.size = bytes,
	};
	return 0;
}

static int make_region(struct image_writer *writer, size_t i,
		       const struct image_region *info, struct err *err)
{
	struct written_region *r = &writer->region[i];
	char name[IMAGE_FILE_NAME];

	image_file_name(name, i);
	r->info = *info;
	r->fd = openat(writer->dir, name,
		       O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		       0600);
	if (r->fd < 0 || ftruncate(r->fd, (off_t)info->gpa.size) < 0)
		return err_sys(err, "%s", name);
	return map_page_table(&r->pages, info->gpa.size, err);
}

struct image_writer *image_writer_free(struct image_writer *writer)
{
	if (!writer)
		return NULL;
	for (size_t i = 0; i < writer->count; i++) {
		struct written_region *r = &writer->region[i];

		fd_closep(&r->fd);
		free(r->frame);
		if (r->pages.size > 0)
			(void)munmap(r->pages.checksum, r->pages.size);
	}
	free(writer);
	return NULL;
}

static void image_writer_freep(struct image_writer **writer)
{
	*writer = image_writer_free(*writer);
}

int image_writer_new(struct image_writer **ret, int dir, enum image_kind kind,
		     const struct image_region *region, size_t count,
		     struct err *err)
{
	_cleanup_(image_writer_freep) struct image_writer *writer = calloc(
		1, sizeof(*writer));

	if (!writer)
		return err_set(err, -ENOMEM, "snapshot: out of memory");
	if (count > MEM_MAX_REGIONS)
		return err_set(err, -ENOSPC, "snapshot: too many regions");
	writer->dir = dir;
	writer->kind = kind;
	for (size_t i = 0; i < count; i++) {
		int r;

		writer->region[i].fd = -1;
		writer->count++;
		r = make_region(writer, i, &region[i], err);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(writer);
	return 0;
}

static int write_failed(size_t region, int code, struct err *err)
{
	return err_set(err, code, "memory-%zu: %s", region,
		       strerrordesc_np(-code));
}

/* False: the bytes are to be written. */
static bool share_run(struct written_region *r, int from, uint64_t offset,
		      uint64_t len)
{
	int code;

	if (from < 0 || r->alone)
		return false;
	code = file_clone_range(r->fd, from, offset, len);
	/* What is no whole block can still be followed by what is. */
	r->alone = code < 0 && code != -EINVAL;
	return code == 0;
}

static int write_run(struct image_writer *writer, size_t region,
		     const struct image_data *run, struct err *err)
{
	struct written_region *r = &writer->region[region];
	int code;

	if (share_run(r, run->from, run->offset, run->len))
		return 0;
	code = file_write_at(r->fd, run->host, (size_t)run->len, run->offset);
	if (code < 0)
		return write_failed(region, code, err);
	writer->bytes += run->len;
	return 0;
}

/* Makes a run of the file zeroes again. */
static int erase_run(struct image_writer *writer, size_t region,
		     uint64_t offset, uint64_t len, struct err *err)
{
	static const uint8_t zeroes[IMAGE_PAGE];
	const int fd = writer->region[region].fd;
	int r = 0;

	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		      (off_t)offset, (off_t)len) == 0)
		return 0;
	if (errno != EOPNOTSUPP)
		return write_failed(region, -errno, err);
	for (uint64_t at = 0; r == 0 && at < len; at += IMAGE_PAGE)
		r = file_write_at(fd, zeroes, IMAGE_PAGE, offset + at);
	return r < 0 ? write_failed(region, r, err) : 0;
}

int image_writer_clear(struct image_writer *writer, size_t region,
		       uint64_t offset, uint64_t len, enum image_state state,
		       struct err *err)
{
	uint8_t *known = writer->region[region].pages.state;
	const uint64_t end = (offset + len) / IMAGE_PAGE;

	for (uint64_t page = offset / IMAGE_PAGE; page < end;) {
		const uint64_t first = page;
		int r;

		/* Data that was told before has to leave the file. */
		while (page < end && known[page] == IMAGE_DATA)
			page++;
		if (page > first) {
			r = erase_run(writer, region, first * IMAGE_PAGE,
				      (page - first) * IMAGE_PAGE, err);
			if (r < 0)
				return r;
			memset(&known[first], (int)state,
			       (size_t)(page - first));
			continue;
		}
		known[page++] = (uint8_t)state;
	}
	return 0;
}

int image_writer_put(struct image_writer *writer, size_t region,
		     uint64_t offset, const uint8_t *host, uint64_t len,
		     struct err *err)
{
	const struct image_data data = { offset, len, host, -1 };

	return image_writer_put_data(writer, region, &data, err);
}

int image_writer_put_data(struct image_writer *writer, size_t region,
			  const struct image_data *data, struct err *err)
{
	struct page_table *pages = &writer->region[region].pages;
	const uint64_t count = data->len / IMAGE_PAGE;
	const uint64_t base = data->offset / IMAGE_PAGE;
	const uint8_t *host = data->host;

	for (uint64_t i = 0; i < count;) {
		const uint64_t first = i;
		int r;

		for (; i < count &&
		       !bytes_are_zero(host + i * IMAGE_PAGE, IMAGE_PAGE);
		     i++)
			pages->checksum[base + i] = image_page_checksum(
				host + i * IMAGE_PAGE);
		if (i > first) {
			const struct image_data run = {
				.offset = (base + first) * IMAGE_PAGE,
				.len = (i - first) * IMAGE_PAGE,
				.host = host + first * IMAGE_PAGE,
				.from = data->from,
			};

			r = write_run(writer, region, &run, err);
			if (r < 0)
				return r;
			memset(&pages->state[base + first], IMAGE_DATA,
			       (size_t)(i - first));
			continue;
		}
		r = image_writer_clear(writer, region, (base + i) * IMAGE_PAGE,
				       IMAGE_PAGE, IMAGE_ZERO, err);
		if (r < 0)
			return r;
		i++;
	}
	return 0;
}

/* A full image tells of every page. */
static uint8_t final_state(const struct image_writer *writer, uint8_t known)
{
	if (known == IMAGE_PARENT && writer->kind == IMAGE_FULL)
		return IMAGE_ZERO;
	return known;
}

static void encode_chunk(const struct image_writer *writer, size_t region,
			 uint64_t chunk, uint8_t *entry)
{
	const struct written_region *r = &writer->region[region];
	const uint64_t base = chunk * IMAGE_CHUNK_PAGES;
	const uint64_t pages = r->info.gpa.size / IMAGE_PAGE;
	uint8_t state[IMAGE_CHUNK_PAGES] = { 0 };

	memset(entry, 0, image_entry_size(writer->level > 0));
	if (r->frame) {
		store_le64(entry + CHUNK_FRAME_AT, r->frame[chunk].at);
		store_le32(entry + CHUNK_FRAME_SIZE, r->frame[chunk].size);
	}
	for (unsigned i = 0; i < IMAGE_CHUNK_PAGES && base + i < pages; i++) {
		state[i] = final_state(writer, r->pages.state[base + i]);
		entry[i / 4] |= (uint8_t)(state[i] << (2 * (i % 4)));
	}
	store_le64(
		entry + CHUNK_CHECKSUM,
		image_checksum(region, chunk, state, &r->pages.checksum[base]));
}

static uint32_t disk_kind(enum mem_kind kind)
{
	switch (kind) {
	case MEM_SHARED:
		return IMAGE_KIND_SHARED;
	case MEM_ROM:
		return IMAGE_KIND_ROM;
	case MEM_RESERVED:
		return IMAGE_KIND_DISK;
	default:
		return IMAGE_KIND_RAM;
	}
}

/* Writes header and table. Sets where the first chunk begins. */
static int write_table(const struct image_writer *writer, int fd,
		       uint64_t *ret_chunks)
{
	uint8_t buf[HEADER_SIZE + MEM_MAX_REGIONS * ENTRY_SIZE] = { 0 };
	const size_t size = HEADER_SIZE + writer->count * ENTRY_SIZE;
	uint64_t chunks = size;

	memcpy(buf + HEADER_MAGIC, IMAGE_MAGIC, 8); // NOLINT: no string
	store_le32(buf + HEADER_VERSION,
		   writer->level > 0 ? IMAGE_VERSION_PACKED : IMAGE_VERSION);
	store_le32(buf + HEADER_REGIONS, (uint32_t)writer->count);
	store_le32(buf + HEADER_PAGE, IMAGE_PAGE);
	store_le32(buf + HEADER_CHUNK_PAGES, IMAGE_CHUNK_PAGES);
	for (size_t i = 0; i < writer->count; i++) {
		const struct image_region *info = &writer->region[i].info;
		uint8_t *entry = buf + HEADER_SIZE + i * ENTRY_SIZE;

		store_le64(entry + ENTRY_START, info->gpa.start);
		store_le64(entry + ENTRY_BYTES, info->gpa.size);
		store_le32(entry + ENTRY_KIND, disk_kind(info->kind));
		memcpy(entry + ENTRY_NAME, info->name,
		       strnlen(info->name, MEM_NAME_MAX - 1));
		store_le64(entry + ENTRY_CHUNKS, chunks);
		chunks += image_chunks(info->gpa.size) *
			  image_entry_size(writer->level > 0);
	}
	store_le64(buf + HEADER_CHECKSUM,
		   XXH64(buf + HEADER_PAGE, size - HEADER_PAGE, 0));
	*ret_chunks = size;
	return file_write_at(fd, buf, size, 0);
}

static int write_chunks(const struct image_writer *writer, size_t region,
			int fd, uint64_t *at)
{
	const uint64_t count = image_chunks(
		writer->region[region].info.gpa.size);
	const size_t size = image_entry_size(writer->level > 0);
	uint8_t buf[WRITE_BATCH * CHUNK_SIZE_PACKED];
	int r = 0;

	for (uint64_t c = 0; r == 0 && c < count;) {
		size_t n = 0;

		for (; n < WRITE_BATCH && c < count; n++, c++)
			encode_chunk(writer, region, c, buf + n * size);
		r = file_write_at(fd, buf, n * size, *at);
		*at += n * size;
	}
	return r;
}

static int write_index(const struct image_writer *writer, int fd)
{
	uint64_t at;
	int r = write_table(writer, fd, &at);

	for (size_t i = 0; r == 0 && i < writer->count; i++)
		r = write_chunks(writer, i, fd, &at);
	if (r == 0 && fdatasync(fd) < 0)
		r = -errno;
	return r;
}

void image_writer_compress(struct image_writer *writer, int level)
{
	writer->level = level;
}

void image_writer_stop(struct image_writer *writer)
{
	__atomic_store_n(&writer->stop, true, __ATOMIC_RELAXED);
}

/* Puts the frames of a region in the place of its pages' file. */
static int pack_region(struct image_writer *writer, size_t i, struct err *err)
{
	struct written_region *r = &writer->region[i];
	struct image_pack pack = {
		.from = r->fd,
		.state = r->pages.state,
		.chunks = image_chunks(r->info.gpa.size),
		.level = writer->level,
		.stop = &writer->stop,
	};
	char name[IMAGE_FILE_NAME];
	int code;

	image_file_name(name, i);
	r->frame = calloc((size_t)pack.chunks, sizeof(*r->frame));
	if (!r->frame)
		return err_set(err, -ENOMEM, "snapshot: out of memory");
	/* What has no name is gone with its descriptor. */
	if (unlinkat(writer->dir, name, 0) < 0)
		return err_sys(err, "%s", name);
	pack.to = openat(writer->dir, name,
			 O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
			 0600);
	if (pack.to < 0)
		return err_sys(err, "%s", name);
	r->fd = pack.to;
	pack.frame = r->frame;
	code = image_pack(&pack, err);
	fd_closep(&pack.from);
	writer->bytes += pack.size;
	return code < 0 ? err_wrap(err, "%s", name) : 0;
}

static int pack_regions(struct image_writer *writer, struct err *err)
{
	int r = 0;

	writer->bytes = 0;
	for (size_t i = 0; r == 0 && i < writer->count; i++)
		r = pack_region(writer, i, err);
	return r;
}

int image_writer_end(struct image_writer *writer, struct err *err)
{
	_cleanup_(fd_closep) int fd = openat(
		writer->dir, IMAGE_INDEX,
		O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r;

	if (fd < 0)
		return err_sys(err, IMAGE_INDEX);
	if (writer->level > 0 && pack_regions(writer, err) < 0)
		return err->code;
	r = write_index(writer, fd);
	if (r < 0)
		return err_set(err, r, IMAGE_INDEX ": %s", strerrordesc_np(-r));
	for (size_t i = 0; i < writer->count; i++)
		if (fdatasync(writer->region[i].fd) < 0)
			return err_sys(err, "memory-%zu", i);
	return 0;
}

void image_writer_count(const struct image_writer *writer,
			struct image_count *ret)
{
	*ret = (struct image_count){ 0 };
	for (size_t i = 0; i < writer->count; i++) {
		const struct written_region *r = &writer->region[i];
		const uint64_t pages = r->info.gpa.size / IMAGE_PAGE;

		for (uint64_t p = 0; p < pages; p++)
			ret->state[final_state(writer, r->pages.state[p])]++;
	}
}

uint64_t image_writer_bytes(const struct image_writer *writer)
{
	return writer->bytes;
}
