/* tests/unit/test_virtio_mmio.c - devices/virtio/{mmio,virtio}.c. */
#include <endian.h>
#include <linux/virtio_config.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/loop.h"
#include "devices/virtio/mmio.h"
#include "tests/unit/test.h"
#include "tests/unit/virtq_driver.h"

#define STATUS 0x070
#define QUEUE_SEL 0x030
#define QUEUE_READY 0x044
#define NOTIFY 0x050
#define INT_STATUS 0x060
#define INT_ACK 0x064
#define QUEUE_RESET 0x0c0
#define GENERATION 0x0fc
#define CONFIG 0x100

#define FEATURE 5

/* A device that gives chains back with a length of 7, one to a call. */
struct echo {
	struct virtio vio;
	uint8_t config[12];
	unsigned quiesced[2], resets, notified;
	struct virtq_chain chain;
};

static struct echo *echo_of(struct virtio *vio)
{
	return container_of(vio, struct echo, vio);
}

static void echo_notify(struct virtio *vio, unsigned queue)
{
	struct echo *echo = echo_of(vio);

	echo->notified++;
	while (virtio_pop(vio, queue, &echo->chain))
		virtio_push(vio, queue, &echo->chain, 7);
	virtio_flush(vio, queue);
}

static void echo_quiesce(struct virtio *vio, unsigned queue)
{
	echo_of(vio)->quiesced[queue]++;
}

static void echo_config_write(struct virtio *vio, size_t offset,
			      const void *buf, size_t len)
{
	memcpy(echo_of(vio)->config + offset, buf, len);
}

static void echo_reset(struct virtio *vio)
{
	echo_of(vio)->resets++;
}

static void echo_destroy(struct virtio *vio)
{
	virtio_finish(vio);
	free(echo_of(vio));
}

static const struct virtio_ops echo_ops = {
	.name = "echo",
	.id = 42,
	.notify = echo_notify,
	.quiesce = echo_quiesce,
	.config_write = echo_config_write,
	.reset = echo_reset,
	.destroy = echo_destroy,
};

struct rig {
	struct fake_ram ram;
	struct loop *loop;
	struct fake_irq irq;
	struct echo *echo;
	struct device *dev;
	struct fake_queue q;
};

static void begin(struct rig *rig)
{
	struct err err = { 0 };

	*rig = (struct rig){ 0 };
	ram_init(&rig->ram);
	assert_int_equal(loop_new(&rig->loop, &err), 0);
	rig->echo = calloc(1, sizeof(*rig->echo));
	assert_non_null(rig->echo);
	assert_int_equal(virtio_init(&rig->echo->vio, &echo_ops, &rig->ram.map,
				     rig->loop, 2, &err),
			 0);
	rig->echo->vio.offered |= 1ULL << FEATURE;
	rig->echo->vio.config = rig->echo->config;
	rig->echo->vio.config_len = sizeof(rig->echo->config);
	assert_int_equal(virtio_mmio_new(&rig->dev, &rig->echo->vio,
					 fake_irq_line(&rig->irq), &err),
			 0);
	queue_alloc(&rig->q, &rig->ram, 8);
}

static void end(struct rig *rig)
{
	rig->dev->ops->destroy(rig->dev);
	rig->loop = loop_free(rig->loop);
	ram_finish(&rig->ram);
}

/* A driver that is ready, with queue 0. */
static void begin_live(struct rig *rig)
{
	begin(rig);
	mmio_begin(rig->dev, 0);
	mmio_queue(rig->dev, 0, &rig->q);
	mmio_go(rig->dev);
	/* It began with a reset. */
	memset(rig->echo->quiesced, 0, sizeof(rig->echo->quiesced));
	rig->echo->resets = 0;
}

static uint16_t send(struct rig *rig)
{
	return queue_send(&rig->q, &(struct range){ RAM_BASE, 16 }, 0, 1);
}

/* True if the doorbell of @queue was rung; unrings it. */
static bool rung(struct rig *rig, unsigned queue)
{
	eventfd_t n;

	return eventfd_read(rig->dev->doorbell[queue].fd, &n) == 0;
}

