/* tests/unit/test_virtio_ports.c - devices/virtio/ports.c. */
#include <endian.h>
#include <linux/virtio_console.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"
#include "base/loop.h"
#include "devices/virtio/mmio.h"
#include "devices/virtio/ports.h"
#include "tests/unit/device_state.h"
#include "tests/unit/fake_port.h"
#include "tests/unit/test.h"
#include "tests/unit/virtq_driver.h"

enum { CONTROL_RX = 2, CONTROL_TX, IN_RX, IN_TX, OUT_RX, OUT_TX, QUEUES };

#define RING 16

struct rig {
	struct fake_ram ram;
	struct loop *loop;
	struct fake_irq irq;
	struct fake_port in, out;
	struct virtio *vio;
	struct device *dev;
	struct fake_queue q[QUEUES];
	gpa_t message; /* the buffer that the next message comes in */
};

static void make(struct rig *rig)
{
	struct port *const ports[] = { &rig->in.port, &rig->out.port };
	struct err err = { 0 };

	assert_int_equal(virtio_ports_new(&rig->vio, &rig->ram.map, rig->loop,
					  ports, 2, &err),
			 0);
	assert_int_equal(virtio_mmio_new(&rig->dev, rig->vio,
					 fake_irq_line(&rig->irq), &err),
			 0);
}

static void begin(struct rig *rig)
{
	struct err err = { 0 };

	*rig = (struct rig){ 0 };
	ram_init(&rig->ram);
	assert_int_equal(loop_new(&rig->loop, &err), 0);
	fake_port_init(&rig->in, "in");
	fake_port_init(&rig->out, "out");
	make(rig);
	assert_true(mmio_begin(rig->dev, UINT64_MAX) &
		    1ULL << VIRTIO_CONSOLE_F_MULTIPORT);
	for (unsigned i = CONTROL_RX; i < QUEUES; i++) {
		queue_alloc(&rig->q[i], &rig->ram, RING);
		mmio_queue(rig->dev, i, &rig->q[i]);
	}
	mmio_go(rig->dev);
}

static void end(struct rig *rig)
{
	rig->dev->ops->destroy(rig->dev);
	assert_null(rig->in.user);
	assert_null(rig->out.user);
	rig->loop = loop_free(rig->loop);
	ram_finish(&rig->ram);
}

static bool kicked(struct rig *rig, unsigned queue)
{
	eventfd_t n;

	return eventfd_read(rig->dev->doorbell[queue].fd, &n) == 0;
}

/* Serves what was kicked, until nothing is. */
static void settle(struct rig *rig)
{
	bool more = true;

	while (more) {
		more = false;
		for (unsigned i = CONTROL_RX; i < QUEUES; i++) {
			if (!kicked(rig, i))
				continue;
			loop_kick(rig->vio, i);
			more = true;
		}
	}
}

static bool took(struct rig *rig, unsigned queue)
{
	uint32_t id, len;

	return queue_take(&rig->q[queue], &id, &len);
}

/* The driver says something. */
static void say(struct rig *rig, uint32_t id, uint16_t event, uint16_t value)
{
	const struct virtio_console_control head = { htole32(id),
						     htole16(event),
						     htole16(value) };
	const gpa_t at = ram_alloc(&rig->ram, sizeof(head), 8);

	memcpy(ram_at(&rig->ram, at), &head, sizeof(head));
	queue_send(&rig->q[CONTROL_TX], &(struct range){ at, sizeof(head) }, 1,
		   1);
	loop_kick(rig->vio, CONTROL_TX);
	assert_true(took(rig, CONTROL_TX));
	settle(rig);
}

/* The device says this next, with @text behind it. */
static void hear(struct rig *rig, uint32_t id, uint16_t event, uint16_t value,
		 const char *text)
{
	const gpa_t at = ram_alloc(&rig->ram, 64, 8);
	struct virtio_console_control head;
	uint32_t chain, len;

	queue_send(&rig->q[CONTROL_RX], &(struct range){ at, 64 }, 0, 1);
	loop_kick(rig->vio, CONTROL_RX);
	assert_true(queue_take(&rig->q[CONTROL_RX], &chain, &len));
	memcpy(&head, ram_at(&rig->ram, at), sizeof(head));
	assert_int_equal(le32toh(head.id), id);
	assert_int_equal(le16toh(head.event), event);
	assert_int_equal(le16toh(head.value), value);
	assert_int_equal(len, sizeof(head) + strlen(text));
	assert_memory_equal((char *)ram_at(&rig->ram, at) + sizeof(head), text,
			    strlen(text));
}

