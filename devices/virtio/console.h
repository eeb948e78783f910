/*
 * devices/virtio/console.h - virtio console: one port, no control queues.
 *
 * The guest's end of a tty. Output the host does not take now stays in the
 * guest's buffers until it does; input is read only as the guest gives room.
 * The guest is told the size of the tty's terminal, 0 if there is none, and its
 * changes.
 *
 * Source: Virtual I/O Device (VIRTIO) 1.2, section 5.3.
 */
#ifndef DEVICES_VIRTIO_CONSOLE_H
#define DEVICES_VIRTIO_CONSOLE_H

#include "devices/virtio/virtio.h"
#include "host/tty.h"

/*
 * @mem, @loop: borrowed; outlive the device
 * @tty:        borrowed; outlives the device, which is its user until then
 *
 * Returns 0, -ENOMEM, or the errno of eventfd(2) or epoll_ctl(2).
 */
int virtio_console_new(struct virtio **ret, const struct mem_map *mem,
		       struct loop *loop, struct tty *tty, struct err *err);

#endif
