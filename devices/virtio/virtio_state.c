/* devices/virtio/virtio_state.c - what every virtio device saves and loads. */
#include <errno.h>

#include "base/state_field.h"
#include "devices/virtio/virtio.h"

#define QUEUE_RECORDS 16 /* ids of one queue */

static const struct state_field virtio_fields[] = {
	STATE_FIELD(1, struct virtio, accepted, UINT64_MAX),
	STATE_FIELD(2, struct virtio, status, UINT8_MAX),
	STATE_FIELD(3, struct virtio, generation, UINT32_MAX),
	STATE_FIELD(4, struct virtio, config_news, 1),
};

static const struct state_field ring_fields[] = {
	STATE_FIELD(1, struct virtq, size, VIRTQ_MAX_SIZE),
	STATE_FIELD(2, struct virtq, desc, UINT64_MAX),
	STATE_FIELD(3, struct virtq, avail, UINT64_MAX),
	STATE_FIELD(4, struct virtq, used, UINT64_MAX),
	STATE_FIELD(5, struct virtq, enabled, 1),
	STATE_FIELD(6, struct virtq, listening, 1),
	STATE_FIELD(7, struct virtq, next_avail, UINT16_MAX),
	STATE_FIELD(8, struct virtq, next_used, UINT16_MAX),
	STATE_FIELD(9, struct virtq, signalled, UINT16_MAX),
};

/* The records of a queue have ids of their own. */
static void queue_fields(unsigned queue,
			 struct state_field ret[STATE_COUNT(ring_fields)])
{
	for (size_t i = 0; i < STATE_COUNT(ring_fields); i++) {
		ret[i] = ring_fields[i];
		ret[i].id += VIRTIO_STATE_QUEUE + queue * QUEUE_RECORDS;
	}
}

void virtio_save(struct virtio *vio, struct state *state)
{
	struct state_field fields[STATE_COUNT(ring_fields)];

	state_put_fields(state, vio, virtio_fields, STATE_COUNT(virtio_fields));
	for (unsigned i = 0; i < vio->queues; i++) {
		struct virtq ring = vio->queue[i].ring;

		/* Chains that the device keeps are taken again. */
		if (vio->ops->kept)
			ring.next_avail -= (uint16_t)vio->ops->kept(vio, i);
		queue_fields(i, fields);
		state_put_fields(state, &ring, fields,
				 STATE_COUNT(ring_fields));
	}
	vio->ops->save(vio, state);
}

static int load_queue(struct virtio *vio, unsigned queue,
		      struct state_records *from, struct err *err)
{
	struct state_field fields[STATE_COUNT(ring_fields)];
	struct virtq *ring = &vio->queue[queue].ring;
	struct virtq saved = *ring;
	int r;

	queue_fields(queue, fields);
	r = state_get_fields(from, &saved, fields, STATE_COUNT(ring_fields),
			     err);
	if (r < 0)
		return r;
	ring->size = saved.size;
	ring->desc = saved.desc;
	ring->avail = saved.avail;
	ring->used = saved.used;
	if (!saved.enabled)
		return 0;
	if (virtq_enable(ring, vio->accepted) < 0)
		return err_input(err, -EBADMSG, "%s: queue %u: %s",
				 vio->ops->name, queue, ring->fault);
	ring->listening = saved.listening;
	ring->next_avail = saved.next_avail;
	ring->next_used = saved.next_used;
	ring->signalled = saved.signalled;
	return 0;
}

int virtio_load(struct virtio *vio, struct state_records *from, struct err *err)
{
	int r = state_get_fields(from, vio, virtio_fields,
				 STATE_COUNT(virtio_fields), err);

	if (r == 0 && !virtio_is_negotiated(vio))
		r = err_input(err, -EBADMSG,
			      "%s: status and features that no driver can set "
			      "here",
			      vio->ops->name);
	for (unsigned i = 0; r == 0 && i < vio->queues; i++)
		r = load_queue(vio, i, from, err);
	/* It needs a reset already; which rule was broken is history. */
	if (r == 0 && (vio->status & VIRTIO_NEEDS_RESET))
		vio->fault = "broken when it was saved";
	return r == 0 ? vio->ops->load(vio, from, err) : r;
}
