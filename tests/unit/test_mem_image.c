/* tests/unit/test_mem_image.c - mem/image.c, image_writer.c, image_chain.c. */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "mem/image.h"
#include "mem/image_chain.h"
#include "mem/image_writer.h"
#include "tests/unit/temp_folder.h"

#define PAGES_A 300 /* a chunk and a part of one */
#define PAGES_B 5
#define REGIONS 2

static const struct image_region regions[REGIONS] = {
	{ { 0x80000000, PAGES_A *IMAGE_PAGE }, MEM_RAM, "guest memory" },
	{ { 0x90000000, PAGES_B *IMAGE_PAGE }, MEM_ROM, "ROM test" },
};

struct rig {
	struct temp_folder folder;
	int dir;
	uint8_t *mem[REGIONS]; /* what the guest has */
};

static int rig_begin(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	assert_int_equal(temp_folder_make(&rig->folder, "/tmp"), 0);
	rig->dir = open(rig->folder.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < REGIONS; i++)
		rig->mem[i] = calloc(1, (size_t)regions[i].gpa.size);
	*state = rig;
	return 0;
}

static int rig_end(void **state)
{
	struct rig *rig = *state;

	for (size_t i = 0; i < REGIONS; i++)
		free(rig->mem[i]);
	(void)close(rig->dir);
	assert_int_equal(temp_folder_remove(&rig->folder), 0);
	free(rig);
	return 0;
}

