/* tests/unit/test_mem_blocks.c - mem/blocks.c, and who respects blocks. */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mem/blocks.h"
#include "mem/dirty.h"
#include "mem/map.h"
#include "mem/reclaim.h"
#include "mem/slots.h"
#include "tests/unit/test.h"

#define MIB ((uint64_t)1 << 20)
#define PAGE 4096
#define BLOCK (2 * MIB)
#define COUNT 70ULL /* of blocks: two words of bits, and some */
#define LOW 0x80000000ULL /* RAM that is always there, up to */
#define AT 0x80200000ULL /* where the blocks begin */
#define SIZE (COUNT * BLOCK)

static struct err err;

struct rig {
	struct mem_map map;
	struct backing low, backing;
	struct mem_blocks *blocks;
	uint64_t calls; /* of show() */
	uint64_t fails_at; /* the call that fails; 0: none does */
	bool shown[COUNT];
	struct range gone;
	struct dirty dirty;
	struct dirty_reader *reader; /* NULL: nobody looks */
	bool given[COUNT]; /* of which a harvest gave something */
};

static int show(void *ctx, uint64_t block, bool on, struct err *e)
{
	struct rig *rig = ctx;

	assert_true(block < COUNT);
	if (++rig->calls == rig->fails_at)
		return err_set(e, -ENOMEM, "no slot");
	assert_int_equal(rig->shown[block], !on);
	rig->shown[block] = on;
	return 0;
}

static void gone(void *ctx, struct range gpa)
{
	((struct rig *)ctx)->gone = gpa;
}

static const struct blocks_ops ops = { show, gone };

static void add(struct rig *rig, struct range gpa, struct backing *b)
{
	struct mem_region r = { .gpa = gpa, .kind = MEM_RAM, .backing = b };

	if (gpa.start == AT) {
		r.blocks = rig->blocks;
		strcpy(r.name, "mem0");
	} else {
		strcpy(r.name, "low");
	}
	r.host = b->host;
	assert_int_equal(mem_add(&rig->map, r, &err), 0);
}

static void begin(struct rig *rig, const struct mem_policy *policy,
		  bool populate)
{
	const struct range low = { LOW, BLOCK }, gpa = { AT, SIZE };

	*rig = (struct rig){ 0 };
	assert_int_equal(backing_init(&rig->low, low, BLOCK, NULL, &err), 0);
	assert_int_equal(backing_init(&rig->backing, gpa, BLOCK, policy, &err),
			 0);
	assert_int_equal(blocks_new(&rig->blocks, gpa, &rig->backing, BLOCK,
				    populate, &err),
			 0);
	add(rig, gpa, &rig->backing);
	add(rig, low, &rig->low);
	mem_freeze(&rig->map);
	dirty_init(&rig->dirty, &rig->map, PAGE);
	rig->map.watch = &rig->dirty.watch;
	blocks_connect(rig->blocks, &ops, rig);
}

static void end(struct rig *rig)
{
	rig->reader = dirty_reader_remove(rig->reader);
	dirty_finish(&rig->dirty);
	rig->blocks = blocks_free(rig->blocks);
	backing_finish(&rig->backing);
	backing_finish(&rig->low);
}

static int plug(struct rig *rig, uint64_t first, uint64_t count)
{
	return mem_plug(&rig->map, rig->blocks, first, count, &err) == count
		     ? 0
		     : err.code;
}

static int unplug(struct rig *rig, uint64_t first, uint64_t count)
{
	return blocks_unplug(rig->blocks, first, count, &err) == count
		     ? 0
		     : err.code;
}

/* How many bytes of the host's memory are behind the blocks. */
static uint64_t there(const struct rig *rig)
{
	static unsigned char in[SIZE / PAGE];
	uint64_t sum = 0;

	assert_int_equal(mincore(rig->backing.host, SIZE, in), 0);
	for (size_t i = 0; i < SIZE / PAGE; i++)
		sum += in[i] & 1 ? PAGE : 0;
	return sum;
}

