/*
 * tests/unit/balloon_rig.h - a balloon, its fake driver, and memory that can be
 * given back.
 *
 * The rings lie in the driver's usual memory, which nobody may discard. BIG is
 * RAM with a backing of its own, filled with 0xaa.
 */
#ifndef TESTS_UNIT_BALLOON_RIG_H
#define TESTS_UNIT_BALLOON_RIG_H

#include "base/loop.h"
#include "devices/virtio/balloon.h"
#include "mem/backing.h"
#include "tests/unit/virtq_driver.h"

#define BIG 0x90000000ULL
#define BIG_SIZE 0x1000000ULL
#define RIG_RAM (2 * RAM_SIZE + BIG_SIZE)
#define RIG_QUEUE 16 /* entries of each queue */
#define RIG_BUFFERS 0x40000 /* where the first buffer lies in RAM_BASE */

struct balloon_rig {
	struct fake_ram ram;
	struct backing big;
	struct loop *loop;
	struct fake_irq irq;
	struct virtio *vio;
	struct device *dev;
	struct fake_queue q[5];
	gpa_t buffer; /* for rig_buffer() */
};

/* @features: what the driver accepts of what is offered */
void rig_begin(struct balloon_rig *rig, const struct balloon_options *opt,
	       uint64_t features);
void rig_end(struct balloon_rig *rig);

/* Has the driver begin anew, with a reset. */
void rig_go(struct balloon_rig *rig, uint64_t features);

/* Puts bytes where the driver may send them from. Returns where that is. */
gpa_t rig_buffer(struct balloon_rig *rig, const void *buf, size_t len);

/* Sends an array of page numbers, and has the loop look at it. */
void rig_send_pfns(struct balloon_rig *rig, unsigned queue, const uint32_t *pfn,
		   size_t count);

/* The same for @count pages from @at on, upwards. */
void rig_send_run(struct balloon_rig *rig, unsigned queue, gpa_t at,
		  size_t count);

/* Takes what the device gave back of a queue. Returns how many. */
unsigned rig_used(struct balloon_rig *rig, unsigned queue);

/* How many bytes of BIG + [offset, offset + size) are still there. */
uint64_t rig_there(const struct balloon_rig *rig, uint64_t offset,
		   uint64_t size);

/* Runs the loop until just @want bytes of that are. False: they never are. */
bool rig_comes_to(struct balloon_rig *rig, uint64_t offset, uint64_t size,
		  uint64_t want);

struct balloon_info rig_info(const struct balloon_rig *rig);

/* A field of the configuration space. */
uint32_t rig_config(const struct balloon_rig *rig, size_t offset);

/* Runs the loop for so long. */
void rig_run(struct balloon_rig *rig, unsigned ms);

#endif
