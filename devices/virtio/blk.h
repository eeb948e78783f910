/*
 * devices/virtio/blk.h - virtio block device.
 *
 * One queue of up to VIRTQ_MAX_SIZE requests, all of them at work at once. The
 * requests of one kick go to the host in one system call, or in several turns
 * of the loop if they are large (base/aio.h). After a reset of the device or of
 * its queue the device is busy until the host is done with the requests it has
 * begun, for it may be writing to their buffers.
 *
 * A request outside the disk, of a length that is no number of blocks, or
 * against a read-only disk gets VIRTIO_BLK_S_IOERR, and so does one the host
 * cannot do (disk full, bad medium); a type that is not known gets
 * VIRTIO_BLK_S_UNSUPP; one without a byte for the status comes back as it is.
 *
 * Source: Virtual I/O Device (VIRTIO) 1.2, section 5.2.
 */
#ifndef DEVICES_VIRTIO_BLK_H
#define DEVICES_VIRTIO_BLK_H

#include "devices/virtio/virtio.h"
#include "host/disk.h"

/*
 * @mem, @loop: borrowed; outlive the device
 * @disk:       taken over, failure included
 * @serial:     what the guest sees as the disk's serial number; its first
 *              VIRTIO_BLK_ID_BYTES (20) are copied; NULL: an empty one
 *
 * Returns 0, -ENOMEM, or the errno of eventfd(2) or epoll_ctl(2).
 */
int virtio_blk_new(struct virtio **ret, const struct mem_map *mem,
		   struct loop *loop, struct disk *disk, const char *serial,
		   struct err *err);

/* What a block device is now. */
struct virtio_blk_info {
	uint64_t size; /* in bytes, as the guest is told */
	uint32_t block; /* in bytes */
	bool ro;
	bool write_back; /* the guest sees a volatile cache, and flushes it */
	int fd; /* of the image, as of struct disk */
};

/* The disk behind the device, for what looks at it beside the device. Borrowed.
 * @vio: of virtio_blk_new(). Thread: any. */
struct disk *virtio_blk_disk(struct virtio *vio);

/* @vio: of virtio_blk_new(). Thread: loop. */
void virtio_blk_query(struct virtio *vio, struct virtio_blk_info *ret);

/*
 * Tells what the disk's image is like now.
 *
 * @vio: of virtio_blk_new()
 *
 * Returns what disk_ops.stamp() returns. Thread: loop.
 */
int virtio_blk_stamp(struct virtio *vio, struct disk_stamp *ret,
		     struct err *err);

/*
 * Makes the disk larger, and tells the driver by a change of the configuration
 * space. Does nothing if the disk has this size.
 *
 * @vio:  of virtio_blk_new()
 * @size: in bytes, or DISK_SIZE_OF_IMAGE
 *
 * Returns what disk_ops.resize() returns. Thread: loop.
 */
int virtio_blk_resize(struct virtio *vio, uint64_t size, struct err *err);

#endif
