/* vmm/migrate/target.c - takes a guest that another vmm sends. */
#include "vmm/migrate/target.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "mem/clear.h"
#include "vmm/machine/machine.h"
#include "vmm/machine/machine_state.h"
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
			 const struct channel *channel, const char *arch,
			 struct err *err)
{
	int r;

	*target = (struct migrate_target){ .channel = *channel };
	r = stream_read_hello(&target->channel, arch, err);
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
			 const struct migrate_regions *regions, struct err *err)
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
	target->pages += pages.count;
	r = channel_read(&target->channel, host,
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

static int take_message(struct migrate_target *target,
			const struct migrate_regions *regions,
			const struct stream_message *message, const char *arch,
			struct err *err)
{
	switch (message->type) {
	case STREAM_PAGES:
		return take_pages(target, regions, message, err);
	case STREAM_PASS:
		return answer_pass(target, message, err);
	case STREAM_STATE:
		return take_state(target, message, arch, err);
	default:
		return err_input(err, -EBADMSG,
				 "the stream is damaged: a message of type %d "
				 "among the pages",
				 (int)message->type);
	}
}

static void regions_of(const struct machine *machine,
		       struct migrate_regions *ret)
{
	gpa_t out[CONFIG_MAX_FLASHES];

	for (size_t i = 0; i < machine->flashes.count; i++)
		out[i] = machine->flashes.flash[i].at.start;
	migrate_regions_init(ret, &machine->mem, out, machine->flashes.count);
}

int migrate_target_memory(struct migrate_target *target,
			  struct machine *machine, const char *arch,
			  int signals, struct err *err)
{
	struct migrate_regions regions;
	int r;

	regions_of(machine, &regions);
	target->channel.stop = signals;
	r = check_files(target, machine, err);
	if (r == 0)
		r = check_regions(target, &regions, err);
	if (r < 0)
		return r;
	clear_regions(&regions);
	r = stream_send(&target->channel, STREAM_ACCEPTED, NULL, 0, err);
	while (r == 0 && !target->data) {
		struct stream_message message;

		r = stream_read_header(&target->channel, &message, err);
		if (r == 0)
			r = take_message(target, &regions, &message, arch, err);
	}
	return r == 0 ? machine_load_memory(machine, &target->state, err) : r;
}

int migrate_target_take(struct migrate_target *target, struct err *err)
{
	struct stream_message message;
	int r = stream_send(&target->channel, STREAM_READY, NULL, 0, err);

	if (r == 0)
		r = stream_expect(&target->channel, STREAM_GO, &message, err);
	target->taken = r == 0;
	return r;
}

void migrate_target_done(struct migrate_target *target)
{
	struct err unused = { 0 };

	/* The source finds out if it does not hear of it. */
	(void)stream_send(&target->channel, STREAM_RUNNING, NULL, 0, &unused);
	channel_close(&target->channel);
	/* All of the state is loaded. */
	free(target->data);
	target->data = NULL;
}

void migrate_target_fail(struct migrate_target *target, const struct err *why)
{
	const struct err ended = { .msg = "ended by a signal" };

	if (target->channel.out < 0 || target->taken ||
	    why->code == -EREMOTEIO || why->code == -ECONNRESET)
		return;
	target->channel.stop = -1;
	target->channel.patience_ms = 1000;
	stream_send_reason(&target->channel, STREAM_FAILED,
			   why->msg[0] ? why : &ended);
}

void migrate_target_finish(struct migrate_target *target)
{
	channel_close(&target->channel);
	snapshot_about_finish(&target->about);
	free(target->data);
	target->data = NULL;
}
