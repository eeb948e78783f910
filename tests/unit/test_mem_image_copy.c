/* tests/unit/test_mem_image_copy.c - mem/image_copy.c, with KVM's logs faked.
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mem/backing.h"
#include "mem/blocks.h"
#include "mem/discard.h"
#include "mem/image_chain.h"
#include "mem/image_copy.h"
#include "mem/residency.h"
#include "tests/unit/fake_log.h"
#include "tests/unit/temp_folder.h"

#define PAGE UINT64_C(4096)
#define REGIONS 3
#define BLOCK (UINT64_C(2) << 20)

/* Anonymous memory, a memfd, and memory of two blocks. */
static const struct range place[REGIONS] = {
	{ UINT64_C(0x80000000), 700 * PAGE },
	{ UINT64_C(0x90000000), 300 * PAGE },
	{ UINT64_C(0xa0000000), 2 * BLOCK },
};

struct rig {
	struct temp_folder folder;
	int top; /* the folder, open */
	struct mem_map map;
	struct dirty dirty;
	struct fake_log log;
	struct backing backing[REGIONS];
	struct mem_blocks *blocks;
	struct dirty_reader *reader;
	struct image_chain chain;
	unsigned made; /* images */
	unsigned seed;
};

static void add_region(struct rig *rig, size_t i, enum mem_source source)
{
	const struct mem_policy policy = { .source = source,
					   .share = source == MEM_MEMFD };
	struct mem_region region = { .gpa = place[i], .kind = MEM_RAM };
	struct err err = { 0 };

	assert_int_equal(
		backing_init(&rig->backing[i], place[i], PAGE, &policy, &err),
		0);
	if (i == 2) {
		assert_int_equal(blocks_new(&rig->blocks, place[i],
					    &rig->backing[i], BLOCK, false,
					    &err),
				 0);
		region.blocks = rig->blocks;
	}
	region.backing = &rig->backing[i];
	region.host = rig->backing[i].host;
	assert_int_equal(mem_add(&rig->map, region, &err), 0);
}

static struct rig *begin(enum fake_log_kind kind)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct err err = { 0 };

	assert_non_null(rig);
	assert_int_equal(temp_folder_make(&rig->folder, "/tmp"), 0);
	rig->top = open(rig->folder.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	add_region(rig, 0, MEM_ANON);
	add_region(rig, 1, MEM_MEMFD);
	add_region(rig, 2, MEM_ANON);
	mem_freeze(&rig->map);
	dirty_init(&rig->dirty, &rig->map, PAGE);
	rig->map.watch = &rig->dirty.watch;
	rig->log.map = &rig->map;
	rig->log.kind = kind;
	rig->log.dirty = &rig->dirty;
	rig->seed = 7;
	assert_int_equal(dirty_attach(&rig->dirty, fake_log_source(&rig->log),
				      &rig->log, &err),
			 0);
	assert_int_equal(
		dirty_reader_add(&rig->dirty, DIRTY_ALL, &rig->reader, &err),
		0);
	return rig;
}

static void end(struct rig *rig)
{
	image_chain_finish(&rig->chain);
	rig->reader = dirty_reader_remove(rig->reader);
	dirty_detach(&rig->dirty);
	dirty_finish(&rig->dirty);
	rig->blocks = blocks_free(rig->blocks);
	for (size_t i = 0; i < REGIONS; i++)
		backing_finish(&rig->backing[i]);
	(void)close(rig->top);
	assert_int_equal(temp_folder_remove(&rig->folder), 0);
	free(rig);
}

static uint64_t choose(struct rig *rig, uint64_t below)
{
	return (unsigned)rand_r(&rig->seed) % below;
}

static bool page_is_there(const struct rig *rig, size_t region, uint64_t page)
{
	return region != 2 ||
	       blocks_plugged(rig->blocks, page * PAGE / BLOCK, 1) == 1;
}

