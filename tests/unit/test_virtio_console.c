/* tests/unit/test_virtio_console.c - devices/virtio/console.c. */
#include <string.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"
#include "base/loop.h"
#include "devices/virtio/console.h"
#include "devices/virtio/mmio.h"
#include "tests/unit/device_state.h"
#include "tests/unit/test.h"
#include "tests/unit/virtq_driver.h"

/* A tty that takes what the test says. It stands in for host/tty.c. */
struct tty {
	struct tty_user *user;
	size_t takes; /* bytes it takes before it is full */
	char out[256];
	size_t len;
	size_t total; /* bytes taken, kept or not */
	unsigned rooms; /* calls of tty_room() */
};

void tty_attach(struct tty *tty, struct tty_user *user)
{
	tty->user = user;
}

size_t tty_write(struct tty *tty, const uint8_t *buf, size_t len)
{
	if (len > tty->takes)
		len = tty->takes;
	tty->takes -= len;
	tty->total += len;
	if (len <= sizeof(tty->out) - tty->len) {
		memcpy(tty->out + tty->len, buf, len);
		tty->len += len;
	}
	return len;
}

void tty_room(struct tty *tty)
{
	tty->rooms++;
}

struct rig {
	struct fake_ram ram;
	struct loop *loop;
	struct fake_irq irq;
	struct tty tty;
	struct virtio *vio;
	struct device *dev;
	struct fake_queue rx, tx;
};

static void begin(struct rig *rig)
{
	struct err err = { 0 };

	*rig = (struct rig){ .tty.takes = SIZE_MAX };
	ram_init(&rig->ram);
	assert_int_equal(loop_new(&rig->loop, &err), 0);
	assert_int_equal(virtio_console_new(&rig->vio, &rig->ram.map, rig->loop,
					    &rig->tty, &err),
			 0);
	assert_int_equal(virtio_mmio_new(&rig->dev, rig->vio,
					 fake_irq_line(&rig->irq), &err),
			 0);
	queue_alloc(&rig->rx, &rig->ram, 8);
	queue_alloc(&rig->tx, &rig->ram, 8);
	mmio_begin(rig->dev, 0);
	mmio_queue(rig->dev, 0, &rig->rx);
	mmio_queue(rig->dev, 1, &rig->tx);
	mmio_go(rig->dev);
}

static void end(struct rig *rig)
{
	rig->dev->ops->destroy(rig->dev);
	assert_null(rig->tty.user);
	rig->loop = loop_free(rig->loop);
	ram_finish(&rig->ram);
}

static struct range text(struct rig *rig, const char *s)
{
	const size_t len = strlen(s);
	const gpa_t at = ram_alloc(&rig->ram, len, 1);

	memcpy(ram_at(&rig->ram, at), s, len);
	return (struct range){ at, len };
}

static size_t room(struct rig *rig)
{
	GUARD(rig->tty.user->lock);
	return rig->tty.user->room(rig->tty.user);
}

static void type(struct rig *rig, const char *s)
{
	GUARD(rig->tty.user->lock);
	rig->tty.user->input(rig->tty.user, (const uint8_t *)s, strlen(s));
}

static void drained(struct rig *rig)
{
	GUARD(rig->tty.user->lock);
	rig->tty.user->drained(rig->tty.user);
}

static void tx__goes_to_the_tty(void **state)
{
	struct rig rig;
	uint32_t id, len;

	(void)state;
	begin(&rig);
	queue_send(&rig.tx,
		   (struct range[]){ text(&rig, "hello"), text(&rig, ", ") }, 2,
		   2);
	queue_send(&rig.tx, (struct range[]){ text(&rig, "world") }, 1, 1);
	loop_kick(rig.vio, 1);
	assert_memory_equal(rig.tty.out, "hello, world", 12);
	assert_int_equal(rig.tty.len, 12);
	assert_true(queue_take(&rig.tx, &id, &len));
	assert_int_equal(len, 0);
	assert_true(queue_take(&rig.tx, &id, &len));
	assert_int_equal(rig.irq.count, 1);
	end(&rig);
}

