/* tests/unit/test_virtio_power_button.c - devices/virtio/power_button.c. */
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_input.h>
#include <string.h>

#include "base/bytes.h"
#include "base/loop.h"
#include "devices/virtio/mmio.h"
#include "devices/virtio/power_button.h"
#include "tests/unit/test.h"
#include "tests/unit/virtq_driver.h"

#define CONFIG 0x100 /* Source: VIRTIO 1.2, section 4.2.2 */
#define BUFFERS (RAM_BASE + 0x8000)

static struct fake_ram ram;
static struct loop *loop;
static struct fake_irq irq;
static struct virtio *vio;
static struct device *dev;
static struct fake_queue events, status;
static unsigned offered; /* event buffers so far */

static int setup(void **state)
{
	struct err err = { 0 };

	(void)state;
	offered = 0;
	irq = (struct fake_irq){ 0 };
	ram_init(&ram);
	assert_int_equal(loop_new(&loop, &err), 0);
	assert_int_equal(virtio_power_button_new(&vio, &ram.map, loop, &err),
			 0);
	return virtio_mmio_new(&dev, vio, fake_irq_line(&irq), &err);
}

static int teardown(void **state)
{
	(void)state;
	dev->ops->destroy(dev);
	loop = loop_free(loop);
	ram_finish(&ram);
	return 0;
}

static void go(void)
{
	queue_alloc(&events, &ram, 8);
	queue_alloc(&status, &ram, 8);
	mmio_begin(dev, 0);
	mmio_queue(dev, 0, &events);
	mmio_queue(dev, 1, &status);
	mmio_go(dev);
}

static void offer(unsigned count, uint64_t size)
{
	for (unsigned i = 0; i < count; i++)
		queue_send(&events,
			   &(struct range){ BUFFERS + 16 * offered++, size }, 0,
			   1);
}

/* The next event was told, and is this one. */
static void assert_event(unsigned n, unsigned type, unsigned code,
			 unsigned value)
{
	const uint8_t *event = ram_at(&ram, BUFFERS + 16ULL * n);
	uint32_t id, len;

	assert_true(queue_take(&events, &id, &len));
	assert_int_equal(len, 8);
	assert_int_equal(load_le16(event), type);
	assert_int_equal(load_le16(event + 2), code);
	assert_int_equal(load_le32(event + 4), value);
}

static bool told(void)
{
	uint32_t id, len;

	return queue_take(&events, &id, &len);
}

/* Reads a byte, as Linux's driver does. */
static uint8_t config(unsigned offset)
{
	uint64_t val = dev->ops->read(dev, CONFIG + offset, 1);

	return (uint8_t)val;
}

static void choose(uint8_t select, uint8_t subsel)
{
	dev->ops->write(dev, CONFIG, 1, select);
	dev->ops->write(dev, CONFIG + 1, 1, subsel);
}

static void config__names_the_one_key(void **state)
{
	char name[16] = "";

	(void)state;
	choose(VIRTIO_INPUT_CFG_ID_NAME, 0);
	assert_int_equal(config(2), 12);
	for (unsigned i = 0; i < 12; i++)
		name[i] = (char)config(8 + i);
	assert_string_equal(name, "Power Button");
	choose(VIRTIO_INPUT_CFG_EV_BITS, 1); /* EV_KEY */
	assert_int_equal(config(2), 15);
	for (unsigned i = 0; i < 128; i++)
		assert_int_equal(config(8 + i), i == 116 / 8 ? 0x10 : 0);
	choose(VIRTIO_INPUT_CFG_ID_DEVIDS, 0);
	assert_int_equal(config(2), 8);
	assert_int_equal(config(8), 6);
}

static void config__what_there_is_not_has_no_size(void **state)
{
	(void)state;
	assert_int_equal(config(2), 0);
	choose(VIRTIO_INPUT_CFG_ID_NAME, 0);
	for (unsigned type = 0; type < 256; type++) {
		choose(VIRTIO_INPUT_CFG_EV_BITS, (uint8_t)type);
		assert_int_equal(config(2), type == 1 ? 15 : 0);
	}
	for (unsigned select = VIRTIO_INPUT_CFG_ABS_INFO; select < 256;
	     select++) {
		choose((uint8_t)select, 1);
		assert_int_equal(config(2), 0);
		assert_int_equal(config(8 + 14), 0);
	}
}

