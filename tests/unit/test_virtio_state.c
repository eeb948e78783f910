/* tests/unit/test_virtio_state.c - virtio devices, saved and loaded. */
#include <endian.h>
#include <errno.h>
#include <linux/virtio_balloon.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mem.h>
#include <string.h>

#include "base/bytes.h"
#include "devices/virtio/balloon_device.h"
#include "devices/virtio/blk.h"
#include "devices/virtio/mmio.h"
#include "devices/virtio/power_button.h"
#include "devices/virtio/rng.h"
#include "tests/unit/balloon_rig.h"
#include "tests/unit/device_state.h"
#include "tests/unit/fake_disk.h"
#include "tests/unit/test.h"
#include "tests/unit/vmem_rig.h"

#define FRAME RECLAIM_FRAME
#define STATUS 0x070
#define QUEUE_SEL 0x030
#define QUEUE_READY 0x044

static const struct balloon_options balloon_opt = { .target = UINT64_MAX,
						    .reporting = true };
#define TELLS (1ULL << VIRTIO_BALLOON_F_MUST_TELL_HOST)

static const uint8_t damage[] = { 0, 1, 2, 0x7f, 0x80, 0xff };

/* The guest goes on with another balloon, made over the same memory. */
static void rig_move(struct balloon_rig *rig, const struct balloon_options *opt)
{
	struct device *old = rig->dev;
	struct err err = { 0 };

	assert_int_equal(virtio_balloon_new(&rig->vio, &rig->ram.map, rig->loop,
					    opt, &err),
			 0);
	assert_int_equal(virtio_mmio_new(&rig->dev, rig->vio,
					 fake_irq_line(&rig->irq), &err),
			 0);
	device_state_replace(old, rig->dev);
}

static void vmem_move(struct vmem_rig *rig)
{
	struct device *old = rig->dev;
	struct err err = { 0 };

	assert_int_equal(virtio_mem_new(&rig->vio, &rig->ram.map, rig->loop,
					rig->blocks, &err),
			 0);
	assert_int_equal(virtio_mmio_new(&rig->dev, rig->vio,
					 fake_irq_line(&rig->irq), &err),
			 0);
	device_state_replace(old, rig->dev);
}

static void balloon__what_it_holds_stays_given_up(void **state)
{
	struct balloon_rig rig;

	(void)state;
	rig_begin(&rig, &balloon_opt, TELLS);
	rig_send_run(&rig, 0, BIG, 512);
	rig_send_run(&rig, 0, BIG + 1024 * FRAME, 3);
	rig_move(&rig, &balloon_opt);
	assert_int_equal(balloon_held(rig.vio, (struct range){ BIG, BIG_SIZE }),
			 515 * FRAME);
	/* To take again what was not given is told as the guest's mistake, so
	 * that it is known what was. */
	rig_send_run(&rig, 1, BIG, 512);
	assert_int_equal(balloon_held(rig.vio, (struct range){ BIG, BIG_SIZE }),
			 3 * FRAME);
	assert_int_equal(rig_there(&rig, 0, 512 * FRAME), 0);
	rig_end(&rig);
}

static void balloon__its_size_and_target_are_kept(void **state)
{
	struct balloon_rig rig;
	const uint32_t actual = htole32(77);

	(void)state;
	rig_begin(&rig, &balloon_opt, TELLS);
	balloon_set_target(rig.vio, RIG_RAM - 77 * FRAME);
	rig.dev->ops->write(rig.dev, 0x104, 4, actual);
	rig_move(&rig, &balloon_opt);
	assert_int_equal(rig_info(&rig).target, RIG_RAM - 77 * FRAME);
	assert_int_equal(rig_info(&rig).actual, RIG_RAM - 77 * FRAME);
	rig_end(&rig);
}

/* Gives the device a buffer that says @free. */
static void send_stats(struct balloon_rig *rig, uint64_t free)
{
	uint8_t stat[10];
	struct range buf;

	store_le16(stat, VIRTIO_BALLOON_S_MEMFREE);
	store_le64(stat + 2, free);
	buf = (struct range){ rig_buffer(rig, stat, sizeof(stat)),
			      sizeof(stat) };
	queue_send(&rig->q[2], &buf, 1, 1);
	loop_kick(rig->vio, 2);
}

