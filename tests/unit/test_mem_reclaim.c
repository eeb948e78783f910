/* tests/unit/test_mem_reclaim.c - mem/reclaim.c. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "mem/backing.h"
#include "mem/reclaim.h"
#include "tests/unit/test.h"

#define KIB ((uint64_t)1 << 10)
#define MIB ((uint64_t)1 << 20)
#define FRAME RECLAIM_FRAME

/*
 * Guest memory: 8 MiB of RAM; behind it 3 MiB and a page that begin in the
 * middle of a block; ROM; a hole; RAM that nobody may touch; memory that is not
 * RAM to the guest.
 */
#define LOW 0x80000000ULL
#define HIGH 0x90100000ULL
#define HIGH_SIZE (3 * MIB + FRAME)
#define ROM (HIGH + HIGH_SIZE)
#define OTHERS 0xa0000000ULL
#define SHARED 0xa0200000ULL

struct rig {
	struct mem_map map;
	struct backing low, high;
	uint8_t extra[FRAME];
	struct reclaim *rc;
};

static struct err err;

static void add(struct rig *rig, struct range gpa, enum mem_kind kind,
		uint8_t *host, const struct backing *backing)
{
	const struct mem_region r = { .gpa = gpa,
				      .kind = kind,
				      .host = host,
				      .backing = backing,
				      .name = "memory" };

	assert_int_equal(mem_add(&rig->map, r, &err), 0);
}

/* What khugepaged makes whole again would look as if it were still there. */
static const struct mem_policy small_pages = { .huge = MEM_HUGE_OFF };

static void back(struct backing *b, struct range gpa)
{
	assert_int_equal(backing_init(b, gpa, 2 * MIB, &small_pages, &err), 0);
	memset(b->host, 0xaa, (size_t)b->size);
}

/* @page: what the host's is to be taken for */
static void begin(struct rig *rig, uint64_t page)
{
	const struct range low = { LOW, 8 * MIB };
	const struct range high = { HIGH, HIGH_SIZE };

	if (sysconf(_SC_PAGESIZE) != (long)FRAME)
		fail_msg("these tests are for hosts with pages of 4 KiB");
	memset(rig, 0, sizeof(*rig));
	back(&rig->low, low);
	rig->low.page = page;
	add(rig, low, MEM_RAM, rig->low.host, &rig->low);
	if (page == FRAME) {
		back(&rig->high, high);
		add(rig, high, MEM_RAM, rig->high.host, &rig->high);
	}
	add(rig, (struct range){ ROM, FRAME }, MEM_ROM, rig->extra, NULL);
	add(rig, (struct range){ OTHERS, FRAME }, MEM_RAM, rig->extra, NULL);
	add(rig, (struct range){ SHARED, FRAME }, MEM_SHARED, rig->extra, NULL);
	mem_freeze(&rig->map);
	assert_int_equal(reclaim_new(&rig->rc, &rig->map, &err), 0);
}

static void end(struct rig *rig)
{
	rig->rc = reclaim_free(rig->rc);
	backing_finish(&rig->low);
	if (rig->high.host)
		backing_finish(&rig->high);
}

static struct reclaim_stats stats(const struct rig *rig)
{
	struct reclaim_stats s;

	reclaim_stats(rig->rc, &s);
	return s;
}

/* How many bytes of a range are still there. */
static uint64_t there(const struct rig *rig, struct range gpa)
{
	uint64_t count = 0;

	for (; gpa.size > 0; gpa.start += FRAME, gpa.size -= FRAME) {
		const uint8_t *p = mem_ptr(&rig->map, gpa.start, FRAME,
					   MEM_READ);
		unsigned char in = 0;

		assert_non_null(p);
		assert_int_equal(mincore((void *)(uintptr_t)p, FRAME, &in), 0);
		count += in & 1 ? FRAME : 0;
	}
	return count;
}

static uint64_t give(struct rig *rig, gpa_t at, uint64_t size)
{
	return reclaim_give(rig->rc, (struct range){ at, size });
}

static uint64_t take(struct rig *rig, gpa_t at, uint64_t size)
{
	return reclaim_take(rig->rc, (struct range){ at, size });
}

static void give__a_whole_block_goes_at_once_in_one_piece(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig, FRAME);
	assert_int_equal(give(&rig, LOW, 2 * MIB), 0);
	assert_int_equal(stats(&rig).bytes, 2 * MIB);
	assert_int_equal(stats(&rig).calls, 1);
	assert_int_equal(stats(&rig).held, 2 * MIB);
	assert_false(reclaim_waits(rig.rc));
	assert_int_equal(there(&rig, (struct range){ LOW, 2 * MIB }), 0);
	assert_int_equal(there(&rig, (struct range){ LOW + 2 * MIB, 6 * MIB }),
			 6 * MIB);
	end(&rig);
}

