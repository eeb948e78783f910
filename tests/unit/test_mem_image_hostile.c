/* tests/unit/test_mem_image_hostile.c - mem/image.c, with files that lie. */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mem/image_chain.h"
#include "mem/image_format.h"
#include "mem/image_writer.h"
#include "tests/unit/temp_folder.h"

#define PAGES 300

struct rig {
	struct temp_folder folder;
	int dir, index, memory;
};

/* A full image of one region: its page 3 is of ones. */
static int make_image(void **state)
{
	const struct image_region region = { { 0x80000000, PAGES * IMAGE_PAGE },
					     MEM_RAM,
					     "guest memory" };
	struct rig *rig = calloc(1, sizeof(*rig));
	struct image_writer *writer = NULL;
	uint8_t page[IMAGE_PAGE];
	struct err err = { 0 };

	assert_non_null(rig);
	memset(page, 1, sizeof(page));
	assert_int_equal(temp_folder_make(&rig->folder, "/tmp"), 0);
	rig->dir = open(rig->folder.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(image_writer_new(&writer, rig->dir, IMAGE_FULL,
					  &region, 1, &err),
			 0);
	assert_int_equal(image_writer_put(writer, 0, 3 * IMAGE_PAGE, page,
					  IMAGE_PAGE, &err),
			 0);
	assert_int_equal(image_writer_end(writer, &err), 0);
	assert_null(image_writer_free(writer));
	rig->index = openat(rig->dir, "index", O_RDWR | O_CLOEXEC);
	rig->memory = openat(rig->dir, "memory-0", O_RDWR | O_CLOEXEC);
	*state = rig;
	return 0;
}

static int remove_image(void **state)
{
	struct rig *rig = *state;

	(void)close(rig->index);
	(void)close(rig->memory);
	(void)close(rig->dir);
	assert_int_equal(temp_folder_remove(&rig->folder), 0);
	free(rig);
	return 0;
}

static int try_open(const struct rig *rig)
{
	struct image *image = NULL;
	struct err err = { 0 };
	const int r = image_open(&image, rig->dir, &err);

	if (r < 0)
		assert_true(err.msg[0] != '\0');
	assert_null(image_close(image));
	return r;
}

static int try_verify(const struct rig *rig)
{
	struct image *image = NULL;
	struct err err = { 0 };
	int r;

	assert_int_equal(image_open(&image, rig->dir, &err), 0);
	r = image_verify(image, false, &err);
	assert_null(image_close(image));
	return r;
}

/* Changes bytes of the index, and makes the header's checksum right again. */
static void forge(const struct rig *rig, size_t at, const void *bytes,
		  size_t len)
{
	uint8_t head[HEADER_SIZE + ENTRY_SIZE];
	uint8_t sum[8];

	assert_int_equal(pwrite(rig->index, bytes, len, (off_t)at), len);
	assert_int_equal(pread(rig->index, head, sizeof(head), 0),
			 sizeof(head));
	store_le64(sum,
		   XXH64(head + HEADER_PAGE, sizeof(head) - HEADER_PAGE, 0));
	assert_int_equal(pwrite(rig->index, sum, 8, HEADER_CHECKSUM), 8);
}

static void forge_int(const struct rig *rig, size_t at, unsigned size,
		      uint64_t val)
{
	uint8_t bytes[8];

	store_le64(bytes, val);
	forge(rig, at, bytes, size);
}

static void image_open__takes_what_was_written(void **state)
{
	assert_int_equal(try_open(*state), 0);
	assert_int_equal(try_verify(*state), 0);
}

static void image_open__every_byte_of_the_header_counts(void **state)
{
	const struct rig *rig = *state;

	for (off_t i = 0; i < HEADER_SIZE + ENTRY_SIZE; i++) {
		uint8_t byte, other;

		assert_int_equal(pread(rig->index, &byte, 1, i), 1);
		other = byte ^ 0x10;
		assert_int_equal(pwrite(rig->index, &other, 1, i), 1);
		assert_true(try_open(rig) < 0);
		assert_int_equal(pwrite(rig->index, &byte, 1, i), 1);
	}
	assert_int_equal(try_open(rig), 0);
}

static void image_open__refuses_a_newer_version(void **state)
{
	forge_int(*state, HEADER_VERSION, 4, IMAGE_VERSION_PACKED + 1);
	assert_int_equal(try_open(*state), -ENOTSUP);
}

static void image_open__refuses_forged_regions(void **state)
{
	static const struct {
		size_t at;
		unsigned size;
		uint64_t val;
	} lie[] = {
		{ HEADER_REGIONS, 4, 0 },
		{ HEADER_REGIONS, 4, 2 },
		{ HEADER_REGIONS, 4, UINT32_MAX },
		{ HEADER_SIZE + ENTRY_START, 8, 0x80000001 },
		{ HEADER_SIZE + ENTRY_START, 8, 0 - UINT64_C(4096) },
		{ HEADER_SIZE + ENTRY_BYTES, 8, 0 },
		{ HEADER_SIZE + ENTRY_BYTES, 8, UINT64_MAX },
		{ HEADER_SIZE + ENTRY_BYTES, 8, (PAGES + 1) * IMAGE_PAGE },
		{ HEADER_SIZE + ENTRY_BYTES, 8, UINT64_C(1) << 63 },
		{ HEADER_SIZE + ENTRY_KIND, 4, 0 },
		{ HEADER_SIZE + ENTRY_KIND, 4, 4 },
		{ HEADER_SIZE + ENTRY_ZERO, 4, 1 },
		{ HEADER_SIZE + ENTRY_CHUNKS, 8, 0 },
		{ HEADER_SIZE + ENTRY_NAME + MEM_NAME_MAX - 1, 1, 'x' },
	};

	for (size_t i = 0; i < sizeof(lie) / sizeof(*lie); i++) {
		void *rig;

		(void)state;
		assert_int_equal(make_image(&rig), 0);
		forge_int(rig, lie[i].at, lie[i].size, lie[i].val);
		assert_int_equal(try_open(rig), -EBADMSG);
		assert_int_equal(remove_image(&rig), 0);
	}
}

/* Names reach the user's terminal. */
static void image_open__refuses_names_that_are_no_text(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} bad[] = { { "\033[2J", 5 }, { "a\177", 3 }, { "a\0b", 4 } };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		char name[MEM_NAME_MAX] = { 0 };

		memcpy(name, bad[i].bytes, bad[i].len);
		forge(*state, HEADER_SIZE + ENTRY_NAME, name, sizeof(name));
		assert_int_equal(try_open(*state), -EBADMSG);
	}
}

