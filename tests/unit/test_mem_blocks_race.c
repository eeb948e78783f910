/* tests/unit/test_mem_blocks_race.c - blocks come and go under other threads.
 */
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "mem/blocks.h"
#include "mem/map.h"
#include "mem/reclaim.h"
#include "tests/unit/test.h"

#define BLOCK ((uint64_t)2 << 20)
#define COUNT 4ULL /* of blocks */
#define LOW 0x80000000ULL /* memory that is always there, up to */
#define AT (LOW + BLOCK) /* where the blocks begin */

static struct err err;

struct rig {
	struct mem_map map;
	struct backing low, backing;
	struct mem_blocks *blocks;
	pthread_t thread;
	struct reclaim *reclaim; /* NULL: no balloon */
	bool began, stop; /* atomic */
	uint32_t done; /* atomic: calls */
};

static void add(struct rig *rig, struct range gpa, struct backing *backing,
		struct mem_blocks *blocks)
{
	const struct mem_region region = { .gpa = gpa,
					   .kind = MEM_RAM,
					   .host = backing->host,
					   .backing = backing,
					   .blocks = blocks,
					   .name = "memory" };

	assert_int_equal(mem_add(&rig->map, region, &err), 0);
}

static void begin(struct rig *rig)
{
	const struct range low = { LOW, BLOCK }, gpa = { AT, COUNT * BLOCK };

	*rig = (struct rig){ .began = false };
	assert_int_equal(backing_init(&rig->low, low, BLOCK, NULL, &err), 0);
	assert_int_equal(backing_init(&rig->backing, gpa, BLOCK, NULL, &err),
			 0);
	assert_int_equal(blocks_new(&rig->blocks, gpa, &rig->backing, BLOCK,
				    false, &err),
			 0);
	add(rig, low, &rig->low, NULL);
	add(rig, gpa, &rig->backing, rig->blocks);
	mem_freeze(&rig->map);
}

static void end(struct rig *rig)
{
	rig->blocks = blocks_free(rig->blocks);
	backing_finish(&rig->backing);
	backing_finish(&rig->low);
}

static void plug(struct rig *rig, uint64_t first, uint64_t count)
{
	assert_int_equal(mem_plug(&rig->map, rig->blocks, first, count, &err),
			 count);
}

/* What is always there, and some of what comes and goes. */
static void *copy(void *arg)
{
	static uint8_t buf[BLOCK + 8];
	struct rig *rig = arg;

	while (!__atomic_load_n(&rig->stop, __ATOMIC_RELAXED)) {
		const int r[] = {
			mem_read(&rig->map, LOW, buf, sizeof(buf)),
			mem_write(&rig->map, LOW, buf, sizeof(buf)),
			mem_zero(&rig->map, LOW, sizeof(buf)),
		};

		for (size_t i = 0; i < sizeof(r) / sizeof(r[0]); i++)
			assert_true(r[i] == 0 || r[i] == -EFAULT);
		(void)__atomic_fetch_add(&rig->done, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void copy__what_goes_meanwhile_is_no_memory(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig);
	assert_int_equal(pthread_create(&rig.thread, NULL, copy, &rig), 0);
	while (__atomic_load_n(&rig.done, __ATOMIC_RELAXED) < 500) {
		/* Each lasts, so that both are found. */
		plug(&rig, 0, 1);
		(void)usleep(50);
		assert_int_equal(blocks_unplug(rig.blocks, 0, 1, &err), 1);
		(void)usleep(50);
	}
	__atomic_store_n(&rig.stop, true, __ATOMIC_RELAXED);
	assert_int_equal(pthread_join(rig.thread, NULL), 0);
	end(&rig);
}

/* A device that has done with a buffer in block 0. */
static void *settle(void *arg)
{
	struct rig *rig = arg;
	const struct iovec iov = { rig->backing.host, 1 };

	__atomic_store_n(&rig->began, true, __ATOMIC_SEQ_CST);
	mem_settle(&rig->map, &iov, 1);
	return NULL;
}

/* The guest writes as soon as it can. */
static int show(void *ctx, uint64_t block, bool on, struct err *e)
{
	struct rig *rig = ctx;

	(void)block;
	(void)on;
	(void)e;
	rig->backing.host[0] = 1;
	assert_int_equal(pthread_create(&rig->thread, NULL, settle, rig), 0);
	while (!__atomic_load_n(&rig->began, __ATOMIC_SEQ_CST))
		;
	/* It waits for the block to be plugged; one that did not, would have
	 * done by then. */
	(void)usleep(10000);
	return 0;
}

static void settle__what_is_being_plugged_stays(void **state)
{
	static const struct blocks_ops ops = { show, NULL };
	struct rig rig;

	(void)state;
	begin(&rig);
	blocks_connect(rig.blocks, &ops, &rig);
	plug(&rig, 0, 1);
	assert_int_equal(pthread_join(rig.thread, NULL), 0);
	assert_int_equal(rig.backing.host[0], 1);
	end(&rig);
}

/* A balloon, that is given what is there, and takes some of it back. */
static void *give(void *arg)
{
	const struct range gpa = { AT, BLOCK + RECLAIM_FRAME };
	struct rig *rig = arg;

	while (!__atomic_load_n(&rig->stop, __ATOMIC_RELAXED)) {
		(void)reclaim_give(rig->reclaim, gpa);
		(void)reclaim_take(rig->reclaim,
				   (struct range){ AT, RECLAIM_FRAME });
		reclaim_flush(rig->reclaim);
		(void)__atomic_fetch_add(&rig->done, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void gone(void *ctx, struct range gpa)
{
	(void)reclaim_take(((struct rig *)ctx)->reclaim, gpa);
}

static int show_at_once(void *ctx, uint64_t block, bool on, struct err *e)
{
	(void)ctx;
	(void)block;
	(void)on;
	(void)e;
	return 0;
}

static void reclaim__holds_nothing_of_what_is_gone(void **state)
{
	static const struct blocks_ops ops = { show_at_once, gone };
	const struct range all = { AT, COUNT * BLOCK };
	struct rig rig;

	(void)state;
	begin(&rig);
	assert_int_equal(reclaim_new(&rig.reclaim, &rig.map, &err), 0);
	blocks_connect(rig.blocks, &ops, &rig);
	assert_int_equal(pthread_create(&rig.thread, NULL, give, &rig), 0);
	while (__atomic_load_n(&rig.done, __ATOMIC_RELAXED) < 500) {
		plug(&rig, 0, 2);
		(void)usleep(50);
		assert_int_equal(blocks_unplug(rig.blocks, 0, 2, &err), 2);
		assert_int_equal(reclaim_held(rig.reclaim, all), 0);
	}
	__atomic_store_n(&rig.stop, true, __ATOMIC_RELAXED);
	assert_int_equal(pthread_join(rig.thread, NULL), 0);
	rig.reclaim = reclaim_free(rig.reclaim);
	end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copy__what_goes_meanwhile_is_no_memory),
		cmocka_unit_test(settle__what_is_being_plugged_stays),
		cmocka_unit_test(reclaim__holds_nothing_of_what_is_gone),
	};

	return RUN_TESTS(tests);
}
