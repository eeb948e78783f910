/*
 * tests/unit/blk_rig.h - a virtio disk, its driver, and the test as the host.
 *
 * Every function fails the test that calls it if it cannot do what it says.
 */
#ifndef TESTS_UNIT_BLK_RIG_H
#define TESTS_UNIT_BLK_RIG_H

#include "base/loop.h"
#include "devices/virtio/blk.h"
#include "devices/virtio/mmio.h"
#include "tests/unit/fake_disk.h"
#include "tests/unit/virtq_driver.h"

#define SECTORS 64
#define DATA (RAM_BASE + 0x80000) /* where tests keep their data */
#define NO_STATUS 0xee /* what a status byte is before there is one */

struct blk_rig {
	struct fake_ram ram;
	struct loop *loop;
	struct fake_irq irq;
	struct fake_disk disk;
	struct virtio *vio;
	struct device *dev;
	struct fake_queue q;
	gpa_t header, status;
};

/* Begins with a disk that has @disk's block and ro; @more: a region more of
 * memory, or NULL. */
void blk_begin_disk(struct blk_rig *rig, uint64_t features, struct disk disk,
		    const struct mem_region *more);
void blk_begin_with(struct blk_rig *rig, uint64_t features);
void blk_begin(struct blk_rig *rig); /* with VIRTIO_BLK_F_FLUSH */
void blk_end(struct blk_rig *rig);

/* Sets the device up, as a driver that takes @features. */
void blk_drive(struct blk_rig *rig, uint64_t features);

uint8_t *blk_status(struct blk_rig *rig);

/* Writes a header and returns where it is. */
struct range blk_header(struct blk_rig *rig, uint32_t type, uint64_t sector);

/* Sends a request without serving it. @data.size may be 0. */
void blk_submit(struct blk_rig *rig, uint32_t type, uint64_t sector,
		struct range data);

/* Sends a request and waits for its end. Returns its status. */
uint8_t blk_request(struct blk_rig *rig, uint32_t type, uint64_t sector,
		    struct range data, uint32_t want_len);

struct range blk_data(size_t len);

#endif