static void image_open__refuses_an_index_of_another_length(void **state)
{
	const struct rig *rig = *state;
	const off_t size = lseek(rig->index, 0, SEEK_END);

	for (off_t i = 0; i < size; i++) {
		assert_int_equal(ftruncate(rig->index, i), 0);
		assert_true(try_open(rig) < 0);
		if (i > 0 && i < size - 8)
			i += 6;
	}
	assert_int_equal(ftruncate(rig->index, size + 1), 0);
	assert_int_equal(try_open(rig), -EBADMSG);
}

static void image_open__refuses_memory_of_another_length(void **state)
{
	const struct rig *rig = *state;

	assert_int_equal(ftruncate(rig->memory, (PAGES - 1) * IMAGE_PAGE), 0);
	assert_int_equal(try_open(rig), -EBADMSG);
	assert_int_equal(ftruncate(rig->memory, (PAGES + 1) * IMAGE_PAGE), 0);
	assert_int_equal(try_open(rig), -EBADMSG);
}

static void image_open__follows_no_symbolic_link(void **state)
{
	const struct rig *rig = *state;

	assert_int_equal(renameat(rig->dir, "memory-0", rig->dir, "else"), 0);
	assert_int_equal(symlinkat("else", rig->dir, "memory-0"), 0);
	assert_int_equal(try_open(rig), -EBADMSG);
}

static void image_open__does_not_wait_for_a_fifo(void **state)
{
	const struct rig *rig = *state;

	assert_int_equal(unlinkat(rig->dir, "memory-0", 0), 0);
	assert_int_equal(mkfifoat(rig->dir, "memory-0", 0600), 0);
	assert_int_equal(try_open(rig), -EBADMSG);
}

static void image_verify__finds_a_changed_page(void **state)
{
	const struct rig *rig = *state;

	assert_int_equal(pwrite(rig->memory, "x", 1, 4 * IMAGE_PAGE - 1), 1);
	assert_int_equal(try_verify(rig), -EBADMSG);
}

static void image_verify__finds_content_where_none_is_said(void **state)
{
	const struct rig *rig = *state;

	assert_int_equal(pwrite(rig->memory, "x", 1, PAGES * IMAGE_PAGE - 1),
			 1);
	assert_int_equal(try_verify(rig), -EBADMSG);
}

static void image_verify__finds_a_changed_state(void **state)
{
	const struct rig *rig = *state;
	const off_t first = HEADER_SIZE + ENTRY_SIZE;

	/* Page 3 is IMAGE_DATA, 1; all others are IMAGE_ZERO, 2. */
	assert_int_equal(pwrite(rig->index, "\xaa", 1, first), 1);
	assert_int_equal(try_verify(rig), -EBADMSG);
}