static void give__neighbours_go_in_one_call_and_parts_wait(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig, FRAME);
	/* Half a block, two whole ones, and a frame of the last. */
	give(&rig, LOW + MIB, 5 * MIB + FRAME);
	assert_int_equal(stats(&rig).calls, 1);
	assert_int_equal(stats(&rig).bytes, 4 * MIB);
	assert_int_equal(stats(&rig).held, 5 * MIB + FRAME);
	assert_true(reclaim_waits(rig.rc));
	assert_int_equal(there(&rig, (struct range){ LOW + 2 * MIB, 4 * MIB }),
			 0);
	assert_int_equal(there(&rig, (struct range){ LOW, 2 * MIB }), 2 * MIB);

	reclaim_flush(rig.rc);
	assert_int_equal(stats(&rig).calls, 3);
	assert_int_equal(stats(&rig).bytes, 5 * MIB + FRAME);
	assert_false(reclaim_waits(rig.rc));
	assert_int_equal(there(&rig, (struct range){ LOW, 8 * MIB }),
			 3 * MIB - FRAME);
	end(&rig);
}

static void give__a_block_waits_for_its_last_frame_in_any_order(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig, FRAME);
	for (uint64_t i = 0; i < 512; i++) {
		/* 77 and 512 have no common factor. */
		assert_int_equal(stats(&rig).calls, 0);
		assert_int_equal(give(&rig, LOW + i * 77 % 512 * FRAME, FRAME),
				 0);
	}
	assert_int_equal(stats(&rig).calls, 1);
	assert_int_equal(stats(&rig).bytes, 2 * MIB);
	assert_int_equal(there(&rig, (struct range){ LOW, 2 * MIB }), 0);
	assert_false(reclaim_waits(rig.rc));
	end(&rig);
}

static void give__a_frame_given_twice_counts_once(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig, FRAME);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(give(&rig, LOW, 2 * MIB), 0);
		assert_int_equal(give(&rig, LOW + 4 * MIB, FRAME), 0);
	}
	reclaim_flush(rig.rc);
	reclaim_flush(rig.rc);
	assert_int_equal(stats(&rig).held, 2 * MIB + FRAME);
	assert_int_equal(stats(&rig).bytes, 2 * MIB + FRAME);
	assert_int_equal(stats(&rig).calls, 2);
	end(&rig);
}

static void give__what_is_no_ram_is_refused_and_left_alone(void **state)
{
	struct rig rig;
	uint8_t before[FRAME];

	(void)state;
	begin(&rig, FRAME);
	memset(rig.extra, 0x55, sizeof(rig.extra));
	memcpy(before, rig.extra, sizeof(before));
	assert_int_equal(give(&rig, 0, FRAME), FRAME);
	assert_int_equal(give(&rig, LOW - FRAME, FRAME), FRAME);
	assert_int_equal(give(&rig, LOW + 8 * MIB, 2 * MIB), 2 * MIB);
	assert_int_equal(give(&rig, ROM, FRAME), FRAME);
	assert_int_equal(give(&rig, SHARED, FRAME), FRAME);
	assert_int_equal(give(&rig, SHARED + FRAME, FRAME), FRAME);
	assert_int_equal(give(&rig, 0 - FRAME, FRAME), FRAME);
	assert_int_equal(stats(&rig).held, 0);
	/* RAM, but not ours: neither a mistake nor touched. */
	assert_int_equal(give(&rig, OTHERS, FRAME), 0);
	reclaim_flush(rig.rc);
	assert_int_equal(stats(&rig).calls, 0);
	assert_int_equal(stats(&rig).bytes, 0);
	assert_memory_equal(rig.extra, before, sizeof(before));
	end(&rig);
}

static void give__a_range_across_borders_is_cut_at_them(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig, FRAME);
	/* From below the low region through the hole to behind the ROM. */
	assert_int_equal(give(&rig, LOW - 4 * FRAME,
			      ROM + 8 * FRAME - (LOW - 4 * FRAME)),
			 4 * FRAME + (HIGH - (LOW + 8 * MIB)) + 8 * FRAME);
	assert_int_equal(stats(&rig).held, 8 * MIB + HIGH_SIZE);
	/* A region's first and last block are whole with what it has. */
	assert_false(reclaim_waits(rig.rc));
	assert_int_equal(stats(&rig).calls, 2);
	assert_int_equal(there(&rig, (struct range){ HIGH, HIGH_SIZE }), 0);
	end(&rig);
}

