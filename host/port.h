/*
 * host/port.h - the host's end of a named stream of bytes with a guest.
 *
 * A port is made before its device, and outlives it. No function waits: what
 * the host does not take at once stays in the guest's buffers, and input stays
 * where it is until the guest has room for it. So neither side loses a byte to
 * a slow one.
 */
#ifndef HOST_PORT_H
#define HOST_PORT_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/loop.h"

/* The longest name, in bytes. */
#define PORT_NAME_MAX 64

struct port;

/* The device. Embedded in it. Thread: any. */
struct port_user {
	pthread_mutex_t *lock; /* the device's */
	/* receive() may have bytes again, or its end. */
	void (*arrived)(struct port_user *user);
	/* send() would take bytes again. */
	void (*drained)(struct port_user *user);
};

/* All but attach() and detach() are called with the device's lock held. */
struct port_ops {
	/* Hands the port its device. Called once for each device, before any
	 * other. @loop outlives the device. Returns 0, or a negative errno.
	 * Thread: setup. */
	int (*attach)(struct port *port, struct loop *loop,
		      struct port_user *user, struct err *err);
	/* The device goes, attached or not. Thread: setup. */
	void (*detach)(struct port *port);
	/*
	 * Reads up to @len bytes for the guest. Returns how many; 0 if there
	 * are none now, and user->arrived() follows; -EPIPE if there will be
	 * none any more. Thread: loop.
	 */
	ssize_t (*receive)(struct port *port, uint8_t *buf, size_t len);
	/*
	 * Takes up to @len bytes of the guest's. Returns how many; if fewer
	 * than @len, user->drained() follows; -EPIPE if the host takes none
	 * any more. Thread: loop.
	 */
	ssize_t (*send)(struct port *port, const uint8_t *buf, size_t len);
	/* A program of the guest has opened the port; or closed it, and all
	 * that was written before has been given to send(). A reset of the
	 * device closes it, too, and drops what was not. Thread: any. */
	void (*opened)(struct port *port, bool open);
};

struct port {
	const struct port_ops *ops;
	const char *name; /* as the guest is told; at most PORT_NAME_MAX */
};

#endif
