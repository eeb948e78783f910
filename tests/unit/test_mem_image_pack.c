/* tests/unit/test_mem_image_pack.c - compressed images, right ones and forged
 * ones. */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mem/image_chain.h"
#include "mem/image_format.h"
#include "mem/image_pack.h"
#include "mem/image_writer.h"
#include "tests/unit/temp_folder.h"

#define PAGES 700 /* two chunks and a part of one */
#define INDEX_CHUNKS (HEADER_SIZE + ENTRY_SIZE)

static const struct image_region region = { { 0x80000000, PAGES *IMAGE_PAGE },
					    MEM_RAM,
					    "guest memory" };

struct rig {
	struct temp_folder folder;
	int dir[3], index, memory; /* the last two: of the first */
	uint8_t *mem, *got;
	struct err err;
};

static uint8_t *page_at(struct rig *rig, unsigned page)
{
	return rig->mem + page * IMAGE_PAGE;
}

/* Half a page that can be compressed, and half that cannot. */
static void fill_page(struct rig *rig, unsigned page, uint32_t seed)
{
	uint8_t *to = page_at(rig, page);

	memset(to, (int)seed | 1, IMAGE_PAGE / 2);
	for (size_t i = IMAGE_PAGE / 2; i < IMAGE_PAGE; i++) {
		seed = seed * 1103515245 + 12345;
		to[i] = (uint8_t)(seed >> 16);
	}
}

static void put(struct rig *rig, struct image_writer *writer, unsigned page,
		unsigned count)
{
	assert_int_equal(image_writer_put(writer, 0, page * IMAGE_PAGE,
					  page_at(rig, page),
					  count * IMAGE_PAGE, &rig->err),
			 0);
}

/* An image of pages 3 to 9, 250 to 259 and the last one; a diff: of 5 alone. */
static void write_image(struct rig *rig, int dir, enum image_kind kind,
			int level)
{
	struct image_writer *writer = NULL;

	assert_int_equal(
		image_writer_new(&writer, dir, kind, &region, 1, &rig->err), 0);
	if (level > 0)
		image_writer_compress(writer, level);
	if (kind == IMAGE_DIFF) {
		fill_page(rig, 5, 99);
		memset(page_at(rig, 6), 0, IMAGE_PAGE);
		put(rig, writer, 5, 2);
	} else {
		put(rig, writer, 3, 7);
		put(rig, writer, 250, 10);
		put(rig, writer, PAGES - 1, 1);
		/* Told again: the last word counts. */
		fill_page(rig, 4, 77);
		put(rig, writer, 4, 1);
	}
	assert_int_equal(image_writer_end(writer, &rig->err), 0);
	assert_null(image_writer_free(writer));
}

