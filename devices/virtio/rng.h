/*
 * devices/virtio/rng.h - virtio entropy device: the host's random numbers.
 *
 * Source: Virtual I/O Device (VIRTIO) 1.2, section 5.4; getrandom(2).
 */
#ifndef DEVICES_VIRTIO_RNG_H
#define DEVICES_VIRTIO_RNG_H

#include "devices/virtio/virtio.h"

/*
 * Waits for the host's random number generator to be ready, which it is but
 * for the first moments after the host's boot; so the guest never waits.
 *
 * @mem, @loop: borrowed; outlive the device
 *
 * Returns 0, -ENOMEM, or the errno of getrandom(2), eventfd(2) or epoll_ctl(2).
 */
int virtio_rng_new(struct virtio **ret, const struct mem_map *mem,
		   struct loop *loop, struct err *err);

#endif
