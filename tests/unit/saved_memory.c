/* tests/unit/saved_memory.c - a chain of images with random pages, and memory
 * to be filled from it. */
#include "tests/unit/saved_memory.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mem/image_copy.h"
#include "tests/unit/test.h"

const struct range saved_place = { UINT64_C(0x80000000), SAVED_SIZE };

unsigned saved_memory_choose(struct saved_memory *saved, unsigned below)
{
	return (unsigned)rand_r(&saved->seed) % below;
}

static int make_image_dir(struct saved_memory *saved)
{
	char name[16];
	int fd;

	(void)snprintf(name, sizeof(name), "image-%u", saved->made++);
	assert_int_equal(mkdirat(saved->top, name, 0700), 0);
	fd = openat(saved->top, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

/* Gives a run of pages new content, or says that they are zero or gone. */
static void change_run(struct saved_memory *saved, struct image_writer *writer,
		       uint64_t from, uint64_t count, bool data)
{
	uint8_t *at = saved->want + from * IMAGE_PAGE;
	struct err err = { 0 };

	memset(at, 0, (size_t)(count * IMAGE_PAGE));
	if (!data) {
		assert_int_equal(
			image_writer_clear(writer, 0, from * IMAGE_PAGE,
					   count * IMAGE_PAGE,
					   saved_memory_choose(saved, 2)
						   ? IMAGE_ZERO
						   : IMAGE_GONE,
					   &err),
			0);
		return;
	}
	for (uint64_t i = 0; i < count; i++)
		at[i * IMAGE_PAGE + saved_memory_choose(saved, IMAGE_PAGE)] =
			(uint8_t)(1 + saved_memory_choose(saved, 255));
	assert_int_equal(image_writer_put(writer, 0, from * IMAGE_PAGE, at,
					  count * IMAGE_PAGE, &err),
			 0);
}

static struct image *open_saved(int dir)
{
	struct image *image = NULL;
	struct err err = { 0 };

	assert_int_equal(image_open(&image, dir, &err), 0);
	(void)close(dir);
	return image;
}

static void make_image(struct saved_memory *saved, unsigned data)
{
	const struct image_region region = { saved_place, MEM_RAM, "RAM" };
	const bool full = saved->made == 0;
	const int dir = make_image_dir(saved);
	struct image_writer *writer = NULL;
	struct err err = { 0 };
	uint64_t at = 0;

	assert_int_equal(image_writer_new(&writer, dir,
					  full ? IMAGE_FULL : IMAGE_DIFF,
					  &region, 1, &err),
			 0);
	while (at < SAVED_PAGES) {
		const unsigned most = saved_memory_choose(saved, 2) ? 300 : 8;
		uint64_t count = 1 + saved_memory_choose(saved, most);

		if (count > SAVED_PAGES - at)
			count = SAVED_PAGES - at;
		if (full || saved_memory_choose(saved, 2))
			change_run(saved, writer, at, count,
				   saved_memory_choose(saved, 100) < data);
		at += count;
	}
	assert_int_equal(image_writer_end(writer, &err), 0);
	assert_null(image_writer_free(writer));
	assert_int_equal(image_chain_add(&saved->chain, open_saved(dir), &err),
			 0);
}

struct saved_memory *saved_memory_new(unsigned images, unsigned data,
				      unsigned seed)
{
	struct saved_memory *saved = calloc(1, sizeof(*saved));
	struct mem_region region = { .gpa = saved_place, .kind = MEM_RAM };
	struct err err = { 0 };

	assert_non_null(saved);
	saved->seed = seed;
	saved->want = calloc(1, SAVED_SIZE);
	assert_int_equal(temp_folder_make(&saved->folder, "/tmp"), 0);
	saved->top = open(saved->folder.path,
			  O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (unsigned i = 0; i < images; i++)
		make_image(saved, data);
	assert_int_equal(backing_init(&saved->backing, saved_place,
				      UINT64_C(2) << 20, NULL, &err),
			 0);
	region.backing = &saved->backing;
	region.host = saved->backing.host;
	assert_int_equal(mem_add(&saved->map, region, &err), 0);
	mem_freeze(&saved->map);
	dirty_init(&saved->dirty, &saved->map, saved->backing.page);
	saved->map.watch = &saved->dirty.watch;
	return saved;
}

void saved_memory_free(struct saved_memory *saved)
{
	dirty_finish(&saved->dirty);
	backing_finish(&saved->backing);
	image_chain_finish(&saved->chain);
	(void)close(saved->top);
	assert_int_equal(temp_folder_remove(&saved->folder), 0);
	free(saved->want);
	free(saved);
}

void saved_memory_check(const struct saved_memory *saved)
{
	for (uint64_t i = 0; i < SAVED_PAGES; i++)
		if (memcmp(saved->want + i * IMAGE_PAGE,
			   saved->backing.host + i * IMAGE_PAGE,
			   IMAGE_PAGE) != 0)
			fail_msg("page %u is not what it was", (unsigned)i);
}

struct image *saved_memory_copy(struct saved_memory *saved,
				struct dirty_reader *reader,
				enum image_kind kind)
{
	const int dir = make_image_dir(saved);
	struct image_copy *copy = NULL;
	struct err err = { 0 };

	assert_int_equal(image_copy_new(&copy, &saved->map, dir, kind, &err),
			 0);
	assert_int_equal(page_copy_pass(image_copy_pages(copy), reader, &err),
			 0);
	assert_int_equal(image_writer_end(image_copy_writer(copy), &err), 0);
	(void)image_copy_free(copy);
	return open_saved(dir);
}

void saved_memory_check_image(const struct saved_memory *saved,
			      struct image *image)
{
	uint8_t *got = calloc(1, SAVED_SIZE);
	struct image_chain one = { 0 };
	struct err err = { 0 };

	assert_int_equal(image_chain_add(&one, image, &err), 0);
	assert_int_equal(image_chain_load(&one, 0, got, -1, &err), 0);
	assert_memory_equal(got, saved->want, SAVED_SIZE);
	free(got);
	image_chain_finish(&one);
}

static void saved_file(const struct saved_memory *saved, unsigned image,
		       char path[TEMP_PATH_SIZE])
{
	char name[32];

	(void)snprintf(name, sizeof(name), "image-%u/memory-0", image);
	temp_folder_path(&saved->folder, name, path);
}

void saved_memory_cut(const struct saved_memory *saved, uint64_t size)
{
	char path[TEMP_PATH_SIZE];

	saved_file(saved, 0, path);
	assert_int_equal(truncate(path, (off_t)size), 0);
}

static bool holds_page(struct image *image, unsigned page)
{
	struct image_chunk chunk;
	struct err err = { 0 };

	assert_int_equal(image_read_chunk(image, 0, page / IMAGE_CHUNK_PAGES,
					  &chunk, &err),
			 0);
	return chunk.state[page % IMAGE_CHUNK_PAGES] == IMAGE_DATA;
}

void saved_memory_damage(const struct saved_memory *saved, unsigned page)
{
	size_t i = saved->chain.count - 1;
	char path[TEMP_PATH_SIZE];
	int fd;

	while (!holds_page(saved->chain.image[i], page)) {
		assert_true(i > 0);
		i--;
	}
	saved_file(saved, (unsigned)i, path);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "damage", 6, (off_t)(page * IMAGE_PAGE)),
			 6);
	(void)close(fd);
}
