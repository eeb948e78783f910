/* mem/image.c - reads the pages of a snapshot. */
#include "mem/image.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "mem/image_format.h"
#include "mem/image_pack.h"

/* Entries of chunks that are read at once. */
#define READ_AHEAD 64

struct open_region {
	struct image_region info;
	uint64_t chunks_at; /* offset in the index */
	uint64_t file_size; /* in bytes */
	int fd; /* owned */
};

struct image {
	int index; /* owned */
	size_t count;
	struct open_region region[MEM_MAX_REGIONS];
	/* Entries of the index that were read last. */
	uint64_t ahead_at; /* offset in the index */
	size_t ahead_size; /* bytes */
	uint8_t ahead[READ_AHEAD * CHUNK_SIZE_PACKED];
	/* Of a compressed image: */
	bool packed;
	struct image_unpack unpack; /* owned */
	uint8_t *pages; /* owned; of a frame; NULL: none was read */
};

struct image *image_close(struct image *image)
{
	if (!image)
		return NULL;
	for (size_t i = 0; i < image->count; i++)
		fd_closep(&image->region[i].fd);
	fd_closep(&image->index);
	image_unpack_finish(&image->unpack);
	free(image->pages);
	free(image);
	return NULL;
}

static void image_closep(struct image **image)
{
	*image = image_close(*image);
}

bool image_has_file(const char *name)
{
	char own[IMAGE_FILE_NAME];

	for (size_t i = 0; i < MEM_MAX_REGIONS; i++) {
		image_file_name(own, i);
		if (strcmp(name, own) == 0)
			return true;
	}
	return strcmp(name, IMAGE_INDEX) == 0;
}

bool image_is_compressed(const struct image *image)
{
	return image->packed;
}

size_t image_regions(const struct image *image)
{
	return image->count;
}

size_t image_memory_regions(const struct image *image)
{
	size_t count = 0;

	while (count < image->count &&
	       image->region[count].info.kind != MEM_RESERVED)
		count++;
	return count;
}

const struct image_region *image_region(const struct image *image,
					size_t region)
{
	return &image->region[region].info;
}

int image_region_fd(const struct image *image, size_t region)
{
	return image->region[region].fd;
}

static int read_index(const struct image *image, void *buf, size_t len,
		      uint64_t offset, struct err *err)
{
	const int r = file_read_at(image->index, buf, len, offset);

	if (r == -ENODATA)
		return err_input(err, -EBADMSG, IMAGE_INDEX ": too short");
	if (r < 0)
		return err_set(err, r, IMAGE_INDEX ": %s", strerrordesc_np(-r));
	return 0;
}

static int parse_kind(uint32_t kind, enum mem_kind *ret)
{
	switch (kind) {
	case IMAGE_KIND_RAM:
		*ret = MEM_RAM;
		return 0;
	case IMAGE_KIND_SHARED:
		*ret = MEM_SHARED;
		return 0;
	case IMAGE_KIND_ROM:
		*ret = MEM_ROM;
		return 0;
	case IMAGE_KIND_DISK:
		*ret = MEM_RESERVED;
		return 0;
	default:
		return -EBADMSG;
	}
}

static int report_damaged_image(size_t region, const char *what,
				struct err *err)
{
	return err_input(err, -EBADMSG, IMAGE_INDEX ": region %zu: %s", region,
			 what);
}

/* Names are printed: they are ASCII text, padded with zeroes to the end. */
static bool is_region_name(const char name[MEM_NAME_MAX])
{
	const size_t len = strnlen(name, MEM_NAME_MAX);

	for (size_t i = 0; i < MEM_NAME_MAX; i++)
		if (i < len ? name[i] < ' ' || name[i] > '~' : name[i] != '\0')
			return false;
	return len < MEM_NAME_MAX;
}

/*
 * @next: the first address behind the region before this one; set for the next.
 *        0 in front of the first
 */