static void plug__what_is_not_plugged_has_no_address(void **state)
{
	struct rig rig;
	uint64_t part = 0;

	(void)state;
	begin(&rig, NULL, false);
	assert_null(mem_ptr(&rig.map, AT, 1, MEM_READ));
	assert_null(mem_ptr(&rig.map, AT + SIZE - 1, 1, MEM_LOAD));
	assert_int_equal(mem_present(&rig.map.region[1]), 0);
	assert_int_equal(plug(&rig, 1, 1), 0);
	assert_int_equal(mem_present(&rig.map.region[1]), BLOCK);
	assert_null(mem_ptr(&rig.map, AT + BLOCK - 1, 1, MEM_WRITE));
	assert_null(mem_ptr(&rig.map, AT + BLOCK - 1, 2, MEM_WRITE));
	assert_ptr_equal(mem_ptr(&rig.map, AT + BLOCK, BLOCK, MEM_WRITE),
			 rig.backing.host + BLOCK);
	assert_non_null(mem_ptr(&rig.map, AT + 2 * BLOCK - 1, 1, MEM_WRITE));
	assert_null(mem_ptr(&rig.map, AT + 2 * BLOCK, 1, MEM_WRITE));
	assert_null(mem_ptr(&rig.map, AT + BLOCK, BLOCK + 1, MEM_WRITE));
	assert_non_null(mem_ptr_part(&rig.map, AT + BLOCK + 1, 2 * BLOCK,
				     MEM_READ, &part));
	assert_int_equal(part, BLOCK - 1);
	end(&rig);
}

static void plug__neighbours_are_one_piece(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig, NULL, false);
	/* Over the border of the words of bits, one request after the other. */
	assert_int_equal(plug(&rig, 30, 2), 0);
	assert_int_equal(plug(&rig, 32, 36), 0);
	assert_non_null(
		mem_ptr(&rig.map, AT + 30 * BLOCK, 38 * BLOCK, MEM_WRITE));
	assert_null(
		mem_ptr(&rig.map, AT + 30 * BLOCK, 38 * BLOCK + 1, MEM_WRITE));
	assert_int_equal(blocks_plugged(rig.blocks, 0, COUNT), 38);
	assert_int_equal(blocks_plugged(rig.blocks, 67, 3), 1);
	assert_int_equal(plug(&rig, 68, 2), 0);
	assert_non_null(
		mem_ptr(&rig.map, AT + 30 * BLOCK, 40 * BLOCK, MEM_WRITE));
	/* RAM that is always there ends where the blocks begin. */
	assert_int_equal(plug(&rig, 0, 1), 0);
	assert_int_equal(mem_zero(&rig.map, AT - 1, 2), 0);
	end(&rig);
}

static void unplug__content_and_memory_go(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig, NULL, false);
	assert_int_equal(plug(&rig, 0, 4), 0);
	memset(rig.backing.host, 0xaa, 4 * BLOCK);
	assert_int_equal(unplug(&rig, 1, 2), 0);
	assert_int_equal(there(&rig), 2 * BLOCK);
	assert_int_equal(rig.gone.start, AT + BLOCK);
	assert_int_equal(rig.gone.size, 2 * BLOCK);
	assert_true(rig.shown[0] && !rig.shown[1] && !rig.shown[2] &&
		    rig.shown[3]);
	assert_null(mem_ptr(&rig.map, AT + BLOCK, 1, MEM_READ));
	assert_int_equal(plug(&rig, 1, 1), 0);
	assert_int_equal(rig.backing.host[BLOCK], 0);
	assert_int_equal(rig.backing.host[0], 0xaa);
	end(&rig);
}

static void plug__populates_if_told_to(void **state)
{
	const struct mem_policy memfd = { .source = MEM_MEMFD, .share = true };
	struct rig rig;

	(void)state;
	begin(&rig, &memfd, true);
	assert_int_equal(there(&rig), 0);
	assert_int_equal(plug(&rig, 2, 3), 0);
	assert_int_equal(there(&rig), 3 * BLOCK);
	assert_int_equal(unplug(&rig, 2, 3), 0);
	assert_int_equal(there(&rig), 0);
	end(&rig);
}

