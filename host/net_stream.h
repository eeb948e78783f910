/*
 * host/net_stream.h - a network over a stream socket, as QEMU has it.
 *
 * Each frame is four bytes, its length (big-endian), and the frame. QEMU's
 * "-netdev stream" and "-netdev socket", passt and others speak that.
 *
 * The other side is not trusted: a length that no Ethernet frame has ends the
 * connection. When it hangs up, the network is down for good, with a warning.
 */
#ifndef HOST_NET_STREAM_H
#define HOST_NET_STREAM_H

#include "base/loop.h"
#include "host/net.h"

/*
 * Makes a network of a connected socket.
 *
 * @loop: borrowed; outlives the network
 * @fd:   owned, failure included
 * @name: what warnings begin with; copied
 *
 * Returns 0 or -ENOMEM. Thread: setup.
 */
int net_stream_new(struct net **ret, struct loop *loop, int fd,
		   const char *name, struct err *err);

/* Has @closed called at the end of close(), when the socket is closed.
 * @net: of net_stream_new() */
void net_stream_at_close(struct net *net, void (*closed)(void *ctx), void *ctx);

/*
 * Connects to a UNIX stream socket, and makes a network of it. Returns that;
 * -ENAMETOOLONG, or the errno of connect(2), both the user's fault, or of
 * socket(2). The message begins with the path. Thread: setup.
 */
int net_unix_new(struct net **ret, struct loop *loop, const char *path,
		 struct err *err);

#endif