static int rig_begin(void **state)
{
	static const char *const name[] = { "a", "b", "c" };
	struct rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	assert_int_equal(temp_folder_make(&rig->folder, "/tmp"), 0);
	for (size_t i = 0; i < 3; i++) {
		char path[TEMP_PATH_SIZE];

		temp_folder_path(&rig->folder, name[i], path);
		assert_int_equal(mkdir(path, 0700), 0);
		rig->dir[i] = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	rig->mem = calloc(PAGES, IMAGE_PAGE);
	rig->got = calloc(PAGES, IMAGE_PAGE);
	for (unsigned i = 3; i < 10; i++)
		fill_page(rig, i, i);
	for (unsigned i = 250; i < 260; i++)
		fill_page(rig, i, i);
	fill_page(rig, PAGES - 1, 8);
	write_image(rig, rig->dir[0], IMAGE_FULL, 3);
	rig->index = openat(rig->dir[0], "index", O_RDWR | O_CLOEXEC);
	rig->memory = openat(rig->dir[0], "memory-0", O_RDWR | O_CLOEXEC);
	*state = rig;
	return 0;
}

static int rig_end(void **state)
{
	struct rig *rig = *state;

	for (size_t i = 0; i < 3; i++)
		(void)close(rig->dir[i]);
	(void)close(rig->index);
	(void)close(rig->memory);
	assert_int_equal(temp_folder_remove(&rig->folder), 0);
	free(rig->mem);
	free(rig->got);
	free(rig);
	return 0;
}

static void add(struct rig *rig, struct image_chain *chain, int dir)
{
	struct image *image = NULL;

	assert_int_equal(image_open(&image, dir, &rig->err), 0);
	assert_int_equal(image_chain_add(chain, image, &rig->err), 0);
}

static void check_chain(struct rig *rig, const struct image_chain *chain)
{
	assert_int_equal(image_chain_verify(chain, &rig->err), 0);
	memset(rig->got, 0, PAGES * IMAGE_PAGE);
	assert_int_equal(image_chain_load(chain, 0, rig->got, -1, &rig->err),
			 0);
	assert_memory_equal(rig->got, rig->mem, PAGES * IMAGE_PAGE);
}

static void pack__holds_what_was_told_and_is_smaller(void **state)
{
	struct rig *rig = *state;
	struct image_chain chain = { 0 };
	struct image_count count;
	struct stat st;

	add(rig, &chain, rig->dir[0]);
	assert_true(image_is_compressed(chain.image[0]));
	check_chain(rig, &chain);
	assert_int_equal(image_count(chain.image[0], &count, &rig->err), 0);
	assert_int_equal(count.state[IMAGE_DATA], 18);
	assert_int_equal(count.state[IMAGE_ZERO], PAGES - 18);
	assert_int_equal(fstat(rig->memory, &st), 0);
	assert_int_equal(count.packed, st.st_size);
	assert_in_range(st.st_size, 18 * IMAGE_PAGE / 2,
			18 * IMAGE_PAGE * 2 / 3);
	image_chain_finish(&chain);
}

/* Each image of a chain is compressed or not. */
static void pack__chains_and_merges_with_images_that_are_not(void **state)
{
	struct rig *rig = *state;

	for (int i = 0; i < 2; i++) {
		struct image_chain chain = { 0 }, merged = { 0 };
		struct image_writer *writer = NULL;

		add(rig, &chain, rig->dir[0]);
		write_image(rig, rig->dir[1], IMAGE_DIFF, 19 * i);
		add(rig, &chain, rig->dir[1]);
		assert_int_equal(image_is_compressed(chain.image[1]), i);
		check_chain(rig, &chain);
		assert_int_equal(image_writer_new(&writer, rig->dir[2],
						  IMAGE_FULL, &region, 1,
						  &rig->err),
				 0);
		if (i == 0)
			image_writer_compress(writer, 1);
		assert_int_equal(image_chain_merge(&chain, writer, &rig->err),
				 0);
		assert_int_equal(image_writer_end(writer, &rig->err), 0);
		assert_null(image_writer_free(writer));
		add(rig, &merged, rig->dir[2]);
		assert_int_equal(image_is_compressed(merged.image[0]), !i);
		check_chain(rig, &merged);
		image_chain_finish(&merged);
		image_chain_finish(&chain);
		for (int dir = 1; dir < 3; dir++) {
			assert_int_equal(unlinkat(rig->dir[dir], "index", 0),
					 0);
			assert_int_equal(unlinkat(rig->dir[dir], "memory-0", 0),
					 0);
		}
	}
}

static void pack__a_disk_that_takes_nothing_is_told(void **state)
{
	struct rig *rig = *state;
	struct image_frame frame[3];
	uint8_t states[3 * IMAGE_CHUNK_PAGES] = { IMAGE_DATA };
	bool stop = false;
	struct image_pack pack = { .from = rig->memory,
				   .to = open("/dev/full", O_RDWR | O_CLOEXEC),
				   .state = states,
				   .chunks = 3,
				   .level = 1,
				   .stop = &stop,
				   .frame = frame };

	assert_int_equal(image_pack(&pack, &rig->err), -ENOSPC);
	(void)close(pack.to);
	stop = true;
	assert_int_equal(image_pack(&pack, &rig->err), -ECANCELED);
	stop = false;
	/* The file of pages ends before the page that is named. */
	pack.to = open("/dev/null", O_RDWR | O_CLOEXEC);
	memset(states, 0, sizeof(states));
	states[2 * IMAGE_CHUNK_PAGES] = IMAGE_DATA;
	assert_int_equal(image_pack(&pack, &rig->err), -ENODATA);
	(void)close(pack.to);
}

static int verify(struct rig *rig)
{
	struct image *image = NULL;
	int r = image_open(&image, rig->dir[0], &rig->err);

	if (r == 0)
		r = image_verify(image, true, &rig->err);
	assert_null(image_close(image));
	return r;
}

static void get_entry(const struct rig *rig, unsigned chunk, uint8_t *entry)
{
	assert_int_equal(pread(rig->index, entry, CHUNK_SIZE_PACKED,
			       INDEX_CHUNKS + chunk * CHUNK_SIZE_PACKED),
			 CHUNK_SIZE_PACKED);
}

/* Says where the frame of the first chunk is, tries, and takes it back. */
static void refuse_frame(struct rig *rig, uint64_t at, uint32_t size,
			 uint32_t zero)
{
	uint8_t was[CHUNK_SIZE_PACKED], entry[CHUNK_SIZE_PACKED];

	get_entry(rig, 0, was);
	memcpy(entry, was, sizeof(was));
	store_le64(entry + CHUNK_FRAME_AT, at);
	store_le32(entry + CHUNK_FRAME_SIZE, size);
	store_le32(entry + CHUNK_FRAME_ZERO, zero);
	assert_int_equal(pwrite(rig->index, entry, sizeof(entry), INDEX_CHUNKS),
			 sizeof(entry));
	assert_int_equal(verify(rig), -EBADMSG);
	assert_true(rig->err.input);
	assert_int_equal(pwrite(rig->index, was, sizeof(was), INDEX_CHUNKS),
			 sizeof(was));
	assert_int_equal(verify(rig), 0);
}

static void forged__a_frame_is_inside_the_file(void **state)
{
	struct rig *rig = *state;
	uint8_t entry[CHUNK_SIZE_PACKED];
	uint64_t at, end;
	uint32_t size;
	struct stat st;

	get_entry(rig, 0, entry);
	at = load_le64(entry + CHUNK_FRAME_AT);
	size = load_le32(entry + CHUNK_FRAME_SIZE);
	assert_int_equal(fstat(rig->memory, &st), 0);
	end = (uint64_t)st.st_size;
	refuse_frame(rig, end, size, 0);
	refuse_frame(rig, UINT64_MAX, size, 0);
	refuse_frame(rig, UINT64_MAX - size + 1, size, 0);
	refuse_frame(rig, at, 0, 0);
	refuse_frame(rig, at, size - 1, 0);
	refuse_frame(rig, at, size + 1, 0);
	refuse_frame(rig, at, UINT32_MAX, 0);
	refuse_frame(rig, at, IMAGE_FRAME_MAX + 1, 0);
	refuse_frame(rig, at, size, 1);
	refuse_frame(rig, at + 1, size - 1, 0);
	/* Another chunk's. */
	get_entry(rig, 1, entry);
	refuse_frame(rig, load_le64(entry + CHUNK_FRAME_AT),
		     load_le32(entry + CHUNK_FRAME_SIZE), 0);
}

static void forged__a_chunk_without_pages_has_no_frame(void **state)
{
	struct rig *rig = *state;
	uint8_t entry[CHUNK_SIZE_PACKED], none[IMAGE_CHUNK_PAGES] = { 0 };
	const uint64_t pages[IMAGE_CHUNK_PAGES] = { 0 };

	get_entry(rig, 0, entry);
	memset(entry, 0xaa, CHUNK_CHECKSUM); /* each page is zero */
	memset(none, IMAGE_ZERO, sizeof(none));
	store_le64(entry + CHUNK_CHECKSUM, image_checksum(0, 0, none, pages));
	assert_int_equal(pwrite(rig->index, entry, sizeof(entry), INDEX_CHUNKS),
			 sizeof(entry));
	assert_int_equal(verify(rig), -EBADMSG);
}

/* Puts a frame behind the others, in the place of the first chunk's. */
static void refuse_bytes(struct rig *rig, const uint8_t *frame, size_t size)
{
	struct stat st;

	assert_int_equal(fstat(rig->memory, &st), 0);
	assert_int_equal(pwrite(rig->memory, frame, size, st.st_size), size);
	refuse_frame(rig, (uint64_t)st.st_size, (uint32_t)size, 0);
}

static void forged__a_frame_holds_just_the_chunks_pages(void **state)
{
	struct rig *rig = *state;
	const size_t room = ZSTD_compressBound(64 << 20);
	uint8_t *frame = malloc(room), *bomb = calloc(64, 1 << 20);
	uint8_t was[CHUNK_SIZE_PACKED];
	size_t size;
	uint32_t own;

	assert_true(frame && bomb);
	/* 64 MiB in a few KiB. */
	size = ZSTD_compress(frame, room, bomb, 64 << 20, 1);
	assert_true(size < IMAGE_FRAME_MAX);
	refuse_bytes(rig, frame, size);
	/* A page too few; two frames; one that is skipped, in front. */
	size = ZSTD_compress(frame, room, page_at(rig, 3), 6 * IMAGE_PAGE, 1);
	refuse_bytes(rig, frame, size);
	get_entry(rig, 0, was);
	own = load_le32(was + CHUNK_FRAME_SIZE);
	assert_int_equal(pread(rig->memory, bomb, own,
			       (off_t)load_le64(was + CHUNK_FRAME_AT)),
			 own);
	memcpy(frame, bomb, own);
	size = ZSTD_compress(frame + own, room - own, bomb, 0, 1);
	refuse_bytes(rig, frame, own + size);
	store_le32(frame, ZSTD_MAGIC_SKIPPABLE_START);
	store_le32(frame + 4, 0);
	memcpy(frame + 8, bomb, own);
	refuse_bytes(rig, frame, own + 8);
	free(frame);
	free(bomb);
}

static void forged__every_byte_of_a_frame_counts(void **state)
{
	struct rig *rig = *state;
	struct stat st;

	assert_int_equal(fstat(rig->memory, &st), 0);
	for (off_t at = 0; at < st.st_size; at += at < 64 ? 1 : 509) {
		uint8_t was, is;

		assert_int_equal(pread(rig->memory, &was, 1, at), 1);
		is = (uint8_t)~was;
		assert_int_equal(pwrite(rig->memory, &is, 1, at), 1);
		assert_int_equal(verify(rig), -EBADMSG);
		assert_int_equal(pwrite(rig->memory, &was, 1, at), 1);
	}
	assert_int_equal(verify(rig), 0);
	/* Cut short. */
	assert_int_equal(ftruncate(rig->memory, st.st_size - 1), 0);
	assert_int_equal(verify(rig), -EBADMSG);
}

static void forged__a_file_that_shrinks_is_told(void **state)
{
	struct rig *rig = *state;
	struct image *image = NULL;

	assert_int_equal(image_open(&image, rig->dir[0], &rig->err), 0);
	assert_int_equal(ftruncate(rig->memory, 10), 0);
	assert_int_equal(image_verify(image, true, &rig->err), -ENODATA);
	assert_null(image_close(image));
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, rig_begin, rig_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pack__holds_what_was_told_and_is_smaller),
		TEST(pack__chains_and_merges_with_images_that_are_not),
		TEST(pack__a_disk_that_takes_nothing_is_told),
		TEST(forged__a_frame_is_inside_the_file),
		TEST(forged__a_chunk_without_pages_has_no_frame),
		TEST(forged__a_frame_holds_just_the_chunks_pages),
		TEST(forged__every_byte_of_a_frame_counts),
		TEST(forged__a_file_that_shrinks_is_told),
	};

	return RUN_TESTS(tests);
}