static void plug__says_how_far_it_came(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig, NULL, true);
	rig.fails_at = 3;
	assert_int_equal(mem_plug(&rig.map, rig.blocks, 5, 4, &err), 2);
	assert_int_equal(err.code, -ENOMEM);
	assert_string_equal(err.msg, "no slot");
	assert_int_equal(blocks_bytes(rig.blocks), 2 * BLOCK);
	assert_int_equal(blocks_plugged(rig.blocks, 5, 2), 2);
	assert_int_equal(there(&rig), 2 * BLOCK);
	for (size_t i = 0; i < COUNT; i++)
		assert_int_equal(rig.shown[i], i == 5 || i == 6);
	rig.fails_at = rig.calls + 1;
	assert_int_equal(mem_plug(&rig.map, rig.blocks, 7, 4, &err), 0);
	assert_int_equal(there(&rig), 2 * BLOCK);
	assert_int_equal(plug(&rig, 7, 4), 0);
	end(&rig);
}

static void unplug__says_how_far_it_came(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig, NULL, false);
	assert_int_equal(plug(&rig, 0, 4), 0);
	memset(rig.backing.host, 0xaa, 4 * BLOCK);
	rig.fails_at = rig.calls + 1;
	assert_int_equal(blocks_unplug(rig.blocks, 0, 4, &err), 0);
	assert_int_equal(err.code, -ENOMEM);
	assert_int_equal(blocks_plugged(rig.blocks, 0, COUNT), 4);
	assert_int_equal(rig.gone.size, 0);
	assert_int_equal(there(&rig), 4 * BLOCK);
	rig.fails_at = rig.calls + 4;
	assert_int_equal(blocks_unplug(rig.blocks, 0, 4, &err), 3);
	assert_int_equal(blocks_plugged(rig.blocks, 0, COUNT), 1);
	assert_int_equal(rig.gone.start, AT);
	assert_int_equal(rig.gone.size, 3 * BLOCK);
	assert_int_equal(there(&rig), BLOCK);
	assert_int_equal(rig.backing.host[3 * BLOCK], 0xaa);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(rig.shown[i], i == 3);
	end(&rig);
}

static void blocks__need_nobody_to_be_shown_to(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig, NULL, false);
	blocks_connect(rig.blocks, NULL, NULL);
	assert_int_equal(plug(&rig, 0, COUNT), 0);
	assert_int_equal(unplug(&rig, 0, COUNT), 0);
	assert_int_equal(rig.calls, 0);
	end(&rig);
}

static void settle__gives_back_what_came_too_late(void **state)
{
	struct rig rig;
	struct iovec iov[3];

	(void)state;
	begin(&rig, NULL, false);
	assert_int_equal(plug(&rig, 0, 4), 0);
	memset(rig.backing.host, 0xaa, 4 * BLOCK);
	assert_int_equal(unplug(&rig, 1, 2), 0);
	/* A device writes what it was asked to when they were there. */
	memset(rig.backing.host + 2 * BLOCK - 8, 0x55, 16);
	memset(rig.low.host, 0x55, 16);
	assert_true(there(&rig) > 2 * BLOCK);
	iov[0] = (struct iovec){ rig.low.host, 16 };
	iov[1] = (struct iovec){ rig.backing.host + BLOCK - 8, BLOCK + 16 };
	iov[2] = (struct iovec){ rig.backing.host + 2 * BLOCK, BLOCK + 1 };
	mem_settle(&rig.map, iov, 3);
	assert_int_equal(there(&rig), 2 * BLOCK);
	assert_int_equal(rig.low.host[15], 0x55);
	assert_int_equal(rig.backing.host[BLOCK - 1], 0xaa);
	assert_int_equal(rig.backing.host[3 * BLOCK], 0xaa);
	end(&rig);
}

static void follow(struct rig *rig, enum dirty_start from)
{
	assert_int_equal(
		dirty_reader_add(&rig->dirty, from, &rig->reader, &err), 0);
}