static void balloon__the_buffer_of_statistics_is_asked_for_again(void **state)
{
	struct balloon_rig rig;

	(void)state;
	rig_begin(&rig, &balloon_opt,
		  TELLS | 1ULL << VIRTIO_BALLOON_F_STATS_VQ);
	send_stats(&rig, 12345);
	rig_move(&rig, &balloon_opt);
	loop_kick(rig.vio, 2);
	assert_int_equal(rig_used(&rig, 2), 0);
	assert_int_equal(balloon_ask_stats(rig.vio), 0);
	assert_int_equal(rig_used(&rig, 2), 1);
	rig_end(&rig);
}

static void stats_came(void *ctx, const struct balloon_stats *stats)
{
	(void)stats;
	++*(unsigned *)ctx;
}

static void balloon__old_statistics_are_no_answer(void **state)
{
	unsigned came = 0;
	const struct balloon_listener listener = { .stats = stats_came,
						   .ctx = &came };
	struct balloon_stats stats;
	struct balloon_rig rig;

	(void)state;
	rig_begin(&rig, &balloon_opt,
		  TELLS | 1ULL << VIRTIO_BALLOON_F_STATS_VQ);
	send_stats(&rig, 12345);
	balloon_of(rig.vio)->stats.time = 1000;
	rig_move(&rig, &balloon_opt);
	balloon_listen(rig.vio, listener);
	/* Asked before the buffer is found again. */
	assert_int_equal(balloon_ask_stats(rig.vio), 0);
	loop_kick(rig.vio, 2);
	assert_int_equal(came, 0);
	assert_int_equal(rig_used(&rig, 2), 1);
	balloon_last_stats(rig.vio, &stats);
	assert_int_equal(stats.val[VIRTIO_BALLOON_S_MEMFREE], 12345);
	assert_int_equal(stats.time, 1000);
	/* The driver still owes an answer, to the one that comes next. */
	rig_move(&rig, &balloon_opt);
	balloon_listen(rig.vio, listener);
	send_stats(&rig, 54321);
	assert_int_equal(came, 1);
	balloon_last_stats(rig.vio, &stats);
	assert_true(stats.time > 1000);
	rig_end(&rig);
}

static void hint_free(void *ctx, struct range gpa)
{
	(void)ctx;
	(void)gpa;
}

static void balloon__a_driver_that_hints_is_told_that_it_is_over(void **state)
{
	const struct balloon_hints hints = { .free = hint_free };
	struct balloon_rig rig;

	(void)state;
	rig_begin(&rig, &balloon_opt,
		  TELLS | 1ULL << VIRTIO_BALLOON_F_FREE_PAGE_HINT);
	assert_int_equal(balloon_start_hints(rig.vio, hints), 0);
	rig.irq.count = 0;
	rig_move(&rig, &balloon_opt);
	assert_int_equal(rig_config(&rig, 8), VIRTIO_BALLOON_CMD_ID_DONE);
	assert_true(rig.irq.count > 0);
	/* Also in a pause of the hinting. */
	assert_int_equal(balloon_start_hints(rig.vio, hints), 0);
	balloon_pause_hints(rig.vio);
	rig_move(&rig, &balloon_opt);
	assert_int_equal(rig_config(&rig, 8), VIRTIO_BALLOON_CMD_ID_DONE);
	rig_end(&rig);
}

static void use_balloon(void *ctx)
{
	struct balloon_rig *rig = ctx;

	for (unsigned i = 0; i < rig->vio->queues; i++)
		loop_kick(rig->vio, i);
}

static void balloon__damage_is_refused_or_harmless(void **state)
{
	struct device_state saved;
	struct balloon_rig rig;

	(void)state;
	rig_begin(&rig, &balloon_opt, TELLS);
	rig_send_run(&rig, 0, BIG, 5);
	rig.dev->ops->pause(rig.dev);
	device_state_take(&saved, rig.dev);
	rig.dev->ops->reset(rig.dev);
	for (size_t i = 0; i < sizeof(damage); i++)
		device_state_damage(&saved, rig.dev, damage[i], use_balloon,
				    &rig);
	device_state_finish(&saved);
	rig_end(&rig);
}

