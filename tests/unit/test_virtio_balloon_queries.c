/* tests/unit/test_virtio_balloon_queries.c - devices/virtio/balloon_queries.c.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "devices/virtio/balloon_device.h"
#include "tests/unit/balloon_rig.h"
#include "tests/unit/test.h"

#define FRAME RECLAIM_FRAME
#define ALL UINT64_MAX
#define BIT(n) (1ULL << (n))
#define HINT_ID 8 /* in the configuration space */

static const struct balloon_options usual = { .target = UINT64_MAX,
					      .reporting = true };

struct heard {
	unsigned answers;
	struct balloon_stats stats;
	unsigned hints, ends;
	struct range last;
};

static void answer(void *ctx, const struct balloon_stats *stats)
{
	struct heard *heard = ctx;

	heard->answers++;
	heard->stats = *stats;
}

static void hint(void *ctx, struct range gpa)
{
	struct heard *heard = ctx;

	heard->hints++;
	heard->last = gpa;
}

static void end(void *ctx)
{
	((struct heard *)ctx)->ends++;
}

static void begin(struct balloon_rig *rig, struct heard *heard,
		  uint64_t features)
{
	*heard = (struct heard){ 0 };
	rig_begin(rig, &usual, features);
	balloon_listen(rig->vio, (struct balloon_listener){ .stats = answer,
							    .ctx = heard });
}

/* Sends statistics, or what claims to be. */
static void send_stats(struct balloon_rig *rig, const void *buf, size_t len)
{
	const struct range at = { rig_buffer(rig, buf, len), len };

	queue_send(&rig->q[BALLOON_STATS], &at, 1, 1);
	loop_kick(rig->vio, BALLOON_STATS);
}

static void put(uint8_t *p, uint16_t tag, uint64_t val)
{
	store_host(p, 2, htole16(tag));
	store_host(p + 2, 8, htole64(val));
}

static void stats__come_when_they_are_asked_for(void **state)
{
	struct balloon_stats last;
	struct balloon_rig rig;
	struct heard heard;
	uint8_t buf[30];

	(void)state;
	begin(&rig, &heard, ALL);
	put(buf, VIRTIO_BALLOON_S_AVAIL, 12345678);
	put(buf + 10, VIRTIO_BALLOON_S_SWAP_IN, UINT64_MAX);
	put(buf + 20, VIRTIO_BALLOON_S_NR, 1); /* of a time to come */
	send_stats(&rig, buf, 30);
	/* Kept, to ask with; nobody waited for it. */
	assert_int_equal(rig_used(&rig, BALLOON_STATS), 0);
	assert_int_equal(heard.answers, 0);

	assert_int_equal(balloon_ask_stats(rig.vio), 0);
	assert_int_equal(balloon_ask_stats(rig.vio), -EAGAIN);
	assert_int_equal(rig_used(&rig, BALLOON_STATS), 1);
	put(buf, VIRTIO_BALLOON_S_AVAIL, 87654321);
	send_stats(&rig, buf, 30);
	assert_int_equal(heard.answers, 1);
	assert_int_equal(heard.stats.have,
			 BIT(VIRTIO_BALLOON_S_AVAIL) |
				 BIT(VIRTIO_BALLOON_S_SWAP_IN));
	assert_int_equal(heard.stats.val[VIRTIO_BALLOON_S_AVAIL], 87654321);
	assert_true(heard.stats.val[VIRTIO_BALLOON_S_SWAP_IN] == UINT64_MAX);
	balloon_last_stats(rig.vio, &last);
	assert_memory_equal(&last, &heard.stats, sizeof(last));
	assert_int_not_equal(last.time, 0);
	rig_end(&rig);
}

static void stats__the_first_buffer_answers_who_asked_early(void **state)
{
	struct balloon_rig rig;
	struct heard heard;
	uint8_t buf[10];

	(void)state;
	begin(&rig, &heard, ALL);
	assert_int_equal(balloon_ask_stats(rig.vio), 0);
	put(buf, 0, 1);
	send_stats(&rig, buf, sizeof(buf));
	assert_int_equal(heard.answers, 1);
	assert_int_equal(balloon_ask_stats(rig.vio), 0);
	rig_end(&rig);
}

