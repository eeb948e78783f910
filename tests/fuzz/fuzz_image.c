/*
 * tests/fuzz/fuzz_image.c - an image that is taken, and a diff on top of it,
 * give the pages that index and files tell, and nothing else.
 *
 * The input is a byte of flags, the index of a full image, that of a diff, each
 * with its length in front, and a list of pages that are written to the files
 * of memory. Checksums are made right by flags, for a fuzzer does not find one.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "mem/image_chain.h"
#include "mem/image_format.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_folder.h"

#define REGIONS 3 /* that have files */
#define INDEX_MAX 4096
#define REGION_MAX ((uint64_t)4 << 20)

enum { FIX_HEADER = 1, FIX_CHUNKS = 2, FIX_SIZES = 4 };

static void must(bool right)
{
	if (!right)
		abort();
}

static void fix_header(uint8_t *index, size_t size)
{
	const size_t table = HEADER_SIZE +
			     load_le32(index + HEADER_REGIONS) % 8 * ENTRY_SIZE;

	if (table <= size)
		store_le64(index + HEADER_CHECKSUM,
			   XXH64(index + HEADER_PAGE, table - HEADER_PAGE, 0));
}

/* Makes index and files of memory of one image. */
static void put_image(int dir, struct fuzz_input *in, uint8_t flags)
{
	uint8_t index[INDEX_MAX] = { 0 };
	uint16_t size = 0;

	(void)fuzz_take(in, &size, 2);
	size = (uint16_t)(size % INDEX_MAX);
	size = in->left < size ? (uint16_t)in->left : size;
	(void)fuzz_take(in, index, size);
	if (flags & FIX_HEADER)
		fix_header(index, size);
	fuzz_folder_put(dir, IMAGE_INDEX, index, size, size);
	for (size_t i = 0; i < REGIONS; i++) {
		const uint8_t *entry = index + HEADER_SIZE + i * ENTRY_SIZE;
		uint64_t bytes = load_le64(entry + ENTRY_BYTES);
		char name[IMAGE_FILE_NAME];

		if (!(flags & FIX_SIZES) || bytes > REGION_MAX)
			bytes = 8 * IMAGE_PAGE;
		image_file_name(name, i);
		fuzz_folder_put(dir, name, NULL, 0, (size_t)bytes);
	}
}

struct write {
	uint8_t file; /* the image, and the region */
	uint8_t fill;
	uint16_t page;
};

static void write_page(const int dir[2], const struct write *write)
{
	uint8_t page[IMAGE_PAGE];
	char name[IMAGE_FILE_NAME];
	int fd;

	image_file_name(name, write->file / 2 % REGIONS);
	fd = openat(dir[write->file % 2], name, O_RDWR | O_CLOEXEC);
	memset(page, write->fill, sizeof(page));
	if (fd < 0)
		abort();
	if (write->page * IMAGE_PAGE < (uint64_t)lseek(fd, 0, SEEK_END))
		must(pwrite(fd, page, sizeof(page),
			    (off_t)(write->page * IMAGE_PAGE)) ==
		     (ssize_t)sizeof(page));
	(void)close(fd);
}

static void read_page(const struct image *image, size_t region, uint64_t page,
		      uint8_t *to)
{
	must(pread(image_region_fd(image, region), to, IMAGE_PAGE,
		   (off_t)(page * IMAGE_PAGE)) == (ssize_t)IMAGE_PAGE);
}

static uint64_t right_checksum(const struct image *image, size_t region,
			       uint64_t chunk, const struct image_chunk *what)
{
	uint64_t sum[IMAGE_CHUNK_PAGES] = { 0 };
	uint8_t page[IMAGE_PAGE];

	for (unsigned i = 0; i < what->pages; i++) {
		if (what->state[i] != IMAGE_DATA)
			continue;
		read_page(image, region, chunk * IMAGE_CHUNK_PAGES + i, page);
		sum[i] = image_page_checksum(page);
	}
	return image_checksum(region, chunk, what->state, sum);
}

/* Writes the checksum that each chunk should have. */
static void fix_chunks(int dir, struct image *image)
{
	uint64_t at = HEADER_SIZE + image_regions(image) * ENTRY_SIZE;
	const int fd = openat(dir, IMAGE_INDEX, O_WRONLY | O_CLOEXEC);
	struct image_chunk what;
	struct err err = { 0 };
	uint8_t sum[8];

	for (size_t i = 0; i < image_regions(image); i++) {
		const uint64_t n = image_chunks(
			image_region(image, i)->gpa.size);

		for (uint64_t c = 0; c < n; c++, at += CHUNK_SIZE) {
			if (image_read_chunk(image, i, c, &what, &err) < 0)
				continue;
			store_le64(sum, right_checksum(image, i, c, &what));
			must(pwrite(fd, sum, 8, (off_t)(at + CHUNK_CHECKSUM)) ==
			     8);
		}
	}
	(void)close(fd);
}

