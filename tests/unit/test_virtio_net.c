/* tests/unit/test_virtio_net.c - devices/virtio/net.c: frames. */
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

static void tx__a_frame_goes_out_with_its_header(void **state)
{
	const struct virtio_net_hdr_v1 head = { .num_buffers = 7 };
	struct net_rig rig;

	(void)state;
	net_rig_begin(&rig, 0);
	net_rig_send(&rig, &head, 60);
	assert_int_equal(rig.net.sent, 1);
	assert_int_equal(rig.net.out_len, NET_HEADER + 60);
	assert_int_equal(rig.net.out[NET_HEADER], 0x5a);
	/* What has no meaning is not passed on. */
	assert_int_equal(rig.net.out[10], 0);
	assert_true(net_rig_took(&rig, TX));
	assert_int_equal(rig.irq.count, 1);
	assert_int_equal(net_rig_info(&rig).tx.frames, 1);
	assert_int_equal(net_rig_info(&rig).tx.bytes, 60);
	net_rig_end(&rig);
}

static void tx__lengths_have_bounds(void **state)
{
	static const size_t good[] = { ETH_HLEN, NET_FRAME_MAX };
	static const size_t bad[] = { 1, ETH_HLEN - 1, NET_FRAME_MAX + 1,
				      200000 };
	const struct virtio_net_hdr_v1 head = { 0 };
	struct net_rig rig;

	(void)state;
	net_rig_begin(&rig, 0);
	for (size_t i = 0; i < 2; i++) {
		net_rig_send(&rig, &head, good[i]);
		assert_int_equal(rig.net.out_len, NET_HEADER + good[i]);
		assert_true(net_rig_took(&rig, TX));
	}
	for (size_t i = 0; i < 4; i++) {
		net_rig_send(&rig, &head, bad[i]);
		assert_true(net_rig_took(&rig, TX));
	}
	/* Not even a header; and a buffer of the device's alone. */
	queue_send(&rig.q[TX], &(struct range){ RAM_BASE, 5 }, 1, 1);
	queue_send(&rig.q[TX], &(struct range){ RAM_BORDER, 100 }, 0, 1);
	loop_kick(rig.vio, TX);
	assert_true(net_rig_took(&rig, TX) && net_rig_took(&rig, TX));
	assert_int_equal(rig.net.sent, 2);
	assert_int_equal(net_rig_info(&rig).tx.dropped, 6);
	net_rig_end(&rig);
}

static void tx__a_header_asks_for_what_was_negotiated(void **state)
{
	const struct virtio_net_hdr_v1 csum = { .flags = 1,
						.csum_start = htole16(34),
						.csum_offset = htole16(16) };
	struct virtio_net_hdr_v1 tso = csum;
	struct net_rig rig;

	(void)state;
	tso.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	tso.gso_size = htole16(1448);
	tso.hdr_len = htole16(54);
	net_rig_begin(&rig, 0);
	net_rig_send(&rig, &csum, 100);
	net_rig_send(&rig, &tso, 4000);
	assert_int_equal(rig.net.sent, 0);

	net_rig_drive(&rig, BIT(CSUM));
	net_rig_send(&rig, &csum, 52);
	assert_int_equal(rig.net.sent, 1);
	assert_memory_equal(rig.net.out, &csum, NET_HEADER);
	net_rig_send(&rig, &csum,
		     51); /* the checksum would be behind the end */
	net_rig_send(&rig, &tso, 4000);
	assert_int_equal(rig.net.sent, 1);

	net_rig_drive(&rig, BIT(CSUM) | BIT(HOST_TSO4));
	net_rig_send(&rig, &tso, 4000);
	assert_int_equal(rig.net.sent, 2);
	tso.gso_type |= VIRTIO_NET_HDR_GSO_ECN;
	net_rig_send(&rig, &tso, 4000);
	tso.gso_type = VIRTIO_NET_HDR_GSO_TCPV6;
	net_rig_send(&rig, &tso, 4000);
	tso.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	tso.gso_size = 0;
	net_rig_send(&rig, &tso, 4000);
	tso.gso_size = htole16(1448);
	tso.hdr_len = htole16(4001);
	net_rig_send(&rig, &tso, 4000);
	tso.hdr_len = htole16(54);
	tso.flags = 0;
	net_rig_send(&rig, &tso, 4000);
	assert_int_equal(rig.net.sent, 2);
	assert_int_equal(net_rig_info(&rig).tx.dropped, 9);
	net_rig_end(&rig);
}