static void stats__a_buffer_of_any_length_is_taken(void **state)
{
	static const size_t length[] = { 1, 2, 9, 11, 19, 640, 641, 65536 };
	static uint8_t buf[65536];
	struct balloon_stats last;
	struct balloon_rig rig;
	struct heard heard;

	(void)state;
	begin(&rig, &heard, ALL);
	memset(buf, 0xff, sizeof(buf));
	put(buf, 3, 33);
	for (size_t i = 0; i < sizeof(length) / sizeof(length[0]); i++) {
		send_stats(&rig, buf, length[i]);
		balloon_last_stats(rig.vio, &last);
		assert_int_equal(last.have, length[i] >= 10 ? BIT(3) : 0);
		assert_int_equal(last.val[3], length[i] >= 10 ? 33 : 0);
	}
	/* Only to write to: nothing to read. */
	queue_send(&rig.q[BALLOON_STATS], &(struct range){ RAM_BORDER, 10 }, 0,
		   1);
	loop_kick(rig.vio, BALLOON_STATS);
	balloon_last_stats(rig.vio, &last);
	assert_int_equal(last.have, 0);
	rig_end(&rig);
}

static void stats__a_second_buffer_sends_the_first_back(void **state)
{
	struct balloon_rig rig;
	struct heard heard;
	uint8_t buf[10];

	(void)state;
	begin(&rig, &heard, ALL);
	put(buf, 1, 1);
	for (unsigned i = 0; i < 3; i++)
		send_stats(&rig, buf, sizeof(buf));
	assert_int_equal(rig_used(&rig, BALLOON_STATS), 2);
	assert_int_equal(heard.answers, 0);
	rig_end(&rig);
}

static void stats__are_not_to_be_had_without_a_driver(void **state)
{
	struct balloon_stats last;
	struct balloon_rig rig;
	struct heard heard;
	uint8_t buf[10];

	(void)state;
	begin(&rig, &heard, ALL & ~BIT(VIRTIO_BALLOON_F_STATS_VQ));
	assert_int_equal(balloon_ask_stats(rig.vio), -ENOTSUP);
	rig_go(&rig, ALL);
	put(buf, 1, 1);
	send_stats(&rig, buf, sizeof(buf));
	assert_int_equal(balloon_ask_stats(rig.vio), 0);
	mmio_write(rig.dev, 0x070, 0);
	assert_int_equal(balloon_ask_stats(rig.vio), -ENOTSUP);
	balloon_last_stats(rig.vio, &last);
	assert_int_equal(last.time, 0);
	/* A new driver owes nothing. */
	rig_go(&rig, ALL);
	assert_int_equal(balloon_ask_stats(rig.vio), 0);
	rig_end(&rig);
}

static void send_id(struct balloon_rig *rig, uint32_t id)
{
	const uint32_t le = htole32(id);
	const struct range at = { rig_buffer(rig, &le, 4), 4 };

	queue_send(&rig->q[BALLOON_HINTS], &at, 1, 1);
	loop_kick(rig->vio, BALLOON_HINTS);
}

static void send_free(struct balloon_rig *rig, gpa_t at, uint64_t size)
{
	queue_send(&rig->q[BALLOON_HINTS], &(struct range){ at, size }, 0, 1);
	loop_kick(rig->vio, BALLOON_HINTS);
}

static int ask(struct balloon_rig *rig, struct heard *heard)
{
	return balloon_start_hints(rig->vio,
				   (struct balloon_hints){ hint, end, heard });
}

static void hints__are_passed_on_between_the_id_and_the_stop(void **state)
{
	struct balloon_rig rig;
	struct heard heard;
	uint32_t id;

	(void)state;
	begin(&rig, &heard, ALL);
	assert_int_equal(rig_config(&rig, HINT_ID), 0);
	assert_int_equal(ask(&rig, &heard), 0);
	assert_int_equal(ask(&rig, &heard), -EALREADY);
	id = rig_config(&rig, HINT_ID);
	assert_true(id >= 2);
	/* Not begun; begun with another id. */
	send_free(&rig, BIG, FRAME);
	send_id(&rig, id + 1);
	send_free(&rig, BIG, FRAME);
	assert_int_equal(heard.hints, 0);
	send_id(&rig, id);
	send_free(&rig, BIG + FRAME, 2 * FRAME);
	send_free(&rig, ROM_BASE, FRAME); /* breaks the device: not writable */
	assert_int_equal(heard.hints, 1);
	assert_int_equal(heard.last.start, BIG + FRAME);
	assert_int_equal(heard.last.size, 2 * FRAME);
	rig_end(&rig);
}

