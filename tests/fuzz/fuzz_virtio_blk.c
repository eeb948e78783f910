/*
 * tests/fuzz/fuzz_virtio_blk.c - no request has virtio-blk reach past the disk
 * or guest memory, or stop.
 *
 * The input is a list of chains. Their buffers lie in guest memory wherever the
 * input says, so headers, data and status overlap as they like. Between them
 * the disk does what waits, or the device is reset.
 */
#include <stdlib.h>
#include <string.h>

#include "base/loop.h"
#include "devices/virtio/blk.h"
#include "devices/virtio/mmio.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/fake_disk.h"
#include "tests/unit/virtq_driver.h"

#define SECTORS 16
#define QUEUE 16
#define DATA_SIZE 4096

struct rig {
	struct fake_ram ram;
	struct fake_irq irq;
	struct fake_disk disk;
	struct fake_queue q;
	struct virtio *vio;
	struct device *dev;
	gpa_t data;
};

static void go_live(struct rig *rig, uint64_t features)
{
	rig->ram.next = RAM_BASE;
	queue_alloc(&rig->q, &rig->ram, QUEUE);
	rig->data = ram_alloc(&rig->ram, DATA_SIZE, 16);
	mmio_begin(rig->dev, features);
	mmio_queue(rig->dev, 0, &rig->q);
	mmio_go(rig->dev);
}

/* One descriptor of a chain, in 8 bytes of input. */
struct piece {
	uint16_t offset; /* into the data, or with @where to its end */
	uint16_t len;
	uint8_t flags;
	uint8_t where;
	uint8_t text[2]; /* put at the start of the buffer */
};

static gpa_t place(const struct rig *rig, const struct piece *piece)
{
	switch (piece->where % 4) {
	case 0:
		return RAM_BORDER - piece->offset % 64;
	case 1:
		return RAM_END - piece->offset;
	default:
		return rig->data + piece->offset % DATA_SIZE;
	}
}

static void send(struct rig *rig, struct fuzz_input *in, unsigned count)
{
	struct piece piece;

	for (unsigned i = 0; i < count && fuzz_take(in, &piece, sizeof(piece));
	     i++) {
		const gpa_t at = place(rig, &piece);
		uint8_t *p = mem_ptr(&rig->ram.map, at, 2, MEM_WRITE);

		if (p)
			memcpy(p, piece.text, 2);
		desc_write(&rig->ram, rig->q.desc, i,
			   (struct vring_desc){
				   at, piece.len,
				   (uint16_t)((piece.flags & 2) |
					      (i + 1 < count ? 1 : 0)),
				   (uint16_t)(i + 1) });
	}
	queue_offer(&rig->q, 0);
	loop_kick(rig->vio, 0);
}

static void run(struct rig *rig, struct fuzz_input *in)
{
	uint8_t op;

	while (fuzz_take(in, &op, 1)) {
		switch (op % 16) {
		case 0:
			mmio_write(rig->dev, 0x070, 0);
			go_live(rig, UINT64_MAX);
			break;
		case 1:
			rig->disk.fails = -5;
			fake_disk_do_all(&rig->disk);
			rig->disk.fails = 0;
			break;
		case 2:
			fake_disk_do_all(&rig->disk);
			break;
		default:
			send(rig, in, op / 16 % (QUEUE - 1) + 1);
		}
	}
	fake_disk_do_all(&rig->disk);
}

static void make(struct rig *rig)
{
	struct loop *loop;
	struct err err = { 0 };

	ram_init(&rig->ram);
	fake_disk_init(&rig->disk, SECTORS * SECTOR_SIZE);
	if (loop_new(&loop, &err) < 0 ||
	    virtio_blk_new(&rig->vio, &rig->ram.map, loop, &rig->disk.disk,
			   "sn", &err) < 0 ||
	    virtio_mmio_new(&rig->dev, rig->vio, fake_irq_line(&rig->irq),
			    &err) < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rig rig; /* kept: to make it costs more than a run */
	struct fuzz_input in = { data, size };
	uint8_t kind;

	if (!fuzz_take(&in, &kind, 1))
		return 0;
	if (!rig.dev)
		make(&rig);
	memset(ram_at(&rig.ram, RAM_BORDER - 64), 0, 64);
	memset(ram_at(&rig.ram, RAM_BORDER), 0, 65536);
	memset(ram_at(&rig.ram, RAM_END - 65536), 0, 65536);
	memset(rig.disk.data, 0, SECTORS * SECTOR_SIZE);
	rig.disk.disk.ro = kind & 1;
	rig.disk.disk.block = kind & 2 ? 4096 : SECTOR_SIZE;
	go_live(&rig, kind & 4 ? 0 : UINT64_MAX);
	run(&rig, &in);
	return 0;
}
