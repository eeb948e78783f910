/*
 * host/net_tap.h - a network interface of the host's that is a program's.
 *
 * Frames have headers (IFF_VNET_HDR), so that checksums and the cutting into
 * segments are the host's kernel's, or whoever's the frame comes from or goes
 * to.
 */
#ifndef HOST_NET_TAP_H
#define HOST_NET_TAP_H

#include "base/loop.h"
#include "host/net.h"

/*
 * Takes a tap interface.
 *
 * @loop: borrowed; outlives the network
 * @name: of the interface; one that is not there is made, and goes with the
 *        process. NULL: one is made, of a name that is free (vmm0, vmm1, ...).
 *        One that is made is set up.
 *
 * Returns 0; as faults of the user's, -EINVAL for a name that no interface can
 * have, or an interface that is no tap or one of many queues, -EBUSY if a
 * program has it, -EPERM if this user may neither make nor take it; -ENOMEM; or
 * the errno of open(2) or ioctl(2) on /dev/net/tun. Thread: setup.
 */
int net_tap_new(struct net **ret, struct loop *loop, const char *name,
		struct err *err);

#endif