static void tx__frames_wait_in_the_queue_of_a_full_host(void **state)
{
	const struct virtio_net_hdr_v1 head = { 0 };
	struct net_rig rig;

	(void)state;
	net_rig_begin(&rig, 0);
	rig.net.takes = 1;
	net_rig_send(&rig, &head, 60);
	net_rig_send(&rig, &head, 61);
	assert_true(net_rig_took(&rig, TX));
	assert_false(net_rig_took(&rig, TX));
	rig.net.takes = 5;
	rig.net.net.full = false;
	(void)net_rig_kicked(&rig, TX);
	rig.net.user->drained(rig.net.user);
	assert_true(net_rig_kicked(&rig, TX));
	loop_kick(rig.vio, TX);
	assert_true(net_rig_took(&rig, TX));
	assert_int_equal(rig.net.out_len, NET_HEADER + 61);
	net_rig_end(&rig);
}

static void tx__a_flood_is_cut_into_turns(void **state)
{
	const struct virtio_net_hdr_v1 head = { 0 };
	const gpa_t at = RAM_BORDER;
	struct net_rig rig;

	(void)state;
	net_rig_begin(&rig, 0);
	memcpy(ram_at(&rig.ram, at), &head, NET_HEADER);
	for (unsigned i = 0; i < NET_RIG_QUEUE - 1; i++)
		queue_send(&rig.q[TX], &(struct range){ at, 10000 }, 1, 1);
	(void)net_rig_kicked(&rig, TX);
	loop_kick(rig.vio, TX);
	assert_in_range(rig.net.sent, 6, 7);
	assert_true(net_rig_kicked(&rig, TX));
	for (unsigned i = 0; i < 10; i++)
		loop_kick(rig.vio, TX);
	assert_int_equal(rig.net.sent, NET_RIG_QUEUE - 1);
	net_rig_end(&rig);
}

static void tx__what_the_host_does_not_take_is_lost(void **state)
{
	const struct virtio_net_hdr_v1 head = { 0 };
	struct net_rig rig;

	(void)state;
	net_rig_begin(&rig, 0);
	rig.net.fails = -EIO;
	net_rig_send(&rig, &head, 60);
	assert_true(net_rig_took(&rig, TX));
	assert_int_equal(net_rig_info(&rig).tx.dropped, 1);
	assert_int_equal(net_rig_info(&rig).tx.frames, 0);
	net_rig_end(&rig);
}

static void rx__a_frame_fills_one_buffer(void **state)
{
	struct net_rig rig;
	uint32_t id, len;
	uint8_t *p;

	(void)state;
	net_rig_begin(&rig, 0);
	p = ram_at(&rig.ram, net_rig_room(&rig, 2000));
	fake_net_put(&rig.net, 100, 0x77);
	(void)net_rig_kicked(&rig, RX);
	rig.net.user->arrived(rig.net.user);
	assert_true(net_rig_kicked(&rig, RX));
	loop_kick(rig.vio, RX);
	assert_true(queue_take(&rig.q[RX], &id, &len));
	assert_int_equal(len, NET_HEADER + 100);
	assert_int_equal(load_le16(p + 10), 1);
	assert_int_equal(p[NET_HEADER], 0x77);
	assert_int_equal(p[NET_HEADER + 99], 0x77);
	assert_int_equal(p[NET_HEADER + 100], 0);
	assert_int_equal(rig.irq.count, 1);
	assert_int_equal(net_rig_info(&rig).rx.frames, 1);
	assert_int_equal(net_rig_info(&rig).rx.bytes, 100);
	net_rig_end(&rig);
}

