/* tests/unit/blk_rig.c - a virtio disk, its driver, and the test as the host.
 */
#include "tests/unit/blk_rig.h"

#include <linux/virtio_blk.h>
#include <string.h>

#include "base/bytes.h"
#include "tests/unit/test.h"

void blk_drive(struct blk_rig *rig, uint64_t features)
{
	mmio_begin(rig->dev, features);
	mmio_queue(rig->dev, 0, &rig->q);
	mmio_go(rig->dev);
}

void blk_begin_disk(struct blk_rig *rig, uint64_t features, struct disk disk,
		    const struct mem_region *more)
{
	struct err err = { 0 };

	*rig = (struct blk_rig){ 0 };
	fake_disk_init(&rig->disk, SECTORS * SECTOR_SIZE);
	rig->disk.disk.block = disk.block;
	rig->disk.disk.ro = disk.ro;
	if (more)
		ram_init_with(&rig->ram, more);
	else
		ram_init(&rig->ram);
	assert_int_equal(loop_new(&rig->loop, &err), 0);
	assert_int_equal(virtio_blk_new(&rig->vio, &rig->ram.map, rig->loop,
					&rig->disk.disk, "SN-0001", &err),
			 0);
	assert_int_equal(virtio_mmio_new(&rig->dev, rig->vio,
					 fake_irq_line(&rig->irq), &err),
			 0);
	queue_alloc(&rig->q, &rig->ram, VIRTQ_MAX_SIZE);
	rig->header = ram_alloc(&rig->ram, 0x4000, 16);
	rig->status = ram_alloc(&rig->ram, 1, 1);
	blk_drive(rig, features);
}

void blk_begin_with(struct blk_rig *rig, uint64_t features)
{
	blk_begin_disk(rig, features, (struct disk){ .block = SECTOR_SIZE },
		       NULL);
}

void blk_begin(struct blk_rig *rig)
{
	blk_begin_with(rig, 1ULL << VIRTIO_BLK_F_FLUSH);
}

void blk_end(struct blk_rig *rig)
{
	rig->dev->ops->destroy(rig->dev);
	assert_int_equal(rig->disk.closes, 1);
	fake_disk_finish(&rig->disk);
	rig->loop = loop_free(rig->loop);
	ram_finish(&rig->ram);
}

uint8_t *blk_status(struct blk_rig *rig)
{
	return ram_at(&rig->ram, rig->status);
}

/* Writes a header and returns where it is. */
struct range blk_header(struct blk_rig *rig, uint32_t type, uint64_t sector)
{
	uint8_t *p = ram_at(&rig->ram, rig->header);
	const struct range at = { rig->header, 16 };

	memset(p, 0, 16);
	store_le32(p, type);
	store_le64(p + 8, sector);
	rig->header += 16;
	return at;
}

/* Sends a request without serving it. @data.size may be 0. */
void blk_submit(struct blk_rig *rig, uint32_t type, uint64_t sector,
		struct range data)
{
	struct range buf[3] = { blk_header(rig, type, sector) };
	const bool in = type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID;
	size_t n = 1;

	if (data.size)
		buf[n++] = data;
	*blk_status(rig) = NO_STATUS;
	buf[n++] = (struct range){ rig->status, 1 };
	queue_send(&rig->q, buf, in ? 1 : n - 1, n);
}

/* Sends a request and waits for its end. Returns its status. */
uint8_t blk_request(struct blk_rig *rig, uint32_t type, uint64_t sector,
		    struct range data, uint32_t want_len)
{
	uint32_t id, len;

	blk_submit(rig, type, sector, data);
	loop_kick(rig->vio, 0);
	fake_disk_do_all(&rig->disk);
	assert_true(queue_take(&rig->q, &id, &len));
	assert_int_equal(len, want_len);
	return *blk_status(rig);
}

struct range blk_data(size_t len)
{
	return (struct range){ DATA, len };
}
