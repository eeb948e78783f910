/* devices/virtio/balloon_pages.c - what the guest gives to its balloon, takes
 * out of it, and reports as free. */
#include <endian.h>
#include <inttypes.h>

#include "devices/virtio/balloon_device.h"
#include "devices/virtio/balloon_pfn.h"

#define PFN ((size_t)4) /* bytes of a page number */
#define PFNS 512 /* page numbers looked at together */
#define HOLD 100000000 /* how long a part of a block waits for more; in ns */

static bool tells_before_use(const struct balloon *b)
{
	return virtio_has(&b->vio, VIRTIO_BALLOON_F_MUST_TELL_HOST);
}

static uint64_t handle_balloon_pages(struct balloon *b, unsigned queue,
				     struct range *run, size_t runs)
{
	uint64_t wrong = 0;

	/* A driver that does not tell may already use any page again. */
	if (!tells_before_use(b))
		return queue == BALLOON_INFLATE
			     ? reclaim_drop(b->reclaim, run, runs, false)
			     : 0;
	for (size_t i = 0; i < runs; i++)
		wrong += queue == BALLOON_INFLATE
			       ? reclaim_give(b->reclaim, run[i])
			       : reclaim_take(b->reclaim, run[i]);
	return wrong;
}

/* Looks at the chain's next numbers. Returns how many. */
static size_t handle_pages(struct balloon *b, unsigned queue)
{
	struct balloon_pages *pages = &b->pages[queue];
	uint32_t pfn[PFNS];
	struct range run[PFNS];
	uint64_t wrong;
	size_t n;

	n = chain_read(&pages->chain, pages->done, pfn, sizeof(pfn));
	n /= PFN; /* what is left of the last one is none */
	pages->done += n * PFN;
	virtio_spend(&b->vio, n * PFN);
	wrong = handle_balloon_pages(b, queue, run,
				     balloon_pfn_runs(pfn, n, run));
	if (wrong > 0)
		log_guest(&b->vio.guest_errors,
			  "virtio-balloon: %" PRIu64 " KiB %s that %s",
			  wrong / 1024,
			  queue == BALLOON_INFLATE ? "given" : "taken",
			  queue == BALLOON_INFLATE ? "are no RAM"
						   : "are not in the balloon");
	return n;
}

void balloon_hold_expired(struct loop_timer *timer)
{
	struct balloon *b = container_of(timer, struct balloon, hold);

	b->holding = b->filled;
	b->filled = false;
	if (b->holding)
		loop_timer_set(&b->hold, HOLD);
	else
		reclaim_flush(b->reclaim);
}

/* Partial pages wait until the balloon has its target size or stops growing. */
static void hold_partial_pages(struct balloon *b)
{
	struct reclaim_stats stats;

	if (!reclaim_waits(b->reclaim))
		return;
	reclaim_stats(b->reclaim, &stats);
	if (stats.held >> VIRTIO_BALLOON_PFN_SHIFT >=
	    le32toh(b->config.num_pages)) {
		reclaim_flush(b->reclaim);
		return;
	}
	b->filled = true;
	if (b->holding)
		return;
	b->holding = true;
	b->filled = false;
	loop_timer_set(&b->hold, HOLD);
}

static bool take_balloon_chain(struct balloon *b, unsigned queue)
{
	struct balloon_pages *pages = &b->pages[queue];

	if (!pages->taken) {
		pages->taken = virtio_pop(&b->vio, queue, &pages->chain);
		pages->done = (size_t)pages->skip;
		if (pages->taken)
			pages->skip = 0;
	}
	return pages->taken;
}

void balloon_notify_pages(struct balloon *b, unsigned queue)
{
	struct virtio *vio = &b->vio;
	struct balloon_pages *pages = &b->pages[queue];
	bool any = false;

	while (virtio_turn_left(vio) > 0 && take_balloon_chain(b, queue)) {
		if (handle_pages(b, queue) > 0) {
			any = true;
			continue;
		}
		pages->taken = false;
		virtio_push(vio, queue, &pages->chain, 0);
	}
	/* A kick alone is no page. */
	if (queue == BALLOON_INFLATE && any)
		hold_partial_pages(b);
}

/* The RAM in the room of a chain. Counts what it takes to work on it. */
size_t balloon_ranges(struct balloon *b, const struct virtq_chain *chain,
		      struct range *ret)
{
	virtio_spend(&b->vio, chain_room(chain) / BALLOON_RANGE_PER_WORK);
	return reclaim_ranges(b->reclaim, chain->iov + chain->readable,
			      chain->count - chain->readable, ret);
}

/*
 * The driver expects of a reported page any content, or the content it put
 * there. Source: 5.5.6.7.2.
 */
static void drop_reported(struct balloon *b, struct range *gpa, size_t count)
{
	const bool poison = virtio_has(&b->vio, VIRTIO_BALLOON_F_PAGE_POISON);

	if (!poison || b->config.poison_val == 0)
		(void)reclaim_drop(b->reclaim, gpa, count, poison);
}

void balloon_notify_reports(struct balloon *b)
{
	struct virtio *vio = &b->vio;
	struct virtq_chain chain;

	while (virtio_pop(vio, BALLOON_REPORTS, &chain)) {
		struct range gpa[VIRTQ_MAX_IOV];

		drop_reported(b, gpa, balloon_ranges(b, &chain, gpa));
		virtio_push(vio, BALLOON_REPORTS, &chain, 0);
	}
}
