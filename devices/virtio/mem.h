/*
 * devices/virtio/mem.h - virtio memory device: a guest that grows and shrinks.
 *
 * The device has a region of guest memory in blocks, none of which is there at
 * first (mem/blocks.h). The host says how much of it the guest is to have; the
 * driver asks for blocks by their address, and gives them back. It never gets
 * more than it is to have, and none that lies beyond the usable part of the
 * region, which grows with what the host asks for, so that plugged blocks have
 * low addresses.
 *
 * A block that is not plugged cannot be read, nor written. A driver that does
 * not know that (VIRTIO_MEM_F_UNPLUGGED_INACCESSIBLE, Linux 5.16) is refused.
 *
 * A reset of the device leaves the blocks as they are; a restart of the
 * machine unplugs them.
 *
 * A request of many blocks is done in steps, between which others have their
 * turn. Where the host is out of memory, or wants the guest to have less now,
 * a PLUG is undone before it is refused; an UNPLUG that has begun waits, and so
 * does what undoes. So but for an UNPLUG ALL that is refused, a request is done
 * as a whole or not at all.
 *
 * All functions below take the device's lock, and are for the loop thread, on
 * which the callback is called with the lock held: it must not call them.
 * Source: Virtual I/O Device (VIRTIO) 1.2, section 5.15.
 */
#ifndef DEVICES_VIRTIO_MEM_H
#define DEVICES_VIRTIO_MEM_H

#include "devices/virtio/virtio.h"
#include "mem/blocks.h"

/*
 * @mem, @loop: borrowed; outlive the device
 * @blocks:     of a region of @mem; borrowed; only this device plugs them
 *
 * Returns 0, -ENOMEM, or what virtio_init() and loop_timer_add() return.
 * Thread: setup.
 */
int virtio_mem_new(struct virtio **ret, const struct mem_map *mem,
		   struct loop *loop, struct mem_blocks *blocks,
		   struct err *err);

/*
 * Asks the guest to have @bytes of the region.
 *
 * Returns 0; -EINVAL if that is no multiple of the block's size, -ERANGE if it
 * is more than the region's.
 */
int virtio_mem_resize(struct virtio *vio, uint64_t bytes, struct err *err);

struct virtio_mem_info {
	struct range region;
	uint64_t block; /* sizes are in bytes */
	uint64_t requested; /* what the guest is to have */
	uint64_t plugged; /* what it has */
	bool driver; /* the guest has a driver, and it is at work */
};

void virtio_mem_query(struct virtio *vio, struct virtio_mem_info *ret);

/* The machine restarts: unplugs all. No vCPU runs, and the device was reset. */
void virtio_mem_restart(struct virtio *vio);

/* Callback for changes of the plugged size. */
struct virtio_mem_listener {
	/* The guest has @plugged bytes now. At most once a second. */
	void (*changed)(void *ctx, struct virtio *vio, uint64_t plugged);
	void *ctx;
};

void virtio_mem_listen(struct virtio *vio, struct virtio_mem_listener listener);

#endif
