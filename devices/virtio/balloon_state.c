/* devices/virtio/balloon_state.c - what a balloon saves and loads. */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/state_field.h"
#include "devices/virtio/balloon_device.h"

/* Ranges of memory in the balloon, in one record: address and size of each. */
#define RANGES 1024
#define RANGE_BYTES 16

enum {
	BALLOON_RANGE_COUNT = VIRTIO_STATE_DEVICE + 0x100, /* records of them */
	BALLOON_RANGES, /* and more behind it */
};

static const struct state_field balloon_fields[] = {
	STATE_FIELD(VIRTIO_STATE_DEVICE + 1, struct balloon, config.num_pages,
		    UINT32_MAX),
	STATE_FIELD(VIRTIO_STATE_DEVICE + 2, struct balloon, config.actual,
		    UINT32_MAX),
	STATE_FIELD(VIRTIO_STATE_DEVICE + 3, struct balloon, config.poison_val,
		    UINT32_MAX),
	STATE_FIELD(VIRTIO_STATE_DEVICE + 4, struct balloon,
		    config.free_page_hint_cmd_id, UINT32_MAX),
	STATE_FIELD(VIRTIO_STATE_DEVICE + 5, struct balloon, hint_id,
		    UINT32_MAX),
	STATE_FIELD(VIRTIO_STATE_DEVICE + 6, struct balloon, pages[0].skip,
		    SIZE_MAX),
	STATE_FIELD(VIRTIO_STATE_DEVICE + 7, struct balloon, pages[1].skip,
		    SIZE_MAX),
	STATE_FIELD(VIRTIO_STATE_DEVICE + 8, struct balloon, stats_asked, 1),
	STATE_FIELD(VIRTIO_STATE_DEVICE + 9, struct balloon, stats_seen,
		    INT64_MAX),
};

unsigned balloon_kept(struct virtio *vio, unsigned queue)
{
	const struct balloon *b = balloon_of(vio);

	if (queue == BALLOON_INFLATE || queue == BALLOON_DEFLATE)
		return b->pages[queue].taken;
	return queue == BALLOON_STATS && b->stats_taken;
}

/* Adds the next record of ranges. Returns false if there is none. */
static bool save_ranges(struct balloon *b, struct state *state, uint64_t id,
			gpa_t *from)
{
	uint8_t buf[RANGES * RANGE_BYTES];
	struct range held;
	size_t n = 0;

	while (n < RANGES && reclaim_next_held(b->reclaim, *from, &held)) {
		store_le64(buf + n * RANGE_BYTES, held.start);
		store_le64(buf + n * RANGE_BYTES + 8, held.size);
		*from = held.start + held.size;
		n++;
	}
	if (n > 0)
		state_put(state, id, buf, n * RANGE_BYTES);
	return n > 0;
}

void balloon_save(struct virtio *vio, struct state *state)
{
	struct balloon copy = *balloon_of(vio);
	uint64_t records = 0;
	gpa_t from = 0;

	for (size_t i = 0; i < 2; i++)
		if (copy.pages[i].taken)
			copy.pages[i].skip = copy.pages[i].done;
	if (copy.stats_taken)
		copy.stats_seen = copy.stats.time;
	state_put_fields(state, &copy, balloon_fields,
			 STATE_COUNT(balloon_fields));
	while (save_ranges(&copy, state, BALLOON_RANGES + records, &from))
		records++;
	state_put_int(state, BALLOON_RANGE_COUNT, records, 8);
}

static int load_ranges(struct balloon *b, struct state_records *from,
		       uint64_t id, struct err *err)
{
	struct state_record record;

	if (!state_take(from, id, &record) || record.size == 0 ||
	    record.size % RANGE_BYTES != 0)
		return err_input(err, -EBADMSG,
				 "virtio-balloon: a list of memory is missing "
				 "or malformed");
	for (uint32_t at = 0; at < record.size; at += RANGE_BYTES) {
		const struct range held = { load_le64(record.val + at),
					    load_le64(record.val + at + 8) };

		if (held.start % RECLAIM_FRAME != 0 || held.size == 0 ||
		    held.size % RECLAIM_FRAME != 0 ||
		    reclaim_give(b->reclaim, held) != 0)
			return err_input(err, -EBADMSG,
					 "virtio-balloon: holds a range that "
					 "is no memory");
	}
	return 0;
}

/*
 * The client that asked for hints is gone. A driver that was hinting keeps
 * those pages until it hears that it is over.
 */
static void end_saved_hints(struct balloon *b)
{
	const uint32_t done = htole32(VIRTIO_BALLOON_CMD_ID_DONE);

	if (b->hint_id == 0 || b->config.free_page_hint_cmd_id == done)
		return;
	b->config.free_page_hint_cmd_id = done;
	b->vio.config_news = true;
}

int balloon_load(struct virtio *vio, struct state_records *from,
		 struct err *err)
{
	struct balloon *b = balloon_of(vio);
	uint64_t records = 0;
	int r = state_get_fields(from, b, balloon_fields,
				 STATE_COUNT(balloon_fields), err);

	if (r == 0)
		r = state_get(from, BALLOON_RANGE_COUNT, 8, &records, err);
	for (uint64_t i = 0; r == 0 && i < records; i++)
		r = load_ranges(b, from, BALLOON_RANGES + i, err);
	if (r < 0)
		return r;
	reclaim_flush(b->reclaim);
	end_saved_hints(b);
	return 0;
}