static void vmem__plugged_memory_and_the_wish_are_kept(void **state)
{
	struct virtio_mem_info info;
	struct err err = { 0 };
	struct vmem_rig rig;

	(void)state;
	vmem_begin(&rig);
	assert_int_equal(virtio_mem_resize(rig.vio, 8 * VMEM_BLOCK, &err), 0);
	assert_int_equal(vmem_ask(&rig, VIRTIO_MEM_REQ_PLUG, VMEM_AT, 3),
			 VIRTIO_MEM_RESP_ACK);
	vmem_move(&rig);
	virtio_mem_query(rig.vio, &info);
	assert_int_equal(info.requested, 8 * VMEM_BLOCK);
	assert_int_equal(info.plugged, 3 * VMEM_BLOCK);
	assert_int_equal(vmem_ask(&rig, VIRTIO_MEM_REQ_PLUG,
				  VMEM_AT + 3 * VMEM_BLOCK, 5),
			 VIRTIO_MEM_RESP_ACK);
	vmem_end(&rig);
}

/* What the host could not do before the pause is done after it. */
static void vmem__work_that_waits_for_the_host_goes_on(void **state)
{
	struct err err = { 0 };
	struct vmem_rig rig;

	(void)state;
	vmem_begin(&rig);
	assert_int_equal(virtio_mem_resize(rig.vio, 8 * VMEM_BLOCK, &err), 0);
	assert_int_equal(vmem_ask(&rig, VIRTIO_MEM_REQ_PLUG, VMEM_AT, 8),
			 VIRTIO_MEM_RESP_ACK);
	rig.fails_at = 5;
	vmem_send(&rig, VIRTIO_MEM_REQ_UNPLUG, VMEM_AT, 8);
	loop_kick(rig.vio, 0);
	vmem_move(&rig);
	assert_int_equal(blocks_bytes(rig.blocks), 3 * VMEM_BLOCK);
	rig.fails_at = 0;
	assert_int_equal(vmem_wait(&rig), VIRTIO_MEM_RESP_ACK);
	assert_int_equal(blocks_bytes(rig.blocks), 0);
	vmem_end(&rig);
}

static void use_vmem(void *ctx)
{
	struct vmem_rig *rig = ctx;

	for (unsigned i = 0; i < 3; i++)
		loop_kick(rig->vio, 0);
}

static void vmem__damage_is_refused_or_harmless(void **state)
{
	struct device_state saved;
	struct vmem_rig rig;

	(void)state;
	vmem_begin(&rig);
	rig.dev->ops->pause(rig.dev);
	device_state_take(&saved, rig.dev);
	rig.dev->ops->reset(rig.dev);
	for (size_t i = 0; i < sizeof(damage); i++)
		device_state_damage(&saved, rig.dev, damage[i], use_vmem, &rig);
	device_state_finish(&saved);
	vmem_end(&rig);
}

struct disk_rig {
	struct fake_ram ram;
	struct loop *loop;
	struct fake_irq irq;
	struct fake_disk disk[2];
	struct virtio *vio;
	struct device *dev;
	struct fake_queue q;
};

static void make_blk(struct disk_rig *rig, unsigned disk)
{
	struct err err = { 0 };

	fake_disk_init(&rig->disk[disk], 1 << 20);
	assert_int_equal(virtio_blk_new(&rig->vio, &rig->ram.map, rig->loop,
					&rig->disk[disk].disk, NULL, &err),
			 0);
	assert_int_equal(virtio_mmio_new(&rig->dev, rig->vio,
					 fake_irq_line(&rig->irq), &err),
			 0);
}

static void begin_blk(struct disk_rig *rig)
{
	struct err err = { 0 };

	*rig = (struct disk_rig){ .loop = NULL };
	ram_init(&rig->ram);
	assert_int_equal(loop_new(&rig->loop, &err), 0);
	make_blk(rig, 0);
	queue_alloc(&rig->q, &rig->ram, 8);
	(void)mmio_begin(rig->dev, 1ULL << VIRTIO_BLK_F_CONFIG_WCE);
	mmio_queue(rig->dev, 0, &rig->q);
	mmio_go(rig->dev);
}

static void end_blk(struct disk_rig *rig)
{
	rig->dev->ops->destroy(rig->dev);
	rig->loop = loop_free(rig->loop);
	for (size_t i = 0; i < 2; i++)
		if (rig->disk[i].data)
			fake_disk_finish(&rig->disk[i]);
	ram_finish(&rig->ram);
}

