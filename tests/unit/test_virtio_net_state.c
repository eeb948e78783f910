/* tests/unit/test_virtio_net_state.c - devices/virtio/net.c: what a driver
 * sees, and state. */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "devices/virtio/mmio.h"
#include "tests/unit/device_state.h"
#include "tests/unit/net_rig.h"
#include "tests/unit/test.h"

#define BIT(n) NET_RIG_BIT(n)

enum { RX = NET_RIG_RX, TX = NET_RIG_TX, CTRL = NET_RIG_CTRL };

static void config__tells_address_link_and_mtu(void **state)
{
	struct net_rig rig;

	(void)state;
	net_rig_begin(&rig, UINT64_MAX);
	assert_int_equal(mmio_read(rig.dev, 0x100), 0x33221102);
	assert_int_equal(mmio_read(rig.dev, 0x104) & 0xffff, 0x5544);
	assert_int_equal(net_rig_status(&rig), VIRTIO_NET_S_LINK_UP);
	assert_int_equal(mmio_read(rig.dev, 0x108), 1 | 9000 << 16);
	assert_int_equal(mmio_read(rig.dev, 0x10c), 0);
	net_rig_end(&rig);
}

static void config__offers_what_the_host_can(void **state)
{
	struct fake_net plain;
	struct net_rig rig, old;

	(void)state;
	net_rig_begin(&rig, 0);
	fake_net_init(&plain, 0);
	old = rig;
	net_rig_card(&rig, &plain);
	assert_false(rig.vio->offered & (BIT(CSUM) | BIT(GUEST_CSUM) |
					 BIT(HOST_TSO4) | BIT(GUEST_TSO6)));
	assert_true(old.vio->offered & BIT(CSUM));
	assert_true(old.vio->offered & BIT(GUEST_TSO4));
	assert_true(old.vio->offered & BIT(HOST_ECN));
	assert_true(rig.vio->offered & BIT(MRG_RXBUF));
	rig.dev->ops->destroy(rig.dev);
	rig.dev = old.dev;
	net_rig_end(&rig);
}

static void link__is_told_and_loses_frames(void **state)
{
	const struct virtio_net_hdr_v1 head = { 0 };
	struct net_rig rig;

	(void)state;
	net_rig_begin(&rig, UINT64_MAX);
	virtio_net_set_link(rig.vio, false);
	assert_int_equal(net_rig_status(&rig), 0);
	assert_int_equal(mmio_read(rig.dev, 0x060), 2); /* config changed */
	assert_false(net_rig_info(&rig).up);
	net_rig_send(&rig, &head, 60);
	assert_int_equal(rig.net.sent, 0);
	virtio_net_set_link(rig.vio, true);
	assert_int_equal(net_rig_status(&rig), VIRTIO_NET_S_LINK_UP);
	{
		GUARD(rig.net.user->lock);
		rig.net.net.up = false;
		rig.net.user->changed(rig.net.user);
	}
	assert_int_equal(net_rig_status(&rig), 0);
	virtio_net_set_link(rig.vio, true);
	assert_int_equal(net_rig_status(&rig), 0);
	net_rig_end(&rig);
}

/* Sends a command; its answer. */
static uint8_t command(struct net_rig *rig, const void *bytes, size_t len)
{
	const gpa_t at = ram_alloc(&rig->ram, len + 1, 1);
	uint8_t *p = ram_at(&rig->ram, at);

	memcpy(p, bytes, len);
	p[len] = 0xee;
	queue_send(&rig->q[CTRL],
		   (struct range[]){ { at, len }, { at + len, 1 } }, 1, 2);
	loop_kick(rig->vio, CTRL);
	assert_true(net_rig_took(rig, CTRL));
	return p[len];
}

