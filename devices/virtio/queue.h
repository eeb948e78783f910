/*
 * devices/virtio/queue.h - a split virtqueue, seen from the device.
 *
 * The ring lies in guest memory and may say anything at any time, so its size
 * and place are copied when it is enabled, every index and descriptor is copied
 * before it is looked at, and every address is translated where it is used: no
 * host pointer into the ring is kept. Only an aligned 2-, 4- or 16-byte piece
 * is translated at a time, so a ring may lie across regions.
 *
 * A ring that breaks the rules is faulty from then on: it gives no more chains
 * and takes none back, until it is disabled.
 *
 * Thread: one at a time; the device's lock is held. Source: Virtual I/O Device
 * (VIRTIO) 1.2, section 2.7.
 */
#ifndef DEVICES_VIRTIO_QUEUE_H
#define DEVICES_VIRTIO_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "devices/virtio/chain.h"
#include "mem/map.h"

struct virtq {
	const struct mem_map *mem; /* borrowed */
	uint16_t max; /* the largest size; a power of two, host's choice */

	/* The driver's settings. Fixed while enabled. */
	uint16_t size;
	gpa_t desc, avail, used;

	bool enabled;
	bool event_idx; /* VIRTIO_F_EVENT_IDX was negotiated */
	bool indirect; /* VIRTIO_F_INDIRECT_DESC was negotiated */
	bool listening; /* the driver was asked to kick */
	uint16_t next_avail; /* index of the next chain to take */
	uint16_t next_used; /* index of the next chain to give back */
	uint16_t signalled; /* next_used at the last virtq_wants_interrupt() */
	const char *fault; /* which rule the driver broke; NULL: none */
};

/* Makes a disabled queue. @max: at most VIRTQ_MAX_SIZE. */
void virtq_init(struct virtq *q, const struct mem_map *mem, uint16_t max);

/*
 * Starts the queue at q->size, q->desc, q->avail and q->used, none of which is
 * trusted, with the features in @features (bits of section 6).
 *
 * Returns 0; -EINVAL if the size is no power of two up to q->max, an area is
 * not aligned or any of it is not RAM; q->fault then says which.
 */
int virtq_enable(struct virtq *q, uint64_t features);

/* Back to the state after virtq_init(). Popped chains are never pushed. */
void virtq_disable(struct virtq *q);

/*
 * Takes the next chain.
 *
 * When there is none, the driver has been asked to kick for the next one, and
 * it has not come in between. While there are some, the driver is asked not to.
 *
 * Returns 1 with @chain set; 0 if there is none or the queue is not enabled;
 * -EINVAL if the driver broke a rule, in this call or before: see q->fault.
 */
int virtq_pop(struct virtq *q, struct virtq_chain *chain);

/* Has the last @count chains taken be as if they were not. None of them was
 * given back. */
void virtq_unpop(struct virtq *q, unsigned count);

/*
 * Gives a chain back, in any order.
 *
 * @head: of a chain from virtq_pop(); each is given back once
 * @len:  bytes written to the writable part, from its start
 *
 * Returns 0, or -EINVAL if the used ring is not there: see q->fault.
 */
int virtq_push(struct virtq *q, uint16_t head, uint32_t len);

/* A chain that is given back. */
struct virtq_used {
	uint16_t head;
	uint32_t len;
};

/* Gives chains back as virtq_push() does, in this order. The driver sees all of
 * them at once. @count: at most the queue's size */
int virtq_push_all(struct virtq *q, const struct virtq_used *used,
		   size_t count);

/*
 * True if the driver wants an interrupt for the chains given back since the
 * last call.
 */
bool virtq_wants_interrupt(struct virtq *q);

#endif