static void read_sector(struct disk_rig *rig)
{
	const gpa_t header = ram_alloc(&rig->ram, 16, 8);
	const gpa_t data = ram_alloc(&rig->ram, 512, 8);
	const gpa_t status = ram_alloc(&rig->ram, 1, 1);

	queue_send(&rig->q,
		   (struct range[]){
			   { header, 16 }, { data, 512 }, { status, 1 } },
		   1, 3);
}

static void blk__goes_on_in_the_ring_where_it_was(void **state)
{
	struct disk_rig rig;
	struct device *old;
	uint32_t id, len;

	(void)state;
	begin_blk(&rig);
	/* Write through, and a ring that has moved. */
	rig.dev->ops->write(rig.dev, 0x100 + 32, 1, 0);
	read_sector(&rig);
	loop_kick(rig.vio, 0);
	fake_disk_do_all(&rig.disk[0]);
	assert_true(queue_take(&rig.q, &id, &len));
	old = rig.dev;
	make_blk(&rig, 1);
	device_state_replace(old, rig.dev);
	assert_int_equal(rig.dev->ops->read(rig.dev, 0x100 + 32, 1), 0);
	assert_int_equal(mmio_read(rig.dev, STATUS), 15);
	read_sector(&rig);
	loop_kick(rig.vio, 0);
	fake_disk_do_all(&rig.disk[1]);
	assert_true(queue_take(&rig.q, &id, &len));
	assert_int_equal(len, 513);
	assert_false(queue_take(&rig.q, &id, &len));
	end_blk(&rig);
}

static void transport__an_interrupt_not_acknowledged_is_there(void **state)
{
	struct disk_rig rig;
	struct device *old;

	(void)state;
	begin_blk(&rig);
	read_sector(&rig);
	loop_kick(rig.vio, 0);
	fake_disk_do_all(&rig.disk[0]);
	assert_true(rig.irq.level);
	old = rig.dev;
	make_blk(&rig, 1);
	/* As in a new machine. */
	rig.irq.level = false;
	old->ops->pause(old);
	device_state_copy(old, rig.dev);
	assert_true(rig.irq.level);
	assert_int_equal(mmio_read(rig.dev, 0x060), 1);
	old->ops->destroy(old);
	end_blk(&rig);
}

/* Writes the value of a record, of 8 bytes or of one. */
static void set_record(struct device_state *state, uint64_t id, uint64_t val,
		       unsigned size)
{
	size_t at = 40; /* behind the heads of state and section */

	while (load_le64(state->bytes.data + at) != id)
		at += 16 + (load_le32(state->bytes.data + at + 8) + 7) / 8 * 8;
	if (size == 8)
		store_le64(state->bytes.data + at + 16, val);
	else
		state->bytes.data[at + 16] = (uint8_t)val;
}

static void queue__a_ring_that_is_nowhere_is_refused(void **state)
{
	struct device_state saved;
	struct disk_rig rig;

	(void)state;
	begin_blk(&rig);
	rig.dev->ops->pause(rig.dev);
	device_state_take(&saved, rig.dev);
	rig.dev->ops->reset(rig.dev);
	/* The record of the descriptors' address. */
	set_record(&saved, VIRTIO_STATE_QUEUE + 2, ROM_BASE + 0x10000, 8);
	assert_int_equal(device_state_give(&saved, rig.dev), -EBADMSG);
	device_state_finish(&saved);
	end_blk(&rig);
}

static void device__what_no_negotiation_leads_to_is_refused(void **state)
{
	const uint64_t wanted = 1ULL << VIRTIO_F_VERSION_1 |
				1ULL << VIRTIO_BLK_F_CONFIG_WCE;
	const struct {
		uint64_t accepted;
		uint8_t status;
		int code;
	} try[] = {
		{ wanted, 15, 0 },
		{ wanted, 15 | 128, 0 },
		{ UINT64_MAX, 3, 0 }, /* refused when it is to be final */
		{ 0, 0, 0 },
		{ UINT64_MAX, 15, -EBADMSG },
		{ 1ULL << VIRTIO_BLK_F_CONFIG_WCE, 11, -EBADMSG },
		{ UINT64_MAX, 7, -EBADMSG },
		{ wanted, 7, -EBADMSG },
		{ wanted, 15 | 16, -EBADMSG },
		{ wanted, 15 | 32, -EBADMSG },
	};
	struct device_state saved;
	struct disk_rig rig;

	(void)state;
	begin_blk(&rig);
	rig.dev->ops->pause(rig.dev);
	device_state_take(&saved, rig.dev);
	for (size_t i = 0; i < sizeof(try) / sizeof(*try); i++) {
		rig.dev->ops->reset(rig.dev);
		set_record(&saved, 1, try[i].accepted, 8);
		set_record(&saved, 2, try[i].status, 1);
		assert_int_equal(device_state_give(&saved, rig.dev),
				 try[i].code);
	}
	device_state_finish(&saved);
	end_blk(&rig);
}

