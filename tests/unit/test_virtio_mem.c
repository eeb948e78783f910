/* tests/unit/test_virtio_mem.c - devices/virtio/mem_device.c, by its registers.
 */
#include <errno.h>
#include <linux/virtio_mem.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "tests/unit/test.h"
#include "tests/unit/vmem_rig.h"

#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)
#define BLOCK VMEM_BLOCK
#define AT VMEM_AT
#define SIZE VMEM_SIZE
#define COUNT VMEM_COUNT
#define CONFIG 0x100
#define OURS (1ULL << VIRTIO_MEM_F_UNPLUGGED_INACCESSIBLE)

static struct err err;

static int plug(struct vmem_rig *rig, uint64_t block, uint16_t count)
{
	return vmem_ask(rig, VIRTIO_MEM_REQ_PLUG, AT + block * BLOCK, count);
}

static int unplug(struct vmem_rig *rig, uint64_t block, uint16_t count)
{
	return vmem_ask(rig, VIRTIO_MEM_REQ_UNPLUG, AT + block * BLOCK, count);
}

/* Returns the state, or -1 for another answer than ACK. */
static int state_of(struct vmem_rig *rig, uint64_t block, uint16_t count)
{
	const int r = vmem_ask(rig, VIRTIO_MEM_REQ_STATE, AT + block * BLOCK,
			       count);

	return r == VIRTIO_MEM_RESP_ACK ? vmem_state(rig) : -1;
}

static uint64_t config(struct vmem_rig *rig, size_t offset)
{
	return mmio_read(rig->dev, CONFIG + offset) |
	       (uint64_t)mmio_read(rig->dev, CONFIG + offset + 4) << 32;
}
#define FIELD(rig, name) config(rig, offsetof(struct virtio_mem_config, name))

static void resize(struct vmem_rig *rig, uint64_t bytes)
{
	assert_int_equal(virtio_mem_resize(rig->vio, bytes, &err), 0);
}

static void config__says_where_and_how_much(void **state)
{
	struct vmem_rig *rig = *state;

	assert_int_equal(mmio_read(rig->dev, 8), 24);
	assert_int_equal(FIELD(rig, addr), AT);
	assert_int_equal(FIELD(rig, region_size), SIZE);
	assert_int_equal(FIELD(rig, block_size), BLOCK);
	assert_int_equal(FIELD(rig, plugged_size), 0);
	assert_int_equal(FIELD(rig, requested_size), 0);
	assert_int_equal(FIELD(rig, usable_region_size), 0);
	/* It is not the driver's to write. */
	mmio_write(rig->dev,
		   CONFIG + offsetof(struct virtio_mem_config, requested_size),
		   0x10000000);
	assert_int_equal(FIELD(rig, requested_size), 0);
}

static void driver__that_reads_what_is_not_plugged_is_refused(void **state)
{
	struct vmem_rig *rig = *state;

	(void)mmio_begin(rig->dev, 0);
	assert_false(mmio_read(rig->dev, 0x70) & VIRTIO_FEATURES_OK);
	(void)mmio_begin(rig->dev, OURS);
	assert_true(mmio_read(rig->dev, 0x70) & VIRTIO_FEATURES_OK);
}

static void resize__is_told_to_the_driver(void **state)
{
	struct vmem_rig *rig = *state;
	unsigned before;

	before = rig->irq.count;
	resize(rig, 64 * MIB);
	assert_int_equal(rig->irq.count, before + 1);
	assert_int_equal(FIELD(rig, requested_size), 64 * MIB);
	assert_int_equal(FIELD(rig, usable_region_size), GIB);
	resize(rig, 64 * MIB);
	assert_int_equal(rig->irq.count, before + 1);
	resize(rig, SIZE);
	assert_int_equal(FIELD(rig, usable_region_size), SIZE);
	/* Usable memory only grows. */
	resize(rig, 0);
	assert_int_equal(FIELD(rig, usable_region_size), SIZE);
	assert_int_equal(virtio_mem_resize(rig->vio, BLOCK + 4096, &err),
			 -EINVAL);
	assert_string_equal(err.msg, "2052K are not a multiple of the blocks "
				     "of 2M");
	assert_int_equal(virtio_mem_resize(rig->vio, SIZE + BLOCK, &err),
			 -ERANGE);
	assert_int_equal(virtio_mem_resize(rig->vio, UINT64_MAX, &err),
			 -ERANGE);
}

