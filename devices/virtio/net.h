/*
 * devices/virtio/net.h - virtio network card.
 *
 * One pair of queues, and one for commands. Frames are copied between guest
 * memory and a buffer of ours, so that a header is the one that was checked.
 * The card begins no frame that the host cannot take: then the guest's wait in
 * their queue. One that came from the host and finds too little room waits for
 * more, and those behind it wait where the host has them.
 *
 * A frame is lost, and counted, if the network is down, if the driver's buffer
 * is too small and buffers are not merged, or if its header asks for what was
 * not negotiated. The guest's mistakes among these are logged as such. A buffer
 * for frames that cannot hold a header stops the device until it is reset.
 *
 * Offered: MAC, STATUS, MRG_RXBUF, CTRL_VQ, CTRL_MAC_ADDR, GUEST_ANNOUNCE; MTU,
 * if it is told; of checksums and segments (CSUM, TSO, ECN), what the host has.
 *
 * A driver that can is asked to announce itself after a load: its switch is
 * another one. Frames that waited in here are lost with the save.
 *
 * Source: Virtual I/O Device (VIRTIO) 1.2, section 5.1.
 */
#ifndef DEVICES_VIRTIO_NET_H
#define DEVICES_VIRTIO_NET_H

#include "devices/virtio/virtio.h"
#include "host/net.h"

/* The least that IPv4 asks for, and the most a frame holds.
 * Source: section 5.1.4.1. */
#define VIRTIO_NET_MTU_MIN 68
#define VIRTIO_NET_MTU_MAX 65535

struct virtio_net_options {
	uint8_t mac[ETH_ALEN];
	uint16_t mtu; /* in bytes; 0: the guest is told none */
};

/*
 * @mem, @loop: borrowed; outlive the device
 * @net:        taken over, failure included
 *
 * Returns 0, -ENOMEM, the errno of eventfd(2) or epoll_ctl(2), or what
 * attaching to @net returned.
 */
int virtio_net_new(struct virtio **ret, const struct mem_map *mem,
		   struct loop *loop, struct net *net,
		   const struct virtio_net_options *opt, struct err *err);

/* Frames one way, since the card was made. */
struct virtio_net_count {
	uint64_t frames, bytes; /* that went through, without headers */
	uint64_t dropped; /* frames that were lost here */
};

struct virtio_net_info {
	uint8_t mac[ETH_ALEN]; /* as the driver last set it */
	bool up; /* as the driver is told */
	struct virtio_net_count rx, tx; /* to, and from, the guest */
};

/* @vio: of virtio_net_new(). Thread: loop. */
void virtio_net_query(struct virtio *vio, struct virtio_net_info *ret);

/* Plugs the cable in, as it is at first, or pulls it out; the driver is told.
 * Thread: loop. */
void virtio_net_set_link(struct virtio *vio, bool plugged);

#endif
