/* vmm/migrate/rest_setup.c - memory that follows a guest: before it runs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "mem/bitmap.h"
#include "mem/image_state.h"
#include "vmm/machine/machine.h"
#include "vmm/migrate/rest_state.h"
#include "vmm/snapshot/lazy.h"

#define STRANGER_MS 2000 /* for one that connects to say who it is */

enum rest_state rest_get_state(struct rest *a)
{
	GUARD(&a->memory.lock);
	return a->state;
}

void rest_set_state(struct rest *a, enum rest_state state)
{
	GUARD(&a->memory.lock);
	if (a->state < REST_ALL)
		a->state = state;
}

static const struct mem_region *rest_region(const struct rest *a,
					    uint32_t number)
{
	return &a->regions.map->region[a->regions.of[number]];
}

static int check_policies(const struct rest *a, struct err *err)
{
	for (uint32_t i = 0; i < a->regions.count; i++) {
		const struct mem_region *region = rest_region(a, i);
		const int r = region->kind == MEM_ROM
				    ? 0
				    : lazy_check(&region->backing->policy, err);

		if (r < 0)
			return err_wrap(err, "%s: --postcopy", region->name);
	}
	return 0;
}

static int open_rest(struct rest *a, struct err *err)
{
	int r = missing_open(&a->memory, NULL, err);

	if (r == 0)
		r = check_policies(a, err);
	if (r < 0)
		return r;
	a->quit = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	a->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	a->done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (a->quit < 0 || a->wake < 0 || a->done < 0)
		return err_sys(err, "eventfd");
	a->buf = malloc(STREAM_DATA_MAX);
	return a->buf ? 0 : err_set(err, -ENOMEM, "out of memory");
}

int rest_new(struct rest **ret, struct machine *machine,
	     const struct rest_source *source, struct migrate_door *door,
	     struct err *err)
{
	struct rest *a;
	int r;

	if (door->fd < 0)
		return err_input(err, -ENOTSUP,
				 "--postcopy needs a target that can be "
				 "reached a second time: one that listens at "
				 "unix:PATH or tcp:HOST:PORT");
	a = calloc(1, sizeof(*a));
	if (!a)
		return err_set(err, -ENOMEM, "out of memory");
	*a = (struct rest){ .machine = machine,
			    .arch = source->arch,
			    .quit = -1,
			    .wake = -1,
			    .done = -1,
			    .door = { .fd = -1 },
			    .pages = CHANNEL_NONE,
			    .main = CHANNEL_NONE };
	a->regions = *source->regions;
	memcpy(a->key, source->key, STREAM_KEY_SIZE);
	r = open_rest(a, err);
	if (r == 0)
		r = migrate_uri_copy(&a->uri, door->uri, err);
	if (r < 0) {
		(void)rest_free(a);
		return r;
	}
	a->door = *door;
	a->door.uri = &a->uri;
	door->fd = -1;
	*ret = a;
	return 0;
}

int rest_let_in(struct rest *a, struct channel *channel, enum stream_join *ret,
		struct err *err)
{
	const int stop = channel->stop;
	int r;

	if (channel->deadline == 0)
		channel_limit(channel, STRANGER_MS);
	r = migrate_uri_accept(&a->door, channel, err);
	if (r < 0)
		return r;
	channel_limit(channel, STRANGER_MS);
	r = stream_read_join(channel, a->arch, a->key, ret, err);
	if (r == 0)
		r = stream_send(channel, STREAM_JOINED, NULL, 0, err);
	if (r < 0)
		channel_close(channel);
	channel->deadline = 0;
	channel->stop = stop;
	return r;
}

int rest_await_join(struct rest *a, struct channel *channel, int stop,
		    enum stream_join what, struct err *err)
{
	const uint64_t end = clock_ns() + CHANNEL_PATIENCE_MS * NS_PER_MS;
	enum stream_join is;
	int r;

	for (;;) {
		*channel = (struct channel)CHANNEL_NONE;
		channel->stop = stop;
		channel->deadline = end;
		r = rest_let_in(a, channel, &is, err);
		if (r == 0 && is == what)
			return 0;
		if (r == 0)
			channel_close(channel);
		if (clock_ns() >= end)
			return err_set(err, -ETIMEDOUT,
				       "the source has not connected again");
		if (r == -ECANCELED)
			return r;
	}
}

