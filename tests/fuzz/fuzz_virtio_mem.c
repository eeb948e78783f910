/*
 * tests/fuzz/fuzz_virtio_mem.c - no driver gets more memory than it is to have,
 * or memory that is not plugged.
 *
 * The input is a list of what driver and host do. A model of the blocks follows
 * the device's answers; what the device does must be what they say, what is
 * translated and shown must be what is plugged, and no page of anything else
 * may be there.
 */
#include <linux/virtio_mem.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"
#include "mem/iov.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/vmem_rig.h"

#define PAGE 4096

struct model {
	struct vmem_rig rig;
	bool plugged[VMEM_COUNT];
	uint64_t requested; /* blocks */
	struct virtq_chain late; /* of a device that has not given it back */
};

static void must(bool right)
{
	if (!right)
		abort();
}

static uint64_t count(const struct model *m, uint64_t first, uint64_t n)
{
	uint64_t sum = 0;

	for (uint64_t i = first; i < first + n; i++)
		sum += m->plugged[i];
	return sum;
}

/* Memory the guest has, it uses. */
static void set(struct model *m, uint64_t first, uint64_t n, bool plugged)
{
	for (uint64_t i = first; i < first + n; i++) {
		m->plugged[i] = plugged;
		if (plugged)
			m->rig.backing.host[i * VMEM_BLOCK] = 1;
	}
}

/* What was done of a request that nobody answered. */
static void adopt(struct model *m)
{
	for (uint64_t i = 0; i < VMEM_COUNT; i++)
		if (blocks_plugged(m->rig.blocks, i, 1) != m->plugged[i])
			set(m, i, 1, !m->plugged[i]);
}

static void acknowledged(struct model *m, uint16_t type, uint64_t first,
			 uint16_t n)
{
	if (type == VIRTIO_MEM_REQ_UNPLUG_ALL) {
		set(m, 0, VMEM_COUNT, false);
		return;
	}
	must(n > 0 && first < VMEM_COUNT && n <= VMEM_COUNT - first);
	if (type == VIRTIO_MEM_REQ_PLUG) {
		must(count(m, first, n) == 0);
		must(count(m, 0, VMEM_COUNT) + n <= m->requested);
		set(m, first, n, true);
	} else if (type == VIRTIO_MEM_REQ_UNPLUG) {
		must(count(m, first, n) == n);
		set(m, first, n, false);
	} else {
		const uint64_t have = count(m, first, n);

		must(type == VIRTIO_MEM_REQ_STATE);
		must(vmem_state(&m->rig) ==
		     (have == n ? VIRTIO_MEM_STATE_PLUGGED
		      : have	? VIRTIO_MEM_STATE_MIXED
				: VIRTIO_MEM_STATE_UNPLUGGED));
	}
}

struct request {
	uint16_t type, block, count, offset;
};

/* Blocks in and around the region, or any address. */
static uint64_t address(const struct request *r)
{
	if (r->offset % 64 == 63)
		return (uint64_t)r->block << 48 | (uint64_t)r->offset << 21;
	return VMEM_AT - 4 * VMEM_BLOCK +
	       r->block % (VMEM_COUNT + 8) * VMEM_BLOCK +
	       (r->offset % 8 == 7 ? r->offset : 0);
}

static void ask(struct model *m, struct fuzz_input *in)
{
	struct request r;
	uint64_t at;
	int answer;

	if (!fuzz_take(in, &r, sizeof(r)))
		return;
	if (r.count & 0x8000)
		r.count %= 2048;
	else
		r.count %= 16;
	r.type %= 6;
	at = address(&r);
	answer = vmem_ask(&m->rig, r.type, at, r.count);
	/* What was begun ends when the host fails no more. */
	if (answer < 0 && m->rig.fails_at) {
		m->rig.fails_at = 0;
		answer = vmem_wait(&m->rig);
	}
	must(answer >= 0);
	if (answer == VIRTIO_MEM_RESP_ACK) {
		must(r.type == VIRTIO_MEM_REQ_UNPLUG_ALL ||
		     (at - VMEM_AT) % VMEM_BLOCK == 0);
		acknowledged(m, r.type, (at - VMEM_AT) / VMEM_BLOCK, r.count);
	}
	/* A busy UNPLUG ALL may have come some way. */
	if (answer == VIRTIO_MEM_RESP_BUSY &&
	    r.type == VIRTIO_MEM_REQ_UNPLUG_ALL)
		adopt(m);
}

/* Begins a request, and then something else comes. */
static void interrupt(struct model *m, struct fuzz_input *in, bool pause)
{
	struct request r;

	if (!fuzz_take(in, &r, sizeof(r)))
		return;
	vmem_send(&m->rig, r.type % 6, address(&r), r.count);
	loop_kick(m->rig.vio, 0);
	if (pause) {
		m->rig.dev->ops->pause(m->rig.dev);
		m->rig.dev->ops->resume(m->rig.dev);
	}
	vmem_go(&m->rig);
	must(blocks_bytes(m->rig.blocks) <=
	     VMEM_BLOCK * (m->requested > count(m, 0, VMEM_COUNT)
				   ? m->requested
				   : count(m, 0, VMEM_COUNT)));
	adopt(m);
}

