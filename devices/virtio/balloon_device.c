/* devices/virtio/balloon_device.c - virtio memory balloon. */
#include "devices/virtio/balloon_device.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <string.h>

/* What the guest has just now. */
static uint64_t ram_size(const struct balloon *b)
{
	const struct mem_map *mem = b->mem;
	uint64_t size = 0;

	for (size_t i = 0; i < mem->count; i++)
		if (mem->region[i].kind == MEM_RAM)
			size += mem_present(&mem->region[i]);
	return size;
}

/* The memory of so many of the balloon's pages; never more than there is. */
static uint64_t balloon_bytes(const struct balloon *b, uint32_t pages)
{
	const uint64_t inside = (uint64_t)pages << VIRTIO_BALLOON_PFN_SHIFT;
	const uint64_t ram = ram_size(b);

	return inside < ram ? ram - inside : 0;
}

/* The balloon's pages for the guest to keep @bytes. */
static uint32_t pages_for(const struct balloon *b, uint64_t bytes)
{
	const uint64_t ram = ram_size(b);
	const uint64_t pages = bytes < ram
				     ? (ram - bytes) >> VIRTIO_BALLOON_PFN_SHIFT
				     : 0;

	return pages < UINT32_MAX ? (uint32_t)pages : UINT32_MAX;
}

static void tell_balloon_change(struct throttle *change)
{
	struct balloon *b = container_of(change, struct balloon, change);

	if (b->listener.changed)
		b->listener.changed(
			b->listener.ctx,
			balloon_bytes(b, le32toh(b->config.actual)));
}

static void actual_changed(struct balloon *b)
{
	if (b->listener.changed)
		throttle_post(&b->change);
}

/* The driver's are `actual` and `poison_val`, whatever else it writes to. */
static void balloon_config_write(struct virtio *vio, size_t offset,
				 const void *buf, size_t len)
{
	struct balloon *b = balloon_of(vio);
	struct virtio_balloon_config config = b->config;
	const uint32_t was = config.actual;

	memcpy((uint8_t *)&config + offset, buf, len);
	b->config.actual = config.actual;
	b->config.poison_val = config.poison_val;
	if (b->config.actual != was)
		actual_changed(b);
}

void balloon_listen(struct virtio *vio, struct balloon_listener listener)
{
	GUARD(&vio->lock);
	balloon_of(vio)->listener = listener;
}

void balloon_set_target(struct virtio *vio, uint64_t bytes)
{
	struct balloon *b = balloon_of(vio);
	const uint32_t pages = pages_for(b, bytes);
	GUARD(&vio->lock);

	if (le32toh(b->config.num_pages) == pages)
		return;
	b->config.num_pages = htole32(pages);
	virtio_config_changed(vio);
}

void balloon_query(struct virtio *vio, struct balloon_info *ret)
{
	struct balloon *b = balloon_of(vio);
	GUARD(&vio->lock);

	*ret = (struct balloon_info){
		.ram = ram_size(b),
		.target = balloon_bytes(b, le32toh(b->config.num_pages)),
		.actual = balloon_bytes(b, le32toh(b->config.actual)),
		.driver = balloon_works(b),
	};
	reclaim_stats(b->reclaim, &ret->reclaim);
}

void balloon_forget(struct virtio *vio, struct range gpa)
{
	(void)reclaim_take(balloon_of(vio)->reclaim, gpa);
}

uint64_t balloon_held(struct virtio *vio, struct range gpa)
{
	return reclaim_held(balloon_of(vio)->reclaim, gpa);
}

bool balloon_next_held(struct virtio *vio, gpa_t from, struct range *ret)
{
	return reclaim_next_held(balloon_of(vio)->reclaim, from, ret);
}

static void balloon_notify(struct virtio *vio, unsigned queue)
{
	struct balloon *b = balloon_of(vio);

	switch (queue) {
	case BALLOON_INFLATE:
	case BALLOON_DEFLATE:
		return balloon_notify_pages(b, queue);
	case BALLOON_STATS:
		return balloon_notify_stats(b);
	case BALLOON_HINTS:
		return balloon_notify_hints(b);
	default:
		return balloon_notify_reports(b);
	}
}