static int parse_region(struct open_region *ret, const uint8_t *entry, size_t i,
			uint64_t *next, struct err *err)
{
	struct image_region *info = &ret->info;
	uint64_t end;

	info->gpa = (struct range){ load_le64(entry + ENTRY_START),
				    load_le64(entry + ENTRY_BYTES) };
	memcpy(info->name, entry + ENTRY_NAME, MEM_NAME_MAX);
	ret->chunks_at = load_le64(entry + ENTRY_CHUNKS);
	if (!is_region_name(info->name))
		return report_damaged_image(i, "its name is no text", err);
	if (parse_kind(load_le32(entry + ENTRY_KIND), &info->kind) < 0)
		return report_damaged_image(i, "of an unknown kind", err);
	if (load_le32(entry + ENTRY_ZERO) != 0)
		return report_damaged_image(i, "reserved bits are set", err);
	if (info->gpa.size == 0 || info->gpa.size % IMAGE_PAGE != 0 ||
	    info->gpa.start % IMAGE_PAGE != 0 ||
	    __builtin_add_overflow(info->gpa.start, info->gpa.size - 1, &end) ||
	    (info->kind == MEM_RESERVED ? info->gpa.start < IMAGE_DISKS
					: end >= IMAGE_DISKS))
		return report_damaged_image(i, "its addresses are wrong", err);
	if (info->gpa.size > INT64_MAX)
		return report_damaged_image(i, "too large for a file", err);
	if (i > 0 && (*next == 0 || info->gpa.start < *next))
		return report_damaged_image(i, "overlaps, or out of order",
					    err);
	*next = end + 1;
	return 0;
}

static int parse_table(struct image *image, const uint8_t *table, size_t count,
		       uint64_t index_size, struct err *err)
{
	uint64_t at = HEADER_SIZE + (uint64_t)count * ENTRY_SIZE;
	uint64_t next = 0;

	for (size_t i = 0; i < count; i++) {
		struct open_region *r = &image->region[i];
		const int code = parse_region(r, table + i * ENTRY_SIZE, i,
					      &next, err);

		if (code < 0)
			return code;
		if (r->chunks_at != at)
			return report_damaged_image(
				i, "its chunks are elsewhere", err);
		/* A file's size bounds it: at most 2^63 / 2^20 * 88. */
		at += image_chunks(r->info.gpa.size) *
		      image_entry_size(image->packed);
		if (at > index_size)
			return report_damaged_image(i, "its chunks are missing",
						    err);
	}
	if (at != index_size)
		return err_input(err, -EBADMSG,
				 IMAGE_INDEX ": %" PRIu64 " bytes too many",
				 index_size - at);
	return 0;
}

static int open_memory(struct image *image, int dir, struct err *err)
{
	for (size_t i = 0; i < image->count; i++) {
		struct open_region *r = &image->region[i];
		char name[IMAGE_FILE_NAME];
		uint64_t size = 0;

		image_file_name(name, i);
		r->fd = file_open_in(dir, name, &size, err);
		if (r->fd < 0)
			return r->fd;
		r->file_size = size;
		if (!image->packed && size != r->info.gpa.size)
			return err_input(err, -EBADMSG,
					 "%s: has %" PRIu64
					 " bytes, its region %" PRIu64,
					 name, size, r->info.gpa.size);
	}
	return 0;
}

/* @ret_packed: whether it is compressed */
static int check_image_header(const uint8_t *header, size_t *ret_count,
			      bool *ret_packed, struct err *err)
{
	const uint32_t version = load_le32(header + HEADER_VERSION);
	const uint32_t count = load_le32(header + HEADER_REGIONS);

	if (memcmp(header + HEADER_MAGIC, IMAGE_MAGIC, 8) != 0)
		return err_input(err, -EBADMSG,
				 IMAGE_INDEX ": not an index of a snapshot");
	if (version != IMAGE_VERSION && version != IMAGE_VERSION_PACKED)
		return err_input(err, -ENOTSUP,
				 IMAGE_INDEX ": version %" PRIu32
					     "; this vmm reads versions %d "
					     "and %d",
				 version, IMAGE_VERSION, IMAGE_VERSION_PACKED);
	*ret_packed = version == IMAGE_VERSION_PACKED;
	if (count == 0 || count > MEM_MAX_REGIONS ||
	    load_le32(header + HEADER_PAGE) != IMAGE_PAGE ||
	    load_le32(header + HEADER_CHUNK_PAGES) != IMAGE_CHUNK_PAGES)
		return err_input(err, -EBADMSG, IMAGE_INDEX ": damaged");
	*ret_count = count;
	return 0;
}