static void read__identifies_the_device(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig);
	assert_int_equal(mmio_read(rig.dev, 0x000), 0x74726976);
	assert_int_equal(mmio_read(rig.dev, 0x004), 2);
	assert_int_equal(mmio_read(rig.dev, 0x008), 42);
	/* No shared memory. */
	for (uint64_t at = 0x0b0; at <= 0x0bc; at += 4)
		assert_int_equal(mmio_read(rig.dev, at), UINT32_MAX);
	/* Write-only and unknown ones. */
	assert_int_equal(mmio_read(rig.dev, 0x014), 0);
	assert_int_equal(mmio_read(rig.dev, 0x0f8), 0);
	end(&rig);
}

static void read__registers_are_read_whole_or_not_at_all(void **state)
{
	struct rig rig;
	const struct device_ops *ops;

	(void)state;
	begin(&rig);
	ops = rig.dev->ops;
	assert_int_equal(ops->read(rig.dev, 0, 1), 0);
	assert_int_equal(ops->read(rig.dev, 0, 2), 0);
	assert_int_equal(ops->read(rig.dev, 0, 8), 0);
	ops->write(rig.dev, STATUS, 1, 1);
	ops->write(rig.dev, STATUS, 8, 1);
	assert_int_equal(mmio_read(rig.dev, STATUS), 0);
	end(&rig);
}

static void features__words_are_selected(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig);
	mmio_write(rig.dev, 0x014, 0);
	assert_int_equal(mmio_read(rig.dev, 0x010),
			 1u << FEATURE | 1u << VIRTIO_RING_F_EVENT_IDX |
				 1u << VIRTIO_RING_F_INDIRECT_DESC);
	mmio_write(rig.dev, 0x014, 1);
	assert_int_equal(mmio_read(rig.dev, 0x010),
			 1u << (VIRTIO_F_VERSION_1 - 32) |
				 1u << (VIRTIO_F_RING_RESET - 32));
	mmio_write(rig.dev, 0x014, 2);
	assert_int_equal(mmio_read(rig.dev, 0x010), 0);
	end(&rig);
}

static void features__only_what_was_offered_and_version_1(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig);
	assert_int_equal(mmio_begin(rig.dev, 1ULL << FEATURE),
			 1ULL << FEATURE | 1ULL << VIRTIO_F_VERSION_1);
	assert_int_equal(mmio_read(rig.dev, STATUS), 1 | 2 | 8);

	/* Frozen by FEATURES_OK. */
	mmio_write(rig.dev, 0x024, 0);
	mmio_write(rig.dev, 0x020, 0);
	assert_true(virtio_has(&rig.echo->vio, FEATURE));

	/* Not offered. */
	mmio_write(rig.dev, STATUS, 0);
	mmio_write(rig.dev, 0x024, 1);
	mmio_write(rig.dev, 0x020, 1);
	mmio_write(rig.dev, 0x024, 0);
	mmio_write(rig.dev, 0x020, 1);
	mmio_write(rig.dev, STATUS, 1 | 2 | 8);
	assert_int_equal(mmio_read(rig.dev, STATUS), 1 | 2);

	/* No version 1. */
	mmio_write(rig.dev, STATUS, 0);
	mmio_write(rig.dev, STATUS, 1 | 2 | 8);
	assert_int_equal(mmio_read(rig.dev, STATUS), 1 | 2);
	/* So it can not go live, either. */
	mmio_write(rig.dev, STATUS, 1 | 2 | 4);
	assert_int_equal(mmio_read(rig.dev, STATUS), 1 | 2);
	end(&rig);
}

static void status__bits_are_set_never_cleared(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig);
	mmio_write(rig.dev, STATUS, 1);
	mmio_write(rig.dev, STATUS, 2);
	assert_int_equal(mmio_read(rig.dev, STATUS), 1 | 2);
	mmio_write(rig.dev, STATUS, 0x40 | 0x10 | 0x80);
	assert_int_equal(mmio_read(rig.dev, STATUS), 1 | 2 | 0x80);
	end(&rig);
}

static void queue__there_are_as_many_as_there_are(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig);
	mmio_write(rig.dev, QUEUE_SEL, 1);
	assert_int_equal(mmio_read(rig.dev, 0x034), VIRTQ_MAX_SIZE);
	for (unsigned i = 0; i < 2; i++) {
		mmio_write(rig.dev, QUEUE_SEL, i ? UINT32_MAX : 2);
		assert_int_equal(mmio_read(rig.dev, 0x034), 0);
		mmio_write(rig.dev, 0x038, 8);
		mmio_write(rig.dev, QUEUE_READY, 1);
		assert_int_equal(mmio_read(rig.dev, QUEUE_READY), 0);
	}
	assert_int_equal(mmio_read(rig.dev, STATUS), 0);
	end(&rig);
}