static void balloon_quiesce(struct virtio *vio, unsigned queue)
{
	struct balloon *b = balloon_of(vio);

	if (queue == BALLOON_INFLATE || queue == BALLOON_DEFLATE) {
		b->pages[queue].taken = false;
		b->pages[queue].skip = 0;
	}
	if (queue == BALLOON_STATS)
		b->stats_taken = false;
}

/* What waits goes now: nothing changes during a pause. */
static void balloon_pause(struct virtio *vio)
{
	reclaim_flush(balloon_of(vio)->reclaim);
}

/* The host's wish stays: the next driver finds it. */
static void balloon_reset(struct virtio *vio)
{
	struct balloon *b = balloon_of(vio);

	reclaim_forget(b->reclaim);
	b->config.poison_val = 0;
	balloon_reset_queries(b);
	if (b->config.actual == 0)
		return;
	b->config.actual = 0;
	actual_changed(b);
}

static void balloon_destroy(struct virtio *vio)
{
	struct balloon *b = balloon_of(vio);

	if (b->hold.expired)
		loop_timer_remove(vio->loop, &b->hold);
	throttle_remove(vio->loop, &b->change);
	b->reclaim = reclaim_free(b->reclaim);
	virtio_finish(vio);
	free(b);
}

static const struct virtio_ops balloon_ops = {
	.name = "virtio-balloon",
	.id = VIRTIO_ID_BALLOON,
	VIRTIO_OPS(balloon),
	.quiesce = balloon_quiesce,
	.kept = balloon_kept,
	.config_write = balloon_config_write,
	.pause = balloon_pause,
	.reset = balloon_reset,
};

static int add_balloon_timers(struct balloon *b, struct err *err)
{
	struct virtio *vio = &b->vio;
	int r = throttle_add(vio->loop, &b->change, &vio->lock,
			     tell_balloon_change, err);

	if (r == 0) {
		b->hold.lock = &vio->lock;
		r = loop_timer_add(vio->loop, &b->hold, err);
	}
	if (r < 0)
		return err_wrap(err, "virtio-balloon");
	b->hold.expired = balloon_hold_expired;
	return 0;
}

static uint64_t balloon_features(const struct balloon_options *opt)
{
	uint64_t bits = 1ULL << VIRTIO_BALLOON_F_MUST_TELL_HOST |
			1ULL << VIRTIO_BALLOON_F_STATS_VQ |
			1ULL << VIRTIO_BALLOON_F_FREE_PAGE_HINT |
			1ULL << VIRTIO_BALLOON_F_PAGE_POISON;

	if (opt->deflate_on_oom)
		bits |= 1ULL << VIRTIO_BALLOON_F_DEFLATE_ON_OOM;
	if (opt->reporting)
		bits |= 1ULL << VIRTIO_BALLOON_F_REPORTING;
	return bits;
}

int virtio_balloon_new(struct virtio **ret, const struct mem_map *mem,
		       struct loop *loop, const struct balloon_options *opt,
		       struct err *err)
{
	struct balloon *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return err_set(err, -ENOMEM, "virtio-balloon: out of memory");
	/* Drivers number the queues that there are, one after the other; so
	 * only the last one may be left out. */
	r = virtio_init(&b->vio, &balloon_ops, mem, loop,
			opt->reporting ? BALLOON_QUEUES : BALLOON_REPORTS, err);
	if (r == 0)
		r = add_balloon_timers(b, err);
	if (r == 0)
		r = reclaim_new(&b->reclaim, mem, err);
	if (r < 0) {
		balloon_destroy(&b->vio);
		return r;
	}
	b->mem = mem;
	b->vio.offered |= balloon_features(opt);
	b->config.num_pages = htole32(pages_for(b, opt->target));
	b->vio.config = &b->config;
	b->vio.config_len = sizeof(b->config);
	*ret = &b->vio;
	return 0;
}
