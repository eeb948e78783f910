/* devices/virtio/mem_device.h - the memory device's inside, for its own files.
 */
#ifndef DEVICES_VIRTIO_MEM_DEVICE_H
#define DEVICES_VIRTIO_MEM_DEVICE_H

#include <linux/virtio_mem.h>

#include "base/cleanup.h"
#include "base/throttle.h"
#include "devices/virtio/mem.h"

/* A request that is being done. */
struct work {
	bool taken; /* the rest is valid */
	struct virtq_chain chain;
	uint16_t type;
	uint64_t first, count; /* blocks */
	uint64_t done; /* of @count */
	uint16_t answer; /* of an UNPLUG; not ACK: it undoes a PLUG */
	bool saved; /* the same of a request whose chain is the next one: it was
		       taken before this device was saved */
};

struct vmem {
	struct virtio vio;
	struct virtio_mem_config config;
	const struct mem_map *mem; /* borrowed */
	struct mem_blocks *blocks; /* borrowed */
	struct work work;
	struct loop_timer again; /* for work that waits for the host */
	bool warned; /* that the host fails; until it is asked for anew */

	struct virtio_mem_listener listener;
	struct throttle change; /* calls listener.changed() */
};

static inline struct vmem *vmem_of(struct virtio *vio)
{
	return container_of(vio, struct vmem, vio);
}

/* mem_state.c: what is saved and loaded. With the device's lock held. */
unsigned vmem_kept(struct virtio *vio, unsigned queue);
void vmem_save(struct virtio *vio, struct state *state);
int vmem_load(struct virtio *vio, struct state_records *from, struct err *err);

#endif
