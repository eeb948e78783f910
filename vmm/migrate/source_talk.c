/* vmm/migrate/source_talk.c - what the source of a migration says, and is
 * answered. */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/bytes.h"
#include "vmm/migrate/source_job.h"

#define ACCEPT_MS 600000

int source_await_word(struct migrate_job *job, enum stream_type type,
		      struct err *err)
{
	struct stream_message message;

	return stream_expect(&job->channel, type, &message, err);
}

static int send_regions(struct migrate_job *job, struct err *err)
{
	uint8_t buf[MEM_MAX_REGIONS * REGION_ENTRY_SIZE];
	const size_t len = migrate_regions_encode(job->wish.regions, buf);

	return stream_send(&job->channel, STREAM_REGIONS, buf, len, err);
}

static int send_files(struct migrate_job *job, struct err *err)
{
	uint8_t buf[MIGRATE_MAX_FILES * FILE_ENTRY_SIZE];
	const size_t len = migrate_files_encode(job->wish.files, buf);

	return stream_send(&job->channel, STREAM_FILES, buf, len, err);
}

/* By which the target knows later connections. */
static int send_key(struct migrate_job *job, struct err *err)
{
	if (getrandom(job->key, sizeof(job->key), 0) != sizeof(job->key))
		return err_sys(err, "random numbers");
	return stream_send(&job->channel, STREAM_POSTCOPY, job->key,
			   sizeof(job->key), err);
}

static uint32_t list_needs(const struct migrate_wish *wish)
{
	return (wish->postcopy ? STREAM_POSTCOPY_NEEDED : 0) |
	       (wish->compress > 0 ? STREAM_PACKED_NEEDED : 0);
}

int source_introduce(struct migrate_job *job, struct err *err)
{
	const struct migrate_wish *wish = &job->wish;
	struct channel *channel = &job->channel;
	uint8_t place[PLACE_SIZE];
	int r = stream_send_hello(channel, wish->arch, list_needs(wish), err);

	migrate_place_encode(wish->place, place);
	if (r == 0)
		r = stream_send(channel, STREAM_ABOUT, wish->about,
				strlen(wish->about), err);
	if (r == 0)
		r = stream_send(channel, STREAM_PLACE, place, sizeof(place),
				err);
	if (r == 0)
		r = send_files(job, err);
	if (r == 0)
		r = send_regions(job, err);
	if (r == 0 && wish->postcopy)
		r = send_key(job, err);
	if (r < 0)
		return r;
	/* The target makes its memory, which takes long if all of it is to be
	 * had at once. */
	channel->patience_ms = ACCEPT_MS;
	r = source_await_word(job, STREAM_ACCEPTED, err);
	channel->patience_ms = CHANNEL_PATIENCE_MS;
	return r;
}

int source_end_pass(struct migrate_job *job, struct err *err)
{
	struct stream_message message;
	uint8_t number[8], told[8];
	struct page_copy_rates rates;
	int r = sender_flush(&job->sender, err);

	page_copy_rates(job->copy, &rates);
	store_le64(number, rates.passes);
	if (r < 0)
		return r;
	r = stream_send(&job->channel, STREAM_PASS, number, sizeof(number),
			err);
	/* What is on the way comes first. */
	job->channel.patience_ms = CHANNEL_CALL_MS;
	if (r == 0)
		r = stream_expect(&job->channel, STREAM_PASSED, &message, err);
	job->channel.patience_ms = CHANNEL_PATIENCE_MS;
	if (r == 0 && message.len != sizeof(told))
		r = err_set(err, -EBADMSG, "the other side answers nonsense");
	if (r == 0)
		r = channel_read(&job->channel, told, sizeof(told), err);
	if (r == 0 && memcmp(number, told, sizeof(told)) != 0)
		r = err_set(err, -EBADMSG, "the other side answers nonsense");
	return r;
}
