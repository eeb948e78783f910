/*
 * devices/virtio/fs.h - virtio file system device: a folder of the host.
 *
 * Two queues, hiprio and one for requests. A request goes to a thread as it is
 * taken from its queue, up to VIRTIO_FS_REQUESTS of them at once, and the host
 * reads and writes the driver's buffers. What a request says is host/fs/fs.h's
 * affair; here it is bytes. One without room for its reply comes back empty.
 *
 * After a reset of the device or of a queue it is busy until the requests at
 * work have ended, for they may use their buffers. What a guest held is then
 * closed, on a thread, too.
 *
 * Source: Virtual I/O Device (VIRTIO) 1.2, section 5.11. No notification queue,
 * and no DAX window.
 */
#ifndef DEVICES_VIRTIO_FS_H
#define DEVICES_VIRTIO_FS_H

#include "base/aio.h"
#include "devices/virtio/virtio.h"
#include "host/fs/fs.h"

#define VIRTIO_FS_TAG_MAX 36 /* bytes; one of fewer ends with zeroes */

#define VIRTIO_FS_REQUESTS 256

struct virtio_fs_options {
	struct fs *fs; /* taken over by virtio_fs_new(), failure included */
	struct aio *aio; /* of aio_new_threads(); borrowed; outlives the device
			  */
	const char *tag; /* the folder's name in the guest, of at most
			    VIRTIO_FS_TAG_MAX bytes */
};

/*
 * @mem, @loop: borrowed; outlive the device
 *
 * Returns 0, -ENOMEM, or the errno of eventfd(2) or epoll_ctl(2).
 */
int virtio_fs_new(struct virtio **ret, const struct mem_map *mem,
		  struct loop *loop, const struct virtio_fs_options *opt,
		  struct err *err);

#endif