static void give__first_and_last_block_of_a_region_are_smaller(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig, FRAME);
	give(&rig, HIGH, MIB - FRAME);
	assert_int_equal(stats(&rig).calls, 0);
	give(&rig, HIGH + MIB - FRAME, FRAME);
	assert_int_equal(stats(&rig).calls, 1);
	give(&rig, ROM - FRAME, FRAME);
	assert_int_equal(stats(&rig).calls, 2);
	assert_false(reclaim_waits(rig.rc));
	assert_int_equal(there(&rig, (struct range){ HIGH, MIB }), 0);
	assert_int_equal(there(&rig, (struct range){ HIGH + MIB, 2 * MIB }),
			 2 * MIB);
	end(&rig);
}

static void take__what_waited_is_not_touched_any_more(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig, FRAME);
	give(&rig, LOW, MIB);
	assert_int_equal(take(&rig, LOW + FRAME, 2 * FRAME), 0);
	assert_int_equal(stats(&rig).held, MIB - 2 * FRAME);
	reclaim_flush(rig.rc);
	assert_int_equal(there(&rig, (struct range){ LOW, MIB }), 2 * FRAME);
	assert_int_equal(stats(&rig).calls, 2);
	/* The block is not whole now, whatever else is given. */
	give(&rig, LOW + MIB, MIB);
	reclaim_flush(rig.rc);
	assert_int_equal(there(&rig, (struct range){ LOW, 2 * MIB }),
			 2 * FRAME);
	end(&rig);
}

static void take__of_what_was_not_given_is_counted(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig, FRAME);
	give(&rig, LOW, 2 * MIB);
	assert_int_equal(take(&rig, LOW + MIB, 2 * MIB), MIB);
	assert_int_equal(take(&rig, LOW + MIB, MIB), MIB);
	assert_int_equal(take(&rig, ROM, FRAME), FRAME);
	assert_int_equal(take(&rig, 0, LOW), LOW);
	assert_int_equal(stats(&rig).held, MIB);
	end(&rig);
}

static void take__and_give_again_gives_back_again(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig, FRAME);
	for (unsigned i = 0; i < 3; i++) {
		give(&rig, LOW, 2 * MIB);
		assert_int_equal(there(&rig, (struct range){ LOW, 2 * MIB }),
				 0);
		take(&rig, LOW, 2 * MIB);
		memset(rig.low.host, 0xbb, 2 * MIB);
	}
	assert_int_equal(stats(&rig).bytes, 6 * MIB);
	assert_int_equal(stats(&rig).calls, 3);
	assert_int_equal(stats(&rig).held, 0);
	end(&rig);
}

static void give__a_larger_page_goes_when_all_of_it_was_given(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig, 64 * KIB);
	/* All but the first frame of the second page. */
	give(&rig, LOW, 64 * KIB);
	give(&rig, LOW + 64 * KIB + FRAME, 64 * KIB - FRAME);
	give(&rig, LOW + 192 * KIB, FRAME);
	reclaim_flush(rig.rc);
	assert_int_equal(stats(&rig).bytes, 64 * KIB);
	assert_int_equal(there(&rig, (struct range){ LOW, 256 * KIB }),
			 192 * KIB);
	give(&rig, LOW + 64 * KIB, FRAME);
	reclaim_flush(rig.rc);
	assert_int_equal(stats(&rig).bytes, 128 * KIB);
	assert_int_equal(stats(&rig).calls, 2);
	assert_int_equal(there(&rig, (struct range){ LOW, 256 * KIB }),
			 128 * KIB);
	end(&rig);
}

static void take__a_part_of_a_larger_page_keeps_all_of_it(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig, 16 * KIB);
	give(&rig, LOW, 64 * KIB);
	take(&rig, LOW + 16 * KIB, FRAME);
	reclaim_flush(rig.rc);
	assert_int_equal(stats(&rig).bytes, 48 * KIB);
	assert_int_equal(there(&rig, (struct range){ LOW, 64 * KIB }),
			 16 * KIB);
	end(&rig);
}