static void queue__a_bad_one_stays_disabled_and_breaks_the_device(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig);
	mmio_begin(rig.dev, 0);
	rig.q.used = ROM_BASE;
	mmio_queue(rig.dev, 0, &rig.q);
	assert_int_equal(mmio_read(rig.dev, QUEUE_READY), 0);
	assert_int_equal(mmio_read(rig.dev, STATUS), 1 | 2 | 8 | 64);
	/* The driver is not ready for interrupts yet. */
	assert_int_equal(rig.irq.count, 0);
	end(&rig);
}

static void queue__sizes_beyond_16_bits_are_not_cut(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig);
	mmio_begin(rig.dev, 0);
	mmio_queue(rig.dev, 0, &rig.q);
	mmio_write(rig.dev, QUEUE_READY, 0);
	mmio_queue(rig.dev, 0, &rig.q);
	assert_int_equal(mmio_read(rig.dev, QUEUE_READY), 1);
	mmio_write(rig.dev, QUEUE_READY, 0);
	mmio_write(rig.dev, 0x038, 0x10000 + 8);
	mmio_write(rig.dev, QUEUE_READY, 1);
	assert_int_equal(mmio_read(rig.dev, QUEUE_READY), 0);
	end(&rig);
}

static void queue__its_place_is_fixed_while_ready(void **state)
{
	struct rig rig;
	const struct virtq *ring;

	(void)state;
	begin_live(&rig);
	ring = &rig.echo->vio.queue[0].ring;
	mmio_write(rig.dev, 0x038, 4);
	for (uint64_t at = 0x080; at <= 0x0a4; at += 4)
		mmio_write(rig.dev, at, 0x1000);
	assert_int_equal(ring->size, 8);
	assert_int_equal(ring->desc, rig.q.desc);
	assert_int_equal(ring->avail, rig.q.avail);
	assert_int_equal(ring->used, rig.q.used);
	end(&rig);
}

static void notify__rings_the_same_eventfd_as_the_doorbell(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig);
	assert_int_equal(rig.dev->doorbells, 2);
	for (unsigned i = 0; i < 2; i++) {
		const struct doorbell *bell = &rig.dev->doorbell[i];

		assert_int_equal(bell->offset, NOTIFY);
		assert_int_equal(bell->size, 4);
		assert_int_equal(le32toh((uint32_t)bell->val), i);
		mmio_write(rig.dev, NOTIFY, i);
		assert_true(rung(&rig, i));
		assert_false(rung(&rig, 1 - i));
	}
	mmio_write(rig.dev, NOTIFY, 2);
	mmio_write(rig.dev, NOTIFY, UINT32_MAX);
	assert_false(rung(&rig, 0));
	assert_false(rung(&rig, 1));
	end(&rig);
}

static void kick__chains_come_back_with_an_interrupt(void **state)
{
	struct rig rig;
	uint32_t id, len;
	uint16_t head;

	(void)state;
	begin_live(&rig);
	head = send(&rig);
	loop_kick(&rig.echo->vio, 0);
	assert_true(queue_take(&rig.q, &id, &len));
	assert_int_equal(id, head);
	assert_int_equal(len, 7);
	assert_int_equal(rig.irq.count, 1);
	assert_int_equal(mmio_read(rig.dev, INT_STATUS), 1);
	mmio_write(rig.dev, INT_ACK, 2);
	assert_int_equal(mmio_read(rig.dev, INT_STATUS), 1);
	mmio_write(rig.dev, INT_ACK, 1);
	assert_int_equal(mmio_read(rig.dev, INT_STATUS), 0);
	end(&rig);
}