static void rx__a_large_frame_is_merged_of_buffers(void **state)
{
	struct net_rig rig;
	uint32_t id, len;
	size_t sum = 0;
	gpa_t first;

	(void)state;
	net_rig_begin(&rig, BIT(MRG_RXBUF));
	fake_net_put(&rig.net, NET_FRAME_MAX, 0x42);
	fake_net_put(&rig.net, 60, 0x43);
	first = net_rig_room(&rig, 4096);
	for (unsigned i = 0; i < 14; i++)
		net_rig_room(&rig, 4096);
	loop_kick(rig.vio, RX);
	loop_kick(rig.vio, RX);
	/* Nothing before it fits as a whole. */
	assert_false(net_rig_took(&rig, RX));
	net_rig_room(&rig, 4096);
	net_rig_room(&rig, 4096);
	loop_kick(rig.vio, RX);
	loop_kick(rig.vio, RX);
	assert_int_equal(load_le16((uint8_t *)ram_at(&rig.ram, first) + 10),
			 17);
	for (unsigned i = 0; i < 17; i++) {
		assert_true(queue_take(&rig.q[RX], &id, &len));
		assert_int_equal(len, i < 16 ? 4096 : NET_BUFFER - 16 * 4096);
		sum += len;
	}
	assert_int_equal(sum, NET_BUFFER);
	assert_false(net_rig_took(&rig, RX));
	net_rig_room(&rig, 4096);
	loop_kick(rig.vio, RX);
	assert_true(queue_take(&rig.q[RX], &id, &len));
	assert_int_equal(len, NET_HEADER + 60);
	net_rig_end(&rig);
}

static void rx__a_buffer_too_small_waits_for_another_frame(void **state)
{
	struct net_rig rig;
	uint32_t id, len;

	(void)state;
	net_rig_begin(&rig, 0);
	net_rig_room(&rig, 1526);
	fake_net_put(&rig.net, 1515, 1);
	fake_net_put(&rig.net, 1514, 2);
	loop_kick(rig.vio, RX);
	assert_true(queue_take(&rig.q[RX], &id, &len));
	assert_int_equal(len, 1526);
	assert_int_equal(net_rig_info(&rig).rx.dropped, 1);
	assert_int_equal(net_rig_info(&rig).rx.frames, 1);
	net_rig_end(&rig);
}

static void rx__a_frame_larger_than_the_ring_is_lost(void **state)
{
	struct net_rig rig;
	uint32_t id, len;

	(void)state;
	net_rig_begin(&rig, BIT(MRG_RXBUF));
	for (unsigned i = 0; i < NET_RIG_QUEUE; i++)
		net_rig_room(&rig, 512);
	fake_net_put(&rig.net, 40000, 1);
	fake_net_put(&rig.net, 100, 2);
	loop_kick(rig.vio, RX);
	loop_kick(rig.vio, RX);
	assert_true(queue_take(&rig.q[RX], &id, &len));
	assert_int_equal(len, NET_HEADER + 100);
	assert_int_equal(net_rig_info(&rig).rx.dropped, 1);
	net_rig_end(&rig);
}

static void rx__buffers_without_room_stop_the_device(void **state)
{
	struct net_rig rig;

	(void)state;
	net_rig_begin(&rig, BIT(MRG_RXBUF));
	net_rig_room(&rig, NET_HEADER - 1);
	fake_net_put(&rig.net, 100, 1);
	loop_kick(rig.vio, RX);
	assert_true(mmio_read(rig.dev, 0x070) & VIRTIO_NEEDS_RESET);

	net_rig_drive(&rig, BIT(MRG_RXBUF));
	queue_send(&rig.q[RX], &(struct range){ RAM_BORDER, 4096 }, 1, 1);
	fake_net_put(&rig.net, 100, 1);
	loop_kick(rig.vio, RX);
	assert_true(mmio_read(rig.dev, 0x070) & VIRTIO_NEEDS_RESET);
	net_rig_drive(&rig, 0);
	net_rig_room(&rig, 4096);
	fake_net_put(&rig.net, 100, 1);
	loop_kick(rig.vio, RX);
	assert_true(net_rig_took(&rig, RX));
	net_rig_end(&rig);
}