static void ctrl__sets_the_address_until_a_reset(void **state)
{
	static const uint8_t set[] = { VIRTIO_NET_CTRL_MAC,
				       VIRTIO_NET_CTRL_MAC_ADDR_SET,
				       6,
				       5,
				       4,
				       3,
				       2,
				       1 };
	struct net_rig rig;

	(void)state;
	net_rig_begin(&rig, BIT(CTRL_VQ) | BIT(CTRL_MAC_ADDR));
	assert_int_equal(command(&rig, set, 7), VIRTIO_NET_ERR);
	assert_int_equal(command(&rig, set, 8), VIRTIO_NET_OK);
	assert_int_equal(mmio_read(rig.dev, 0x100), 0x03040506);
	mmio_write(rig.dev, 0x070, 0);
	assert_int_equal(mmio_read(rig.dev, 0x100), 0x33221102);
	net_rig_drive(&rig, BIT(CTRL_VQ));
	assert_int_equal(command(&rig, set, 8), VIRTIO_NET_ERR);
	net_rig_end(&rig);
}

static void ctrl__what_is_no_command_is_an_error(void **state)
{
	static const uint8_t bad[][2] = {
		{ 0, 0 }, { 1, 7 }, { 3, 1 }, { 4, 0 }, { 255, 255 }
	};
	struct net_rig rig;

	(void)state;
	net_rig_begin(&rig, UINT64_MAX);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(command(&rig, bad[i], 2), VIRTIO_NET_ERR);
	assert_int_equal(command(&rig, bad[0], 1), VIRTIO_NET_ERR);
	/* No room for an answer. */
	queue_send(&rig.q[CTRL], &(struct range){ RAM_BASE, 2 }, 1, 1);
	loop_kick(rig.vio, CTRL);
	assert_true(net_rig_took(&rig, CTRL));
	net_rig_end(&rig);
}

static void pause__nothing_goes_either_way(void **state)
{
	const struct virtio_net_hdr_v1 head = { 0 };
	struct net_rig rig;

	(void)state;
	net_rig_begin(&rig, 0);
	net_rig_room(&rig, 2000);
	rig.dev->ops->pause(rig.dev);
	fake_net_put(&rig.net, 100, 1);
	rig.net.user->arrived(rig.net.user);
	loop_kick(rig.vio, RX);
	net_rig_send(&rig, &head, 60);
	assert_int_equal(rig.net.sent, 0);
	assert_false(net_rig_took(&rig, RX));
	(void)net_rig_kicked(&rig, RX);
	(void)net_rig_kicked(&rig, TX);
	rig.dev->ops->resume(rig.dev);
	assert_true(net_rig_kicked(&rig, RX) && net_rig_kicked(&rig, TX));
	loop_kick(rig.vio, RX);
	loop_kick(rig.vio, TX);
	assert_true(net_rig_took(&rig, RX) && net_rig_took(&rig, TX));
	net_rig_end(&rig);
}

/* The guest goes on with another card, on another network. */
static void move_guest(struct net_rig *rig, struct fake_net *to)
{
	static const struct virtio_net_options other = { .mac = { 2 },
							 .mtu = 9000 };
	struct device *old = rig->dev;
	struct err err = { 0 };

	assert_int_equal(virtio_net_new(&rig->vio, &rig->ram.map, rig->loop,
					&to->net, &other, &err),
			 0);
	assert_int_equal(virtio_mmio_new(&rig->dev, rig->vio,
					 fake_irq_line(&rig->irq), &err),
			 0);
	device_state_replace(old, rig->dev);
}