static void tx__a_full_tty_holds_the_chain(void **state)
{
	struct rig rig;
	eventfd_t n;
	uint32_t id, len;

	(void)state;
	begin(&rig);
	rig.tty.takes = 4;
	queue_send(&rig.tx,
		   (struct range[]){ text(&rig, "abc"), text(&rig, "def") }, 2,
		   2);
	loop_kick(rig.vio, 1);
	assert_false(queue_take(&rig.tx, &id, &len));
	assert_int_equal(rig.irq.count, 0);

	rig.tty.takes = 1;
	drained(&rig);
	loop_kick(rig.vio, 1);
	assert_false(queue_take(&rig.tx, &id, &len));
	rig.tty.takes = 100;
	(void)eventfd_read(rig.dev->doorbell[1].fd, &n);
	drained(&rig);
	assert_int_equal(eventfd_read(rig.dev->doorbell[1].fd, &n), 0);
	loop_kick(rig.vio, 1);
	assert_true(queue_take(&rig.tx, &id, &len));
	assert_memory_equal(rig.tty.out, "abcdef", 6);
	assert_int_equal(rig.irq.count, 1);
	end(&rig);
}

static void tx__a_reset_forgets_the_chain(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig);
	rig.tty.takes = 1;
	queue_send(&rig.tx, (struct range[]){ text(&rig, "abc") }, 1, 1);
	loop_kick(rig.vio, 1);
	mmio_write(rig.dev, 0x070, 0);
	rig.tty.takes = 100;
	drained(&rig);
	assert_int_equal(rig.tty.total, 1);
	end(&rig);
}

static void tx__a_flood_is_cut_into_turns(void **state)
{
	struct rig rig;
	eventfd_t n;
	uint32_t id, len;

	(void)state;
	begin(&rig);
	(void)eventfd_read(rig.dev->doorbell[1].fd, &n);
	queue_send(&rig.tx, &(struct range){ RAM_BORDER, 100 * 1024 }, 1, 1);
	loop_kick(rig.vio, 1);
	assert_in_range(rig.tty.total, 60 * 1024, 64 * 1024);
	assert_false(queue_take(&rig.tx, &id, &len));
	assert_int_equal(eventfd_read(rig.dev->doorbell[1].fd, &n), 0);
	loop_kick(rig.vio, 1);
	assert_int_equal(rig.tty.total, 100 * 1024);
	assert_true(queue_take(&rig.tx, &id, &len));
	end(&rig);
}

static void rx__waits_for_room_and_fills_it(void **state)
{
	struct rig rig;
	gpa_t at;
	uint32_t id, len;

	(void)state;
	begin(&rig);
	assert_int_equal(room(&rig), 0);
	at = ram_alloc(&rig.ram, 8, 1);
	queue_send(&rig.rx, (struct range[]){ { at, 3 }, { at + 3, 5 } }, 0, 2);
	loop_kick(rig.vio, 0);
	assert_int_equal(rig.tty.rooms, 1);
	assert_int_equal(room(&rig), 8);
	type(&rig, "keys");
	assert_memory_equal(ram_at(&rig.ram, at), "keys", 4);
	assert_true(queue_take(&rig.rx, &id, &len));
	assert_int_equal(len, 4);
	assert_int_equal(rig.irq.count, 1);
	assert_int_equal(room(&rig), 0);
	end(&rig);
}

static void rx__buffers_that_cannot_be_written_are_given_back(void **state)
{
	struct rig rig;
	eventfd_t n;
	uint32_t id, len;

	(void)state;
	begin(&rig);
	queue_send(&rig.rx, &(struct range){ RAM_BASE, 4 }, 1, 1);
	queue_send(&rig.rx, &(struct range){ RAM_BORDER, 4 }, 0, 1);
	(void)eventfd_read(rig.dev->doorbell[0].fd, &n);
	assert_int_equal(room(&rig), 0);
	assert_true(queue_take(&rig.rx, &id, &len));
	assert_int_equal(len, 0);
	assert_int_equal(rig.irq.count, 1);
	/* The tty is to ask again, for the next one. */
	assert_int_equal(eventfd_read(rig.dev->doorbell[0].fd, &n), 0);
	loop_kick(rig.vio, 0);
	assert_int_equal(rig.tty.rooms, 1);
	assert_int_equal(room(&rig), 4);
	end(&rig);
}