/* The device has nothing to say. */
static void hear_nothing(struct rig *rig)
{
	const gpa_t at = ram_alloc(&rig->ram, 64, 8);

	queue_send(&rig->q[CONTROL_RX], &(struct range){ at, 64 }, 0, 1);
	loop_kick(rig->vio, CONTROL_RX);
	assert_false(took(rig, CONTROL_RX));
}

/* Both ports are there, and open. */
static void open_both(struct rig *rig)
{
	say(rig, UINT32_MAX, VIRTIO_CONSOLE_DEVICE_READY, 1);
	hear(rig, 1, VIRTIO_CONSOLE_PORT_ADD, 0, "");
	hear(rig, 2, VIRTIO_CONSOLE_PORT_ADD, 0, "");
	for (unsigned i = 1; i <= 2; i++) {
		say(rig, i, VIRTIO_CONSOLE_PORT_READY, 1);
		hear(rig, i, VIRTIO_CONSOLE_PORT_OPEN, 1, "");
		hear(rig, i, VIRTIO_CONSOLE_PORT_NAME, 1,
		     i == 1 ? "in" : "out");
		say(rig, i, VIRTIO_CONSOLE_PORT_OPEN, 1);
	}
}

static void send_text(struct rig *rig, const char *text)
{
	const size_t len = strlen(text);
	const gpa_t at = ram_alloc(&rig->ram, len, 1);

	memcpy(ram_at(&rig->ram, at), text, len);
	queue_send(&rig->q[OUT_TX], &(struct range){ at, len }, 1, 1);
	loop_kick(rig->vio, OUT_TX);
}

/* Gives the device room for input; where it is. */
static gpa_t give_room(struct rig *rig, size_t len)
{
	const gpa_t at = ram_alloc(&rig->ram, len, 1);

	queue_send(&rig->q[IN_RX], &(struct range){ at, len }, 0, 1);
	loop_kick(rig->vio, IN_RX);
	return at;
}

static void config__asks_for_a_driver_of_several_ports(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig);
	assert_int_equal(mmio_read(rig.dev, 0x100 + 4), 3);
	(void)mmio_begin(rig.dev, 0);
	assert_false(mmio_read(rig.dev, 0x070) & 8); /* FEATURES_OK */
	end(&rig);
}

static void control__ports_are_told_in_order(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig);
	open_both(&rig);
	assert_int_equal(rig.in.opens, 1);
	assert_int_equal(rig.out.opens, 1);
	end(&rig);
}

static void control__a_driver_without_buffers_misses_no_state(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig);
	open_both(&rig);
	/* Ends, and every message again, with no buffer. */
	rig.in.ended = true;
	(void)give_room(&rig, 8);
	for (unsigned i = 0; i < 100; i++)
		say(&rig, 1, VIRTIO_CONSOLE_PORT_READY, 1);
	hear(&rig, 1, VIRTIO_CONSOLE_PORT_OPEN, 0, "");
	hear(&rig, 1, VIRTIO_CONSOLE_PORT_NAME, 1, "in");
	hear_nothing(&rig);
	end(&rig);
}

