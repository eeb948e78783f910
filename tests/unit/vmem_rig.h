/*
 * tests/unit/vmem_rig.h - a virtio memory device, its fake driver, and the
 * memory it plugs.
 */
#ifndef TESTS_UNIT_VMEM_RIG_H
#define TESTS_UNIT_VMEM_RIG_H

#include "base/loop.h"
#include "devices/virtio/mem.h"
#include "mem/backing.h"
#include "tests/unit/virtq_driver.h"

#define VMEM_BLOCK ((uint64_t)2 << 20)
#define VMEM_AT ((gpa_t)4 << 30)
/* More than is usable at first. */
#define VMEM_SIZE (((uint64_t)2 << 30) + ((uint64_t)64 << 20))
#define VMEM_COUNT (VMEM_SIZE / VMEM_BLOCK)
#define VMEM_REQUEST 24
#define VMEM_RESPONSE 10

struct vmem_rig {
	struct fake_ram ram;
	struct backing backing;
	struct mem_blocks *blocks;
	struct loop *loop;
	struct fake_irq irq;
	struct virtio *vio;
	struct device *dev;
	struct fake_queue q;
	gpa_t request, response; /* buffers; the second has 64 bytes */
	bool shown[VMEM_COUNT]; /* to the guest */
	uint64_t fails_at; /* the block that cannot be shown; 0: all can */
};

void vmem_begin(struct vmem_rig *rig);
void vmem_end(struct vmem_rig *rig);

/* The driver begins anew, with a reset. */
void vmem_go(struct vmem_rig *rig);

/* Sends a request, and has nobody look at it. */
void vmem_send(struct vmem_rig *rig, uint16_t type, uint64_t addr,
	       uint16_t count);

/* Has the device come to the end of what was sent. Returns the answer's type,
 * or -1 if there was none of the right length. */
int vmem_wait(struct vmem_rig *rig);

/* Both. */
int vmem_ask(struct vmem_rig *rig, uint16_t type, uint64_t addr,
	     uint16_t count);

/* The state that the last answer tells. */
int vmem_state(const struct vmem_rig *rig);

#endif