static void plug__up_to_what_is_asked_for(void **state)
{
	struct vmem_rig *rig = *state;

	assert_int_equal(plug(rig, 0, 1), VIRTIO_MEM_RESP_ERROR);
	resize(rig, 4 * BLOCK);
	assert_int_equal(plug(rig, 0, 5), VIRTIO_MEM_RESP_NACK);
	assert_int_equal(plug(rig, 7, 3), VIRTIO_MEM_RESP_ACK);
	assert_int_equal(FIELD(rig, plugged_size), 3 * BLOCK);
	assert_int_equal(plug(rig, 0, 2), VIRTIO_MEM_RESP_NACK);
	assert_int_equal(plug(rig, 0, 1), VIRTIO_MEM_RESP_ACK);
	assert_int_equal(plug(rig, 20, 1), VIRTIO_MEM_RESP_NACK);
	assert_non_null(
		mem_ptr(&rig->ram.map, AT + 7 * BLOCK, 3 * BLOCK, MEM_WRITE));
	/* Less is asked for than there is: no overflow of the difference. */
	resize(rig, BLOCK);
	assert_int_equal(plug(rig, 1, 1), VIRTIO_MEM_RESP_NACK);
	assert_int_equal(plug(rig, 1, UINT16_MAX), VIRTIO_MEM_RESP_ERROR);
}

static void plug__is_only_for_what_is_unplugged_and_usable(void **state)
{
	static const struct {
		uint64_t addr;
		uint16_t count;
	} bad[] = {
		{ AT, 0 },
		{ AT + 4096, 1 },
		{ AT - BLOCK, 1 },
		{ AT - BLOCK, 2 },
		{ AT + GIB, 1 }, /* usable are the first GiB */
		{ AT + GIB - BLOCK, 2 },
		{ AT + SIZE, 1 },
		{ 0, 1 },
		{ UINT64_MAX - BLOCK + 1, 1 },
		{ UINT64_MAX - BLOCK + 1, UINT16_MAX },
		{ AT, UINT16_MAX },
	};
	struct vmem_rig *rig = *state;

	resize(rig, GIB);
	for (uint16_t type = VIRTIO_MEM_REQ_PLUG; type <= VIRTIO_MEM_REQ_STATE;
	     type++) {
		if (type == VIRTIO_MEM_REQ_UNPLUG_ALL)
			continue;
		for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
			assert_int_equal(
				vmem_ask(rig, type, bad[i].addr, bad[i].count),
				VIRTIO_MEM_RESP_ERROR);
	}
	assert_int_equal(plug(rig, 511, 1), VIRTIO_MEM_RESP_ACK);
	assert_int_equal(plug(rig, 511, 1), VIRTIO_MEM_RESP_ERROR);
	assert_int_equal(plug(rig, 510, 2), VIRTIO_MEM_RESP_ERROR);
	assert_int_equal(blocks_bytes(rig->blocks), BLOCK);
}

