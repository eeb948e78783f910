/* vmm/migrate/sender.c - sends pages, and no more in a second than allowed. */
#include "vmm/migrate/sender.h"

#include <stdbool.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "vmm/migrate/stream.h"

#define DATA_PAGES (STREAM_DATA_MAX / IMAGE_PAGE)
#define PARTS 8 /* a second's bytes go in */
#define MIN_WAIT NS_PER_MS /* less is not worth a system call */
#define LOOK (100 * NS_PER_MS) /* for another limit */
/* The other side hears something before it loses patience, however low the
 * limit is. */
#define MAX_WAIT ((uint64_t)CHANNEL_PATIENCE_MS * NS_PER_MS)

void sender_init(struct sender *sender, struct channel *channel)
{
	*sender = (struct sender){ .channel = channel };
	(void)pthread_mutex_init(&sender->lock, NULL);
}

void sender_finish(struct sender *sender)
{
	(void)pthread_mutex_destroy(&sender->lock);
}

void sender_limit(struct sender *sender, uint64_t bandwidth)
{
	GUARD(&sender->lock);
	if (sender->bandwidth == bandwidth)
		return;
	sender->bandwidth = bandwidth;
	sender->since = clock_ns();
	sender->budget = 0;
}

/* How long until the bytes that were sent are due, in ns. */
static uint64_t until_due(struct sender *sender)
{
	uint64_t due, now;
	GUARD(&sender->lock);

	if (sender->bandwidth == 0)
		return 0;
	due = (uint64_t)((double)sender->budget * 1e9 /
			 (double)sender->bandwidth);
	now = clock_ns() - sender->since;
	return due > now ? due - now : 0;
}

/* Waits until then. Another limit holds at once. */
static int keep_bandwidth(struct sender *sender, struct err *err)
{
	uint64_t left, waited = 0;
	int r = 0;

	while (r == 0 && waited < MAX_WAIT &&
	       (left = until_due(sender)) >= MIN_WAIT) {
		const uint64_t part = left < LOOK ? left : LOOK;

		r = channel_sleep(sender->channel, part, err);
		waited += part;
	}
	return r;
}

/* How many pages go at a time: not more than a limit has room for in a
 * moment. */
static uint64_t most_pages(struct sender *sender)
{
	uint64_t pages;
	GUARD(&sender->lock);

	pages = sender->bandwidth / PARTS / IMAGE_PAGE;
	if (sender->bandwidth == 0 || pages > DATA_PAGES)
		return DATA_PAGES;
	return pages ? pages : 1;
}

static void count_sent(struct sender *sender, const struct stream_pages *pages,
		       uint64_t bytes)
{
	GUARD(&sender->lock);
	sender->count.bytes += bytes;
	sender->budget += bytes;
	if (pages->state == IMAGE_DATA)
		sender->count.pages += pages->count;
	else
		sender->count.zero_pages += pages->count;
}

static uint64_t message_bytes(const struct stream_pages *pages)
{
	return STREAM_HEADER_SIZE + STREAM_PAGES_SIZE +
	       (pages->state == IMAGE_DATA ? pages->count * IMAGE_PAGE : 0);
}

void sender_note(struct sender *sender, const struct stream_pages *pages)
{
	count_sent(sender, pages, message_bytes(pages));
}

static int send_run(struct sender *sender, const struct stream_pages *pages,
		    const uint8_t *host, struct err *err)
{
	const int r = stream_send_pages(sender->channel, pages, host, err);

	if (r < 0)
		return r;
	sender_note(sender, pages);
	return keep_bandwidth(sender, err);
}

/* Sends the oldest pages that were compressed. */
static int send_packed(struct sender *sender, struct err *err)
{
	struct packed packed;
	int r;

	packer_take(sender->packer, &packed);
	if (!packed.frame)
		return send_run(sender, &packed.pages, packed.host, err);
	r = stream_send_packed(sender->channel, &packed.pages, packed.frame,
			       packed.size, err);
	if (r < 0)
		return r;
	count_sent(sender, &packed.pages,
		   STREAM_HEADER_SIZE + STREAM_PAGES_SIZE + packed.size);
	return keep_bandwidth(sender, err);
}

static int pack_run(struct sender *sender, const struct stream_pages *pages,
		    const uint8_t *host, struct err *err)
{
	const int r = packer_is_full(sender->packer) ? send_packed(sender, err)
						     : 0;

	if (r == 0)
		packer_put(sender->packer, pages, host);
	return r;
}

int sender_flush(struct sender *sender, struct err *err)
{
	int r = 0;

	while (r == 0 && sender->packer && !packer_is_empty(sender->packer))
		r = send_packed(sender, err);
	return r;
}

/* How many pages from @page on, of @count, are zero, or are not. */
static uint64_t same_pages(const uint8_t *page, uint64_t count, bool zero)
{
	uint64_t n = 0;

	while (n < count &&
	       bytes_are_zero(page + n * IMAGE_PAGE, IMAGE_PAGE) == zero)
		n++;
	return n;
}

int sender_put(struct sender *sender, uint32_t region, uint64_t offset,
	       const uint8_t *host, uint64_t size, struct err *err)
{
	uint64_t left = size / IMAGE_PAGE, first = offset / IMAGE_PAGE;
	int r = 0;

	while (r == 0 && left > 0) {
		const bool zero = bytes_are_zero(host, IMAGE_PAGE);
		const uint64_t room = zero ? left : most_pages(sender);
		const uint64_t most = left < room ? left : room;
		/* A page that changes meanwhile comes again. */
		const uint64_t rest = same_pages(host + IMAGE_PAGE, most - 1,
						 zero);
		const struct stream_pages pages = {
			.region = region,
			.state = zero ? IMAGE_ZERO : IMAGE_DATA,
			.first = first,
			.count = 1 + rest,
		};

		r = !zero && sender->packer
			  ? pack_run(sender, &pages, host, err)
			  : send_run(sender, &pages, zero ? NULL : host, err);
		host += pages.count * IMAGE_PAGE;
		first += pages.count;
		left -= pages.count;
	}
	return r;
}

int sender_clear(struct sender *sender, uint32_t region, uint64_t offset,
		 uint64_t size, enum image_state state, struct err *err)
{
	const struct stream_pages pages = { .region = region,
					    .state = state,
					    .first = offset / IMAGE_PAGE,
					    .count = size / IMAGE_PAGE };

	if (sender_flush(sender, err) < 0)
		return err->code;
	return send_run(sender, &pages, NULL, err);
}

void sender_count(struct sender *sender, struct sender_count *ret)
{
	GUARD(&sender->lock);
	*ret = sender->count;
}