/* The pages a harvest gives, of all that is in blocks. */
static uint64_t harvest(struct rig *rig)
{
	struct dirty_run run;
	uint64_t pages = 0;

	memset(rig->given, 0, sizeof(rig->given));
	assert_int_equal(dirty_harvest(rig->reader, &err), 0);
	while (dirty_next(rig->reader, &run, &err) > 0) {
		if (run.gpa.start < AT)
			continue;
		pages += run.gpa.size / PAGE;
		for (gpa_t at = run.gpa.start - AT;
		     at < run.gpa.start - AT + run.gpa.size; at += PAGE)
			rig->given[at / BLOCK] = true;
	}
	return pages;
}

static void dirty__plugged_was_written_unplugged_is_not_given(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig, NULL, false);
	assert_int_equal(plug(&rig, 3, 1), 0);
	assert_int_equal(plug(&rig, 60, 1), 0);
	follow(&rig, DIRTY_ALL);
	assert_int_equal(harvest(&rig), 2 * BLOCK / PAGE);
	assert_true(rig.given[3] && rig.given[60]);
	assert_int_equal(plug(&rig, 0, 1), 0);
	assert_int_equal(plug(&rig, 69, 1), 0);
	assert_int_equal(unplug(&rig, 69, 1), 0);
	assert_int_equal(harvest(&rig), BLOCK / PAGE);
	assert_true(rig.given[0]);
	/* What was copied of it is no longer what it holds. */
	assert_int_equal(unplug(&rig, 3, 1), 0);
	assert_int_equal(plug(&rig, 3, 1), 0);
	assert_int_equal(harvest(&rig), BLOCK / PAGE);
	assert_true(rig.given[3]);
	end(&rig);
}

static void dirty__of_blocks_that_stay_after_all_nothing_is_lost(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig, NULL, false);
	assert_int_equal(plug(&rig, 5, 3), 0);
	follow(&rig, DIRTY_FROM_NOW);
	mem_wrote(&rig.map, rig.backing.host + 5 * BLOCK, 2 * BLOCK);
	rig.fails_at = rig.calls + 2;
	assert_int_equal(unplug(&rig, 5, 2), -ENOMEM);
	assert_int_equal(harvest(&rig), BLOCK / PAGE);
	assert_true(rig.given[6]);
	end(&rig);
}

static void reclaim__what_is_not_plugged_is_no_ram(void **state)
{
	struct reclaim *rc = NULL;
	struct rig rig;

	(void)state;
	begin(&rig, NULL, false);
	assert_int_equal(reclaim_new(&rc, &rig.map, &err), 0);
	assert_int_equal(plug(&rig, 1, 2), 0);
	memset(rig.backing.host + BLOCK, 0xaa, 2 * BLOCK);
	assert_int_equal(reclaim_give(rc, (struct range){ AT, 4 * BLOCK }),
			 2 * BLOCK);
	assert_int_equal(there(&rig), 0);
	assert_int_equal(reclaim_held(rc, (struct range){ AT, SIZE }),
			 2 * BLOCK);
	/* Unplugged, it is in no balloon. */
	assert_int_equal(unplug(&rig, 1, 2), 0);
	assert_int_equal(reclaim_take(rc, rig.gone), 0);
	assert_int_equal(reclaim_held(rc, (struct range){ AT, SIZE }), 0);
	assert_int_equal(
		reclaim_drop(rc, &(struct range){ AT, SIZE }, 1, false), SIZE);
	rc = reclaim_free(rc);
	end(&rig);
}

struct looker {
	struct rig *rig;
	bool stop; /* atomic */
	uint32_t found; /* atomic */
};

