/* tests/unit/net_rig.h - a network card, its driver, and a fake network. */
#ifndef TESTS_UNIT_NET_RIG_H
#define TESTS_UNIT_NET_RIG_H

#include <linux/virtio_net.h>

#include "base/loop.h"
#include "devices/virtio/net.h"
#include "tests/unit/fake_net.h"
#include "tests/unit/virtq_driver.h"

#define NET_RIG_BIT(n) (1ULL << VIRTIO_NET_F_##n)
#define NET_RIG_OFFLOADS (NET_CSUM | NET_TSO4 | NET_TSO6 | NET_ECN)
#define NET_RIG_QUEUE 64

enum { NET_RIG_RX, NET_RIG_TX, NET_RIG_CTRL };

/* 02:11:22:33:44:55, packets of 9000 bytes */
extern const struct virtio_net_options net_rig_options;

struct net_rig {
	struct fake_ram ram;
	struct loop *loop;
	struct fake_irq irq;
	struct fake_net net;
	struct virtio *vio;
	struct device *dev;
	struct fake_queue q[3];
};

/* Makes a card that the driver has begun to use with @features, on a network
 * with all offloads. */
void net_rig_begin(struct net_rig *rig, uint64_t features);
void net_rig_end(struct net_rig *rig);

/* Makes a card of @net the rig's; the one before stays the caller's. */
void net_rig_card(struct net_rig *rig, struct fake_net *net);

/* A driver begins, from a reset on. */
void net_rig_drive(struct net_rig *rig, uint64_t features);

struct virtio_net_info net_rig_info(struct net_rig *rig);

/* True if the queue was kicked since the last time. */
bool net_rig_kicked(struct net_rig *rig, unsigned queue);

/* The link, as the driver sees it. */
uint16_t net_rig_status(struct net_rig *rig);

/* Gives the device a buffer for frames. Returns where it is. */
gpa_t net_rig_room(struct net_rig *rig, size_t len);

/* Sends a header and @len bytes of a frame, of 0x5a. */
void net_rig_send(struct net_rig *rig, const struct virtio_net_hdr_v1 *head,
		  size_t len);

/* True if the device gave back a chain. */
bool net_rig_took(struct net_rig *rig, unsigned queue);

#endif