static void hints__end_when_the_driver_has_no_more(void **state)
{
	struct balloon_rig rig;
	struct heard heard;

	(void)state;
	begin(&rig, &heard, ALL);
	assert_int_equal(ask(&rig, &heard), 0);
	send_id(&rig, rig_config(&rig, HINT_ID));
	send_id(&rig, VIRTIO_BALLOON_CMD_ID_STOP);
	assert_int_equal(heard.ends, 1);
	send_free(&rig, BIG, FRAME);
	assert_int_equal(heard.hints, 0);
	assert_int_equal(rig_used(&rig, BALLOON_HINTS), 3);
	/* It can be asked again, by another id. */
	assert_int_equal(ask(&rig, &heard), 0);
	assert_int_equal(rig_config(&rig, HINT_ID), 3);
	rig_end(&rig);
}

static void hints__end_with_the_driver(void **state)
{
	struct balloon_rig rig;
	struct heard heard;

	(void)state;
	begin(&rig, &heard, ALL);
	assert_int_equal(ask(&rig, &heard), 0);
	rig_go(&rig, ALL & ~BIT(VIRTIO_BALLOON_F_FREE_PAGE_HINT));
	assert_int_equal(heard.ends, 1);
	assert_int_equal(rig_config(&rig, HINT_ID), 0);
	assert_int_equal(ask(&rig, &heard), -ENOTSUP);
	rig_end(&rig);
}

static void hints__what_comes_after_pause_or_end_is_not_passed_on(void **state)
{
	struct balloon_rig rig;
	struct heard heard;

	(void)state;
	begin(&rig, &heard, ALL);
	assert_int_equal(ask(&rig, &heard), 0);
	send_id(&rig, rig_config(&rig, HINT_ID));
	balloon_pause_hints(rig.vio);
	assert_int_equal(rig_config(&rig, HINT_ID), VIRTIO_BALLOON_CMD_ID_STOP);
	send_free(&rig, BIG, FRAME);
	assert_int_equal(ask(&rig, &heard), 0);
	send_free(&rig, BIG, FRAME); /* still of the first time */
	send_id(&rig, VIRTIO_BALLOON_CMD_ID_STOP);
	assert_int_equal(heard.hints, 0);
	assert_int_equal(heard.ends, 0);
	send_id(&rig, rig_config(&rig, HINT_ID));
	send_free(&rig, BIG, FRAME);
	assert_int_equal(heard.hints, 1);
	balloon_end_hints(rig.vio);
	assert_int_equal(rig_config(&rig, HINT_ID), VIRTIO_BALLOON_CMD_ID_DONE);
	send_free(&rig, BIG, FRAME);
	assert_int_equal(heard.hints, 1);
	rig_end(&rig);
}

static void hints__an_id_of_an_odd_length_is_none(void **state)
{
	struct balloon_rig rig;
	struct heard heard;
	uint32_t id;
	gpa_t at;

	(void)state;
	begin(&rig, &heard, ALL);
	assert_int_equal(ask(&rig, &heard), 0);
	id = htole32(rig_config(&rig, HINT_ID));
	at = rig_buffer(&rig, &id, 4);
	queue_send(&rig.q[BALLOON_HINTS], &(struct range){ at, 3 }, 1, 1);
	send_free(&rig, BIG, FRAME);
	assert_int_equal(heard.hints, 0);
	/* Cut in two, with the first page behind it. */
	queue_send(&rig.q[BALLOON_HINTS],
		   (struct range[]){ { at, 1 }, { at + 1, 3 }, { BIG, FRAME } },
		   2, 3);
	loop_kick(rig.vio, BALLOON_HINTS);
	assert_int_equal(heard.hints, 1);
	rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stats__come_when_they_are_asked_for),
		cmocka_unit_test(
			stats__the_first_buffer_answers_who_asked_early),
		cmocka_unit_test(stats__a_buffer_of_any_length_is_taken),
		cmocka_unit_test(stats__a_second_buffer_sends_the_first_back),
		cmocka_unit_test(stats__are_not_to_be_had_without_a_driver),
		cmocka_unit_test(
			hints__are_passed_on_between_the_id_and_the_stop),
		cmocka_unit_test(hints__end_when_the_driver_has_no_more),
		cmocka_unit_test(hints__end_with_the_driver),
		cmocka_unit_test(
			hints__what_comes_after_pause_or_end_is_not_passed_on),
		cmocka_unit_test(hints__an_id_of_an_odd_length_is_none),
	};

	return RUN_TESTS(tests);
}
