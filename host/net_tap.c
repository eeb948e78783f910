/* host/net_tap.c - a network interface of the host's that is a program's. */
#include "host/net_tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/log.h"

#define TUN_DEVICE "/dev/net/tun"
#define FREE_NAME "vmm%d" /* the kernel counts */

struct net_tap {
	struct net net;
	struct loop *loop; /* borrowed */
	struct net_user *user; /* borrowed; NULL: not attached yet */
	struct loop_watch watch; /* its fd is owned */
	char name[IFNAMSIZ];
};

static struct net_tap *tap_of(struct net *net)
{
	return container_of(net, struct net_tap, net);
}

static size_t tap_receive(struct net *net, uint8_t *buf)
{
	struct net_tap *tap = tap_of(net);
	ssize_t n;

	do
		n = read(tap->watch.fd, buf, NET_BUFFER);
	while (n < 0 && errno == EINTR);
	if (n > (ssize_t)NET_HEADER)
		return (size_t)n;
	/* The interface was deleted. */
	if (n < 0 && errno == EBADFD && net->up) {
		log_warn("--net tap: %s is gone; the guest's network is down",
			 tap->name);
		net->up = false;
		tap->user->changed(tap->user);
	}
	return 0;
}

static int tap_send(struct net *net, const uint8_t *buf, size_t len)
{
	ssize_t n;

	do
		n = write(tap_of(net)->watch.fd, buf, len);
	while (n < 0 && errno == EINTR);
	/* One that is not up takes no frame, and neither does one that has no
	 * memory: a network may lose them. */
	return n < 0 ? -errno : 0;
}

static void tap_set_offloads(struct net *net, unsigned offloads)
{
	unsigned flags = 0;

	/* Linux refuses segments without checksums, and ECN without segments;
	 * drivers may accept any of them. */
	if (offloads & NET_CSUM)
		flags |= TUN_F_CSUM | (offloads & NET_TSO4 ? TUN_F_TSO4 : 0u) |
			 (offloads & NET_TSO6 ? TUN_F_TSO6 : 0u);
	if (flags & (TUN_F_TSO4 | TUN_F_TSO6) && offloads & NET_ECN)
		flags |= TUN_F_TSO_ECN;
	/* All are there: see open_tap(). */
	(void)ioctl(tap_of(net)->watch.fd, TUNSETOFFLOAD, (unsigned long)flags);
}

static void tap_ready(struct loop_watch *watch, uint32_t events)
{
	struct net_tap *tap = container_of(watch, struct net_tap, watch);

	if (events & (EPOLLIN | EPOLLERR | EPOLLHUP))
		tap->user->arrived(tap->user);
}

static int tap_attach(struct net *net, struct net_user *user, struct err *err)
{
	struct net_tap *tap = tap_of(net);
	int r;

	tap->user = user;
	tap->watch.lock = user->lock;
	tap->watch.ready = tap_ready;
	/* Edge-triggered: see stream_attach(). */
	r = loop_add(tap->loop, &tap->watch, EPOLLIN | EPOLLET, err);
	if (r < 0)
		tap->user = NULL;
	return r < 0 ? err_wrap(err, "tap") : 0;
}

static void tap_close(struct net *net)
{
	struct net_tap *tap = tap_of(net);

	if (tap->user)
		loop_remove(tap->loop, &tap->watch);
	fd_closep(&tap->watch.fd);
	free(tap);
}

static const struct net_ops tap_ops = {
	.attach = tap_attach,
	.receive = tap_receive,
	.send = tap_send,
	.set_offloads = tap_set_offloads,
	.close = tap_close,
};

/* What TUNSETIFF had against it. */
static int refuse_tap(const char *name, struct err *err)
{
	const char *what = name ? name : "a new interface";

	switch (errno) {
	case EPERM:
		return err_input(err, -EPERM,
				 "%s: this takes CAP_NET_ADMIN, or an "
				 "interface that root has made for this user: "
				 "ip tuntap add dev NAME mode tap user USER",
				 what);
	case EBUSY:
		return err_input(err, -EBUSY, "%s: a program has it", what);
	case EINVAL:
		return err_input(err, -EINVAL,
				 "%s: no tap interface of one queue", what);
	default:
		return err_sys(err, "%s", what);
	}
}

static int open_tap(struct net_tap *tap, const char *name, struct err *err)
{
	const unsigned all = NET_CSUM | NET_TSO4 | NET_TSO6 | NET_ECN;
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI |
					      IFF_VNET_HDR };
	const char *want = name ? name : FREE_NAME;
	int size = NET_HEADER, little = 1;

	if (strlen(want) >= IFNAMSIZ)
		return err_input(err, -EINVAL,
				 "%s: an interface's name has at most %d "
				 "characters",
				 want, IFNAMSIZ - 1);
	tap->watch.fd = open(TUN_DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (tap->watch.fd < 0)
		return err_sys(err, TUN_DEVICE);
	memcpy(request.ifr_name, want, strlen(want) + 1);
	if (ioctl(tap->watch.fd, TUNSETIFF, &request) < 0)
		return refuse_tap(name, err);
	memcpy(tap->name, request.ifr_name, sizeof(tap->name) - 1);
	if (ioctl(tap->watch.fd, TUNSETVNETHDRSZ, &size) < 0 ||
	    ioctl(tap->watch.fd, TUNSETVNETLE, &little) < 0)
		return err_sys(err, "%s: headers of virtio 1", tap->name);
	if (ioctl(tap->watch.fd, TUNSETOFFLOAD,
		  (unsigned long)(TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 |
				  TUN_F_TSO_ECN)) == 0)
		tap->net.offloads = all;
	(void)ioctl(tap->watch.fd, TUNSETOFFLOAD, 0UL);
	return 0;
}

/* Sets the interface up, if this user may. One that was made for the user is
 * the host's to set up. */
static void set_tap_up(const struct net_tap *tap)
{
	_cleanup_(fd_closep) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC,
					     0);
	struct ifreq request = { 0 };

	memcpy(request.ifr_name, tap->name, sizeof(tap->name));
	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) < 0 ||
	    (request.ifr_flags & IFF_UP))
		return;
	request.ifr_flags |= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		log_warn("--net tap: %s is not up: ip link set %s up",
			 tap->name, tap->name);
}

int net_tap_new(struct net **ret, struct loop *loop, const char *name,
		struct err *err)
{
	struct net_tap *tap = calloc(1, sizeof(*tap));
	int r;

	if (!tap)
		return err_set(err, -ENOMEM, "tap: out of memory");
	tap->loop = loop;
	tap->watch.fd = -1;
	tap->net = (struct net){ .ops = &tap_ops, .up = true };
	r = open_tap(tap, name, err);
	if (r < 0) {
		tap_close(&tap->net);
		return r;
	}
	set_tap_up(tap);
	log_info("--net tap: the interface is %s", tap->name);
	*ret = &tap->net;
	return 0;
}