static void unplug__is_only_for_what_is_plugged(void **state)
{
	struct vmem_rig *rig = *state;

	resize(rig, GIB);
	assert_int_equal(unplug(rig, 0, 1), VIRTIO_MEM_RESP_ERROR);
	assert_int_equal(plug(rig, 4, 4), VIRTIO_MEM_RESP_ACK);
	assert_int_equal(unplug(rig, 3, 2), VIRTIO_MEM_RESP_ERROR);
	assert_int_equal(unplug(rig, 7, 2), VIRTIO_MEM_RESP_ERROR);
	assert_int_equal(unplug(rig, 5, 2), VIRTIO_MEM_RESP_ACK);
	assert_int_equal(unplug(rig, 5, 1), VIRTIO_MEM_RESP_ERROR);
	assert_int_equal(unplug(rig, 4, 4), VIRTIO_MEM_RESP_ERROR);
	assert_int_equal(FIELD(rig, plugged_size), 2 * BLOCK);
	assert_null(mem_ptr(&rig->ram.map, AT + 5 * BLOCK, 1, MEM_READ));
	/* Memory beyond what is asked for now can be given back, too. */
	resize(rig, 0);
	assert_int_equal(unplug(rig, 4, 1), VIRTIO_MEM_RESP_ACK);
}

static void state__is_plugged_unplugged_or_mixed(void **state)
{
	struct vmem_rig *rig = *state;

	resize(rig, GIB);
	assert_int_equal(plug(rig, 4, 4), VIRTIO_MEM_RESP_ACK);
	assert_int_equal(state_of(rig, 4, 4), VIRTIO_MEM_STATE_PLUGGED);
	assert_int_equal(state_of(rig, 0, 4), VIRTIO_MEM_STATE_UNPLUGGED);
	assert_int_equal(state_of(rig, 3, 2), VIRTIO_MEM_STATE_MIXED);
	assert_int_equal(state_of(rig, 0, 512), VIRTIO_MEM_STATE_MIXED);
	assert_int_equal(state_of(rig, 0, 513), -1);
}

static void unplug_all__leaves_nothing_and_shrinks_what_is_usable(void **state)
{
	struct vmem_rig *rig = *state;
	unsigned before;

	assert_int_equal(vmem_ask(rig, VIRTIO_MEM_REQ_UNPLUG_ALL, 1, 0),
			 VIRTIO_MEM_RESP_ACK);
	resize(rig, SIZE);
	for (uint16_t i = 0; i < 100; i += 2)
		assert_int_equal(plug(rig, i, 1), VIRTIO_MEM_RESP_ACK);
	assert_int_equal(plug(rig, COUNT - 1, 1), VIRTIO_MEM_RESP_ACK);
	resize(rig, BLOCK);
	before = rig->irq.count;
	assert_int_equal(vmem_ask(rig, VIRTIO_MEM_REQ_UNPLUG_ALL, 0, 0),
			 VIRTIO_MEM_RESP_ACK);
	assert_int_equal(FIELD(rig, plugged_size), 0);
	assert_int_equal(FIELD(rig, usable_region_size), GIB);
	/* For the answer; the configuration's change is no news. */
	assert_int_equal(rig->irq.count, before + 1);
}

static void request__of_no_known_type_is_an_error(void **state)
{
	struct vmem_rig *rig = *state;

	assert_int_equal(vmem_ask(rig, 4, AT, 1), VIRTIO_MEM_RESP_ERROR);
	assert_int_equal(vmem_ask(rig, UINT16_MAX, AT, 1),
			 VIRTIO_MEM_RESP_ERROR);
}

static void request__of_the_wrong_size_breaks_the_device(void **state)
{
	struct vmem_rig *rig = *state;
	struct range buf[2];

	for (unsigned i = 0; i < 3; i++) {
		buf[0] = (struct range){ rig->request,
					 VMEM_REQUEST - (i == 0) };
		buf[1] = (struct range){ rig->response,
					 VMEM_RESPONSE - (i == 1) };
		queue_send(&rig->q, buf, i == 2 ? 0 : 1, 2);
		loop_kick(rig->vio, 0);
		assert_true(rig->vio->status & VIRTIO_NEEDS_RESET);
		vmem_go(rig);
	}
	assert_int_equal(state_of(rig, 0, 1), -1);
	assert_false(rig->vio->status & VIRTIO_NEEDS_RESET);
}

