/* vmm/migrate/target.c - takes a guest that another vmm sends. */
#include "vmm/migrate/target.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "mem/clear.h"
#include "vmm/machine/machine.h"
#include "vmm/machine/machine_state.h"
#include "vmm/migrate/rest.h"
#include "vmm/migrate/files.h"
#include "vmm/migrate/regions.h"
#include "vmm/migrate/stream.h"

static int read_about(struct migrate_target *target, const char *arch,
		      struct err *err)
{
	_cleanup_(freep) uint8_t *text = NULL;
	struct stream_message message;
	int r = stream_expect(&target->channel, STREAM_ABOUT, &message, err);

	if (r == 0)
		r = stream_read_content(&target->channel, &message, &text, err);
	return r == 0 ? snapshot_about_parse(&target->about, (const char *)text,
					     (size_t)message.len, arch, err)
		      : r;
}

static int read_place(struct migrate_target *target, struct err *err)
{
	uint8_t buf[PLACE_SIZE];
	struct stream_message message;
	int r = stream_expect(&target->channel, STREAM_PLACE, &message, err);

	if (r == 0 && message.len != sizeof(buf))
		return err_input(err, -EBADMSG,
				 "the stream is damaged: a place of %" PRIu64
				 " bytes",
				 message.len);
	if (r == 0)
		r = channel_read(&target->channel, buf, sizeof(buf), err);
	if (r == 0)
		migrate_place_decode(&target->place, buf);
	return r;
}

int migrate_target_begin(struct migrate_target *target,
			 const struct channel *channel,
			 struct migrate_door *door, const char *arch,
			 struct err *err)
{
	int r;

	*target = (struct migrate_target){ .channel = *channel,
					   .door = *door,
					   .unpacker = UNPACKER_NONE };
	door->fd = -1;
	r = stream_read_hello(&target->channel, arch, &target->needs, err);
	if (r == 0)
		r = read_about(target, arch, err);
	return r == 0 ? read_place(target, err) : r;
}

static int check_files(struct migrate_target *target,
		       const struct machine *machine, struct err *err)
{
	_cleanup_(freep) uint8_t *buf = NULL;
	struct stream_message message;
	int r = stream_expect(&target->channel, STREAM_FILES, &message, err);

	if (r == 0)
		r = stream_read_content(&target->channel, &message, &buf, err);
	return r == 0 ? migrate_files_check(machine, buf, (size_t)message.len,
					    err)
		      : r;
}

static int check_regions(struct migrate_target *target,
			 struct migrate_regions *regions, struct err *err)
{
	_cleanup_(freep) uint8_t *buf = NULL;
	struct stream_message message;
	int r = stream_expect(&target->channel, STREAM_REGIONS, &message, err);

	if (r == 0)
		r = stream_read_content(&target->channel, &message, &buf, err);
	return r == 0 ? migrate_regions_check(regions, buf, (size_t)message.len,
					      err)
		      : r;
}

/* Memory of a file holds what that held: it is zeroes for the guest. */
static void clear_regions(const struct migrate_regions *regions)
{
	for (uint32_t i = 0; i < regions->count; i++)
		clear_region(&regions->map->region[regions->of[i]]);
}

static bool is_in_region(const struct mem_region *region,
			 const struct stream_pages *pages)
{
	const uint64_t has = region->gpa.size / IMAGE_PAGE;

	return pages->first < has && pages->count <= has - pages->first;
}

static int take_content(struct migrate_target *target,
			const struct stream_message *message, uint8_t *host,
			size_t size, struct err *err)
{
	if (message->type != STREAM_PACKED)
		return channel_read(&target->channel, host, size, err);
	return unpacker_read(&target->unpacker, &target->channel,
			     (size_t)message->len - STREAM_PAGES_SIZE, host,
			     size, err);
}