/* Block 1 is always there, and so is what lies before it; all else may be. */
static void *look(void *arg)
{
	struct looker *l = arg;

	while (!__atomic_load_n(&l->stop, __ATOMIC_RELAXED)) {
		uint64_t part = 0;

		assert_non_null(
			mem_ptr(&l->rig->map, AT + BLOCK, BLOCK, MEM_READ));
		assert_non_null(mem_ptr_part(&l->rig->map, AT + BLOCK,
					     SIZE - BLOCK, MEM_READ, &part));
		assert_true(part >= BLOCK && part % BLOCK == 0);
		assert_true(mem_present(&l->rig->map.region[1]) >= BLOCK);
		(void)__atomic_fetch_add(&l->found, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void plug__others_look_meanwhile(void **state)
{
	struct rig rig;
	struct looker l = { .rig = &rig };
	pthread_t thread;

	(void)state;
	begin(&rig, NULL, false);
	assert_int_equal(plug(&rig, 1, 1), 0);
	assert_int_equal(pthread_create(&thread, NULL, look, &l), 0);
	for (unsigned i = 0;
	     i < 500 || __atomic_load_n(&l.found, __ATOMIC_RELAXED) < 500;
	     i++) {
		assert_int_equal(plug(&rig, 2, COUNT - 2), 0);
		assert_int_equal(unplug(&rig, 2, COUNT - 2), 0);
	}
	__atomic_store_n(&l.stop, true, __ATOMIC_RELAXED);
	assert_int_equal(pthread_join(thread, NULL), 0);
	end(&rig);
}

struct slots {
	uint32_t count;
	uint32_t slot[4];
	gpa_t start[4];
	uint32_t fails; /* the slot that does */
};

static int set_slot(void *ctx, uint32_t slot, const struct mem_region *region,
		    struct err *e)
{
	struct slots *s = ctx;

	if (slot == s->fails)
		return err_set(e, -EBUSY, "no");
	assert_int_equal(region->gpa.size, BLOCK);
	assert_true(s->count < 4);
	s->slot[s->count] = slot;
	s->start[s->count++] = region->gpa.start;
	return 0;
}

static void clear_slot(void *ctx, uint32_t slot)
{
	struct slots *s = ctx;

	assert_int_equal(slot, s->slot[--s->count]);
}

static void slots__each_plugged_block_has_one(void **state)
{
	struct slots s = { .fails = UINT32_MAX };
	const struct mem_slot_ops slot_ops = { set_slot, clear_slot, &s,
					       PAGE,	 COUNT + 1,  true };
	struct mem_slot_ops few = slot_ops;
	struct mem_region part;
	struct rig rig;

	(void)state;
	begin(&rig, NULL, false);
	assert_int_equal(plug(&rig, 2, 1), 0);
	assert_int_equal(plug(&rig, 69, 1), 0);
	assert_int_equal(mem_slots_of(&rig.map.region[1]), COUNT);
	assert_int_equal(mem_install(&rig.map, &slot_ops, &err), 0);
	assert_int_equal(s.count, 3);
	assert_int_equal(s.slot[0], 0);
	assert_int_equal(s.slot[1], 3);
	assert_int_equal(s.slot[2], 70);
	assert_int_equal(s.start[2], AT + 69 * BLOCK);
	s = (struct slots){ .fails = 70 };
	assert_int_equal(mem_install(&rig.map, &slot_ops, &err), -EBUSY);
	assert_string_equal(err.msg, "memory region mem0: no");
	assert_int_equal(s.count, 0);
	/* All of them might be plugged. */
	few.max = COUNT;
	assert_int_equal(mem_install(&rig.map, &few, &err), -ENOSPC);
	assert_true(mem_slot_part(&rig.map, 1, 69, &part));
	assert_ptr_equal(part.host, rig.backing.host + 69 * BLOCK);
	assert_false(mem_slot_part(&rig.map, 1, 68, &part));
	end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plug__what_is_not_plugged_has_no_address),
		cmocka_unit_test(plug__neighbours_are_one_piece),
		cmocka_unit_test(unplug__content_and_memory_go),
		cmocka_unit_test(plug__populates_if_told_to),
		cmocka_unit_test(plug__says_how_far_it_came),
		cmocka_unit_test(unplug__says_how_far_it_came),
		cmocka_unit_test(blocks__need_nobody_to_be_shown_to),
		cmocka_unit_test(settle__gives_back_what_came_too_late),
		cmocka_unit_test(
			dirty__plugged_was_written_unplugged_is_not_given),
		cmocka_unit_test(
			dirty__of_blocks_that_stay_after_all_nothing_is_lost),
		cmocka_unit_test(reclaim__what_is_not_plugged_is_no_ram),
		cmocka_unit_test(plug__others_look_meanwhile),
		cmocka_unit_test(slots__each_plugged_block_has_one),
	};

	return RUN_TESTS(tests);
}
