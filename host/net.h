/*
 * host/net.h - the host's side of a network card: frames in and out.
 *
 * One net belongs to one card. A frame is a struct virtio_net_hdr_v1 (linux/
 * virtio_net.h), whose integers are little-endian, and the Ethernet frame
 * behind it, without its checksum. Neither side trusts what the other gives.
 *
 * No function waits. What the host does not take at once is kept, one frame of
 * it, and then net->full is set until user->drained() is called.
 *
 * Thread: loop or setup. The card's lock is held in all calls but *_new(),
 * attach() and close().
 */
#ifndef HOST_NET_H
#define HOST_NET_H

#include <linux/if_ether.h>
#include <linux/virtio_net.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define NET_HEADER sizeof(struct virtio_net_hdr_v1)

/* The longest Ethernet frame: 64 KiB of IP behind a header and a VLAN tag. */
#define NET_FRAME_MAX (ETH_HLEN + 4 + 65535)
#define NET_BUFFER (NET_HEADER + NET_FRAME_MAX)

/* The card. Embedded in it. The lock is held while the functions run. */
struct net_user {
	pthread_mutex_t *lock;
	/* There are frames, perhaps, since receive() had none. Thread: loop. */
	void (*arrived)(struct net_user *user);
	/* net->full is not set any more. Thread: loop. */
	void (*drained)(struct net_user *user);
	/* net->up has changed. Thread: loop. */
	void (*changed)(struct net_user *user);
};

/* What the other side takes care of in a frame's header. */
enum net_offload {
	NET_CSUM = 1, /* a checksum that is not there yet */
	NET_TSO4 = 2, /* a frame that is cut into TCP segments */
	NET_TSO6 = 4,
	NET_ECN = 8, /* segments of which the first has a congestion flag */
};

struct net;

struct net_ops {
	/* Hands the net its card. Called once, before any other but close().
	 * Returns 0, or what loop_add() returns. Thread: setup. */
	int (*attach)(struct net *net, struct net_user *user, struct err *err);
	/*
	 * Writes the next frame to @buf, which has NET_BUFFER bytes. Returns
	 * how many there are, more than NET_HEADER; 0 if there is none now.
	 */
	size_t (*receive)(struct net *net, uint8_t *buf);
	/*
	 * Sends a frame; net->full is not set.
	 *
	 * @len: header included; at most NET_BUFFER
	 *
	 * Returns 0, or a negative errno if the frame is lost.
	 */
	int (*send)(struct net *net, const uint8_t *buf, size_t len);
	/* What the card takes of net->offloads from now on, enum net_offload
	 * or'ed. Frames from before may have more. NULL: there are none. */
	void (*set_offloads)(struct net *net, unsigned offloads);
	void (*close)(struct net *net);
};

struct net {
	const struct net_ops *ops;
	unsigned offloads; /* that the host can do, both ways */
	bool up; /* there is another side */
	bool full;
};

#endif