static void config__only_the_choice_is_written(void **state)
{
	(void)state;
	choose(VIRTIO_INPUT_CFG_ID_NAME, 0);
	for (unsigned i = 2; i < 256; i++)
		dev->ops->write(dev, CONFIG + i, 1, 0xff);
	assert_int_equal(config(2), 12);
	assert_int_equal(config(8), 'P');
	assert_int_equal(config(135), 0);
}

static void press__is_down_and_up_with_one_interrupt(void **state)
{
	(void)state;
	go();
	offer(8, 8);
	loop_kick(vio, 0);
	assert_false(told());
	assert_int_equal(virtio_power_button_press(vio), 0);
	assert_event(0, 1, 116, 1);
	assert_event(1, 0, 0, 0);
	assert_event(2, 1, 116, 0);
	assert_event(3, 0, 0, 0);
	assert_false(told());
	assert_int_equal(irq.count, 1);
	assert_int_equal(virtio_power_button_press(vio), 0);
	assert_event(4, 1, 116, 1);
}

static void press__without_a_driver_is_refused(void **state)
{
	(void)state;
	assert_int_equal(virtio_power_button_press(vio), -ENOTCONN);
	go();
	assert_int_equal(virtio_power_button_press(vio), 0);
	virtio_set_status(vio, 0);
	assert_int_equal(virtio_power_button_press(vio), -ENOTCONN);
}

static void press__goes_on_as_there_are_buffers(void **state)
{
	(void)state;
	go();
	offer(1, 8);
	assert_int_equal(virtio_power_button_press(vio), 0);
	assert_int_equal(virtio_power_button_press(vio), 0);
	assert_event(0, 1, 116, 1);
	assert_false(told());
	offer(2, 8);
	loop_kick(vio, 0);
	assert_event(1, 0, 0, 0);
	assert_event(2, 1, 116, 0);
	offer(5, 8);
	loop_kick(vio, 0);
	assert_event(3, 0, 0, 0);
	assert_false(told());
}

static void press__a_paused_guest_hears_of_it_later(void **state)
{
	(void)state;
	go();
	offer(8, 8);
	virtio_pause(vio);
	assert_int_equal(virtio_power_button_press(vio), 0);
	assert_false(told());
	virtio_resume(vio);
	loop_kick(vio, 0);
	assert_event(0, 1, 116, 1);
}

static void press__is_forgotten_by_a_reset(void **state)
{
	(void)state;
	go();
	assert_int_equal(virtio_power_button_press(vio), 0);
	virtio_set_status(vio, 0);
	go();
	offer(4, 8);
	loop_kick(vio, 0);
	assert_false(told());
}

static void press__a_buffer_too_small_breaks_the_device(void **state)
{
	(void)state;
	go();
	offer(4, 7);
	assert_int_equal(virtio_power_button_press(vio), 0);
	assert_true(vio->status & VIRTIO_NEEDS_RESET);
	assert_int_equal(virtio_power_button_press(vio), -ENOTCONN);
}

static void status__comes_back_unread(void **state)
{
	uint32_t id, len;

	(void)state;
	go();
	queue_send(&status, &(struct range){ BUFFERS, 8 }, 1, 1);
	loop_kick(vio, 1);
	assert_true(queue_take(&status, &id, &len));
	assert_int_equal(len, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(config__names_the_one_key),
		TEST(config__what_there_is_not_has_no_size),
		TEST(config__only_the_choice_is_written),
		TEST(press__is_down_and_up_with_one_interrupt),
		TEST(press__without_a_driver_is_refused),
		TEST(press__goes_on_as_there_are_buffers),
		TEST(press__a_paused_guest_hears_of_it_later),
		TEST(press__is_forgotten_by_a_reset),
		TEST(press__a_buffer_too_small_breaks_the_device),
		TEST(status__comes_back_unread),
	};

	return RUN_TESTS(tests);
}