static void control__wrong_messages_change_nothing(void **state)
{
	static const struct virtio_console_control wrong[] = {
		{ 0, VIRTIO_CONSOLE_PORT_OPEN, 1 },
		{ 3, VIRTIO_CONSOLE_PORT_OPEN, 1 },
		{ UINT32_MAX, VIRTIO_CONSOLE_PORT_READY, 1 },
		{ 1, 77, 1 },
		{ 1, VIRTIO_CONSOLE_PORT_ADD, 1 },
		{ UINT32_MAX, VIRTIO_CONSOLE_DEVICE_READY, 0 },
	};
	const struct range cut = { RAM_BORDER, 7 };
	struct rig rig;

	(void)state;
	begin(&rig);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		say(&rig, wrong[i].id, wrong[i].event, wrong[i].value);
	queue_send(&rig.q[CONTROL_TX], &cut, 1, 1);
	loop_kick(rig.vio, CONTROL_TX);
	assert_true(took(&rig, CONTROL_TX));
	assert_int_equal(rig.in.opens + rig.out.opens, 0);
	assert_null(rig.vio->fault);
	hear_nothing(&rig);
	end(&rig);
}

static void control__a_buffer_too_small_breaks_the_device(void **state)
{
	const struct range small = { RAM_BORDER, 7 };
	struct rig rig;

	(void)state;
	begin(&rig);
	queue_send(&rig.q[CONTROL_RX], &small, 0, 1);
	say(&rig, UINT32_MAX, VIRTIO_CONSOLE_DEVICE_READY, 1);
	assert_non_null(rig.vio->fault);
	end(&rig);
}

static void control__a_port_that_the_driver_cannot_have_is_left(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig);
	open_both(&rig);
	say(&rig, 1, VIRTIO_CONSOLE_PORT_READY, 0);
	rig.in.ended = true;
	(void)give_room(&rig, 8);
	hear_nothing(&rig);
	end(&rig);
}

static void tx__keeps_every_byte(void **state)
{
	const char text[] = { 'a', 0, 'b', '\n', (char)0xff };
	const gpa_t at = RAM_BORDER;
	struct rig rig;

	(void)state;
	begin(&rig);
	open_both(&rig);
	memcpy(ram_at(&rig.ram, at), text, sizeof(text));
	queue_send(&rig.q[OUT_TX], (struct range[]){ { at, 2 }, { at + 2, 3 } },
		   2, 2);
	loop_kick(rig.vio, OUT_TX);
	assert_int_equal(rig.out.total, sizeof(text));
	assert_memory_equal(rig.out.out, text, sizeof(text));
	assert_true(took(&rig, OUT_TX));
	end(&rig);
}

static void tx__a_slow_host_holds_the_writer_and_loses_nothing(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig);
	open_both(&rig);
	rig.out.takes = 4;
	send_text(&rig, "abcdef");
	send_text(&rig, "gh");
	assert_false(took(&rig, OUT_TX));
	assert_int_equal(rig.out.total, 4);
	loop_kick(rig.vio, OUT_TX);
	assert_false(took(&rig, OUT_TX));
	rig.out.takes = SIZE_MAX;
	rig.out.user->drained(rig.out.user);
	assert_true(kicked(&rig, OUT_TX));
	loop_kick(rig.vio, OUT_TX);
	assert_true(took(&rig, OUT_TX));
	assert_true(took(&rig, OUT_TX));
	assert_int_equal(rig.out.total, 8);
	assert_memory_equal(rig.out.out, "abcdefgh", 8);
	end(&rig);
}

static void tx__a_flood_is_cut_into_turns(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig);
	open_both(&rig);
	queue_send(&rig.q[OUT_TX], &(struct range){ RAM_BORDER, 100 * 1024 }, 1,
		   1);
	loop_kick(rig.vio, OUT_TX);
	assert_in_range(rig.out.total, 60 * 1024, 64 * 1024);
	assert_false(took(&rig, OUT_TX));
	assert_true(kicked(&rig, OUT_TX));
	loop_kick(rig.vio, OUT_TX);
	assert_int_equal(rig.out.total, 100 * 1024);
	assert_true(took(&rig, OUT_TX));
	end(&rig);
}

static void tx__a_reader_that_is_gone_closes_the_port(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig);
	open_both(&rig);
	rig.out.gone = true;
	send_text(&rig, "lost");
	assert_true(took(&rig, OUT_TX));
	hear(&rig, 2, VIRTIO_CONSOLE_PORT_OPEN, 0, "");
	send_text(&rig, "lost, too");
	assert_true(took(&rig, OUT_TX));
	assert_int_equal(rig.out.total, 0);
	end(&rig);
}