static int parse_index(struct image *image, uint64_t index_size,
		       struct err *err)
{
	uint8_t buf[HEADER_SIZE + MEM_MAX_REGIONS * ENTRY_SIZE];
	size_t count = 0, size;
	int r = read_index(image, buf, HEADER_SIZE, 0, err);

	if (r == 0)
		r = check_image_header(buf, &count, &image->packed, err);
	if (r < 0)
		return r;
	size = HEADER_SIZE + count * ENTRY_SIZE;
	r = read_index(image, buf + HEADER_SIZE, size - HEADER_SIZE,
		       HEADER_SIZE, err);
	if (r < 0)
		return r;
	if (XXH64(buf + HEADER_PAGE, size - HEADER_PAGE, 0) !=
	    load_le64(buf + HEADER_CHECKSUM))
		return err_input(err, -EBADMSG, IMAGE_INDEX ": wrong checksum");
	r = parse_table(image, buf + HEADER_SIZE, count, index_size, err);
	if (r == 0)
		image->count = count;
	return r;
}

int image_open(struct image **ret, int dir, struct err *err)
{
	_cleanup_(image_closep) struct image *image = calloc(1, sizeof(*image));
	uint64_t size = 0;
	int r;

	if (!image)
		return err_set(err, -ENOMEM, "snapshot: out of memory");
	for (size_t i = 0; i < MEM_MAX_REGIONS; i++)
		image->region[i].fd = -1;
	image->index = file_open_in(dir, IMAGE_INDEX, &size, err);
	if (image->index < 0)
		return image->index;
	r = parse_index(image, size, err);
	if (r == 0)
		r = open_memory(image, dir, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(image);
	return 0;
}

/* Returns where a chunk's entry is in image->ahead, or NULL with @err set. */
static const uint8_t *find_entry(struct image *image, size_t region,
				 uint64_t chunk, struct err *err)
{
	const struct open_region *r = &image->region[region];
	const uint64_t left = image_chunks(r->info.gpa.size) - chunk;
	const size_t size = image_entry_size(image->packed);
	const uint64_t at = r->chunks_at + chunk * size;
	const size_t want = (size_t)(left < READ_AHEAD ? left : READ_AHEAD) *
			    size;

	if (at >= image->ahead_at && at - image->ahead_at < image->ahead_size)
		return image->ahead + (at - image->ahead_at);
	image->ahead_size = 0;
	if (read_index(image, image->ahead, want, at, err) < 0)
		return NULL;
	image->ahead_at = at;
	image->ahead_size = want;
	return image->ahead;
}

/* Whether an entry's states are all IMAGE_PARENT. */
static bool is_unchanged(const uint8_t *entry)
{
	uint64_t any = 0;

	for (size_t i = 0; i < CHUNK_CHECKSUM; i += 8)
		any |= load_le64(entry + CHUNK_STATES + i);
	return any == 0;
}

int image_next_changed(struct image *image, size_t region, uint64_t *chunk,
		       struct err *err)
{
	const uint64_t end = image_chunks(image->region[region].info.gpa.size);

	for (uint64_t at = *chunk; at < end; at++) {
		const uint8_t *entry = find_entry(image, region, at, err);

		if (!entry)
			return err->code;
		if (is_unchanged(entry))
			continue;
		*chunk = at;
		return 1;
	}
	return 0;
}

/* A frame is in the file, and there if the image holds pages of the chunk. */
static int parse_frame(const struct image *image, size_t region,
		       const uint8_t *entry, struct image_chunk *ret,
		       struct err *err)
{
	const bool data = memchr(ret->state, IMAGE_DATA, ret->pages) != NULL;
	const uint64_t size = image->region[region].file_size;
	struct image_frame *frame = &ret->frame;

	frame->at = load_le64(entry + CHUNK_FRAME_AT);
	frame->size = load_le32(entry + CHUNK_FRAME_SIZE);
	if (load_le32(entry + CHUNK_FRAME_ZERO) != 0)
		return report_damaged_image(region, "reserved bits are set",
					    err);
	if (data != (frame->size > 0) || frame->size > IMAGE_FRAME_MAX ||
	    frame->at > size || frame->size > size - frame->at)
		return report_damaged_image(region, "a frame is no part of it",
					    err);
	return 0;
}

int image_read_chunk(struct image *image, size_t region, uint64_t chunk,
		     struct image_chunk *ret, struct err *err)
{
	const uint64_t size = image->region[region].info.gpa.size;
	const uint64_t left = size / IMAGE_PAGE - chunk * IMAGE_CHUNK_PAGES;
	const uint8_t *entry = find_entry(image, region, chunk, err);

	if (!entry)
		return err->code;
	ret->pages = left < IMAGE_CHUNK_PAGES ? (unsigned)left
					      : IMAGE_CHUNK_PAGES;
	for (unsigned i = 0; i < IMAGE_CHUNK_PAGES; i += 4) {
		const unsigned four = entry[i / 4];

		ret->state[i] = four & 3;
		ret->state[i + 1] = four >> 2 & 3;
		ret->state[i + 2] = four >> 4 & 3;
		ret->state[i + 3] = (uint8_t)(four >> 6);
	}
	for (unsigned i = ret->pages; i < IMAGE_CHUNK_PAGES; i++)
		if (ret->state[i] != 0)
			return report_damaged_image(
				region, "pages behind its end", err);
	ret->checksum = load_le64(entry + CHUNK_CHECKSUM);
	ret->frame = (struct image_frame){ 0 };
	return image->packed ? parse_frame(image, region, entry, ret, err) : 0;
}

bool image_next_run(const struct image_chunk *chunk, unsigned from,
		    struct image_run *ret)
{
	unsigned end = from;

	if (from >= chunk->pages)
		return false;
	while (end < chunk->pages && chunk->state[end] == chunk->state[from])
		end++;
	*ret = (struct image_run){ (enum image_state)chunk->state[from], from,
				   end - from };
	return true;
}

static int wrong_page(const struct image *image, size_t region, uint64_t chunk,
		      const char *why, struct err *err)
{
	const struct image_region *info = &image->region[region].info;

	return err_input(err, -EBADMSG, "%s, the MiB at 0x%" PRIx64 ": %s",
			 info->name, info->gpa.start + chunk * IMAGE_CHUNK,
			 why);
}

static int read_failed(size_t region, int code, struct err *err)
{
	return err_set(err, code, "memory-%zu: %s", region,
		       strerrordesc_np(-code));
}

/* Reads the frame of a chunk to image->pages. */
static int load_frame(struct image *image, size_t region, uint64_t chunk,
		      const struct image_chunk *from, struct err *err)
{
	size_t count = 0;
	int r;

	for (unsigned i = 0; i < from->pages; i++)
		count += from->state[i] == IMAGE_DATA;
	if (!image->pages)
		image->pages = malloc(IMAGE_CHUNK);
	r = image->pages
		  ? image_unpack(&image->unpack, image->region[region].fd,
				 &from->frame, image->pages,
				 (size_t)(count * IMAGE_PAGE))
		  : -ENOMEM;
	if (r == -EBADMSG)
		return wrong_page(image, region, chunk, "a damaged frame", err);
	return r < 0 ? read_failed(region, r, err) : 0;
}

int image_load(struct image *image, size_t region, uint64_t chunk,
	       const struct image_chunk *from, uint8_t *host, struct err *err)
{
	const int fd = image->region[region].fd;
	uint64_t page[IMAGE_CHUNK_PAGES] = { 0 };
	struct image_run run;
	size_t taken = 0;

	if (from->frame.size > 0 &&
	    load_frame(image, region, chunk, from, err) < 0)
		return err->code;
	for (unsigned at = 0; image_next_run(from, at, &run);
	     at = run.first + run.count) {
		uint8_t *to = host + run.first * IMAGE_PAGE;
		const size_t len = (size_t)(run.count * IMAGE_PAGE);
		int code = 0;

		if (run.state != IMAGE_DATA)
			continue;
		if (image->packed)
			memcpy(to, image->pages + taken, len);
		else
			code = file_read_at(fd, to, len,
					    chunk * IMAGE_CHUNK +
						    run.first * IMAGE_PAGE);
		if (code < 0)
			return read_failed(region, code, err);
		taken += len;
		for (unsigned i = 0; i < run.count; i++)
			page[run.first + i] = image_page_checksum(
				to + i * IMAGE_PAGE);
	}
	if (image_checksum(region, chunk, from->state, page) != from->checksum)
		return wrong_page(image, region, chunk, "wrong checksum", err);
	return 0;
}

int image_count(struct image *image, struct image_count *ret, struct err *err)
{
	*ret = (struct image_count){ 0 };
	for (size_t i = 0; i < image->count; i++) {
		const uint64_t chunks = image_chunks(
			image->region[i].info.gpa.size);

		for (uint64_t c = 0; c < chunks; c++) {
			struct image_chunk chunk;
			const int r = image_read_chunk(image, i, c, &chunk,
						       err);

			if (r < 0)
				return r;
			for (unsigned p = 0; p < chunk.pages; p++)
				ret->state[chunk.state[p]]++;
			ret->packed += chunk.frame.size;
		}
	}
	return 0;
}

/*
 * A mapped region shows what is in the file, so what is not IMAGE_DATA has to
 * be zeroes there. Most of it is a hole, which is not read.
 */
static int verify_empty(const struct image *image, size_t region,
			uint64_t chunk, const struct image_run *run,
			uint8_t *buf, struct err *err)
{
	const int fd = image->region[region].fd;
	const uint64_t at = chunk * IMAGE_CHUNK + run->first * IMAGE_PAGE;
	const size_t len = run->count * IMAGE_PAGE;
	const off_t data = lseek(fd, (off_t)at, SEEK_DATA);
	int r;

	if (data < 0 ? errno == ENXIO : (uint64_t)data >= at + len)
		return 0;
	r = file_read_at(fd, buf, len, at);
	if (r < 0)
		return err_set(err, r, "memory-%zu: %s", region,
			       strerrordesc_np(-r));
	if (!bytes_are_zero(buf, len))
		return wrong_page(image, region, chunk,
				  "has content that the index does not name",
				  err);
	return 0;
}

int image_check_full(const uint8_t *state, unsigned pages, size_t region,
		     uint64_t chunk, struct err *err)
{
	if (!memchr(state, IMAGE_PARENT, pages))
		return 0;
	return err_input(err, -EBADMSG,
			 IMAGE_INDEX ": region %zu, chunk %" PRIu64
				     ": a full image leaves pages out",
			 region, chunk);
}

static int verify_chunk(struct image *image, size_t region, uint64_t chunk,
			bool full, uint8_t *buf, struct err *err)
{
	struct image_chunk what = { 0 };
	struct image_run run;
	int r = image_read_chunk(image, region, chunk, &what, err);

	if (r == 0)
		r = image_load(image, region, chunk, &what, buf, err);
	if (r == 0 && full)
		r = image_check_full(what.state, what.pages, region, chunk,
				     err);
	for (unsigned at = 0; r == 0 && image_next_run(&what, at, &run);
	     at = run.first + run.count)
		if (run.state != IMAGE_DATA && !image->packed)
			r = verify_empty(image, region, chunk, &run, buf, err);
	return r;
}

int image_verify(struct image *image, bool full, struct err *err)
{
	_cleanup_(freep) uint8_t *buf = malloc(IMAGE_CHUNK);
	int r = 0;

	if (!buf)
		return err_set(err, -ENOMEM, "snapshot: out of memory");
	for (size_t i = 0; i < image->count; i++) {
		const uint64_t chunks = image_chunks(
			image->region[i].info.gpa.size);

		for (uint64_t c = 0; r == 0 && c < chunks; c++)
			r = verify_chunk(image, i, c, full, buf, err);
	}
	return r;
}
