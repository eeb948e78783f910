/* devices/virtio/balloon_queries.c - what the guest is asked: how it is doing,
 * and which of its memory is free. */
#include <endian.h>
#include <errno.h>
#include <time.h>

#include "base/bytes.h"
#include "devices/virtio/balloon_device.h"

#define STAT_SIZE 10 /* bytes of a statistic: tag, value */
#define STATS_MAX 64 /* more than there are tags */

static void set_hint_id(struct balloon *b, uint32_t id)
{
	b->config.free_page_hint_cmd_id = htole32(id);
	virtio_config_changed(&b->vio);
}

static void stop_hinting(struct balloon *b)
{
	if (b->hinting == HINTS_OFF)
		return;
	b->hinting = HINTS_OFF;
	if (b->hints.end)
		b->hints.end(b->hints.ctx);
}

/* The driver says which wish of ours it goes by from now on. */
static void hear_hint_id(struct balloon *b, const struct virtq_chain *chain)
{
	uint32_t id;

	if (chain_read(chain, 0, &id, sizeof(id)) != sizeof(id))
		return;
	if (b->hinting == HINTS_ASKED && le32toh(id) == b->hint_id)
		b->hinting = HINTS_ON;
	else if (b->hinting == HINTS_ON)
		stop_hinting(b);
}

static void pass_hints(struct balloon *b, const struct virtq_chain *chain)
{
	struct range gpa[VIRTQ_MAX_IOV];
	size_t n;

	if (b->hinting != HINTS_ON)
		return;
	n = balloon_ranges(b, chain, gpa);
	for (size_t i = 0; i < n; i++)
		b->hints.free(b->hints.ctx, gpa[i]);
}

void balloon_notify_hints(struct balloon *b)
{
	struct virtio *vio = &b->vio;
	struct virtq_chain chain;

	while (virtio_pop(vio, BALLOON_HINTS, &chain)) {
		if (chain.readable > 0)
			hear_hint_id(b, &chain);
		pass_hints(b, &chain);
		virtio_push(vio, BALLOON_HINTS, &chain, 0);
	}
}

int balloon_start_hints(struct virtio *vio, struct balloon_hints hints)
{
	struct balloon *b = balloon_of(vio);
	GUARD(&vio->lock);

	if (!balloon_works(b) ||
	    !virtio_has(vio, VIRTIO_BALLOON_F_FREE_PAGE_HINT))
		return -ENOTSUP;
	if (b->hinting != HINTS_OFF)
		return -EALREADY;
	b->hints = hints;
	b->hinting = HINTS_ASKED;
	if (++b->hint_id <= VIRTIO_BALLOON_CMD_ID_DONE)
		b->hint_id = VIRTIO_BALLOON_CMD_ID_DONE + 1;
	set_hint_id(b, b->hint_id);
	return 0;
}

void balloon_pause_hints(struct virtio *vio)
{
	GUARD(&vio->lock);
	balloon_of(vio)->hinting = HINTS_OFF;
	set_hint_id(balloon_of(vio), VIRTIO_BALLOON_CMD_ID_STOP);
}

void balloon_end_hints(struct virtio *vio)
{
	GUARD(&vio->lock);
	balloon_of(vio)->hinting = HINTS_OFF;
	set_hint_id(balloon_of(vio), VIRTIO_BALLOON_CMD_ID_DONE);
}

/* Each is a tag and a value; the last one of a tag counts. */
static void read_balloon_stats(struct balloon *b,
			       const struct virtq_chain *chain)
{
	uint8_t buf[STATS_MAX * STAT_SIZE];
	struct balloon_stats stats = { .time = (uint64_t)time(NULL) };
	const size_t len = chain_read(chain, 0, buf, sizeof(buf));

	for (size_t at = 0; at + STAT_SIZE <= len; at += STAT_SIZE) {
		const uint16_t tag = (uint16_t)load_le16(buf + at);

		if (tag >= VIRTIO_BALLOON_S_NR)
			continue;
		stats.have |= 1u << tag;
		stats.val[tag] = load_le64(buf + at + 2);
	}
	b->stats = stats;
}

/* Asks for new statistics. */
static void return_stats_buffer(struct balloon *b)
{
	b->stats_taken = false;
	virtio_push(&b->vio, BALLOON_STATS, &b->stats_chain, 0);
	virtio_flush(&b->vio, BALLOON_STATS);
}

/* A buffer that came before this device was saved answers nobody. */
static void take_seen_stats(struct balloon *b)
{
	b->stats.time = b->stats_seen;
	b->stats_seen = 0;
	if (b->stats_asked)
		return_stats_buffer(b);
}

/* The buffer is kept: to give it back is to ask for a new one. */
void balloon_notify_stats(struct balloon *b)
{
	struct virtio *vio = &b->vio;
	struct virtq_chain chain;

	while (virtio_pop(vio, BALLOON_STATS, &chain)) {
		if (b->stats_taken) /* the driver is to have one at a time */
			virtio_push(vio, BALLOON_STATS, &b->stats_chain, 0);
		b->stats_chain = chain;
		b->stats_taken = true;
		read_balloon_stats(b, &chain);
		if (b->stats_seen > 0)
			take_seen_stats(b);
	}
	if (!b->stats_taken || !b->stats_asked)
		return;
	b->stats_asked = false;
	if (b->listener.stats)
		b->listener.stats(b->listener.ctx, &b->stats);
}

int balloon_ask_stats(struct virtio *vio)
{
	struct balloon *b = balloon_of(vio);
	GUARD(&vio->lock);

	if (!balloon_works(b) || !virtio_has(vio, VIRTIO_BALLOON_F_STATS_VQ))
		return -ENOTSUP;
	if (vio->paused)
		return -EBUSY;
	if (b->stats_asked)
		return -EAGAIN;
	b->stats_asked = true;
	/* Else the driver's first buffer, which is on its way, is the answer.
	 */
	if (b->stats_taken)
		return_stats_buffer(b);
	return 0;
}

void balloon_last_stats(struct virtio *vio, struct balloon_stats *ret)
{
	GUARD(&vio->lock);
	*ret = balloon_of(vio)->stats;
}

void balloon_reset_queries(struct balloon *b)
{
	b->config.free_page_hint_cmd_id = VIRTIO_BALLOON_CMD_ID_STOP;
	stop_hinting(b);
	b->stats = (struct balloon_stats){ 0 };
	b->stats_asked = false;
	b->stats_seen = 0;
}