static void close__follows_the_data(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig);
	open_both(&rig);
	rig.out.takes = 2;
	send_text(&rig, "last words");
	say(&rig, 2, VIRTIO_CONSOLE_PORT_OPEN, 0);
	assert_int_equal(rig.out.closes, 0);
	rig.out.takes = SIZE_MAX;
	loop_kick(rig.vio, OUT_TX);
	assert_int_equal(rig.out.closes, 1);
	assert_int_equal(rig.out.at_close, 10);
	say(&rig, 2, VIRTIO_CONSOLE_PORT_OPEN, 0);
	assert_int_equal(rig.out.closes, 1);
	end(&rig);
}

static void close__waits_for_the_next_turn(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig);
	open_both(&rig);
	queue_send(&rig.q[OUT_TX], &(struct range){ RAM_BORDER, 100 * 1024 }, 1,
		   1);
	say(&rig, 2, VIRTIO_CONSOLE_PORT_OPEN, 0);
	assert_int_equal(rig.out.closes, 1);
	assert_int_equal(rig.out.at_close, 100 * 1024);
	end(&rig);
}

static void rx__waits_until_the_port_is_open(void **state)
{
	struct rig rig;
	gpa_t at;

	(void)state;
	begin(&rig);
	at = give_room(&rig, 8);
	fake_port_type(&rig.in, "keys");
	settle(&rig);
	assert_int_equal(rig.in.left, 4);
	open_both(&rig);
	assert_int_equal(rig.in.left, 0);
	assert_true(took(&rig, IN_RX));
	assert_memory_equal(ram_at(&rig.ram, at), "keys", 4);
	end(&rig);
}

static void rx__fills_what_room_there_is(void **state)
{
	struct rig rig;
	uint32_t id, len;
	gpa_t at;

	(void)state;
	begin(&rig);
	open_both(&rig);
	queue_send(&rig.q[IN_RX], &(struct range){ RAM_BORDER, 4 }, 1, 1);
	at = give_room(&rig, 3);
	assert_true(queue_take(&rig.q[IN_RX], &id, &len));
	assert_int_equal(len, 0); /* it could not be written */
	fake_port_type(&rig.in, "keys");
	settle(&rig);
	assert_true(queue_take(&rig.q[IN_RX], &id, &len));
	assert_int_equal(len, 3);
	assert_memory_equal(ram_at(&rig.ram, at), "key", 3);
	assert_int_equal(rig.in.left, 1);
	at = give_room(&rig, 3);
	assert_true(took(&rig, IN_RX));
	assert_memory_equal(ram_at(&rig.ram, at), "s", 1);
	end(&rig);
}

static void rx__the_end_follows_the_last_byte(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig);
	open_both(&rig);
	rig.in.ended = true;
	fake_port_type(&rig.in, "bye");
	hear_nothing(&rig);
	(void)give_room(&rig, 8);
	(void)give_room(&rig, 8);
	settle(&rig);
	assert_true(took(&rig, IN_RX));
	assert_false(took(&rig, IN_RX));
	/* In the buffer of hear_nothing(). */
	assert_true(took(&rig, CONTROL_RX));
	end(&rig);
}

static void reset__closes_the_ports_and_begins_anew(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig);
	open_both(&rig);
	rig.out.takes = 1;
	send_text(&rig, "abc");
	mmio_write(rig.dev, 0x070, 0);
	assert_int_equal(rig.in.closes, 1);
	assert_int_equal(rig.out.closes, 1);
	rig.out.takes = SIZE_MAX;
	assert_true(mmio_begin(rig.dev, UINT64_MAX));
	for (unsigned i = CONTROL_RX; i < QUEUES; i++) {
		queue_alloc(&rig.q[i], &rig.ram, RING);
		mmio_queue(rig.dev, i, &rig.q[i]);
	}
	mmio_go(rig.dev);
	open_both(&rig);
	send_text(&rig, "xyz");
	assert_memory_equal(rig.out.out, "axyz", 4);
	end(&rig);
}