static void rx__a_reset_takes_the_room_away(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig);
	queue_send(&rig.rx, &(struct range){ RAM_BASE, 4 }, 0, 1);
	assert_int_equal(room(&rig), 4);
	mmio_write(rig.dev, 0x070, 0);
	assert_int_equal(room(&rig), 0);
	end(&rig);
}

static void pause__neither_takes_nor_gives(void **state)
{
	struct rig rig;
	eventfd_t n;
	uint32_t id, len;
	gpa_t at;

	(void)state;
	begin(&rig);
	at = ram_alloc(&rig.ram, 4, 1);
	queue_send(&rig.rx, &(struct range){ at, 4 }, 0, 1);
	assert_int_equal(room(&rig), 4); /* the chain is taken */
	rig.tty.takes = 1;
	queue_send(&rig.tx, (struct range[]){ text(&rig, "abc") }, 1, 1);
	loop_kick(rig.vio, 1);

	rig.dev->ops->pause(rig.dev);
	assert_int_equal(room(&rig), 0);
	rig.tty.takes = 100;
	drained(&rig);
	loop_kick(rig.vio, 0);
	loop_kick(rig.vio, 1);
	assert_int_equal(rig.tty.total, 1);
	assert_int_equal(rig.tty.rooms, 0);
	assert_false(queue_take(&rig.tx, &id, &len));
	assert_int_equal(rig.irq.count, 0);

	for (unsigned i = 0; i < 2; i++)
		(void)eventfd_read(rig.dev->doorbell[i].fd, &n);
	rig.dev->ops->resume(rig.dev);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(eventfd_read(rig.dev->doorbell[i].fd, &n), 0);
		loop_kick(rig.vio, i);
	}
	assert_int_equal(rig.tty.total, 3);
	assert_true(queue_take(&rig.tx, &id, &len));
	assert_int_equal(rig.tty.rooms, 1);
	assert_int_equal(room(&rig), 4);
	end(&rig);
}

static void config__emergency_writes_need_no_queue(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig);
	mmio_write(rig.dev, 0x070, 0);
	mmio_write(rig.dev, 0x100 + 8, '!');
	mmio_write(rig.dev, 0x100, 'x');
	assert_int_equal(rig.tty.len, 1);
	assert_int_equal(rig.tty.out[0], '!');
	end(&rig);
}

static void config__tells_the_size_of_the_terminal(void **state)
{
	struct rig rig;
	struct tty_user *user;

	(void)state;
	begin(&rig);
	mmio_write(rig.dev, 0x070, 0);
	/* VIRTIO_CONSOLE_F_SIZE */
	assert_true(mmio_begin(rig.dev, UINT64_MAX) & 1);
	mmio_go(rig.dev);
	assert_int_equal(mmio_read(rig.dev, 0x100), 0);
	user = rig.tty.user;
	{
		GUARD(user->lock);
		user->resized(user, (struct tty_size){ 0x102, 0x304 });
	}
	assert_int_equal(mmio_read(rig.dev, 0x100), 0x03040102);
	assert_int_equal(mmio_read(rig.dev, 0x060), 2); /* config changed */
	assert_int_equal(rig.irq.count, 1);
	end(&rig);
}

/* The guest goes on with another device, made over the same memory, at a
 * terminal of @size. */
static void move_guest(struct rig *rig, struct tty_size size)
{
	struct device *old = rig->dev;
	struct tty_user *user;
	struct err err = { 0 };

	assert_int_equal(virtio_console_new(&rig->vio, &rig->ram.map, rig->loop,
					    &rig->tty, &err),
			 0);
	user = rig->tty.user;
	user->resized(user, size);
	assert_int_equal(virtio_mmio_new(&rig->dev, rig->vio,
					 fake_irq_line(&rig->irq), &err),
			 0);
	device_state_replace(old, rig->dev);
	/* The old one has detached itself. */
	rig->tty.user = user;
}