int rest_join(struct rest *a, int stop, struct err *err)
{
	const int r = rest_await_join(a, &a->pages, stop, JOIN_PAGES, err);

	a->pages.stop = a->quit;
	return r;
}

/* The map has backings to be read. */
static struct backing *rest_backing(struct rest *a, uint32_t number)
{
	const struct mem_region *region = rest_region(a, number);

	return &a->machine->backings
			.at[region->backing - a->machine->backings.at];
}

static int add_rest_region(struct rest *a, uint32_t number, struct err *err)
{
	struct backing *backing = rest_backing(a, number);
	const uint64_t pages = backing->size / backing->page + 1;
	int r = lazy_check(&backing->policy, err);

	if (r < 0)
		return r;
	a->asked[number] = calloc((size_t)bitmap_words(pages),
				  sizeof(*a->asked[number]));
	if (!a->asked[number])
		return err_set(err, -ENOMEM, "out of memory");
	r = missing_add(&a->memory, number, backing, backing->page, false, err);
	if (r == 0)
		a->of[number] = &a->memory.region[a->memory.regions - 1];
	return r;
}

int rest_fail_run(struct err *err)
{
	return err_input(err, -EBADMSG,
			 "the stream is damaged: pages that are in no memory "
			 "of the guest's");
}

bool rest_has_run(const struct rest *a, uint32_t number, uint64_t first,
		  uint64_t count)
{
	uint64_t has;

	if (number >= a->regions.count)
		return false;
	has = rest_region(a, number)->gpa.size / IMAGE_PAGE;
	return first < has && count <= has - first;
}

/* Whole pages of the host: what stands beside a stale page comes again. */
static int take_stale(struct rest *a, const struct stream_run *run,
		      struct err *err)
{
	struct missing_region *region;
	uint64_t per, end;
	int r = 0;

	if (!rest_has_run(a, run->region, run->first, run->count))
		return rest_fail_run(err);
	if (!a->of[run->region])
		r = add_rest_region(a, run->region, err);
	if (r < 0)
		return r;
	region = a->of[run->region];
	per = region->unit / IMAGE_PAGE;
	end = (run->first + run->count + per - 1) / per;
	return missing_want(region, run->first / per, end, err);
}

int rest_stale(struct rest *a, struct channel *channel,
	       const struct stream_message *message, struct err *err)
{
	struct stream_run run[STREAM_RUNS_MAX];
	size_t count;
	int r = stream_read_runs(channel, message, run, &count, err);

	for (size_t i = 0; r == 0 && i < count; i++)
		r = take_stale(a, &run[i], err);
	return r;
}

/* Runs on their way to the source. */
struct told_runs {
	struct stream_run run[STREAM_RUNS_MAX];
	size_t count;
};

static int flush_runs(struct told_runs *told, struct channel *channel,
		      struct err *err)
{
	const size_t count = told->count;

	told->count = 0;
	return count ? stream_send_runs(channel, STREAM_MISSING, told->run,
					count, err)
		     : 0;
}

/* The next run that is missing, from *@at on, in pages of the host. */
static bool next_run(struct rest *a, const struct missing_region *r,
		     uint64_t *at, struct stream_run *ret)
{
	const uint64_t per = r->unit / IMAGE_PAGE;
	uint64_t first, last;
	GUARD(&a->memory.lock);

	first = bitmap_next_clear(r->done, *at, r->units);
	last = bitmap_next_set(r->done, first, r->units);
	*at = last;
	*ret = (struct stream_run){ .region = (uint32_t)r->number,
				    .first = first * per,
				    .count = (last - first) * per };
	return first < r->units;
}

int rest_tell_missing(struct rest *a, struct channel *channel, struct err *err)
{
	struct told_runs told = { .count = 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < a->memory.regions; i++) {
		uint64_t at = 0;

		while (r == 0 && next_run(a, &a->memory.region[i], &at,
					  &told.run[told.count]))
			if (++told.count == STREAM_RUNS_MAX)
				r = flush_runs(&told, channel, err);
	}
	if (r == 0)
		r = flush_runs(&told, channel, err);
	return r == 0 ? stream_send(channel, STREAM_MISSING_END, NULL, 0, err)
		      : r;
}