static void kick__before_driver_ok_waits_for_it(void **state)
{
	struct rig rig;
	uint32_t id, len;

	(void)state;
	begin(&rig);
	mmio_begin(rig.dev, 0);
	mmio_queue(rig.dev, 0, &rig.q);
	send(&rig);
	loop_kick(&rig.echo->vio, 0);
	assert_false(queue_take(&rig.q, &id, &len));
	assert_false(rung(&rig, 0));
	mmio_go(rig.dev);
	assert_true(rung(&rig, 0));
	assert_false(rung(&rig, 1)); /* not enabled */
	loop_kick(&rig.echo->vio, 0);
	assert_true(queue_take(&rig.q, &id, &len));
	end(&rig);
}

static void kick__of_a_disabled_queue_does_nothing(void **state)
{
	struct rig rig;

	(void)state;
	begin_live(&rig);
	loop_kick(&rig.echo->vio, 1);
	assert_int_equal(rig.echo->notified, 0);
	end(&rig);
}

static void break__stops_all_and_says_so_until_reset(void **state)
{
	struct rig rig;
	uint32_t id, len;

	(void)state;
	begin_live(&rig);
	queue_offer(&rig.q, 99);
	loop_kick(&rig.echo->vio, 0);
	assert_int_equal(mmio_read(rig.dev, STATUS), 1 | 2 | 4 | 8 | 64);
	assert_int_equal(mmio_read(rig.dev, INT_STATUS), 2);
	assert_int_equal(rig.irq.count, 1);
	assert_int_equal(rig.echo->vio.guest_errors.count, 1);

	loop_kick(&rig.echo->vio, 0);
	assert_int_equal(rig.echo->notified, 1);

	mmio_begin(rig.dev, 0);
	assert_int_equal(mmio_read(rig.dev, INT_STATUS), 0);
	queue_alloc(&rig.q, &rig.ram, 8);
	mmio_queue(rig.dev, 0, &rig.q);
	mmio_go(rig.dev);
	send(&rig);
	loop_kick(&rig.echo->vio, 0);
	assert_true(queue_take(&rig.q, &id, &len));
	end(&rig);
}

static void reset__forgets_all(void **state)
{
	struct rig rig;

	(void)state;
	begin_live(&rig);
	send(&rig);
	loop_kick(&rig.echo->vio, 0);
	mmio_write(rig.dev, STATUS, 0);
	assert_int_equal(mmio_read(rig.dev, STATUS), 0);
	assert_int_equal(mmio_read(rig.dev, INT_STATUS), 0);
	assert_int_equal(mmio_read(rig.dev, QUEUE_READY), 0);
	assert_int_equal(rig.echo->vio.accepted, 0);
	assert_int_equal(rig.echo->quiesced[0], 1);
	assert_int_equal(rig.echo->quiesced[1], 1);
	assert_int_equal(rig.echo->resets, 1);

	rig.dev->ops->reset(rig.dev);
	assert_int_equal(rig.echo->resets, 2);
	end(&rig);
}

static void queue_reset__stops_one_queue(void **state)
{
	struct rig rig;
	uint32_t id, len;

	(void)state;
	begin_live(&rig);
	mmio_write(rig.dev, QUEUE_SEL, 0);
	mmio_write(rig.dev, QUEUE_RESET, 1);
	assert_int_equal(mmio_read(rig.dev, QUEUE_RESET), 0);
	assert_int_equal(mmio_read(rig.dev, QUEUE_READY), 0);
	assert_int_equal(rig.echo->quiesced[0], 1);
	assert_int_equal(rig.echo->quiesced[1], 0);
	assert_int_equal(mmio_read(rig.dev, STATUS), 1 | 2 | 4 | 8);

	queue_alloc(&rig.q, &rig.ram, 4);
	mmio_queue(rig.dev, 0, &rig.q);
	send(&rig);
	loop_kick(&rig.echo->vio, 0);
	assert_true(queue_take(&rig.q, &id, &len));
	end(&rig);
}

static void push__to_a_queue_that_was_reset_is_dropped(void **state)
{
	struct rig rig;
	uint32_t id, len;

	(void)state;
	begin_live(&rig);
	mmio_write(rig.dev, QUEUE_READY, 0);
	virtio_push(&rig.echo->vio, 0, &rig.echo->chain, 0);
	virtio_flush(&rig.echo->vio, 0);
	assert_false(queue_take(&rig.q, &id, &len));
	assert_int_equal(rig.irq.count, 0);
	end(&rig);
}

