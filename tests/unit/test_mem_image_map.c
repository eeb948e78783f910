/* tests/unit/test_mem_image_map.c - mem/image_map.c, and who looks at memory
 * that a snapshot fills. */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mem/discard.h"
#include "mem/fill.h"
#include "mem/image_map.h"
#include "tests/unit/saved_memory.h"

#define SEEDS 6

static struct image_map *map_saved(struct saved_memory *saved)
{
	struct image_map *map = NULL;
	struct err err = { 0 };

	assert_int_equal(
		image_map_new(&map, &saved->chain, 0, &saved->backing, &err),
		0);
	assert_non_null(saved->backing.fill);
	return map;
}

static void end_mapped(struct saved_memory *saved, struct image_map *map)
{
	saved_memory_free(saved);
	assert_null(image_map_free(map));
}

static void map__is_what_the_chain_holds(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < SEEDS; seed++) {
		for (unsigned images = 1; images < 5; images++) {
			struct saved_memory *saved = saved_memory_new(
				images, 10 + 20 * (seed % 4), seed);
			struct image_map *map = map_saved(saved);

			saved_memory_check(saved);
			end_mapped(saved, map);
		}
	}
}

/* What is discarded must not show the file's content again. */
static void discard__leaves_zeroes(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < SEEDS; seed++) {
		struct saved_memory *saved = saved_memory_new(3, 60, seed);
		struct image_map *map = map_saved(saved);
		const uint64_t page = saved->backing.page;
		const unsigned pages = (unsigned)(SAVED_SIZE / page);

		assert_true(backing_discards_to_zero(&saved->backing));
		for (unsigned i = 0; i < 40; i++) {
			const unsigned from = saved_memory_choose(saved, pages);
			const unsigned most = i % 2 ? 4 : 200;
			unsigned count = 1 + saved_memory_choose(saved, most);
			uint8_t *host = saved->backing.host + from * page;

			if (count > pages - from)
				count = pages - from;
			/* Some are there and written, others untouched. */
			if (i % 3 == 0) {
				host[0] = 0x55;
				saved->want[from * page] = 0x55;
			}
			assert_int_equal(backing_discard(&saved->backing,
							 from * page,
							 count * page),
					 0);
			memset(saved->want + from * page, 0,
			       (size_t)(count * page));
		}
		saved_memory_check(saved);
		end_mapped(saved, map);
	}
}

/* A page that was not touched is no hole, and not zero. */
static void copy__holds_untouched_pages(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < SEEDS; seed++) {
		struct saved_memory *saved = saved_memory_new(3, 40, seed);
		struct image_map *map = map_saved(saved);
		struct dirty_reader *reader = NULL;
		struct err err = { 0 };

		assert_int_equal(backing_discard(&saved->backing,
						 512 * IMAGE_PAGE,
						 64 * IMAGE_PAGE),
				 0);
		memset(saved->want + 512 * IMAGE_PAGE, 0, 64 * IMAGE_PAGE);
		assert_int_equal(dirty_reader_add(&saved->dirty, DIRTY_ALL,
						  &reader, &err),
				 0);
		saved_memory_check_image(
			saved, saved_memory_copy(saved, reader, IMAGE_FULL));
		reader = dirty_reader_remove(reader);
		end_mapped(saved, map);
	}
}

/* The log begins with the mapping: only what was written since is in a diff. */
static void copy__of_a_diff_holds_what_was_written(void **state)
{
	struct saved_memory *saved = saved_memory_new(2, 50, 3);
	struct image_map *map = map_saved(saved);
	struct dirty_reader *reader = NULL;
	struct image_count count;
	struct err err = { 0 };
	struct image *image;

	(void)state;
	assert_int_equal(
		dirty_reader_add(&saved->dirty, DIRTY_FROM_NOW, &reader, &err),
		0);
	saved_memory_check(saved);
	assert_int_equal(
		mem_write(&saved->map, saved_place.start + 70, "written", 7),
		0);
	memcpy(saved->want + 70, "written", 7);
	image = saved_memory_copy(saved, reader, IMAGE_DIFF);
	assert_int_equal(image_count(image, &count, &err), 0);
	assert_int_equal(count.state[IMAGE_DATA],
			 saved->backing.page / IMAGE_PAGE);
	assert_int_equal(count.state[IMAGE_ZERO] + count.state[IMAGE_GONE], 0);
	assert_int_equal(image_chain_add(&saved->chain, image, &err), 0);
	(void)dirty_reader_remove(reader);
	end_mapped(saved, map);
}

static void check__names_the_policy(void **state)
{
	struct mem_policy policy = { .source = MEM_MEMFD, .share = true };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(image_map_check(&policy, &err), -ENOTSUP);
	assert_string_equal(err.msg, "memory of backing=memfd is its own file");
	policy = (struct mem_policy){ .prealloc = true };
	assert_int_equal(image_map_check(&policy, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "prealloc=on"));
	policy = (struct mem_policy){ .huge = MEM_HUGE_TLB };
	assert_int_equal(image_map_check(&policy, &err), -ENOTSUP);
	policy = (struct mem_policy){ .merge = true, .lock = true };
	assert_int_equal(image_map_check(&policy, &err), 0);
}

static void explain__names_the_file(void **state)
{
	struct saved_memory *saved = saved_memory_new(2, 90, 1);
	struct image_map *map = map_saved(saved);
	struct mem_fill *fill = saved->backing.fill;
	struct err err = { 0 };
	uint64_t offset;

	(void)state;
	assert_false(fill->ops->find_lost(fill, &offset));
	saved_memory_cut(saved, UINT64_C(1) << 20);
	assert_true(fill->ops->find_lost(fill, &offset));
	assert_int_equal(offset, UINT64_C(1) << 20);
	fill->ops->explain(fill, offset, &err);
	assert_non_null(strstr(err.msg, "image-0/memory-0 was truncated while "
					"the guest used it"));
	end_mapped(saved, map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(map__is_what_the_chain_holds),
		cmocka_unit_test(discard__leaves_zeroes),
		cmocka_unit_test(copy__holds_untouched_pages),
		cmocka_unit_test(copy__of_a_diff_holds_what_was_written),
		cmocka_unit_test(check__names_the_policy),
		cmocka_unit_test(explain__names_the_file),
	};

	return RUN_TESTS(tests);
}