/* The driver offers one chain over and over, which was never given back. */
static void rx__the_same_buffer_again_does_not_overrun(void **state)
{
	struct net_rig rig;

	(void)state;
	net_rig_begin(&rig, BIT(MRG_RXBUF));
	net_rig_room(&rig, 16);
	fake_net_put(&rig.net, 60000, 1);
	for (unsigned i = 0; i < 1000; i++) {
		queue_offer(&rig.q[RX], 0);
		if (i % 40 == 39)
			loop_kick(rig.vio, RX);
	}
	assert_true((mmio_read(rig.dev, 0x070) & VIRTIO_NEEDS_RESET) ||
		    net_rig_info(&rig).rx.dropped == 1);
	net_rig_end(&rig);
}

static void rx__offloads_that_were_not_negotiated_are_lost(void **state)
{
	struct net_rig rig;

	(void)state;
	net_rig_begin(&rig, 0);
	net_rig_room(&rig, 4096);
	fake_net_put(&rig.net, 100, 1);
	rig.net.line[0].head.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	loop_kick(rig.vio, RX);
	assert_int_equal(net_rig_info(&rig).rx.dropped, 1);
	assert_int_equal(rig.net.offloads, 0);
	net_rig_drive(&rig, BIT(GUEST_CSUM) | BIT(GUEST_TSO4));
	net_rig_room(&rig, 4096);
	fake_net_put(&rig.net, 100, 1);
	rig.net.line[1].head.flags = VIRTIO_NET_HDR_F_DATA_VALID;
	loop_kick(rig.vio, RX);
	assert_int_equal(rig.net.offloads, NET_CSUM | NET_TSO4);
	assert_true(net_rig_took(&rig, RX));
	net_rig_end(&rig);
}

static void rx__a_flood_is_cut_into_turns(void **state)
{
	struct net_rig rig;

	(void)state;
	net_rig_begin(&rig, 0);
	rig.dev->ops->pause(rig.dev);
	rig.dev->ops->resume(rig.dev);
	/* Frames that are lost count, too. */
	virtio_net_set_link(rig.vio, false);
	for (unsigned i = 0; i < FAKE_NET_LINE; i++)
		fake_net_put(&rig.net, 1514, 1);
	(void)net_rig_kicked(&rig, RX);
	loop_kick(rig.vio, RX);
	assert_in_range(rig.net.first, 39, 41);
	assert_true(net_rig_kicked(&rig, RX));
	net_rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tx__a_frame_goes_out_with_its_header),
		cmocka_unit_test(tx__lengths_have_bounds),
		cmocka_unit_test(tx__a_header_asks_for_what_was_negotiated),
		cmocka_unit_test(tx__frames_wait_in_the_queue_of_a_full_host),
		cmocka_unit_test(tx__a_flood_is_cut_into_turns),
		cmocka_unit_test(tx__what_the_host_does_not_take_is_lost),
		cmocka_unit_test(rx__a_frame_fills_one_buffer),
		cmocka_unit_test(rx__a_large_frame_is_merged_of_buffers),
		cmocka_unit_test(
			rx__a_buffer_too_small_waits_for_another_frame),
		cmocka_unit_test(rx__a_frame_larger_than_the_ring_is_lost),
		cmocka_unit_test(rx__buffers_without_room_stop_the_device),
		cmocka_unit_test(rx__the_same_buffer_again_does_not_overrun),
		cmocka_unit_test(
			rx__offloads_that_were_not_negotiated_are_lost),
		cmocka_unit_test(rx__a_flood_is_cut_into_turns),
	};

	return RUN_TESTS(tests);
}