/* Writes a page as the guest does, or as a device. */
static void write_page(struct rig *rig)
{
	const size_t region = (size_t)choose(rig, REGIONS);
	const uint64_t page = choose(rig, place[region].size / PAGE);
	uint8_t *host = rig->backing[region].host + page * PAGE;

	if (!page_is_there(rig, region, page))
		return;
	memset(host, choose(rig, 4) == 0 ? 0 : (int)choose(rig, 256), PAGE);
	if (choose(rig, 2) == 0)
		fake_log_write(&rig->log, region, page);
	else
		mem_wrote(&rig->map, host, PAGE);
}

static void plug_or_unplug(struct rig *rig)
{
	const uint64_t block = choose(rig, 2);
	struct err err = { 0 };

	if (blocks_plugged(rig->blocks, block, 1) == 0)
		assert_int_equal(
			mem_plug(&rig->map, rig->blocks, block, 1, &err), 1);
	else
		assert_int_equal(blocks_unplug(rig->blocks, block, 1, &err), 1);
}

static void change(struct rig *rig, unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		if (choose(rig, 40) == 0)
			plug_or_unplug(rig);
		else
			write_page(rig);
}

static int make_folder(struct rig *rig)
{
	char name[16];
	int dir;

	(void)snprintf(name, sizeof(name), "s%u", rig->made++);
	assert_int_equal(mkdirat(rig->top, name, 0700), 0);
	dir = openat(rig->top, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(dir >= 0);
	return dir;
}

/* Takes an image in a few passes, between which the memory changes. */
static void take_image(struct rig *rig, unsigned passes)
{
	const int dir = make_folder(rig);
	struct image_copy *copy = NULL;
	struct image *image = NULL;
	struct err err = { 0 };

	assert_int_equal(
		image_copy_new(&copy, &rig->map, dir,
			       rig->made == 1 ? IMAGE_FULL : IMAGE_DIFF, &err),
		0);
	for (unsigned i = 0; i < passes; i++) {
		assert_int_equal(page_copy_pass(image_copy_pages(copy),
						rig->reader, &err),
				 0);
		change(rig, 50);
	}
	assert_int_equal(
		page_copy_pass(image_copy_pages(copy), rig->reader, &err), 0);
	assert_int_equal(page_copy_drop_unplugged(image_copy_pages(copy), &err),
			 0);
	assert_int_equal(image_writer_end(image_copy_writer(copy), &err), 0);
	assert_null(image_copy_free(copy));
	assert_int_equal(image_open(&image, dir, &err), 0);
	assert_int_equal(image_verify(image, false, &err), 0);
	assert_int_equal(image_chain_add(&rig->chain, image, &err), 0);
	(void)close(dir);
}

/* What the guest sees: what is not plugged is not there, and reads as zero. */
static void check_chain(const struct rig *rig, const struct image_chain *chain)
{
	for (size_t i = 0; i < REGIONS; i++) {
		uint8_t *got = calloc(1, (size_t)place[i].size);
		struct err err = { 0 };

		assert_int_equal(image_chain_load(chain, i, got, -1, &err), 0);
		for (uint64_t p = 0; p < place[i].size / PAGE; p++)
			assert_memory_equal(got + p * PAGE,
					    rig->backing[i].host + p * PAGE,
					    PAGE);
		free(got);
	}
}

static void check_merged(struct rig *rig)
{
	const int dir = make_folder(rig);
	struct image_chain merged = { 0 };
	struct image_region region[REGIONS];
	struct image_writer *writer = NULL;
	struct image *image = NULL;
	struct err err = { 0 };

	for (size_t i = 0; i < REGIONS; i++)
		region[i] = *image_region(rig->chain.image[0], i);
	assert_int_equal(image_writer_new(&writer, dir, IMAGE_FULL, region,
					  REGIONS, &err),
			 0);
	assert_int_equal(image_chain_merge(&rig->chain, writer, &err), 0);
	assert_int_equal(image_writer_end(writer, &err), 0);
	assert_null(image_writer_free(writer));
	assert_int_equal(image_open(&image, dir, &err), 0);
	assert_int_equal(image_chain_add(&merged, image, &err), 0);
	check_chain(rig, &merged);
	image_chain_finish(&merged);
	(void)close(dir);
}

static void check_any_history(enum fake_log_kind kind)
{
	struct rig *rig = begin(kind);

	for (unsigned i = 0; i < 10; i++) {
		change(rig, (unsigned)choose(rig, 300));
		take_image(rig, (unsigned)choose(rig, 3));
		check_chain(rig, &rig->chain);
	}
	check_merged(rig);
	/* Pages are told at other moments, too, than when they are asked for.
	 */
	assert_true(kind != FAKE_RING || rig->log.exits > 10);
	end(rig);
}

static void image_copy__is_the_memory_with_a_plain_log(void **state)
{
	(void)state;
	check_any_history(FAKE_BITMAP);
}

static void image_copy__is_the_memory_with_a_log_to_clear(void **state)
{
	(void)state;
	check_any_history(FAKE_CLEAR);
}

static void image_copy__is_the_memory_with_rings(void **state)
{
	(void)state;
	check_any_history(FAKE_RING);
}

static void image_copy_pass__reads_no_page_that_was_never_touched(void **state)
{
	struct rig *rig = begin(FAKE_BITMAP);
	struct residency_source source;
	struct residency sum = { 0 };
	struct err err = { 0 };

	(void)state;
	/* The host may make a huge page of one that was touched. */
	assert_int_equal(madvise(rig->backing[0].host, (size_t)place[0].size,
				 MADV_NOHUGEPAGE),
			 0);
	rig->backing[0].host[5 * PAGE] = 1;
	take_image(rig, 0);
	assert_int_equal(residency_open(&source, &err), 0);
	assert_int_equal(residency_add(&source, (uintptr_t)rig->backing[0].host,
				       place[0].size, &sum, &err),
			 0);
	residency_close(&source);
	assert_int_equal(sum.resident + sum.zero, PAGE);
	end(rig);
}

static void image_copy_pass__a_page_discarded_later_is_zero(void **state)
{
	struct rig *rig = begin(FAKE_BITMAP);

	(void)state;
	for (size_t i = 0; i < 2; i++)
		memset(rig->backing[i].host, 1, 4 * PAGE);
	take_image(rig, 0);
	for (size_t i = 0; i < 2; i++) {
		memset(rig->backing[i].host + PAGE, 2, PAGE);
		fake_log_write(&rig->log, i, 1);
		assert_int_equal(backing_discard(&rig->backing[i], PAGE, PAGE),
				 0);
	}
	take_image(rig, 0);
	check_chain(rig, &rig->chain);
	end(rig);
}

static void image_copy_drop__takes_given_up_memory_out(void **state)
{
	const struct range gone = { place[0].start + PAGE, 2 * PAGE };
	const struct range nowhere = { place[0].start - 8 * PAGE, 4 * PAGE };
	struct rig *rig = begin(FAKE_BITMAP);
	const int dir = make_folder(rig);
	struct image_copy *copy = NULL;
	struct image_count count;
	struct err err = { 0 };

	(void)state;
	memset(rig->backing[0].host, 1, 4 * PAGE);
	assert_int_equal(
		image_copy_new(&copy, &rig->map, dir, IMAGE_FULL, &err), 0);
	assert_int_equal(
		page_copy_pass(image_copy_pages(copy), rig->reader, &err), 0);
	assert_int_equal(page_copy_drop(image_copy_pages(copy), gone, &err), 0);
	assert_int_equal(page_copy_drop(image_copy_pages(copy), nowhere, &err),
			 0);
	assert_int_equal(page_copy_drop(image_copy_pages(copy),
					(struct range){ UINT64_MAX, 2 }, &err),
			 0);
	image_writer_count(image_copy_writer(copy), &count);
	assert_int_equal(count.state[IMAGE_DATA], 2);
	assert_int_equal(count.state[IMAGE_GONE], 2);
	assert_null(image_copy_free(copy));
	(void)close(dir);
	end(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(image_copy__is_the_memory_with_a_plain_log),
		cmocka_unit_test(image_copy__is_the_memory_with_a_log_to_clear),
		cmocka_unit_test(image_copy__is_the_memory_with_rings),
		cmocka_unit_test(
			image_copy_pass__reads_no_page_that_was_never_touched),
		cmocka_unit_test(
			image_copy_pass__a_page_discarded_later_is_zero),
		cmocka_unit_test(image_copy_drop__takes_given_up_memory_out),
	};

	return RUN_TESTS(tests);
}