static void give__more_blocks_than_can_wait_are_let_go(void **state)
{
	const uint64_t blocks = RECLAIM_PENDING + 1;
	const struct range gpa = { LOW, blocks * 2 * MIB };
	struct mem_map map = { 0 };
	struct backing b;
	struct reclaim *rc;
	struct reclaim_stats s;

	(void)state;
	assert_int_equal(backing_init(&b, gpa, 2 * MIB, &small_pages, &err), 0);
	assert_int_equal(mem_add(&map,
				 (struct mem_region){ .gpa = gpa,
						      .kind = MEM_RAM,
						      .host = b.host,
						      .backing = &b,
						      .name = "ram" },
				 &err),
			 0);
	mem_freeze(&map);
	assert_int_equal(reclaim_new(&rc, &map, &err), 0);
	for (uint64_t i = 0; i < blocks; i++) {
		reclaim_stats(rc, &s);
		assert_int_equal(s.calls, 0);
		reclaim_give(rc, (struct range){ LOW + i * 2 * MIB, FRAME });
	}
	reclaim_stats(rc, &s);
	assert_int_equal(s.calls, RECLAIM_PENDING);
	assert_true(reclaim_waits(rc));
	/* One that is complete makes room, and the others stay. */
	reclaim_give(rc,
		     (struct range){ LOW + (blocks - 1) * 2 * MIB, 2 * MIB });
	assert_false(reclaim_waits(rc));
	rc = reclaim_free(rc);
	backing_finish(&b);
}

static void forget__nothing_waits_and_nothing_was_given(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig, FRAME);
	give(&rig, LOW, 3 * MIB);
	reclaim_forget(rig.rc);
	assert_false(reclaim_waits(rig.rc));
	assert_int_equal(stats(&rig).held, 0);
	assert_int_equal(stats(&rig).bytes, 2 * MIB);
	reclaim_flush(rig.rc);
	assert_int_equal(there(&rig, (struct range){ LOW + 2 * MIB, MIB }),
			 MIB);
	give(&rig, LOW + 3 * MIB, MIB);
	reclaim_flush(rig.rc);
	assert_int_equal(there(&rig, (struct range){ LOW + 2 * MIB, 2 * MIB }),
			 MIB);
	end(&rig);
}

static void drop__goes_at_once_merged_and_rounded_inward(void **state)
{
	/* Overlapping, touching, unsorted, odd; ROM; a hole. */
	struct range gpa[] = {
		{ LOW + 4 * MIB, MIB },
		{ LOW + MIB, MIB },
		{ LOW + 3 * MIB - 1, MIB + 1 },
		{ LOW + MIB + 1, FRAME },
		{ LOW + 6 * MIB + 1, 2 * FRAME },
		{ LOW + 7 * MIB + 1, FRAME },
		{ ROM, FRAME },
		{ LOW - FRAME, FRAME },
	};
	struct rig rig;

	(void)state;
	begin(&rig, FRAME);
	assert_int_equal(reclaim_drop(rig.rc, gpa, 8, false), 2 * FRAME);
	assert_int_equal(stats(&rig).calls, 3);
	assert_int_equal(stats(&rig).bytes, 3 * MIB + FRAME);
	assert_int_equal(stats(&rig).held, 0);
	assert_int_equal(there(&rig, (struct range){ LOW, 8 * MIB }),
			 5 * MIB - FRAME);
	assert_int_equal(reclaim_drop(rig.rc, gpa, 0, false), 0);
	end(&rig);
}

static void drop__only_whole_host_pages_go(void **state)
{
	struct range gpa[] = { { LOW + FRAME, 128 * KIB },
			       { LOW + 256 * KIB, 60 * KIB },
			       { LOW + 512 * KIB, 64 * KIB } };
	struct rig rig;

	(void)state;
	begin(&rig, 64 * KIB);
	reclaim_drop(rig.rc, gpa, 3, false);
	assert_int_equal(stats(&rig).calls, 2);
	assert_int_equal(stats(&rig).bytes, 128 * KIB);
	assert_int_equal(
		there(&rig, (struct range){ LOW + 64 * KIB, 64 * KIB }), 0);
	end(&rig);
}

static void drop__to_zero_leaves_alone_what_would_not_be(void **state)
{
	struct range gpa[] = { { LOW, 2 * MIB } };
	struct rig rig;

	(void)state;
	begin(&rig, FRAME);
	rig.low.policy.source = MEM_FILE;
	reclaim_drop(rig.rc, gpa, 1, true);
	assert_int_equal(stats(&rig).calls, 0);
	rig.low.policy.source = MEM_ANON;
	reclaim_drop(rig.rc, gpa, 1, true);
	assert_int_equal(stats(&rig).calls, 1);
	end(&rig);
}

