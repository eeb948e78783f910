/* vmm/machine/ram_layout.c - places what --mem asks for in a guest's address
 * space. */
#include "vmm/machine/ram_layout.h"

#include <errno.h>
#include <inttypes.h>

#include "base/align.h"
#include "mem/blocks.h"

static int check_ram_pages(const struct mem_spec *mem, uint64_t page,
			   struct err *err)
{
	if (!is_aligned(mem->size, page))
		return err_input(err, -EINVAL,
				 "--mem %s: not a multiple of this host's "
				 "pages of %" PRIu64 " KiB",
				 mem->word, page >> 10);
	if (mem->placed && !is_aligned(mem->at, page))
		return err_input(err, -EINVAL,
				 "--mem %s: does not begin on one of this "
				 "host's pages of %" PRIu64 " KiB",
				 mem->word, page >> 10);
	return 0;
}

/* Keeps the list in the order of addresses. */
static void insert_ram(struct ram_layout *layout, struct range at, unsigned mem)
{
	size_t i = layout->count++;

	for (; i > 0 && layout->at[i - 1].start > at.start; i--) {
		layout->at[i] = layout->at[i - 1];
		layout->mem[i] = layout->mem[i - 1];
	}
	layout->at[i] = at;
	layout->mem[i] = mem;
}

/* Returns memory that overlaps @at, in the layout or taken; or NULL. */
static const struct range *memory_at(const struct ram_layout *layout,
				     const struct mem_map *taken,
				     struct range at)
{
	for (size_t i = 0; i < layout->count; i++)
		if (range_overlaps(layout->at[i], at))
			return &layout->at[i];
	for (size_t i = 0; i < MEM_WORDS_MAX; i++)
		if (layout->growth[i].size > 0 &&
		    range_overlaps(layout->growth[i], at))
			return &layout->growth[i];
	for (size_t i = 0; i < taken->count; i++)
		if (range_overlaps(taken->region[i].gpa, at))
			return &taken->region[i].gpa;
	return NULL;
}

static bool on_devices(const struct ram_space *space, struct range at)
{
	return space->devices.size > 0 && range_overlaps(space->devices, at);
}

static int place_at(struct ram_layout *layout, const struct config *config,
		    unsigned index, const struct ram_space *space,
		    struct err *err)
{
	const struct mem_spec *mem = &config->mem[index];
	const struct range at = { mem->at, mem->size };
	const struct range *other;

	if (!range_valid(at))
		return err_input(err, -ERANGE,
				 "--mem %s: ends beyond the last address",
				 mem->word);
	if (at.start < space->start)
		return err_input(err, -EINVAL,
				 "--mem %s: devices are there, memory begins "
				 "at 0x%" PRIx64,
				 mem->word, space->start);
	if (on_devices(space, at))
		return err_input(
			err, -EEXIST,
			"--mem %s: devices are at 0x%" PRIx64 " to 0x%" PRIx64,
			mem->word, space->devices.start,
			space->devices.start + space->devices.size - 1);
	other = memory_at(layout, space->taken, at);
	if (other)
		return err_input(err, -EEXIST,
				 "--mem %s: overlaps the memory at 0x%" PRIx64,
				 mem->word, other->start);
	insert_ram(layout, at, index);
	return 0;
}

static const struct range *find_obstacle(const struct ram_layout *layout,
					 const struct ram_space *space,
					 struct range at)
{
	return on_devices(space, at) ? &space->devices
				     : memory_at(layout, space->taken, at);
}

/* The lowest gap, from @from on, that holds @size bytes from a multiple of
 * @align on. False if there is none. */
static bool find_gap(const struct ram_layout *layout,
		     const struct ram_space *space, gpa_t from, uint64_t size,
		     uint64_t align, struct range *ret)
{
	struct range at = { .size = size };
	const struct range *other;

	if (!align_up(from, align, &at.start))
		return false;
	/*
	 * A place that begins below the end of the obstacle overlaps it, too.
	 */
	while (range_valid(at) && (other = find_obstacle(layout, space, at)))
		if (other->size > UINT64_MAX - other->start ||
		    !align_up(other->start + other->size, align, &at.start))
			return false;
	*ret = at;
	return range_valid(at);
}

static int place_free(struct ram_layout *layout, const struct config *config,
		      unsigned index, const struct ram_space *space,
		      struct err *err)
{
	const struct mem_spec *mem = &config->mem[index];
	const uint64_t huge = mem->policy.huge_size;
	struct range at = { 0 };

	if (!find_gap(layout, space, space->start, mem->size,
		      huge > space->block ? huge : space->block, &at))
		return err_input(err, -ERANGE,
				 "--mem %s: there is no free place for it",
				 mem->word);
	insert_ram(layout, at, index);
	return space->check(space->ctx, mem, at, err);
}

static gpa_t last_byte(const struct ram_layout *layout)
{
	const struct range *last = &layout->at[layout->count - 1];

	return last->start + (last->size - 1);
}

/* Behind all RAM that the guest is told of, so that it may come in pieces. */
static int place_growth(struct ram_layout *layout, const struct config *config,
			unsigned index, const struct ram_space *space,
			struct err *err)
{
	const struct mem_spec *mem = &config->mem[index];
	const uint64_t size = mem->policy.max - mem->size;
	struct range at = { 0 };
	uint64_t block = 0;

	if (!space->grows)
		return err_input(err, -ENOTSUP,
				 "--mem %s: max=: guests of this architecture "
				 "take no memory while they run",
				 mem->word);
	if (blocks_choose(&mem->policy, size, space->page, &block, err) < 0)
		return err_wrap(err, "--mem %s", mem->word);
	if (!find_gap(layout, space, last_byte(layout), size,
		      blocks_align(block), &at))
		return err_input(
			err, -ERANGE,
			"--mem %s: there is no free place for its growth",
			mem->word);
	layout->growth[index] = at;
	return space->check(space->ctx, mem, at, err);
}

int ram_layout_place(struct ram_layout *ret, const struct config *config,
		     const struct ram_space *space, struct err *err)
{
	struct ram_layout layout = { .count = 0 };
	int r = 0;

	for (unsigned i = 0; r == 0 && i < config->mems; i++) {
		const struct mem_spec *mem = &config->mem[i];
		const struct range at = { mem->at, mem->size };

		r = check_ram_pages(mem, space->page, err);
		if (r == 0 && mem->placed)
			r = place_at(&layout, config, i, space, err);
		if (r == 0 && mem->placed)
			r = space->check(space->ctx, mem, at, err);
	}
	for (unsigned i = 0; r == 0 && i < config->mems; i++)
		if (!config->mem[i].placed)
			r = place_free(&layout, config, i, space, err);
	for (unsigned i = 0; r == 0 && i < config->mems; i++)
		if (config->mem[i].policy.max > 0)
			r = place_growth(&layout, config, i, space, err);
	if (r == 0)
		*ret = layout;
	return r;
}
