/*
 * tests/fuzz/fuzz_image_pack.c - a compressed image whose files were changed is
 * refused, or gives the pages that were written to it.
 *
 * The input is a byte of flags, a byte that counts pages, those pages, and a
 * list of bytes that are changed in the index or in the frames.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mem/image.h"
#include "mem/image_format.h"
#include "mem/image_writer.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_folder.h"

#define PAGES 300 /* a chunk and a part of one */

enum { FIX_HEADER = 1, CUT = 2 };

static const struct image_region region = { { 0, PAGES *IMAGE_PAGE },
					    MEM_RAM,
					    "guest memory" };

static uint8_t mem[PAGES * IMAGE_PAGE];

static void must(bool right)
{
	if (!right)
		abort();
}

struct page {
	uint8_t at;
	uint8_t fill; /* 0: zeroes */
};

static void write_image(int dir, struct fuzz_input *in, int level)
{
	struct image_writer *writer = NULL;
	struct page page;
	struct err err;
	uint8_t count = 0;

	memset(mem, 0, sizeof(mem));
	must(image_writer_new(&writer, dir, IMAGE_FULL, &region, 1, &err) == 0);
	image_writer_compress(writer, level);
	(void)fuzz_take(in, &count, 1);
	while (count-- > 0 && fuzz_take(in, &page, sizeof(page))) {
		const uint64_t at = (page.at + 44) * IMAGE_PAGE;

		for (size_t i = 0; i < IMAGE_PAGE; i++)
			mem[at + i] = (uint8_t)(page.fill * (1 + i / 7));
		must(image_writer_put(writer, 0, at, mem + at, IMAGE_PAGE,
				      &err) == 0);
	}
	must(image_writer_end(writer, &err) == 0);
	writer = image_writer_free(writer);
}

struct change {
	uint8_t file; /* odd: the index */
	uint8_t by;
	uint16_t at;
};

static void change_files(int dir, struct fuzz_input *in, uint8_t flags)
{
	const int fd[2] = { openat(dir, "memory-0", O_RDWR | O_CLOEXEC),
			    openat(dir, IMAGE_INDEX, O_RDWR | O_CLOEXEC) };
	uint8_t head[HEADER_SIZE + ENTRY_SIZE], sum[8];
	struct change change;

	while (fuzz_take(in, &change, sizeof(change))) {
		const int to = fd[change.file & 1];
		uint8_t byte;

		if (pread(to, &byte, 1, change.at) != 1)
			continue;
		byte = (uint8_t)(byte + change.by);
		must(pwrite(to, &byte, 1, change.at) == 1);
		if (flags & CUT)
			must(ftruncate(to, change.at) == 0);
	}
	if ((flags & FIX_HEADER) &&
	    pread(fd[1], head, sizeof(head), 0) == (ssize_t)sizeof(head)) {
		store_le64(sum, XXH64(head + HEADER_PAGE,
				      sizeof(head) - HEADER_PAGE, 0));
		must(pwrite(fd[1], sum, 8, HEADER_CHECKSUM) == 8);
	}
	(void)close(fd[0]);
	(void)close(fd[1]);
}

static void check_chunk(struct image *image, uint64_t chunk)
{
	static uint8_t host[IMAGE_CHUNK];
	struct err err = { 0 };
	struct image_chunk what;
	int r = image_read_chunk(image, 0, chunk, &what, &err);

	memset(host, 0, sizeof(host));
	if (r == 0)
		r = image_load(image, 0, chunk, &what, host, &err);
	if (r == 0)
		must(memcmp(host, mem + chunk * IMAGE_CHUNK,
			    (size_t)(what.pages * IMAGE_PAGE)) == 0);
	else
		must(r == err.code && err.msg[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int dir = -1; /* kept: to make it costs too much */
	struct fuzz_input in = { data, size };
	struct image *image = NULL;
	struct err err = { 0 };
	uint8_t flags = 0;

	if (dir < 0)
		dir = fuzz_folder_make();
	fuzz_folder_clear(dir);
	(void)fuzz_take(&in, &flags, 1);
	write_image(dir, &in, 1 + flags % ZSTD_FRAME_LEVEL_MAX);
	change_files(dir, &in, flags);
	if (image_open(&image, dir, &err) < 0) {
		must(err.code < 0 && err.msg[0]);
		return 0;
	}
	/* Of another place, or not compressed, it may be by now. */
	if (image_regions(image) == 1 && image_is_compressed(image) &&
	    image_region(image, 0)->gpa.size == region.gpa.size) {
		check_chunk(image, 0);
		check_chunk(image, 1);
	}
	image = image_close(image);
	return 0;
}