static void request__may_come_in_pieces(void **state)
{
	struct vmem_rig *rig = *state;
	struct range buf[4];
	uint32_t id, len;

	vmem_send(rig, VIRTIO_MEM_REQ_STATE, AT, 1);
	rig->q.next_avail--;
	buf[0] = (struct range){ rig->request, 3 };
	buf[1] = (struct range){ rig->request + 3, VMEM_REQUEST - 3 };
	buf[2] = (struct range){ rig->response, 1 };
	buf[3] = (struct range){ rig->response + 1, 63 };
	queue_send(&rig->q, buf, 2, 4);
	loop_kick(rig->vio, 0);
	assert_true(queue_take(&rig->q, &id, &len));
	assert_int_equal(len, VMEM_RESPONSE);
}

/* The device does what was sent, in steps of so much. */
static void is_done_in_steps(struct vmem_rig *rig, uint64_t bytes)
{
	uint32_t id, len;
	unsigned kicks = 0;

	while (!queue_take(&rig->q, &id, &len)) {
		const uint64_t was = blocks_bytes(rig->blocks);

		loop_kick(rig->vio, 0);
		assert_int_equal(blocks_bytes(rig->blocks), was + bytes);
		assert_int_equal(FIELD(rig, plugged_size), was + bytes);
		kicks++;
	}
	assert_int_equal(kicks, SIZE / (64 * MIB));
}

static void request__of_many_blocks_is_done_in_steps(void **state)
{
	struct vmem_rig *rig = *state;

	resize(rig, SIZE);
	vmem_send(rig, VIRTIO_MEM_REQ_PLUG, AT, COUNT);
	is_done_in_steps(rig, 64 * MIB);
	vmem_send(rig, VIRTIO_MEM_REQ_UNPLUG, AT, COUNT);
	is_done_in_steps(rig, -(64 * MIB));
}

static void plug__that_the_host_cannot_do_is_undone(void **state)
{
	struct vmem_rig *rig = *state;

	resize(rig, GIB);
	log_set_level(LOG_ERROR);
	rig->fails_at = 100;
	assert_int_equal(plug(rig, 100, 1), VIRTIO_MEM_RESP_BUSY);
	assert_int_equal(plug(rig, 0, 512), VIRTIO_MEM_RESP_BUSY);
	assert_int_equal(FIELD(rig, plugged_size), 0);
	assert_int_equal(plug(rig, 0, 100), VIRTIO_MEM_RESP_ACK);
	log_set_level(LOG_WARN);
}

static void plug__is_undone_if_less_is_wanted_by_then(void **state)
{
	struct vmem_rig *rig = *state;
	uint32_t id, len;

	resize(rig, SIZE);
	assert_int_equal(plug(rig, COUNT - 1, 1), VIRTIO_MEM_RESP_ACK);
	vmem_send(rig, VIRTIO_MEM_REQ_PLUG, AT, COUNT - 1);
	loop_kick(rig->vio, 0);
	loop_kick(rig->vio, 0);
	assert_int_equal(blocks_bytes(rig->blocks), 128 * MIB + BLOCK);
	assert_false(queue_take(&rig->q, &id, &len));
	/* Enough for what is plugged, and not for the rest. */
	resize(rig, SIZE - BLOCK);
	assert_int_equal(vmem_wait(rig), VIRTIO_MEM_RESP_NACK);
	assert_int_equal(FIELD(rig, plugged_size), BLOCK);
	assert_int_equal(state_of(rig, 0, 512), VIRTIO_MEM_STATE_UNPLUGGED);
}

struct stopper {
	struct loop_timer timer;
	struct loop *loop;
};

static void changed_once(void *ctx, struct virtio *vio, uint64_t plugged)
{
	(void)ctx;
	(void)plugged;
	loop_stop(vio->loop);
}

static void stop(struct loop_timer *timer)
{
	loop_stop(container_of(timer, struct stopper, timer)->loop);
}

/* Has the device hear all kicks that are on their way. */
static void settle_kicks(struct vmem_rig *rig)
{
	struct stopper s = { .timer.expired = stop, .loop = rig->loop };

	assert_int_equal(loop_timer_add(rig->loop, &s.timer, &err), 0);
	loop_timer_set(&s.timer, 10000000);
	assert_int_equal(loop_run(rig->loop, &err), 0);
	loop_timer_remove(rig->loop, &s.timer);
}

