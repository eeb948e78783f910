/* tests/unit/test_virtio_rng.c - devices/virtio/rng.c. */
#include <string.h>
#include <sys/eventfd.h>

#include "base/loop.h"
#include "devices/virtio/mmio.h"
#include "devices/virtio/rng.h"
#include "tests/unit/test.h"
#include "tests/unit/virtq_driver.h"

struct rig {
	struct fake_ram ram;
	struct loop *loop;
	struct fake_irq irq;
	struct virtio *vio;
	struct device *dev;
	struct fake_queue q;
};

static void begin(struct rig *rig)
{
	struct err err = { 0 };

	*rig = (struct rig){ 0 };
	ram_init(&rig->ram);
	assert_int_equal(loop_new(&rig->loop, &err), 0);
	assert_int_equal(
		virtio_rng_new(&rig->vio, &rig->ram.map, rig->loop, &err), 0);
	assert_int_equal(virtio_mmio_new(&rig->dev, rig->vio,
					 fake_irq_line(&rig->irq), &err),
			 0);
	queue_alloc(&rig->q, &rig->ram, 8);
	mmio_begin(rig->dev, 0);
	mmio_queue(rig->dev, 0, &rig->q);
	mmio_go(rig->dev);
}

static void end(struct rig *rig)
{
	rig->dev->ops->destroy(rig->dev);
	rig->loop = loop_free(rig->loop);
	ram_finish(&rig->ram);
}

/* True if the device rang its own doorbell; unrings it. */
static bool rung(struct rig *rig)
{
	eventfd_t n;

	return eventfd_read(rig->dev->doorbell[0].fd, &n) == 0;
}

static bool all_zero(const uint8_t *p, size_t len)
{
	while (len > 0 && *p == 0)
		p++, len--;
	return len == 0;
}

static void notify__fills_the_buffers_and_nothing_else(void **state)
{
	const gpa_t a = RAM_BASE + 0x8000, b = RAM_BORDER - 32;
	struct rig rig;
	uint32_t id, len;

	(void)state;
	begin(&rig);
	queue_send(&rig.q, (struct range[]){ { a, 64 }, { b, 64 } }, 0, 2);
	loop_kick(rig.vio, 0);
	assert_true(queue_take(&rig.q, &id, &len));
	assert_int_equal(len, 128);
	assert_int_equal(rig.irq.count, 1);
	assert_false(all_zero(ram_at(&rig.ram, a), 32));
	assert_false(all_zero(ram_at(&rig.ram, a + 32), 32));
	assert_false(all_zero(ram_at(&rig.ram, b), 32));
	assert_false(all_zero(ram_at(&rig.ram, RAM_BORDER), 32));
	assert_true(all_zero(ram_at(&rig.ram, a + 64), 64));
	assert_true(all_zero(ram_at(&rig.ram, b - 64), 64));
	assert_true(all_zero(ram_at(&rig.ram, RAM_BORDER + 32), 64));
	end(&rig);
}

static void notify__readable_buffers_come_back_empty(void **state)
{
	struct rig rig;
	uint32_t id, len;

	(void)state;
	begin(&rig);
	queue_send(&rig.q, &(struct range){ RAM_BASE + 0x8000, 64 }, 1, 1);
	loop_kick(rig.vio, 0);
	assert_true(queue_take(&rig.q, &id, &len));
	assert_int_equal(len, 0);
	assert_true(all_zero(ram_at(&rig.ram, RAM_BASE + 0x8000), 64));
	end(&rig);
}

static void notify__a_greedy_guest_waits_its_turn(void **state)
{
	struct rig rig;
	uint32_t id, len;

	(void)state;
	begin(&rig);
	(void)rung(&rig); /* by DRIVER_OK */
	for (unsigned i = 0; i < 3; i++)
		queue_send(&rig.q, &(struct range){ RAM_BORDER, 48 * 1024 }, 0,
			   1);
	loop_kick(rig.vio, 0);
	assert_true(queue_take(&rig.q, &id, &len));
	assert_int_equal(len, 48 * 1024);
	assert_true(queue_take(&rig.q, &id, &len));
	assert_int_equal(len, 16 * 1024);
	assert_false(queue_take(&rig.q, &id, &len));

	assert_true(rung(&rig));
	loop_kick(rig.vio, 0);
	assert_true(queue_take(&rig.q, &id, &len));
	assert_int_equal(len, 48 * 1024);
	assert_false(rung(&rig));
	end(&rig);
}

/* Chains of many small buffers take their time to walk. */
static void notify__small_buffers_count_too(void **state)
{
	struct rig rig;
	uint32_t id, len;
	gpa_t table;

	(void)state;
	begin(&rig);
	mmio_write(rig.dev, 0x070, 0);
	mmio_begin(rig.dev, 1ULL << VIRTIO_RING_F_INDIRECT_DESC);
	mmio_queue(rig.dev, 0, &rig.q);
	mmio_go(rig.dev);
	table = ram_alloc(&rig.ram, 256 * 16, 16);
	for (uint16_t i = 0; i < 256; i++)
		desc_write(
			&rig.ram, table, i,
			(struct vring_desc){
				RAM_BORDER, 1,
				(uint16_t)(VRING_DESC_F_WRITE |
					   (i < 255 ? VRING_DESC_F_NEXT : 0)),
				(uint16_t)(i + 1) });
	desc_write(&rig.ram, rig.q.desc, 0,
		   (struct vring_desc){ table, 256 * 16, VRING_DESC_F_INDIRECT,
					0 });
	for (unsigned i = 0; i < 3; i++)
		queue_offer(&rig.q, 0);
	(void)rung(&rig);
	loop_kick(rig.vio, 0);
	assert_true(queue_take(&rig.q, &id, &len));
	assert_int_equal(len, 256);
	assert_true(queue_take(&rig.q, &id, &len));
	assert_false(queue_take(&rig.q, &id, &len));
	assert_int_equal(rig.irq.count, 1);
	assert_true(rung(&rig));
	loop_kick(rig.vio, 0);
	assert_true(queue_take(&rig.q, &id, &len));
	assert_int_equal(len, 256);
	assert_false(rung(&rig));
	end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(notify__fills_the_buffers_and_nothing_else),
		cmocka_unit_test(notify__readable_buffers_come_back_empty),
		cmocka_unit_test(notify__a_greedy_guest_waits_its_turn),
		cmocka_unit_test(notify__small_buffers_count_too),
	};

	return RUN_TESTS(tests);
}