static void pause__neither_takes_nor_gives(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig);
	open_both(&rig);
	rig.dev->ops->pause(rig.dev);
	(void)give_room(&rig, 8);
	fake_port_type(&rig.in, "keys");
	send_text(&rig, "abc");
	settle(&rig);
	assert_int_equal(rig.out.total, 0);
	assert_int_equal(rig.in.left, 4);
	rig.dev->ops->resume(rig.dev);
	settle(&rig);
	assert_int_equal(rig.out.total, 3);
	assert_int_equal(rig.in.left, 0);
	end(&rig);
}

/* The guest goes on with another device, made over the same memory. */
static void move_guest(struct rig *rig)
{
	struct device *old = rig->dev;
	struct port_user *in, *out;

	make(rig);
	in = rig->in.user;
	out = rig->out.user;
	device_state_replace(old, rig->dev);
	/* The old one has detached itself. */
	rig->in.user = in;
	rig->out.user = out;
	settle(rig);
}

static void state__goes_on_where_it_was(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig);
	open_both(&rig);
	rig.out.takes = 3;
	send_text(&rig, "hello");
	say(&rig, 2, VIRTIO_CONSOLE_PORT_OPEN, 0);
	move_guest(&rig);
	move_guest(&rig);
	assert_int_equal(rig.in.opens, 3);
	rig.out.closes = 0; /* those of the devices that are gone */
	rig.out.takes = SIZE_MAX;
	loop_kick(rig.vio, OUT_TX);
	assert_int_equal(rig.out.total, 5);
	assert_memory_equal(rig.out.out, "hello", 5);
	assert_true(took(&rig, OUT_TX));
	assert_int_equal(rig.out.closes, 1);
	assert_int_equal(rig.out.at_close, 5);
	hear(&rig, 1, VIRTIO_CONSOLE_PORT_OPEN, 1, "");
	end(&rig);
}

static void use_ports(void *ctx)
{
	struct rig *rig = ctx;

	for (unsigned i = CONTROL_RX; i < QUEUES; i++)
		loop_kick(rig->vio, i);
}

static void state__damage_is_refused_or_harmless(void **state)
{
	static const uint8_t bytes[] = { 0, 1, 7, 0x7f, 0x80, 0xff };
	struct device_state saved;
	struct rig rig;

	(void)state;
	begin(&rig);
	open_both(&rig);
	rig.out.takes = 3;
	send_text(&rig, "hello");
	say(&rig, 1, VIRTIO_CONSOLE_PORT_READY, 1);
	rig.dev->ops->pause(rig.dev);
	device_state_take(&saved, rig.dev);
	rig.dev->ops->reset(rig.dev);
	for (size_t i = 0; i < sizeof(bytes); i++)
		device_state_damage(&saved, rig.dev, bytes[i], use_ports, &rig);
	device_state_finish(&saved);
	end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(config__asks_for_a_driver_of_several_ports),
		cmocka_unit_test(control__ports_are_told_in_order),
		cmocka_unit_test(
			control__a_driver_without_buffers_misses_no_state),
		cmocka_unit_test(control__wrong_messages_change_nothing),
		cmocka_unit_test(control__a_buffer_too_small_breaks_the_device),
		cmocka_unit_test(
			control__a_port_that_the_driver_cannot_have_is_left),
		cmocka_unit_test(tx__keeps_every_byte),
		cmocka_unit_test(
			tx__a_slow_host_holds_the_writer_and_loses_nothing),
		cmocka_unit_test(tx__a_flood_is_cut_into_turns),
		cmocka_unit_test(tx__a_reader_that_is_gone_closes_the_port),
		cmocka_unit_test(close__follows_the_data),
		cmocka_unit_test(close__waits_for_the_next_turn),
		cmocka_unit_test(rx__waits_until_the_port_is_open),
		cmocka_unit_test(rx__fills_what_room_there_is),
		cmocka_unit_test(rx__the_end_follows_the_last_byte),
		cmocka_unit_test(reset__closes_the_ports_and_begins_anew),
		cmocka_unit_test(pause__neither_takes_nor_gives),
		cmocka_unit_test(state__goes_on_where_it_was),
		cmocka_unit_test(state__damage_is_refused_or_harmless),
	};

	return RUN_TESTS(tests);
}
