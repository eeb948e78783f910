/* tests/unit/vmem_rig.c - a virtio memory device, and its fake driver. */
#include "tests/unit/vmem_rig.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_mem.h>
#include <stdlib.h>
#include <string.h>

#include "devices/virtio/mmio.h"

#define MOST_KICKS 100 /* more than steps of any request */

static int show(void *ctx, uint64_t block, bool on, struct err *err)
{
	struct vmem_rig *rig = ctx;

	if (rig->fails_at && block == rig->fails_at)
		return err_set(err, -ENOMEM, "no slot");
	/* Never twice. */
	if (rig->shown[block] == on)
		abort();
	rig->shown[block] = on;
	return 0;
}

static const struct blocks_ops ops = { .show = show };

void vmem_go(struct vmem_rig *rig)
{
	(void)mmio_begin(rig->dev, 1ULL << VIRTIO_MEM_F_UNPLUGGED_INACCESSIBLE);
	rig->ram.next = RAM_BASE;
	queue_alloc(&rig->q, &rig->ram, 8);
	rig->request = ram_alloc(&rig->ram, VMEM_REQUEST, 8);
	rig->response = ram_alloc(&rig->ram, 64, 8);
	mmio_queue(rig->dev, 0, &rig->q);
	mmio_go(rig->dev);
}

void vmem_begin(struct vmem_rig *rig)
{
	const struct range gpa = { VMEM_AT, VMEM_SIZE };
	/* What is touched of a block is to be small. */
	const struct mem_policy policy = { .huge = MEM_HUGE_OFF };
	struct mem_region region = { .gpa = gpa, .kind = MEM_RAM };
	struct err err = { 0 };
	int r;

	memset(rig, 0, sizeof(*rig));
	r = backing_init(&rig->backing, gpa, VMEM_BLOCK, &policy, &err);
	if (r == 0)
		r = blocks_new(&rig->blocks, gpa, &rig->backing, VMEM_BLOCK,
			       false, &err);
	if (r < 0)
		abort();
	blocks_connect(rig->blocks, &ops, rig);
	region.blocks = rig->blocks;
	region.backing = &rig->backing;
	region.host = rig->backing.host;
	ram_init_with(&rig->ram, &region);
	r = loop_new(&rig->loop, &err);
	if (r == 0)
		r = virtio_mem_new(&rig->vio, &rig->ram.map, rig->loop,
				   rig->blocks, &err);
	if (r == 0)
		r = virtio_mmio_new(&rig->dev, rig->vio,
				    fake_irq_line(&rig->irq), &err);
	if (r < 0)
		abort();
	vmem_go(rig);
}

void vmem_end(struct vmem_rig *rig)
{
	rig->dev->ops->destroy(rig->dev);
	rig->loop = loop_free(rig->loop);
	ram_finish(&rig->ram);
	rig->blocks = blocks_free(rig->blocks);
	backing_finish(&rig->backing);
}

void vmem_send(struct vmem_rig *rig, uint16_t type, uint64_t addr,
	       uint16_t count)
{
	const struct range buf[] = { { rig->request, VMEM_REQUEST },
				     { rig->response, VMEM_RESPONSE } };
	struct virtio_mem_req req = { .type = htole16(type) };

	memset(req.padding, 0xff, sizeof(req.padding)); /* is ignored */
	req.u.plug.addr = htole64(addr);
	req.u.plug.nb_blocks = htole16(count);
	memcpy(ram_at(&rig->ram, rig->request), &req, sizeof(req));
	memset(ram_at(&rig->ram, rig->response), 0xee, VMEM_RESPONSE);
	queue_send(&rig->q, buf, 1, 2);
}

int vmem_wait(struct vmem_rig *rig)
{
	const uint16_t *answer = ram_at(&rig->ram, rig->response);
	uint32_t id, len = 0;
	unsigned kicks = 0;

	do {
		loop_kick(rig->vio, 0);
		if (++kicks > MOST_KICKS)
			return -1;
	} while (!queue_take(&rig->q, &id, &len));
	return len == VMEM_RESPONSE ? le16toh(*answer) : -1;
}

int vmem_ask(struct vmem_rig *rig, uint16_t type, uint64_t addr, uint16_t count)
{
	vmem_send(rig, type, addr, count);
	return vmem_wait(rig);
}

int vmem_state(const struct vmem_rig *rig)
{
	struct virtio_mem_resp resp;

	memcpy(&resp, ram_at(&rig->ram, rig->response), sizeof(resp));
	return le16toh(resp.u.state.state);
}
