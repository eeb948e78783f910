/*
 * devices/virtio/power_button.h - a virtio input device with one key: the power
 * button.
 *
 * The guest decides what a press does: systemd's logind, or acpid, powers off.
 *
 * Source: Virtual I/O Device (VIRTIO) 1.2, section 5.8; Linux,
 * Documentation/input/event-codes.rst.
 */
#ifndef DEVICES_VIRTIO_POWER_BUTTON_H
#define DEVICES_VIRTIO_POWER_BUTTON_H

#include "devices/virtio/virtio.h"

/*
 * @mem, @loop: borrowed; outlive the device
 *
 * Returns 0, -ENOMEM, or the errno of eventfd(2) or epoll_ctl(2).
 */
int virtio_power_button_new(struct virtio **ret, const struct mem_map *mem,
			    struct loop *loop, struct err *err);

/*
 * Presses the button, and lets it go. A guest that is paused or has no buffer
 * gets the press later; presses that are not delivered yet count as one.
 *
 * Returns 0, or -ENOTCONN if no driver is at work. Thread: any, without a lock.
 */
int virtio_power_button_press(struct virtio *vio);

#endif
