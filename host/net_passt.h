/*
 * host/net_passt.h - the host's own network, without privileges.
 *
 * A child, passt, opens the guest's connections as its own. It speaks to the
 * guest over a socket pair, in the form of host/net_stream.h. It ends with this
 * process, however that ends: then the socket is hung up.
 *
 * Nothing of a connection is saved. A restored guest has another passt.
 */
#ifndef HOST_NET_PASST_H
#define HOST_NET_PASST_H

#include "base/loop.h"
#include "host/net.h"

struct net_passt_options {
	const char *const *tcp, *const *udp; /* ports to forward to the guest,
						as passt's --tcp-ports has
						them; end with NULL */
	unsigned mtu; /* that it tells the guest, in bytes; 0: its own */
	int interrupt_fd; /* borrowed; its readiness ends the start; -1: none */
};

/*
 * Starts passt, and waits until it is ready.
 *
 * @loop: borrowed; outlives the network
 *
 * Returns 0; -ENOENT, as a fault of the user's, if there is no passt in PATH;
 * -ECHILD with what it said if it ends; -ETIMEDOUT;
 * -EINTR if @interrupt_fd became readable; -ENOMEM; or the errno of
 * socketpair(2), pipe(2), memfd_create(2) or posix_spawn(3). Thread: setup.
 */
int net_passt_new(struct net **ret, struct loop *loop,
		  const struct net_passt_options *opt, struct err *err);

#endif