static void state__a_terminal_of_another_size_is_told_of(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig);
	mmio_write(rig.dev, 0x070, 0);
	mmio_begin(rig.dev, UINT64_MAX);
	mmio_go(rig.dev);
	rig.irq.count = 0;
	move_guest(&rig, (struct tty_size){ 0 });
	assert_int_equal(rig.irq.count, 0);
	move_guest(&rig, (struct tty_size){ 0x102, 0x304 });
	assert_int_equal(mmio_read(rig.dev, 0x100), 0x03040102);
	assert_int_equal(mmio_read(rig.dev, 0x060), 2); /* config changed */
	assert_int_equal(rig.irq.count, 1);
	end(&rig);
}

static void state__what_was_sent_is_not_sent_again(void **state)
{
	struct rig rig;
	uint32_t id, len;

	(void)state;
	begin(&rig);
	rig.tty.takes = 3;
	queue_send(&rig.tx, (struct range[]){ text(&rig, "hello") }, 1, 1);
	loop_kick(rig.vio, 1);
	assert_false(queue_take(&rig.tx, &id, &len));
	move_guest(&rig, (struct tty_size){ 0 });
	/* And once more, before it could go on. */
	move_guest(&rig, (struct tty_size){ 0 });
	rig.tty.takes = SIZE_MAX;
	loop_kick(rig.vio, 1);
	assert_int_equal(rig.tty.len, 5);
	assert_memory_equal(rig.tty.out, "hello", 5);
	assert_true(queue_take(&rig.tx, &id, &len));
	assert_false(queue_take(&rig.tx, &id, &len));
	end(&rig);
}

static void state__a_buffer_that_waits_for_input_is_kept(void **state)
{
	struct rig rig;
	uint32_t id, len;
	gpa_t at;

	(void)state;
	begin(&rig);
	at = ram_alloc(&rig.ram, 16, 1);
	queue_send(&rig.rx, (struct range[]){ { at, 16 } }, 0, 1);
	assert_int_equal(room(&rig), 16);
	move_guest(&rig, (struct tty_size){ 0 });
	assert_int_equal(room(&rig), 16);
	type(&rig, "input");
	assert_true(queue_take(&rig.rx, &id, &len));
	assert_int_equal(len, 5);
	assert_memory_equal(ram_at(&rig.ram, at), "input", 5);
	assert_int_equal(room(&rig), 0);
	end(&rig);
}

static void use_console(void *ctx)
{
	struct rig *rig = ctx;

	loop_kick(rig->vio, 1);
	(void)room(rig);
}

static void state__damage_is_refused_or_harmless(void **state)
{
	static const uint8_t bytes[] = { 0, 1, 0x7f, 0x80, 0xff };
	struct device_state saved;
	struct rig rig;

	(void)state;
	begin(&rig);
	rig.tty.takes = 3;
	queue_send(&rig.tx, (struct range[]){ text(&rig, "hello") }, 1, 1);
	loop_kick(rig.vio, 1);
	rig.dev->ops->pause(rig.dev);
	device_state_take(&saved, rig.dev);
	rig.dev->ops->reset(rig.dev);
	for (size_t i = 0; i < sizeof(bytes); i++)
		device_state_damage(&saved, rig.dev, bytes[i], use_console,
				    &rig);
	device_state_finish(&saved);
	end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tx__goes_to_the_tty),
		cmocka_unit_test(tx__a_full_tty_holds_the_chain),
		cmocka_unit_test(tx__a_reset_forgets_the_chain),
		cmocka_unit_test(tx__a_flood_is_cut_into_turns),
		cmocka_unit_test(rx__waits_for_room_and_fills_it),
		cmocka_unit_test(
			rx__buffers_that_cannot_be_written_are_given_back),
		cmocka_unit_test(rx__a_reset_takes_the_room_away),
		cmocka_unit_test(pause__neither_takes_nor_gives),
		cmocka_unit_test(config__emergency_writes_need_no_queue),
		cmocka_unit_test(config__tells_the_size_of_the_terminal),
		cmocka_unit_test(state__a_terminal_of_another_size_is_told_of),
		cmocka_unit_test(state__what_was_sent_is_not_sent_again),
		cmocka_unit_test(state__a_buffer_that_waits_for_input_is_kept),
		cmocka_unit_test(state__damage_is_refused_or_harmless),
	};

	return RUN_TESTS(tests);
}