/* Any chain, of any bytes. */
static void send_anything(struct model *m, struct fuzz_input *in)
{
	struct {
		uint8_t len[3], readable, count, bytes[VMEM_REQUEST];
	} c;
	struct range buf[3];
	gpa_t at = m->rig.request;

	if (!fuzz_take(in, &c, sizeof(c)))
		return;
	memcpy(ram_at(&m->rig.ram, at), c.bytes, sizeof(c.bytes));
	for (unsigned i = 0; i < 3; i++) {
		buf[i] = (struct range){ at, c.len[i] };
		at += c.len[i];
	}
	c.count = c.count % 3 + 1;
	queue_send(&m->rig.q, buf, c.readable % (c.count + 1u), c.count);
	loop_kick(m->rig.vio, 0);
	vmem_go(&m->rig);
	adopt(m);
}

/* A device takes a buffer, or gives it back, written to. */
static void use_buffer(struct model *m, struct fuzz_input *in)
{
	struct range at = { VMEM_AT, 3 * VMEM_BLOCK };
	struct virtq_chain *late = &m->late;
	uint16_t block;
	int n;

	if (late->count > 0) {
		for (size_t i = 0; i < late->count; i++)
			memset(late->iov[i].iov_base, 2, 1);
		/* As chain_wrote() does it, for another device. */
		mem_settle(&m->rig.ram.map, late->iov, late->count);
		late->count = 0;
		return;
	}
	if (!fuzz_take(in, &block, sizeof(block)))
		return;
	at.start += block % VMEM_COUNT * VMEM_BLOCK;
	n = mem_iov(&m->rig.ram.map, at, MEM_WRITE, late->iov, VIRTQ_MAX_IOV);
	must((n > 0) == (block % VMEM_COUNT + 3 <= VMEM_COUNT &&
			 count(m, block % VMEM_COUNT, 3) == 3));
	late->count = n > 0 ? (size_t)n : 0;
}

static void resize(struct model *m, struct fuzz_input *in)
{
	struct err err = { 0 };
	uint16_t blocks;

	if (!fuzz_take(in, &blocks, sizeof(blocks)))
		return;
	if (virtio_mem_resize(m->rig.vio, blocks * VMEM_BLOCK, &err) == 0)
		m->requested = blocks;
	must((err.code < 0) == (blocks > VMEM_COUNT));
}

static void restart(struct model *m)
{
	m->rig.fails_at = 0;
	m->rig.dev->ops->reset(m->rig.dev);
	virtio_mem_restart(m->rig.vio);
	memset(m->plugged, 0, sizeof(m->plugged));
	vmem_go(&m->rig);
}

static void step(struct model *m, uint8_t op, struct fuzz_input *in)
{
	switch (op % 8) {
	case 0:
		return resize(m, in);
	case 1:
		return interrupt(m, in, op & 8);
	case 2:
		return send_anything(m, in);
	case 3:
		return use_buffer(m, in);
	case 4:
		m->rig.fails_at = op / 8 * 7;
		return;
	case 5:
		return op & 8 ? restart(m) : vmem_go(&m->rig);
	default:
		return ask(m, in);
	}
}

static bool is_there(const struct model *m, uint64_t block)
{
	unsigned char in = 0;

	must(mincore(m->rig.backing.host + block * VMEM_BLOCK, PAGE, &in) == 0);
	return in & 1;
}

static void check(struct model *m)
{
	for (uint64_t i = 0; i < VMEM_COUNT; i++) {
		const gpa_t at = VMEM_AT + i * VMEM_BLOCK;

		must(m->rig.shown[i] == m->plugged[i]);
		must(!!mem_ptr(&m->rig.ram.map, at, VMEM_BLOCK, MEM_WRITE) ==
		     m->plugged[i]);
		must(is_there(m, i) == m->plugged[i]);
	}
	must(blocks_bytes(m->rig.blocks) ==
	     count(m, 0, VMEM_COUNT) * VMEM_BLOCK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct model m; /* kept: to make it costs more than a run */
	struct fuzz_input in = { data, size };
	struct err err;
	uint8_t op;

	if (!m.rig.dev)
		vmem_begin(&m.rig);
	/* A host that fails is part of it. */
	log_set_level(LOG_ERROR);
	restart(&m);
	m.requested = 0;
	(void)virtio_mem_resize(m.rig.vio, 0, &err);
	while (fuzz_take(&in, &op, 1))
		step(&m, op, &in);
	/* No chain of before may come later. */
	if (m.late.count > 0)
		use_buffer(&m, &in);
	check(&m);
	return 0;
}