static void unplug__waits_for_the_host_once_it_has_begun(void **state)
{
	struct vmem_rig *rig = *state;
	uint32_t id, len;

	resize(rig, GIB);
	log_set_level(LOG_ERROR);
	assert_int_equal(plug(rig, 0, 100), VIRTIO_MEM_RESP_ACK);
	rig->fails_at = 50;
	assert_int_equal(unplug(rig, 50, 50), VIRTIO_MEM_RESP_BUSY);
	assert_int_equal(FIELD(rig, plugged_size), 100 * BLOCK);
	assert_int_equal(unplug(rig, 0, 100), -1);
	assert_int_equal(FIELD(rig, plugged_size), 50 * BLOCK);
	/* A pause does not wait with it. */
	rig->dev->ops->pause(rig->dev);
	assert_false(queue_take(&rig->q, &id, &len));
	rig->dev->ops->resume(rig->dev);
	/* It goes on by itself. */
	settle_kicks(rig);
	virtio_mem_listen(rig->vio,
			  (struct virtio_mem_listener){ changed_once, NULL });
	rig->fails_at = 0;
	assert_int_equal(loop_run(rig->loop, &err), 0);
	assert_int_equal(vmem_wait(rig), VIRTIO_MEM_RESP_ACK);
	assert_int_equal(FIELD(rig, plugged_size), 0);
	log_set_level(LOG_WARN);
}

static void unplug_all__that_the_host_cannot_do_is_busy(void **state)
{
	struct vmem_rig *rig = *state;

	resize(rig, GIB);
	log_set_level(LOG_ERROR);
	assert_int_equal(plug(rig, 0, 100), VIRTIO_MEM_RESP_ACK);
	rig->fails_at = 50;
	assert_int_equal(vmem_ask(rig, VIRTIO_MEM_REQ_UNPLUG_ALL, 0, 0),
			 VIRTIO_MEM_RESP_BUSY);
	rig->fails_at = 0;
	assert_int_equal(vmem_ask(rig, VIRTIO_MEM_REQ_UNPLUG_ALL, 0, 0),
			 VIRTIO_MEM_RESP_ACK);
	assert_int_equal(FIELD(rig, plugged_size), 0);
	log_set_level(LOG_WARN);
}

static void pause__comes_when_a_request_is_done(void **state)
{
	struct vmem_rig *rig = *state;
	uint32_t id, len;

	resize(rig, GIB);
	vmem_send(rig, VIRTIO_MEM_REQ_PLUG, AT, 512);
	loop_kick(rig->vio, 0);
	assert_false(queue_take(&rig->q, &id, &len));
	rig->dev->ops->pause(rig->dev);
	assert_int_equal(blocks_bytes(rig->blocks), GIB);
	assert_true(queue_take(&rig->q, &id, &len));
	rig->dev->ops->resume(rig->dev);
}

static void reset__keeps_blocks_a_restart_does_not(void **state)
{
	struct vmem_rig *rig = *state;

	resize(rig, GIB);
	assert_int_equal(plug(rig, 1, 3), VIRTIO_MEM_RESP_ACK);
	memset(rig->backing.host + BLOCK, 0xaa, BLOCK);
	/* In the middle of a request, too. */
	vmem_send(rig, VIRTIO_MEM_REQ_PLUG, AT + 4 * BLOCK, 100);
	loop_kick(rig->vio, 0);
	vmem_go(rig);
	assert_int_equal(state_of(rig, 1, 3), VIRTIO_MEM_STATE_PLUGGED);
	assert_int_equal(state_of(rig, 4, 100), VIRTIO_MEM_STATE_MIXED);
	assert_int_equal(FIELD(rig, plugged_size), 64 * MIB + 3 * BLOCK);
	assert_int_equal(rig->backing.host[BLOCK], 0xaa);
	resize(rig, SIZE);
	resize(rig, BLOCK);
	rig->dev->ops->reset(rig->dev);
	virtio_mem_restart(rig->vio);
	vmem_go(rig);
	assert_int_equal(FIELD(rig, plugged_size), 0);
	assert_int_equal(FIELD(rig, requested_size), BLOCK);
	assert_int_equal(FIELD(rig, usable_region_size), GIB);
}