static int take_pages(struct migrate_target *target,
		      const struct migrate_regions *regions,
		      const struct stream_message *message, struct err *err)
{
	const struct mem_region *region;
	struct stream_pages pages;
	uint8_t *host;
	int r = stream_read_pages(&target->channel, message, &pages, err);

	if (r < 0)
		return r;
	region = pages.region < regions->count
		       ? &regions->map->region[regions->of[pages.region]]
		       : NULL;
	if (!region || !is_in_region(region, &pages))
		return err_input(err, -EBADMSG,
				 "the stream is damaged: pages that are in no "
				 "memory of the guest's");
	host = region->host + pages.first * IMAGE_PAGE;
	if (pages.state != IMAGE_DATA) {
		clear_part(region, pages.first * IMAGE_PAGE,
			   pages.count * IMAGE_PAGE);
		return 0;
	}
	r = take_content(target, message, host,
			 (size_t)(pages.count * IMAGE_PAGE), err);
	return r == -EFAULT ? err_set(err, -ENOMEM,
				      "%s at 0x%" PRIx64
				      ": the host has no memory for it",
				      region->name, region->gpa.start)
			    : r;
}

/* Says that all of the pass is here. */
static int answer_pass(struct migrate_target *target,
		       const struct stream_message *message, struct err *err)
{
	uint8_t number[8];
	int r;

	if (message->len != sizeof(number))
		return err_input(err, -EBADMSG,
				 "the stream is damaged: a pass that is cut");
	r = channel_read(&target->channel, number, sizeof(number), err);
	return r == 0 ? stream_send(&target->channel, STREAM_PASSED, number,
				    sizeof(number), err)
		      : r;
}

static int take_state(struct migrate_target *target,
		      const struct stream_message *message, const char *arch,
		      struct err *err)
{
	const size_t len = (size_t)message->len;
	uint64_t flags;
	int r;

	if (len < STREAM_STATE_HEAD)
		return err_input(err, -EBADMSG,
				 "the stream is damaged: a state that is cut");
	r = stream_read_content(&target->channel, message, &target->data, err);
	if (r < 0)
		return r;
	flags = load_le64(target->data);
	if (flags & ~(uint64_t)STREAM_STATE_PAUSED)
		return err_input(err, -EBADMSG,
				 "the stream is damaged: flags 0x%" PRIx64,
				 flags);
	target->paused = flags & STREAM_STATE_PAUSED;
	return state_open(&target->state, target->data + STREAM_STATE_HEAD,
			  len - STREAM_STATE_HEAD, arch, err);
}

/* What has changed since it was sent, and comes when the guest runs here. */
static int take_late(struct migrate_target *target,
		     const struct stream_message *message, struct err *err)
{
	struct channel *channel = &target->channel;

	if (!target->rest || target->late)
		return err_input(err, -EBADMSG,
				 "the stream is damaged: stale pages");
	target->stale = true;
	if (message->type == STREAM_STALE)
		return rest_stale(target->rest, channel, message, err);
	target->late = true;
	return rest_begin(target->rest, channel, err);
}

static int take_message(struct migrate_target *target,
			const struct migrate_regions *regions,
			const struct stream_message *message, const char *arch,
			struct err *err)
{
	switch (message->type) {
	case STREAM_STALE:
	case STREAM_STALE_END:
		return take_late(target, message, err);
	case STREAM_PACKED:
	case STREAM_PAGES:
		/* Nobody would bring what is missing beside them. */
		if (target->stale || (message->type == STREAM_PACKED &&
				      !(target->needs & STREAM_PACKED_NEEDED)))
			break;
		return take_pages(target, regions, message, err);
	case STREAM_PASS:
		return answer_pass(target, message, err);
	case STREAM_STATE:
		if (target->stale && !target->late)
			break;
		return take_state(target, message, arch, err);
	default:
		break;
	}
	return err_input(err, -EBADMSG,
			 "the stream is damaged: a message of type %d among "
			 "the pages",
			 (int)message->type);
}

/* Another connection is let in, if this migration needs one; else nobody comes
 * any more. */