static void discard__a_host_that_refuses_is_not_asked_twice(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig, FRAME);
	rig.low.policy.share = true; /* without a file to punch */
	log_set_level(LOG_ERROR);
	give(&rig, LOW, 2 * MIB);
	give(&rig, LOW, 2 * MIB);
	reclaim_flush(rig.rc);
	log_set_level(LOG_WARN);
	assert_int_equal(stats(&rig).calls, 1);
	assert_int_equal(stats(&rig).failed, 1);
	assert_int_equal(stats(&rig).bytes, 0);
	assert_int_equal(stats(&rig).held, 2 * MIB);
	rig.low.policy.share = false;
	end(&rig);
}

static void ranges__finds_guest_addresses_of_host_memory(void **state)
{
	struct range gpa[3];
	struct iovec iov[3];
	struct rig rig;

	(void)state;
	begin(&rig, FRAME);
	iov[0] = (struct iovec){ rig.high.host + 5, 7 };
	iov[1] = (struct iovec){ rig.extra, 1 }; /* ROM as well as RAM here */
	iov[2] = (struct iovec){ rig.low.host + 8 * MIB - 1, 1 };
	assert_int_equal(reclaim_ranges(rig.rc, iov, 3, gpa), 3);
	assert_int_equal(gpa[0].start, HIGH + 5);
	assert_int_equal(gpa[0].size, 7);
	assert_int_equal(gpa[1].start, OTHERS);
	assert_int_equal(gpa[2].start, LOW + 8 * MIB - 1);
	iov[1].iov_base = &rig;
	assert_int_equal(reclaim_ranges(rig.rc, iov, 3, gpa), 2);
	end(&rig);
}

static void held__counts_any_part_of_the_map(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig, FRAME);
	give(&rig, LOW + MIB, 7 * MIB);
	give(&rig, HIGH, MIB);
	assert_int_equal(reclaim_held(rig.rc, (struct range){ 0, UINT64_MAX }),
			 8 * MIB);
	assert_int_equal(reclaim_held(rig.rc, (struct range){ LOW, 2 * MIB }),
			 MIB);
	assert_int_equal(reclaim_held(rig.rc, (struct range){ 0, LOW + MIB }),
			 0);
	assert_int_equal(
		reclaim_held(rig.rc, (struct range){ LOW + 7 * MIB, HIGH }),
		2 * MIB);
	assert_int_equal(
		reclaim_held(rig.rc, (struct range){ HIGH - FRAME, 2 * FRAME }),
		FRAME);
	assert_int_equal(reclaim_held(rig.rc, (struct range){ ROM, FRAME }), 0);
	end(&rig);
}

static void new__no_ram_is_no_mistake(void **state)
{
	struct mem_map map = { 0 };
	struct reclaim *rc;

	(void)state;
	mem_freeze(&map);
	assert_int_equal(reclaim_new(&rc, &map, &err), 0);
	assert_int_equal(reclaim_give(rc, (struct range){ 0, FRAME }), FRAME);
	reclaim_flush(rc);
	reclaim_forget(rc);
	rc = reclaim_free(rc);
	assert_null(rc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(give__a_whole_block_goes_at_once_in_one_piece),
		cmocka_unit_test(
			give__neighbours_go_in_one_call_and_parts_wait),
		cmocka_unit_test(
			give__a_block_waits_for_its_last_frame_in_any_order),
		cmocka_unit_test(give__a_frame_given_twice_counts_once),
		cmocka_unit_test(
			give__what_is_no_ram_is_refused_and_left_alone),
		cmocka_unit_test(give__a_range_across_borders_is_cut_at_them),
		cmocka_unit_test(
			give__first_and_last_block_of_a_region_are_smaller),
		cmocka_unit_test(take__what_waited_is_not_touched_any_more),
		cmocka_unit_test(take__of_what_was_not_given_is_counted),
		cmocka_unit_test(take__and_give_again_gives_back_again),
		cmocka_unit_test(
			give__a_larger_page_goes_when_all_of_it_was_given),
		cmocka_unit_test(take__a_part_of_a_larger_page_keeps_all_of_it),
		cmocka_unit_test(give__more_blocks_than_can_wait_are_let_go),
		cmocka_unit_test(forget__nothing_waits_and_nothing_was_given),
		cmocka_unit_test(drop__goes_at_once_merged_and_rounded_inward),
		cmocka_unit_test(drop__only_whole_host_pages_go),
		cmocka_unit_test(drop__to_zero_leaves_alone_what_would_not_be),
		cmocka_unit_test(
			discard__a_host_that_refuses_is_not_asked_twice),
		cmocka_unit_test(ranges__finds_guest_addresses_of_host_memory),
		cmocka_unit_test(held__counts_any_part_of_the_map),
		cmocka_unit_test(new__no_ram_is_no_mistake),
	};

	return RUN_TESTS(tests);
}
