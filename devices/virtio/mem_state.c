/* devices/virtio/mem_state.c - what a memory device saves and loads. */
#include <endian.h>
#include <errno.h>

#include "base/align.h"
#include "base/state_field.h"
#include "devices/virtio/mem_device.h"

unsigned vmem_kept(struct virtio *vio, unsigned queue)
{
	(void)queue;
	return vmem_of(vio)->work.taken;
}

/* Which blocks are plugged is saved with the memory (vmm/machine/hotplug.h). */
static const struct state_field vmem_fields[] = {
	STATE_FIELD(VIRTIO_STATE_DEVICE + 1, struct vmem, config.requested_size,
		    UINT64_MAX),
	STATE_FIELD(VIRTIO_STATE_DEVICE + 2, struct vmem,
		    config.usable_region_size, UINT64_MAX),
	STATE_FIELD(VIRTIO_STATE_DEVICE + 3, struct vmem, work.saved, 1),
	STATE_FIELD(VIRTIO_STATE_DEVICE + 4, struct vmem, work.type,
		    VIRTIO_MEM_REQ_STATE),
	STATE_FIELD(VIRTIO_STATE_DEVICE + 5, struct vmem, work.first,
		    UINT64_MAX),
	STATE_FIELD(VIRTIO_STATE_DEVICE + 6, struct vmem, work.count,
		    UINT64_MAX),
	STATE_FIELD(VIRTIO_STATE_DEVICE + 7, struct vmem, work.done,
		    UINT64_MAX),
	STATE_FIELD(VIRTIO_STATE_DEVICE + 8, struct vmem, work.answer,
		    VIRTIO_MEM_RESP_ERROR),
};

void vmem_save(struct virtio *vio, struct state *state)
{
	struct vmem copy = *vmem_of(vio);

	copy.work.saved |= copy.work.taken;
	/* The rest of what was done last means nothing. */
	if (!copy.work.saved)
		copy.work = (struct work){ .taken = false };
	state_put_fields(state, &copy, vmem_fields, STATE_COUNT(vmem_fields));
}

/* Work is on blocks that are there, and as the steps before it left them. */
static bool is_work(const struct vmem *v)
{
	const struct mem_blocks *b = v->blocks;
	const struct work *w = &v->work;
	uint64_t done, left;

	if (w->type == VIRTIO_MEM_REQ_UNPLUG_ALL)
		return w->done <= b->count;
	if (w->type == VIRTIO_MEM_REQ_STATE || w->first >= b->count ||
	    w->count > b->count - w->first || w->done >= w->count)
		return false;
	done = blocks_plugged(b, w->first, w->done);
	left = blocks_plugged(b, w->first + w->done, w->count - w->done);
	return w->type == VIRTIO_MEM_REQ_PLUG
		     ? done == w->done && left == 0
		     : done == 0 && left == w->count - w->done;
}

int vmem_load(struct virtio *vio, struct state_records *from, struct err *err)
{
	struct vmem *v = vmem_of(vio);
	const uint64_t size = v->blocks->gpa.size;
	uint64_t requested, usable;
	int r = state_get_fields(from, v, vmem_fields, STATE_COUNT(vmem_fields),
				 err);

	if (r < 0)
		return r;
	requested = le64toh(v->config.requested_size);
	usable = le64toh(v->config.usable_region_size);
	if (requested > size || !is_aligned(requested, v->blocks->size) ||
	    usable > size || (v->work.saved && !is_work(v)))
		return err_input(err, -EBADMSG,
				 "virtio-mem: invalid sizes or request");
	v->config.plugged_size = htole64(blocks_bytes(v->blocks));
	return 0;
}
