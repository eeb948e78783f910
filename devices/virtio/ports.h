/*
 * devices/virtio/ports.h - virtio console with several ports, each a stream of
 * bytes that has a name.
 *
 * The guest is told of each port by a message, then whether the host has it
 * open, and of its name: a port that has one is usable. A program of the guest
 * opens and closes it. Bytes go through only while both have it open: what the
 * guest sends to a port that the host has closed is dropped. A port's close
 * follows what was sent before.
 *
 * Messages to the driver wait for its buffers as one bit for each kind and
 * port, of which the last state is told: a driver that gives no buffers makes
 * the device keep no more. A buffer that no message fits into breaks the
 * device until it is reset. Other mistakes in the driver's messages are
 * logged, and change nothing.
 *
 * There is no port 0, and no port is a terminal to the guest's kernel.
 *
 * Source: Virtual I/O Device (VIRTIO) 1.2, section 5.3, with
 * VIRTIO_CONSOLE_F_MULTIPORT.
 */
#ifndef DEVICES_VIRTIO_PORTS_H
#define DEVICES_VIRTIO_PORTS_H

#include "devices/virtio/virtio.h"
#include "host/port.h"

#define VIRTIO_PORTS_MAX 15

/* Entries of each ring at most. A driver fills a port's ring with pages. */
#define VIRTIO_PORTS_RING 32

/*
 * @mem, @loop: borrowed; outlive the device
 * @port:       @count ports, up to VIRTIO_PORTS_MAX, which get the numbers 1
 *              and up; borrowed, and the device's until it is destroyed. On
 *              failure they are detached.
 *
 * Returns 0; -ENOMEM; the errno of eventfd(2) or epoll_ctl(2); or what
 * attaching to a port returned.
 */
int virtio_ports_new(struct virtio **ret, const struct mem_map *mem,
		     struct loop *loop, struct port *const *port, size_t count,
		     struct err *err);

#endif
