/* tests/unit/test_virtio_transport.c - devices/virtio/virtio.c, behind a
 * transport without registers. */
#include <errno.h>
#include <linux/virtio_config.h>

#include "base/cleanup.h"
#include "base/loop.h"
#include "devices/virtio/mmio.h"
#include "devices/virtio/rng.h"
#include "tests/unit/test.h"
#include "tests/unit/virtq_driver.h"

/* Commands come as function calls: its device has no registers. */
struct fake_transport {
	struct virtio_transport transport;
	struct virtio *vio;
	unsigned used; /* interrupts, for the last queue */
	unsigned queue;
	unsigned config;
};

static struct fake_transport *transport_of(struct virtio *vio)
{
	return container_of(vio->transport, struct fake_transport, transport);
}

static void transport_used(struct virtio *vio, unsigned queue)
{
	struct fake_transport *t = transport_of(vio);

	assert_int_equal(pthread_mutex_trylock(&vio->lock), EBUSY);
	t->used++;
	t->queue = queue;
}

static void transport_config(struct virtio *vio)
{
	transport_of(vio)->config++;
}

static const struct virtio_transport_ops transport_ops = {
	.used = transport_used,
	.config = transport_config,
};

static const struct device_ops no_registers = {
	.name = "fake transport",
	.save = device_save_nothing,
	.load = device_load_nothing,
};

static void transport_start(struct fake_transport *t,
			    const struct fake_queue *q)
{
	const uint8_t ready = VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER |
			      VIRTIO_FEATURES_OK;
	struct virtio *vio = t->vio;

	GUARD(&vio->lock);
	virtio_reset(vio);
	virtio_accept(vio, 1, 1U << (VIRTIO_F_VERSION_1 - 32));
	virtio_set_status(vio, ready);
	virtio_set_size(vio, 0, q->size);
	virtio_set_area(vio, 0, VIRTIO_AREA_DESC, q->desc, UINT64_MAX);
	virtio_set_area(vio, 0, VIRTIO_AREA_DRIVER, q->avail, UINT64_MAX);
	virtio_set_area(vio, 0, VIRTIO_AREA_DEVICE, q->used, UINT64_MAX);
	virtio_enable_queue(vio, 0);
	virtio_set_status(vio, ready | VIRTIO_DRIVER_OK);
	assert_int_equal(vio->status, ready | VIRTIO_DRIVER_OK);
}

static struct virtio *new_rng(struct fake_ram *ram, struct loop *loop)
{
	struct err err = { 0 };
	struct virtio *vio;

	assert_int_equal(virtio_rng_new(&vio, &ram->map, loop, &err), 0);
	return vio;
}

static void any_transport__carries_a_device(void **state)
{
	struct fake_transport t = { 0 };
	struct loop *loop;
	struct err err = { 0 };
	struct fake_queue q;
	struct fake_ram ram;
	uint32_t id, len;

	(void)state;
	ram_init(&ram);
	assert_int_equal(loop_new(&loop, &err), 0);
	t.vio = new_rng(&ram, loop);
	virtio_connect(t.vio, &t.transport, &no_registers, &transport_ops);
	assert_ptr_equal(t.transport.dev.lock, &t.vio->lock);
	queue_alloc(&q, &ram, 8);
	transport_start(&t, &q);
	queue_send(&q, &(struct range){ RAM_BASE + 0x8000, 64 }, 0, 1);
	loop_kick(t.vio, 0);
	assert_true(queue_take(&q, &id, &len));
	assert_int_equal(len, 64);
	assert_int_equal(t.used, 1);
	assert_int_equal(t.queue, 0);
	virtio_config_changed(t.vio);
	assert_int_equal(t.config, 1);
	virtio_reset(t.vio);
	t.vio->ops->destroy(t.vio);
	(void)loop_free(loop);
	ram_finish(&ram);
}

/* What a vCPU does by registers and the loop by a kick excludes each other. */
static void mmio__has_the_lock_of_its_device(void **state)
{
	struct loop *loop;
	struct fake_irq irq = { 0 };
	struct err err = { 0 };
	struct device *dev;
	struct fake_ram ram;
	struct virtio *vio;

	(void)state;
	ram_init(&ram);
	assert_int_equal(loop_new(&loop, &err), 0);
	vio = new_rng(&ram, loop);
	assert_int_equal(virtio_mmio_new(&dev, vio, fake_irq_line(&irq), &err),
			 0);
	assert_ptr_equal(dev->lock, &vio->lock);
	assert_ptr_equal(vio->queue[0].kick.lock, &vio->lock);
	dev->ops->destroy(dev);
	(void)loop_free(loop);
	ram_finish(&ram);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_transport__carries_a_device),
		cmocka_unit_test(mmio__has_the_lock_of_its_device),
	};

	return RUN_TESTS(tests);
}
