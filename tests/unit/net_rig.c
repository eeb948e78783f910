/* tests/unit/net_rig.c - a network card, its driver, and a fake network. */
#include "tests/unit/net_rig.h"

#include <string.h>
#include <sys/eventfd.h>

#include "devices/virtio/mmio.h"
#include "tests/unit/test.h"

const struct virtio_net_options net_rig_options = {
	.mac = { 2, 0x11, 0x22, 0x33, 0x44, 0x55 }, .mtu = 9000
};

void net_rig_card(struct net_rig *rig, struct fake_net *net)
{
	struct err err = { 0 };

	assert_int_equal(virtio_net_new(&rig->vio, &rig->ram.map, rig->loop,
					&net->net, &net_rig_options, &err),
			 0);
	assert_int_equal(virtio_mmio_new(&rig->dev, rig->vio,
					 fake_irq_line(&rig->irq), &err),
			 0);
}

void net_rig_drive(struct net_rig *rig, uint64_t features)
{
	rig->ram.next = RAM_BASE;
	mmio_begin(rig->dev, features);
	for (unsigned i = 0; i < 3; i++) {
		queue_alloc(&rig->q[i], &rig->ram, NET_RIG_QUEUE);
		mmio_queue(rig->dev, i, &rig->q[i]);
	}
	mmio_go(rig->dev);
}

void net_rig_begin(struct net_rig *rig, uint64_t features)
{
	struct err err = { 0 };

	memset(rig, 0, sizeof(*rig));
	ram_init(&rig->ram);
	assert_int_equal(loop_new(&rig->loop, &err), 0);
	fake_net_init(&rig->net, NET_RIG_OFFLOADS);
	net_rig_card(rig, &rig->net);
	net_rig_drive(rig, features);
}

void net_rig_end(struct net_rig *rig)
{
	rig->dev->ops->destroy(rig->dev);
	assert_true(rig->net.closed);
	rig->loop = loop_free(rig->loop);
	ram_finish(&rig->ram);
}

struct virtio_net_info net_rig_info(struct net_rig *rig)
{
	struct virtio_net_info ret;

	virtio_net_query(rig->vio, &ret);
	return ret;
}

bool net_rig_kicked(struct net_rig *rig, unsigned queue)
{
	eventfd_t n;

	return eventfd_read(rig->dev->doorbell[queue].fd, &n) == 0;
}

uint16_t net_rig_status(struct net_rig *rig)
{
	return (uint16_t)(mmio_read(rig->dev, 0x104) >> 16);
}

/* Gives the device a buffer for frames; where it is. */
gpa_t net_rig_room(struct net_rig *rig, size_t len)
{
	const gpa_t at = ram_alloc(&rig->ram, len, 16);

	queue_send(&rig->q[NET_RIG_RX], &(struct range){ at, len }, 0, 1);
	return at;
}

/* Sends a header and @len bytes of a frame. */
void net_rig_send(struct net_rig *rig, const struct virtio_net_hdr_v1 *head,
		  size_t len)
{
	const gpa_t at = ram_alloc(&rig->ram, NET_HEADER + len, 16);

	memcpy(ram_at(&rig->ram, at), head, NET_HEADER);
	memset((uint8_t *)ram_at(&rig->ram, at) + NET_HEADER, 0x5a, len);
	queue_send(&rig->q[NET_RIG_TX],
		   (struct range[]){ { at, NET_HEADER },
				     { at + NET_HEADER, len } },
		   2, 2);
	loop_kick(rig->vio, NET_RIG_TX);
}

bool net_rig_took(struct net_rig *rig, unsigned queue)
{
	uint32_t id, len;

	return queue_take(&rig->q[queue], &id, &len);
}
