/*
 * devices/virtio/chain.h - a buffer that the driver has handed over.
 *
 * A chain has two parts: the driver's data, and room for the device's. Offsets
 * and lengths are in bytes from the start of a part. The bytes are shared with
 * running vCPUs: check the copy.
 *
 * A device copies with chain_read() and chain_write(). Where the host's kernel
 * moves the bytes, the device says so with chain_was_read() or chain_wrote()
 * once the kernel has done, whether or not the chain is given back afterwards.
 * All four do what every access of a device to guest memory needs:
 * - Written bytes, and no others, count as written (mem/dirty.h).
 * - The guest may unplug a block (mem/blocks.h) while a device holds a chain.
 *   Memory that an access brought back there is returned to the host.
 *
 * So a chain that was only held owes nothing when a reset drops it.
 *
 * Thread: one at a time; the device's lock is held.
 */
#ifndef DEVICES_VIRTIO_CHAIN_H
#define DEVICES_VIRTIO_CHAIN_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "mem/iov.h"
#include "mem/map.h"

/* The longest chain taken, indirect descriptors included. */
#define VIRTQ_MAX_SIZE 256

/* Buffers that do not overlap cross each border between regions once. */
#define VIRTQ_MAX_IOV (VIRTQ_MAX_SIZE + MEM_MAX_REGIONS)

struct virtq_chain {
	const struct mem_map *mem; /* borrowed */
	uint16_t head; /* identifies the chain to virtio_push() */
	size_t readable; /* iov[0, readable) is the driver's data */
	size_t count; /* iov[readable, count) is room for the device's */
	struct iovec iov[VIRTQ_MAX_IOV];
};

/* The length of the driver's data. */
static inline size_t chain_data(const struct virtq_chain *chain)
{
	return iov_length(chain->iov, chain->readable);
}

/* The length of the room for the device's data. */
static inline size_t chain_room(const struct virtq_chain *chain)
{
	return iov_length(chain->iov + chain->readable,
			  chain->count - chain->readable);
}

/* Copies up to @len bytes of the driver's data. Returns how many there were. */
size_t chain_read(const struct virtq_chain *chain, size_t offset, void *buf,
		  size_t len);

/* Copies up to @len bytes into the room. Returns how many fit. */
size_t chain_write(const struct virtq_chain *chain, size_t offset,
		   const void *buf, size_t len);

/* The host's kernel has read, or may have read, these bytes of the data. What
 * lies behind the end is ignored. */
void chain_was_read(const struct virtq_chain *chain, size_t offset, size_t len);

/* The host's kernel has written, or may have written, these bytes of the room.
 * What lies behind the end is ignored. */
void chain_wrote(const struct virtq_chain *chain, size_t offset, size_t len);

#endif