static void device__a_broken_one_stays_broken(void **state)
{
	struct disk_rig rig;
	struct device *old;

	(void)state;
	begin_blk(&rig);
	queue_offer(&rig.q, 999); /* no such descriptor */
	loop_kick(rig.vio, 0);
	assert_true(mmio_read(rig.dev, STATUS) & VIRTIO_NEEDS_RESET);
	old = rig.dev;
	make_blk(&rig, 1);
	device_state_replace(old, rig.dev);
	assert_true(mmio_read(rig.dev, STATUS) & VIRTIO_NEEDS_RESET);
	read_sector(&rig);
	loop_kick(rig.vio, 0);
	assert_int_equal(rig.disk[1].count, 0);
	end_blk(&rig);
}

struct button_rig {
	struct fake_ram ram;
	struct loop *loop;
	struct fake_irq irq;
	struct virtio *vio;
	struct device *dev;
	struct fake_queue q[2];
};

static void make_button(struct button_rig *rig)
{
	struct err err = { 0 };

	assert_int_equal(virtio_power_button_new(&rig->vio, &rig->ram.map,
						 rig->loop, &err),
			 0);
	assert_int_equal(virtio_mmio_new(&rig->dev, rig->vio,
					 fake_irq_line(&rig->irq), &err),
			 0);
}

static void button__the_rest_of_a_press_is_told(void **state)
{
	struct button_rig rig = { .loop = NULL };
	struct err err = { 0 };
	struct device *old;
	unsigned events = 0;
	uint32_t id, len;

	(void)state;
	ram_init(&rig.ram);
	assert_int_equal(loop_new(&rig.loop, &err), 0);
	make_button(&rig);
	mmio_begin(rig.dev, 0);
	for (unsigned i = 0; i < 2; i++) {
		queue_alloc(&rig.q[i], &rig.ram, 8);
		mmio_queue(rig.dev, i, &rig.q[i]);
	}
	mmio_go(rig.dev);
	for (unsigned i = 0; i < 4; i++) {
		const struct range buf = { ram_alloc(&rig.ram, 8, 8), 8 };

		if (i == 1)
			assert_int_equal(virtio_power_button_press(rig.vio), 0);
		queue_send(&rig.q[0], &buf, 0, 1);
	}
	old = rig.dev;
	make_button(&rig);
	device_state_replace(old, rig.dev);
	loop_kick(rig.vio, 0);
	while (queue_take(&rig.q[0], &id, &len))
		events++;
	assert_int_equal(events, 4);
	rig.dev->ops->destroy(rig.dev);
	rig.loop = loop_free(rig.loop);
	ram_finish(&rig.ram);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(balloon__what_it_holds_stays_given_up),
		cmocka_unit_test(balloon__its_size_and_target_are_kept),
		cmocka_unit_test(
			balloon__the_buffer_of_statistics_is_asked_for_again),
		cmocka_unit_test(balloon__old_statistics_are_no_answer),
		cmocka_unit_test(
			balloon__a_driver_that_hints_is_told_that_it_is_over),
		cmocka_unit_test(balloon__damage_is_refused_or_harmless),
		cmocka_unit_test(vmem__plugged_memory_and_the_wish_are_kept),
		cmocka_unit_test(vmem__work_that_waits_for_the_host_goes_on),
		cmocka_unit_test(vmem__damage_is_refused_or_harmless),
		cmocka_unit_test(blk__goes_on_in_the_ring_where_it_was),
		cmocka_unit_test(
			transport__an_interrupt_not_acknowledged_is_there),
		cmocka_unit_test(queue__a_ring_that_is_nowhere_is_refused),
		cmocka_unit_test(
			device__what_no_negotiation_leads_to_is_refused),
		cmocka_unit_test(device__a_broken_one_stays_broken),
		cmocka_unit_test(button__the_rest_of_a_press_is_told),
	};

	return RUN_TESTS(tests);
}