static void image_verify__finds_chunks_in_another_order(void **state)
{
	const struct rig *rig = *state;
	const off_t first = HEADER_SIZE + ENTRY_SIZE;
	uint8_t a[CHUNK_SIZE], b[CHUNK_SIZE];

	assert_int_equal(pread(rig->index, a, CHUNK_SIZE, first), CHUNK_SIZE);
	assert_int_equal(pread(rig->index, b, CHUNK_SIZE, first + CHUNK_SIZE),
			 CHUNK_SIZE);
	assert_int_equal(pwrite(rig->index, b, CHUNK_SIZE, first), CHUNK_SIZE);
	assert_int_equal(pwrite(rig->index, a, CHUNK_SIZE, first + CHUNK_SIZE),
			 CHUNK_SIZE);
	assert_int_equal(try_verify(rig), -EBADMSG);
}

/* Gives the last chunk, of 44 pages, states and the checksum for them. */
static void forge_last_chunk(const struct rig *rig,
			     const uint8_t state[IMAGE_CHUNK_PAGES])
{
	const uint64_t none[IMAGE_CHUNK_PAGES] = { 0 };
	uint8_t entry[CHUNK_SIZE] = { 0 };

	for (unsigned i = 0; i < IMAGE_CHUNK_PAGES; i++)
		entry[i / 4] |= (uint8_t)(state[i] << (2 * (i % 4)));
	store_le64(entry + CHUNK_CHECKSUM, image_checksum(0, 1, state, none));
	assert_int_equal(pwrite(rig->index, entry, CHUNK_SIZE,
				HEADER_SIZE + ENTRY_SIZE + CHUNK_SIZE),
			 CHUNK_SIZE);
}

static void image_verify__refuses_pages_behind_the_regions_end(void **state)
{
	uint8_t known[IMAGE_CHUNK_PAGES] = { 0 };

	memset(known, IMAGE_ZERO, PAGES - IMAGE_CHUNK_PAGES);
	forge_last_chunk(*state, known);
	assert_int_equal(try_verify(*state), 0);
	known[PAGES - IMAGE_CHUNK_PAGES] = IMAGE_ZERO;
	forge_last_chunk(*state, known);
	assert_int_equal(try_verify(*state), -EBADMSG);
	known[PAGES - IMAGE_CHUNK_PAGES] = IMAGE_PARENT;
	known[IMAGE_CHUNK_PAGES - 1] = IMAGE_DATA;
	forge_last_chunk(*state, known);
	assert_int_equal(try_verify(*state), -EBADMSG);
}

/* The page below all diffs is nowhere. */
static void
image_chain__refuses_a_full_image_that_leaves_pages_out(void **state)
{
	static uint8_t host[PAGES * IMAGE_PAGE];
	const struct rig *rig = *state;
	uint8_t known[IMAGE_CHUNK_PAGES] = { 0 };
	struct image_chain chain = { 0 };
	struct image *image = NULL;
	struct err err = { 0 };

	memset(known, IMAGE_ZERO, PAGES - IMAGE_CHUNK_PAGES - 1);
	forge_last_chunk(rig, known);
	assert_int_equal(image_open(&image, rig->dir, &err), 0);
	assert_int_equal(image_chain_add(&chain, image, &err), 0);
	assert_int_equal(image_chain_load(&chain, 0, host, -1, &err), -EBADMSG);
	assert_int_equal(image_chain_verify(&chain, &err), -EBADMSG);
	image_chain_finish(&chain);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, make_image, remove_image)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(image_open__takes_what_was_written),
		TEST(image_open__every_byte_of_the_header_counts),
		TEST(image_open__refuses_a_newer_version),
		TEST(image_open__refuses_forged_regions),
		TEST(image_open__refuses_names_that_are_no_text),
		TEST(image_open__refuses_an_index_of_another_length),
		TEST(image_open__refuses_memory_of_another_length),
		TEST(image_open__follows_no_symbolic_link),
		TEST(image_open__does_not_wait_for_a_fifo),
		TEST(image_verify__finds_a_changed_page),
		TEST(image_verify__finds_content_where_none_is_said),
		TEST(image_verify__finds_a_changed_state),
		TEST(image_verify__finds_chunks_in_another_order),
		TEST(image_verify__refuses_pages_behind_the_regions_end),
		TEST(image_chain__refuses_a_full_image_that_leaves_pages_out),
	};

	return RUN_TESTS(tests);
}
