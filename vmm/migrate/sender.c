/* vmm/migrate/sender.c - sends pages, and no more in a second than allowed. */
#include "vmm/migrate/sender.h"

#include <stdbool.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "vmm/migrate/stream.h"

#define DATA_PAGES (STREAM_DATA_MAX / IMAGE_PAGE)
#define MIN_WAIT NS_PER_MS /* less is not worth a system call */

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
	if (sender->bandwidth == bandwidth)
		return;
	sender->bandwidth = bandwidth;
	sender->since = clock_ns();
	sender->budget = 0;
}

/* Waits until the bytes that were sent are due. */
static int keep_bandwidth(struct sender *sender, uint64_t bytes,
			  struct err *err)
{
	uint64_t due, now;

	if (sender->bandwidth == 0)
		return 0;
	sender->budget += bytes;
	due = (uint64_t)((double)sender->budget * 1e9 /
			 (double)sender->bandwidth);
	now = clock_ns() - sender->since;
	if (due < now + MIN_WAIT)
		return 0;
	return channel_sleep(sender->channel, due - now, err);
}

static void count_sent(struct sender *sender, const struct stream_pages *pages,
		       uint64_t bytes)
{
	GUARD(&sender->lock);
	sender->count.bytes += bytes;
	if (pages->state == IMAGE_DATA)
		sender->count.pages += pages->count;
	else
		sender->count.zero_pages += pages->count;
}

static int send_run(struct sender *sender, const struct stream_pages *pages,
		    const uint8_t *host, struct err *err)
{
	const uint64_t bytes = STREAM_HEADER_SIZE + STREAM_PAGES_SIZE +
			       (host ? pages->count * IMAGE_PAGE : 0);
	const int r = stream_send_pages(sender->channel, pages, host, err);

	if (r < 0)
		return r;
	count_sent(sender, pages, bytes);
	return keep_bandwidth(sender, bytes, err);
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
		const uint64_t most = zero || left < DATA_PAGES ? left
								: DATA_PAGES;
		/* A page that changes meanwhile comes again. */
		const uint64_t rest = same_pages(host + IMAGE_PAGE, most - 1,
						 zero);
		const struct stream_pages pages = {
			.region = region,
			.state = zero ? IMAGE_ZERO : IMAGE_DATA,
			.first = first,
			.count = 1 + rest,
		};

		r = send_run(sender, &pages, zero ? NULL : host, err);
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

	return send_run(sender, &pages, NULL, err);
}

void sender_count(struct sender *sender, struct sender_count *ret)
{
	GUARD(&sender->lock);
	*ret = sender->count;
}
