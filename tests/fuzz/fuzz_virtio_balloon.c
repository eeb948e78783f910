/*
 * tests/fuzz/fuzz_virtio_balloon.c - no driver has the balloon take memory that
 * is in use, or reach past guest memory, or stop.
 *
 * The input is a list of what a driver does. Beside the balloon runs a model:
 * which pages the guest has said are of no use to it. At the end all the others
 * must hold what the guest put there.
 */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "devices/virtio/balloon_device.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/balloon_rig.h"

#define FRAME RECLAIM_FRAME
#define FRAMES 640ULL /* that are used: a block, and a part of one */
#define FILL 0xaa
#define MAX_PFNS 1024

struct model {
	struct balloon_rig rig;
	bool lost[FRAMES]; /* the page may hold anything */
	bool tells; /* the driver does, before it uses a page */
};

static void use(struct model *m, uint64_t frame)
{
	if (frame - BIG / FRAME >= FRAMES)
		return;
	frame -= BIG / FRAME;
	m->rig.big.host[frame * FRAME] = FILL;
	m->lost[frame] = false;
}

static void lose(struct model *m, uint64_t frame)
{
	if (frame - BIG / FRAME < FRAMES)
		m->lost[frame - BIG / FRAME] = true;
}

/* Runs of page numbers in and around BIG, or any number. */
struct run {
	uint16_t first;
	uint8_t count;
	uint8_t kind;
};

static size_t add_run(const struct run *run, uint32_t *pfn, size_t n)
{
	uint32_t at = (uint32_t)(BIG / FRAME) - 32 + run->first % (FRAMES + 64);

	if (run->kind % 16 == 0)
		at = (uint32_t)run->first << 16 | run->first;
	for (unsigned i = 0; i < run->count * 4u && n < MAX_PFNS; i++) {
		pfn[n++] = htole32(at);
		at += run->kind & 1 ? 1 : -1u;
	}
	return n;
}

static void send_pages(struct model *m, unsigned queue, struct fuzz_input *in,
		       unsigned runs)
{
	uint32_t pfn[MAX_PFNS];
	struct run run;
	size_t n = 0;

	while (runs-- > 0 && fuzz_take(in, &run, sizeof(run)))
		n = add_run(&run, pfn, n);
	if (n == 0)
		return;
	for (size_t i = 0; i < n && queue == BALLOON_INFLATE; i++)
		lose(m, le32toh(pfn[i]));
	rig_send_pfns(&m->rig, queue, pfn, n);
	if (rig_used(&m->rig, queue) == 0)
		return;
	/* A driver that does not tell uses pages at once. */
	for (size_t i = 0; i < n; i++)
		if (queue == BALLOON_DEFLATE || !m->tells)
			use(m, le32toh(pfn[i]));
}

static void send_report(struct model *m, struct fuzz_input *in)
{
	bool before[FRAMES];
	struct {
		uint32_t at, size;
	} r;
	struct range gpa;

	if (!fuzz_take(in, &r, sizeof(r)))
		return;
	gpa = (struct range){ BIG - 65536 + r.at % (FRAMES * FRAME + 131072),
			      r.size % (FRAMES * FRAME) };
	queue_send(&m->rig.q[BALLOON_REPORTS], &gpa, 0, 1);
	memcpy(before, m->lost, sizeof(before));
	for (uint64_t f = gpa.start / FRAME;
	     f <= (gpa.start + gpa.size) / FRAME; f++)
		lose(m, f);
	loop_kick(m->rig.vio, BALLOON_REPORTS);
	/* It uses them again, but for those that are in the balloon. */
	for (uint64_t f = 0; f < FRAMES; f++)
		if (m->lost[f] && !before[f])
			use(m, f + BIG / FRAME);
}

/* Any bytes, anywhere, as a chain of any shape. */
static void send_anything(struct model *m, unsigned queue,
			  struct fuzz_input *in)
{
	struct {
		uint16_t offset, len[3];
		uint8_t readable, count;
	} c;
	struct range buf[3];
	gpa_t at = RAM_BORDER - 256;

	if (!fuzz_take(in, &c, sizeof(c)))
		return;
	at += c.offset % 512;
	for (unsigned i = 0; i < 3; i++) {
		buf[i] = (struct range){ at, c.len[i] % 700 };
		at += buf[i].size;
	}
	c.count = c.count % 3 + 1;
	queue_send(&m->rig.q[queue], buf, c.readable % (c.count + 1u), c.count);
	loop_kick(m->rig.vio, queue);
}

static void hint(void *ctx, struct range gpa)
{
	const struct model *m = ctx;

	if (!mem_ptr(&m->rig.ram.map, gpa.start, gpa.size, MEM_WRITE))
		abort();
}

static void go_live(struct model *m, uint64_t features)
{
	/* A new driver uses all memory. */
	rig_go(&m->rig, features);
	m->tells = features & 1;
	for (uint64_t f = 0; f < FRAMES; f++)
		if (m->lost[f])
			use(m, f + BIG / FRAME);
}

static void step(struct model *m, uint8_t op, struct fuzz_input *in)
{
	struct balloon_rig *rig = &m->rig;
	uint32_t word;

	switch (op % 16) {
	case 0:
		return go_live(m, (op & 16 ? 1 : 0) | 0x3e);
	case 1:
		if (fuzz_take(in, &word, sizeof(word)))
			balloon_set_target(rig->vio, (uint64_t)word << 8);
		return;
	case 2:
		if (fuzz_take(in, &word, sizeof(word)))
			mmio_write(rig->dev, 0x100 + op / 16u % 5u * 4u, word);
		return;
	case 3:
		return balloon_hold_expired(&balloon_of(rig->vio)->hold);
	case 4:
		(void)balloon_ask_stats(rig->vio);
		return;
	case 5:
		(void)balloon_start_hints(
			rig->vio, (struct balloon_hints){ hint, NULL, m });
		return;
	case 6:
		return balloon_end_hints(rig->vio);
	case 7:
		return send_report(m, in);
	case 8:
	case 9:
		return send_anything(m, BALLOON_STATS + op / 16 % 2, in);
	case 10:
	case 11:
		return send_pages(m, BALLOON_DEFLATE, in, op / 16 + 1);
	default:
		return send_pages(m, BALLOON_INFLATE, in, op / 16 + 1);
	}
}

static void check(const struct model *m)
{
	const struct balloon_info info = rig_info(&m->rig);

	if (info.reclaim.held > info.ram || info.actual > info.ram ||
	    info.target > info.ram || info.reclaim.failed > 0)
		abort();
	for (size_t i = 0; i < FRAMES; i++)
		if (!m->lost[i] && m->rig.big.host[i * FRAME] != FILL)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct balloon_options opt = { .target = UINT64_MAX,
						    .reporting = true };
	static struct model m; /* kept: to make it costs more than a run */
	struct fuzz_input in = { data, size };
	uint8_t op;

	if (!m.rig.dev) {
		rig_begin(&m.rig, &opt, UINT64_MAX);
		memset(m.rig.big.host, FILL, BIG_SIZE);
	}
	go_live(&m, 0x3f);
	balloon_set_target(m.rig.vio, 0);
	while (fuzz_take(&in, &op, 1))
		step(&m, op, &in);
	check(&m);
	return 0;
}