static void config__any_size_is_little_endian(void **state)
{
	struct rig rig;
	const struct device_ops *ops;

	(void)state;
	begin(&rig);
	ops = rig.dev->ops;
	for (uint8_t i = 0; i < 12; i++)
		rig.echo->config[i] = i;
	assert_int_equal(ops->read(rig.dev, CONFIG + 3, 1), 3);
	assert_int_equal(le16toh((uint16_t)ops->read(rig.dev, CONFIG + 2, 2)),
			 0x0302);
	assert_int_equal(le32toh((uint32_t)ops->read(rig.dev, CONFIG + 4, 4)),
			 0x07060504);
	assert_true(le64toh(ops->read(rig.dev, CONFIG, 8)) ==
		    0x0706050403020100);
	/* Half there, and not there. */
	assert_true(le64toh(ops->read(rig.dev, CONFIG + 8, 8)) == 0x0b0a0908);
	assert_int_equal(ops->read(rig.dev, 0x1f8, 8), 0);

	ops->write(rig.dev, CONFIG + 2, 2, htole16(0xabcd));
	assert_int_equal(rig.echo->config[2], 0xcd);
	assert_int_equal(rig.echo->config[3], 0xab);
	ops->write(rig.dev, CONFIG + 8, 8, 0);
	assert_int_equal(rig.echo->config[8], 8);
	end(&rig);
}

static void config__a_change_is_told_and_counted(void **state)
{
	struct rig rig;
	uint32_t generation;

	(void)state;
	begin_live(&rig);
	generation = mmio_read(rig.dev, GENERATION);
	virtio_config_changed(&rig.echo->vio);
	assert_int_equal(mmio_read(rig.dev, GENERATION), generation + 1);
	assert_int_equal(mmio_read(rig.dev, INT_STATUS), 2);
	assert_int_equal(rig.irq.count, 1);
	end(&rig);
}

static void irq__a_level_line_is_high_until_all_is_acknowledged(void **state)
{
	struct rig rig;

	(void)state;
	begin_live(&rig);
	send(&rig);
	loop_kick(&rig.echo->vio, 0);
	virtio_config_changed(&rig.echo->vio);
	assert_true(rig.irq.level);
	mmio_write(rig.dev, INT_ACK, 1);
	assert_true(rig.irq.level);
	mmio_write(rig.dev, INT_ACK, 2);
	assert_false(rig.irq.level);
	end(&rig);
}

static void irq__a_reset_lowers_a_level_line(void **state)
{
	struct rig rig;

	(void)state;
	begin_live(&rig);
	virtio_config_changed(&rig.echo->vio);
	assert_true(rig.irq.level);
	rig.dev->ops->reset(rig.dev);
	assert_false(rig.irq.level);
	end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read__identifies_the_device),
		cmocka_unit_test(read__registers_are_read_whole_or_not_at_all),
		cmocka_unit_test(features__words_are_selected),
		cmocka_unit_test(features__only_what_was_offered_and_version_1),
		cmocka_unit_test(status__bits_are_set_never_cleared),
		cmocka_unit_test(queue__there_are_as_many_as_there_are),
		cmocka_unit_test(
			queue__a_bad_one_stays_disabled_and_breaks_the_device),
		cmocka_unit_test(queue__sizes_beyond_16_bits_are_not_cut),
		cmocka_unit_test(queue__its_place_is_fixed_while_ready),
		cmocka_unit_test(
			notify__rings_the_same_eventfd_as_the_doorbell),
		cmocka_unit_test(kick__chains_come_back_with_an_interrupt),
		cmocka_unit_test(kick__before_driver_ok_waits_for_it),
		cmocka_unit_test(kick__of_a_disabled_queue_does_nothing),
		cmocka_unit_test(break__stops_all_and_says_so_until_reset),
		cmocka_unit_test(reset__forgets_all),
		cmocka_unit_test(queue_reset__stops_one_queue),
		cmocka_unit_test(push__to_a_queue_that_was_reset_is_dropped),
		cmocka_unit_test(config__any_size_is_little_endian),
		cmocka_unit_test(config__a_change_is_told_and_counted),
		cmocka_unit_test(
			irq__a_level_line_is_high_until_all_is_acknowledged),
		cmocka_unit_test(irq__a_reset_lowers_a_level_line),
	};

	return RUN_TESTS(tests);
}