struct told {
	struct virtio *vio;
	uint64_t plugged;
};

static void changed(void *ctx, struct virtio *vio, uint64_t plugged)
{
	*(struct told *)ctx = (struct told){ vio, plugged };
	loop_stop(vio->loop);
}

static void listener__is_told_what_is_plugged(void **state)
{
	struct told told = { 0 };
	struct virtio_mem_info info;
	struct vmem_rig *rig = *state;

	virtio_mem_listen(rig->vio,
			  (struct virtio_mem_listener){ changed, &told });
	resize(rig, GIB);
	assert_int_equal(plug(rig, 1, 1), VIRTIO_MEM_RESP_ACK);
	assert_int_equal(plug(rig, 2, 1), VIRTIO_MEM_RESP_ACK);
	assert_int_equal(loop_run(rig->loop, &err), 0);
	assert_ptr_equal(told.vio, rig->vio);
	assert_int_equal(told.plugged, 2 * BLOCK);
	virtio_mem_query(rig->vio, &info);
	assert_int_equal(info.region.start, AT);
	assert_int_equal(info.region.size, SIZE);
	assert_int_equal(info.plugged, 2 * BLOCK);
	assert_int_equal(info.requested, GIB);
	assert_int_equal(info.block, BLOCK);
	assert_true(info.driver);
}

/* A buffer that was unplugged before the device accesses it. */
static void chain__leaves_no_memory_in_what_is_unplugged(void **state)
{
	const uint8_t bytes[512] = { 0xaa };
	struct vmem_rig *rig = *state;
	struct virtq_chain chain = { .mem = &rig->ram.map, .count = 1 };

	resize(rig, GIB);
	assert_int_equal(plug(rig, 0, 1), VIRTIO_MEM_RESP_ACK);
	chain.iov[0] = (struct iovec){ rig->backing.host + 4096, 512 };
	assert_int_equal(unplug(rig, 0, 1), VIRTIO_MEM_RESP_ACK);
	assert_int_equal(chain_write(&chain, 0, bytes, sizeof(bytes)), 512);
	assert_int_equal(rig->backing.host[4096], 0);
}

static int begin(void **state)
{
	static struct vmem_rig rig;

	vmem_begin(&rig);
	*state = &rig;
	return 0;
}

static int end(void **state)
{
	vmem_end(*state);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(config__says_where_and_how_much),
		TEST(driver__that_reads_what_is_not_plugged_is_refused),
		TEST(resize__is_told_to_the_driver),
		TEST(plug__up_to_what_is_asked_for),
		TEST(plug__is_only_for_what_is_unplugged_and_usable),
		TEST(unplug__is_only_for_what_is_plugged),
		TEST(state__is_plugged_unplugged_or_mixed),
		TEST(unplug_all__leaves_nothing_and_shrinks_what_is_usable),
		TEST(request__of_no_known_type_is_an_error),
		TEST(request__of_the_wrong_size_breaks_the_device),
		TEST(request__may_come_in_pieces),
		TEST(request__of_many_blocks_is_done_in_steps),
		TEST(plug__that_the_host_cannot_do_is_undone),
		TEST(plug__is_undone_if_less_is_wanted_by_then),
		TEST(unplug__waits_for_the_host_once_it_has_begun),
		TEST(unplug_all__that_the_host_cannot_do_is_busy),
		TEST(pause__comes_when_a_request_is_done),
		TEST(reset__keeps_blocks_a_restart_does_not),
		TEST(listener__is_told_what_is_plugged),
		TEST(chain__leaves_no_memory_in_what_is_unplugged),
	};

	return RUN_TESTS(tests);
}