static void state__a_driver_is_asked_to_announce_itself(void **state)
{
	static const uint8_t ack[] = { VIRTIO_NET_CTRL_ANNOUNCE,
				       VIRTIO_NET_CTRL_ANNOUNCE_ACK };
	static const uint8_t set[] = { VIRTIO_NET_CTRL_MAC,
				       VIRTIO_NET_CTRL_MAC_ADDR_SET,
				       6,
				       5,
				       4,
				       3,
				       2,
				       1 };
	struct fake_net to;
	struct net_rig rig;

	(void)state;
	net_rig_begin(&rig, UINT64_MAX);
	assert_int_equal(command(&rig, set, 8), VIRTIO_NET_OK);
	fake_net_init(&to, NET_RIG_OFFLOADS);
	mmio_write(rig.dev, 0x064, 3); /* all is acknowledged */
	rig.irq.count = 0;
	move_guest(&rig, &to);
	assert_int_equal(rig.irq.count, 1);
	assert_int_equal(mmio_read(rig.dev, 0x060), 2); /* config changed */
	assert_int_equal(net_rig_status(&rig),
			 VIRTIO_NET_S_LINK_UP | VIRTIO_NET_S_ANNOUNCE);
	assert_int_equal(mmio_read(rig.dev, 0x100), 0x03040506);
	assert_int_equal(command(&rig, ack, 2), VIRTIO_NET_OK);
	assert_int_equal(net_rig_status(&rig), VIRTIO_NET_S_LINK_UP);
	/* It is the machine's own address that comes back. */
	mmio_write(rig.dev, 0x070, 0);
	assert_int_equal(mmio_read(rig.dev, 0x100), 0x33221102);
	net_rig_end(&rig);
	assert_true(to.closed);
}

static void state__buffers_and_frames_go_on(void **state)
{
	const struct virtio_net_hdr_v1 head = { 0 };
	struct fake_net to;
	struct net_rig rig;
	uint32_t id, len;

	(void)state;
	net_rig_begin(&rig, BIT(MRG_RXBUF));
	rig.net.takes = 1;
	net_rig_send(&rig, &head, 60);
	net_rig_send(&rig, &head, 61);
	net_rig_room(&rig, 1000);
	fake_net_put(&rig.net, 1500, 1); /* half of it fits */
	loop_kick(rig.vio, RX);
	fake_net_init(&to, 0);
	fake_net_put(&to, 80, 2);
	move_guest(&rig, &to);
	loop_kick(rig.vio, RX);
	loop_kick(rig.vio, TX);
	assert_int_equal(to.sent, 1);
	assert_int_equal(to.out_len, NET_HEADER + 61);
	assert_true(queue_take(&rig.q[RX], &id, &len));
	assert_int_equal(len, NET_HEADER + 80);
	net_rig_end(&rig);
}

static void use_card(void *ctx)
{
	struct net_rig *rig = ctx;

	fake_net_init(&rig->net, NET_RIG_OFFLOADS);
	rig->net.user = NULL;
	fake_net_put(&rig->net, 3000, 3);
	for (unsigned i = 0; i < 3; i++)
		loop_kick(rig->vio, i);
}

static void state__damage_is_refused_or_harmless(void **state)
{
	static const uint8_t bytes[] = { 0, 1, 0x7f, 0x80, 0xff };
	const struct virtio_net_hdr_v1 head = { 0 };
	struct device_state saved;
	struct net_rig rig;

	(void)state;
	net_rig_begin(&rig, BIT(MRG_RXBUF));
	rig.net.takes = 1;
	net_rig_send(&rig, &head, 60);
	net_rig_send(&rig, &head, 61);
	net_rig_room(&rig, 1000);
	rig.dev->ops->pause(rig.dev);
	device_state_take(&saved, rig.dev);
	rig.dev->ops->reset(rig.dev);
	for (size_t i = 0; i < sizeof(bytes); i++)
		device_state_damage(&saved, rig.dev, bytes[i], use_card, &rig);
	device_state_finish(&saved);
	rig.net.closed = false;
	net_rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(config__tells_address_link_and_mtu),
		cmocka_unit_test(config__offers_what_the_host_can),
		cmocka_unit_test(link__is_told_and_loses_frames),
		cmocka_unit_test(ctrl__sets_the_address_until_a_reset),
		cmocka_unit_test(ctrl__what_is_no_command_is_an_error),
		cmocka_unit_test(pause__nothing_goes_either_way),
		cmocka_unit_test(state__a_driver_is_asked_to_announce_itself),
		cmocka_unit_test(state__buffers_and_frames_go_on),
		cmocka_unit_test(state__damage_is_refused_or_harmless),
	};

	return RUN_TESTS(tests);
}