static int make_dir(const struct rig *rig, const char *name)
{
	int fd;

	assert_int_equal(mkdirat(rig->dir, name, 0700), 0);
	fd = openat(rig->dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static struct image_writer *begin_image(int dir, enum image_kind kind)
{
	struct image_writer *writer = NULL;
	struct err err = { 0 };

	assert_int_equal(
		image_writer_new(&writer, dir, kind, regions, REGIONS, &err),
		0);
	return writer;
}

static void put_pages(struct image_writer *writer, const struct rig *rig,
		      size_t region, uint64_t page, uint64_t count)
{
	struct err err = { 0 };

	assert_int_equal(image_writer_put(writer, region, page * IMAGE_PAGE,
					  rig->mem[region] + page * IMAGE_PAGE,
					  count * IMAGE_PAGE, &err),
			 0);
}

static void put_all(struct image_writer *writer, const struct rig *rig)
{
	put_pages(writer, rig, 0, 0, PAGES_A);
	put_pages(writer, rig, 1, 0, PAGES_B);
}

static void end_image(struct image_writer *writer)
{
	struct err err = { 0 };

	assert_int_equal(image_writer_end(writer, &err), 0);
	assert_null(image_writer_free(writer));
}

static struct image *open_image(int dir)
{
	struct image *image = NULL;
	struct err err = { 0 };

	assert_int_equal(image_open(&image, dir, &err), 0);
	return image;
}

static void fill_page(const struct rig *rig, size_t region, uint64_t page,
		      int byte)
{
	memset(rig->mem[region] + page * IMAGE_PAGE, byte, IMAGE_PAGE);
}

static void check_chain(const struct image_chain *chain, const struct rig *rig)
{
	for (size_t i = 0; i < REGIONS; i++) {
		const size_t size = (size_t)regions[i].gpa.size;
		uint8_t *got = calloc(1, size);
		struct err err = { 0 };

		assert_int_equal(image_chain_load(chain, i, got, -1, &err), 0);
		assert_memory_equal(got, rig->mem[i], size);
		free(got);
	}
}

static void image_open__tells_the_regions_that_were_written(void **state)
{
	const struct rig *rig = *state;
	struct image *image;

	end_image(begin_image(rig->dir, IMAGE_FULL));
	image = open_image(rig->dir);
	assert_int_equal(image_regions(image), REGIONS);
	for (size_t i = 0; i < REGIONS; i++) {
		const struct image_region *r = image_region(image, i);

		assert_int_equal(r->gpa.start, regions[i].gpa.start);
		assert_int_equal(r->gpa.size, regions[i].gpa.size);
		assert_int_equal(r->kind, regions[i].kind);
		assert_string_equal(r->name, regions[i].name);
	}
	assert_null(image_close(image));
}

static void image_writer__what_nobody_tells_of_is_zero_if_full(void **state)
{
	const struct rig *rig = *state;
	struct image_count count;
	struct image *image;
	struct err err = { 0 };

	end_image(begin_image(rig->dir, IMAGE_FULL));
	image = open_image(rig->dir);
	assert_int_equal(image_count(image, &count, &err), 0);
	assert_int_equal(count.state[IMAGE_ZERO], PAGES_A + PAGES_B);
	assert_int_equal(image_verify(image, false, &err), 0);
	assert_null(image_close(image));
}

static void
image_writer__what_nobody_tells_of_is_the_parents_if_diff(void **state)
{
	const struct rig *rig = *state;
	struct image_count count;
	struct image *image;
	struct err err = { 0 };

	end_image(begin_image(rig->dir, IMAGE_DIFF));
	image = open_image(rig->dir);
	assert_int_equal(image_count(image, &count, &err), 0);
	assert_int_equal(count.state[IMAGE_PARENT], PAGES_A + PAGES_B);
	assert_null(image_close(image));
}

static void image_writer__pages_of_zeroes_take_no_space(void **state)
{
	const struct rig *rig = *state;
	struct image_writer *writer = begin_image(rig->dir, IMAGE_FULL);
	struct stat st;

	put_all(writer, rig);
	assert_int_equal(image_writer_bytes(writer), 0);
	end_image(writer);
	assert_int_equal(fstatat(rig->dir, "memory-0", &st, 0), 0);
	assert_int_equal(st.st_size, PAGES_A * IMAGE_PAGE);
	assert_int_equal(st.st_blocks, 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void image_writer__the_last_word_on_a_page_counts(void **state)
{
	const struct rig *rig = *state;
	struct image_writer *writer = begin_image(rig->dir, IMAGE_FULL);
	struct image_chain chain = { 0 };
	struct err err = { 0 };

	fill_page(rig, 0, 7, 1);
	fill_page(rig, 0, 8, 1);
	fill_page(rig, 0, 299, 9);
	put_all(writer, rig);
	fill_page(rig, 0, 7, 2);
	fill_page(rig, 0, 8, 0);
	put_pages(writer, rig, 0, 7, 2);
	assert_int_equal(image_writer_clear(writer, 0, 299 * IMAGE_PAGE,
					    IMAGE_PAGE, IMAGE_GONE, &err),
			 0);
	fill_page(rig, 0, 299, 0);
	end_image(writer);
	assert_int_equal(image_chain_add(&chain, open_image(rig->dir), &err),
			 0);
	check_chain(&chain, rig);
	assert_int_equal(image_verify(chain.image[0], false, &err), 0);
	image_chain_finish(&chain);
}

static void image_next_run__ends_where_the_state_changes(void **state)
{
	struct image_chunk chunk = { .pages = 3,
				     .state = { IMAGE_ZERO, IMAGE_DATA,
						IMAGE_DATA, IMAGE_DATA } };
	struct image_run run;

	(void)state;
	assert_true(image_next_run(&chunk, 0, &run));
	assert_int_equal(run.count, 1);
	assert_true(image_next_run(&chunk, 1, &run));
	assert_int_equal(run.state, IMAGE_DATA);
	assert_int_equal(run.count, 2);
	assert_false(image_next_run(&chunk, 3, &run));
}

static void image_writer_new__does_not_overwrite_an_image(void **state)
{
	const struct rig *rig = *state;
	struct image_writer *writer = NULL;
	struct err err = { 0 };

	end_image(begin_image(rig->dir, IMAGE_FULL));
	assert_int_equal(image_writer_new(&writer, rig->dir, IMAGE_FULL,
					  regions, REGIONS, &err),
			 -EEXIST);
}

/* Changes pages at random, and tells the image of each change. */
static void change_at_random(const struct rig *rig, struct image_writer *writer,
			     unsigned *seed)
{
	const uint64_t pages[REGIONS] = { PAGES_A, PAGES_B };

	for (unsigned n = 0; n < 60; n++) {
		const size_t region = (unsigned)rand_r(seed) % REGIONS;
		const uint64_t page = (unsigned)rand_r(seed) % pages[region];
		const int kind = rand_r(seed) % 4;
		struct err err = { 0 };

		fill_page(rig, region, page, kind > 1 ? rand_r(seed) : 0);
		if (kind == 0)
			assert_int_equal(image_writer_clear(writer, region,
							    page * IMAGE_PAGE,
							    IMAGE_PAGE,
							    IMAGE_GONE, &err),
					 0);
		else
			put_pages(writer, rig, region, page, 1);
	}
}

static void add_to_chain(struct image_chain *chain, int dir)
{
	struct err err = { 0 };

	assert_int_equal(image_chain_add(chain, open_image(dir), &err), 0);
	(void)close(dir);
}

/* True if files of the folder can share bytes. */
static bool files_can_share(const struct rig *rig)
{
	static const uint8_t page[IMAGE_PAGE] = { 1 };
	int fd[2];
	bool can;

	for (int i = 0; i < 2; i++) {
		fd[i] = openat(rig->dir, i == 0 ? "from" : "to",
			       O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		assert_true(fd[i] >= 0);
	}
	assert_int_equal(file_write_at(fd[0], page, sizeof(page), 0), 0);
	can = file_clone_range(fd[1], fd[0], 0, sizeof(page)) == 0;
	(void)close(fd[0]);
	(void)close(fd[1]);
	return can;
}

/* What a merge can share with the images of the chain, it does not write. */
static void check_shared(const struct image_writer *writer,
			 const struct rig *rig)
{
	struct image_count count;
	uint64_t written;

	image_writer_count(writer, &count);
	written = files_can_share(rig) ? 0
				       : count.state[IMAGE_DATA] * IMAGE_PAGE;
	assert_true(count.state[IMAGE_DATA] > 0);
	assert_int_equal(image_writer_bytes(writer), written);
}

static void image_chain__is_the_memory_whatever_was_written(void **state)
{
	const struct rig *rig = *state;
	struct image_chain chain = { 0 }, merged = { 0 };
	struct image_writer *writer;
	struct err err = { 0 };
	unsigned seed = 1;
	int dir = -1;

	for (unsigned i = 0; i < 12; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "s%u", i);
		dir = make_dir(rig, name);
		writer = begin_image(dir, i == 0 ? IMAGE_FULL : IMAGE_DIFF);
		if (i == 0)
			put_all(writer, rig);
		change_at_random(rig, writer, &seed);
		end_image(writer);
		add_to_chain(&chain, dir);
		check_chain(&chain, rig);
	}
	dir = make_dir(rig, "merged");
	writer = begin_image(dir, IMAGE_FULL);
	assert_int_equal(image_chain_merge(&chain, writer, &err), 0);
	check_shared(writer, rig);
	end_image(writer);
	add_to_chain(&merged, dir);
	check_chain(&merged, rig);
	assert_int_equal(image_verify(merged.image[0], false, &err), 0);
	image_chain_finish(&merged);
	image_chain_finish(&chain);
}

static void image_chain_add__refuses_other_memory(void **state)
{
	const struct rig *rig = *state;
	struct image_writer *writer = NULL;
	struct image_chain chain = { 0 };
	struct err err = { 0 };
	const int a = make_dir(rig, "a"), b = make_dir(rig, "b");

	end_image(begin_image(a, IMAGE_FULL));
	assert_int_equal(
		image_writer_new(&writer, b, IMAGE_DIFF, regions, 1, &err), 0);
	end_image(writer);
	assert_int_equal(image_chain_add(&chain, open_image(a), &err), 0);
	assert_int_equal(image_chain_add(&chain, open_image(b), &err),
			 -EBADMSG);
	assert_int_equal(chain.count, 1);
	image_chain_finish(&chain);
	(void)close(a);
	(void)close(b);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_begin, rig_end)

/* A signal that arrives at @stop ends a load, however large the image is. */
static void chain_load__ends_when_told_to(void **state)
{
	const struct rig *rig = *state;
	struct image_chain chain = { 0 };
	struct err err = { 0 };
	const int dir = make_dir(rig, "image");
	struct image_writer *writer = begin_image(dir, IMAGE_FULL);
	int ends[2];

	fill_page(rig, 0, 7, 7);
	put_all(writer, rig);
	end_image(writer);
	assert_int_equal(image_chain_add(&chain, open_image(dir), &err), 0);
	assert_int_equal(pipe(ends), 0);
	memset(rig->mem[0], 0, (size_t)regions[0].gpa.size);
	assert_int_equal(write(ends[1], "", 1), 1);
	assert_int_equal(
		image_chain_load(&chain, 0, rig->mem[0], ends[0], &err),
		-EINTR);
	assert_int_equal(rig->mem[0][7 * IMAGE_PAGE], 0);
	(void)close(ends[0]);
	(void)close(ends[1]);
	(void)close(dir);
	image_chain_finish(&chain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(image_open__tells_the_regions_that_were_written),
		TEST(image_writer__what_nobody_tells_of_is_zero_if_full),
		TEST(image_writer__what_nobody_tells_of_is_the_parents_if_diff),
		TEST(image_writer__pages_of_zeroes_take_no_space),
		TEST(image_writer__the_last_word_on_a_page_counts),
		TEST(image_next_run__ends_where_the_state_changes),
		TEST(image_writer_new__does_not_overwrite_an_image),
		TEST(image_chain__is_the_memory_whatever_was_written),
		TEST(image_chain_add__refuses_other_memory),
		TEST(chain_load__ends_when_told_to),
	};

	return RUN_TESTS(tests);
}