static int prepare_rest(struct migrate_target *target, struct machine *machine,
			const struct migrate_regions *regions, const char *arch,
			struct err *err)
{
	uint8_t key[STREAM_KEY_SIZE];
	const struct rest_source source = { regions, key, arch };
	struct stream_message message;
	int r;

	if (!(target->needs & STREAM_POSTCOPY_NEEDED)) {
		migrate_door_close(&target->door);
		return 0;
	}
	r = stream_expect(&target->channel, STREAM_POSTCOPY, &message, err);
	if (r == 0 && message.len != sizeof(key))
		r = err_input(err, -EBADMSG, "the stream is damaged: a key");
	if (r == 0)
		r = channel_read(&target->channel, key, sizeof(key), err);
	return r == 0 ? rest_new(&target->rest, machine, &source, &target->door,
				 err)
		      : r;
}

int migrate_target_memory(struct migrate_target *target,
			  struct machine *machine, const char *arch,
			  int signals, struct err *err)
{
	struct migrate_regions regions;
	int r;

	migrate_regions_of(&regions, machine);
	target->channel.stop = signals;
	/* The source may look at memory of which nothing is to be told. */
	target->channel.patience_ms = CHANNEL_CALL_MS;
	r = check_files(target, machine, err);
	if (r == 0)
		r = check_regions(target, &regions, err);
	if (r == 0)
		r = prepare_rest(target, machine, &regions, arch, err);
	if (r < 0)
		return r;
	clear_regions(&regions);
	r = stream_send(&target->channel, STREAM_ACCEPTED, NULL, 0, err);
	if (r == 0 && target->rest)
		r = rest_join(target->rest, signals, err);
	while (r == 0 && !target->data) {
		struct stream_message message;

		r = stream_read_header(&target->channel, &message, err);
		if (r == 0)
			r = take_message(target, &regions, &message, arch, err);
	}
	/* All of the memory is here: the source did not switch. */
	if (r == 0 && !target->late)
		target->rest = rest_free(target->rest);
	return r == 0 ? machine_load_memory(machine, &target->state, err) : r;
}

/* What was read, and is needed no more. */
static void forget_input(struct migrate_target *target)
{
	unpacker_finish(&target->unpacker);
	free(target->data);
	target->data = NULL;
}

int migrate_target_take(struct migrate_target *target, struct err *err)
{
	struct stream_message message;
	int r = 0;

	/* Before the word: with it, the guest may be nowhere else. */
	if (target->rest)
		r = rest_taken(target->rest, err);
	if (r == 0)
		r = stream_send(&target->channel, STREAM_READY, NULL, 0, err);
	if (r == 0)
		r = stream_expect(&target->channel, STREAM_GO, &message, err);
	target->taken = r == 0;
	if (r < 0 && target->rest)
		rest_give_up(target->rest);
	return r;
}

void migrate_target_done(struct migrate_target *target)
{
	struct err unused = { 0 };

	/* The guest runs, and its loop is to. A source that has read all that
	 * it was told takes the word at once; another finds out. */
	target->channel.patience_ms = 0;
	(void)stream_send(&target->channel, STREAM_RUNNING, NULL, 0, &unused);
	if (target->rest)
		rest_go_on(target->rest, &target->channel);
	else
		channel_close_aside(&target->channel);
	/* All of the state is loaded. */
	forget_input(target);
}

void migrate_target_fail(struct migrate_target *target, const struct err *why)
{
	const struct err ended = { .msg = "ended by a signal" };

	if (target->channel.out < 0 || target->taken ||
	    why->code == -EREMOTEIO || why->code == -ECONNRESET)
		return;
	target->channel.stop = -1;
	channel_limit(&target->channel, 1000);
	stream_send_reason(&target->channel, STREAM_FAILED,
			   why->msg[0] ? why : &ended);
}

void migrate_target_finish(struct migrate_target *target)
{
	target->rest = rest_free(target->rest);
	channel_close(&target->channel);
	migrate_door_close(&target->door);
	snapshot_about_finish(&target->about);
	forget_input(target);
}