static struct image *open_image(int dir, uint8_t flags)
{
	struct image *image = NULL;
	struct err err = { 0 };
	int r = image_open(&image, dir, &err);

	if (r == 0 && (flags & FIX_CHUNKS)) {
		fix_chunks(dir, image);
		image = image_close(image);
		r = image_open(&image, dir, &err);
	}
	must(r == 0 ? image != NULL : r == err.code && err.msg[0]);
	return image;
}

/* What a page is by the word of the last image that tells of it. */
static void expect_page(const struct image_chain *chain, size_t region,
			uint64_t page, const uint8_t *host)
{
	static const uint8_t zeroes[IMAGE_PAGE];
	uint8_t data[IMAGE_PAGE];

	for (size_t i = chain->count; i-- > 0;) {
		struct image_chunk what;
		struct err err;

		must(image_read_chunk(chain->image[i], region,
				      page / IMAGE_CHUNK_PAGES, &what,
				      &err) == 0);
		switch (what.state[page % IMAGE_CHUNK_PAGES]) {
		case IMAGE_PARENT:
			continue;
		case IMAGE_DATA:
			read_page(chain->image[i], region, page, data);
			must(memcmp(host, data, IMAGE_PAGE) == 0);
			return;
		default:
			must(memcmp(host, zeroes, IMAGE_PAGE) == 0);
			return;
		}
	}
	/* A full image tells of every page, so it is refused before. */
	abort();
}

static void load_region(const struct image_chain *chain, size_t region)
{
	const uint64_t size = image_region(chain->image[0], region)->gpa.size;
	_cleanup_(freep) uint8_t *host = NULL;
	struct err err = { 0 };
	int r;

	if (size > REGION_MAX)
		return;
	host = calloc(1, (size_t)size);
	must(host != NULL);
	r = image_chain_load(chain, region, host, -1, &err);
	must(r == 0 || (r == err.code && err.msg[0]));
	for (uint64_t page = 0; r == 0 && page < size / IMAGE_PAGE; page++)
		expect_page(chain, region, page, host + page * IMAGE_PAGE);
}

static bool is_right(struct image *image)
{
	struct image_count count;
	struct err err = { 0 };
	int r = image_count(image, &count, &err);

	if (r == 0)
		r = image_verify(image, false, &err);
	must(r == 0 || (r == err.code && err.msg[0]));
	return r == 0;
}

/* What can be loaded can be merged, and the outcome is right. */
static void merge(const struct image_chain *chain)
{
	static int dir = -1;
	struct image_region region[MEM_MAX_REGIONS];
	const size_t count = image_regions(chain->image[0]);
	struct image_writer *writer = NULL;
	struct image *out = NULL;
	struct err err = { 0 };

	if (dir < 0)
		dir = fuzz_folder_make();
	for (size_t i = 0; i < count; i++)
		region[i] = *image_region(chain->image[0], i);
	fuzz_folder_clear(dir);
	must(image_writer_new(&writer, dir, IMAGE_FULL, region, count, &err) ==
	     0);
	if (image_chain_merge(chain, writer, &err) == 0) {
		must(image_writer_end(writer, &err) == 0);
		must(image_open(&out, dir, &err) == 0);
		must(is_right(out));
		out = image_close(out);
	}
	writer = image_writer_free(writer);
}

static void use_chain(const struct image_chain *chain)
{
	bool small = true;

	for (size_t i = 0; i < image_regions(chain->image[0]); i++) {
		small &= image_region(chain->image[0], i)->gpa.size <=
			 REGION_MAX;
		load_region(chain, i);
	}
	if (small)
		merge(chain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int dir[2] = { -1, -1 }; /* kept: to make it costs too much */
	_cleanup_(image_chain_finish) struct image_chain chain = { 0 };
	struct fuzz_input in = { data, size };
	struct write write;
	uint8_t flags = 0;

	for (int i = 0; i < 2 && dir[1] < 0; i++)
		dir[i] = fuzz_folder_make();
	(void)fuzz_take(&in, &flags, 1);
	for (int i = 0; i < 2; i++)
		put_image(dir[i], &in, flags);
	while (fuzz_take(&in, &write, sizeof(write)))
		write_page(dir, &write);
	for (int i = 0; i < 2; i++) {
		struct image *image = open_image(dir[i], flags);
		struct err err;

		if (!image)
			return 0;
		(void)is_right(image);
		if (image_chain_add(&chain, image, &err) < 0)
			return 0;
		use_chain(&chain);
	}
	return 0;
}
