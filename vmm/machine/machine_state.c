/* vmm/machine/machine_state.c - what a machine holds beside its memory. */
#include "vmm/machine/machine_state.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "vmm/machine/machine.h"

enum { RECORD_NAME = 0 };

enum { RECORD_BLOCK_SIZE = 1, RECORD_BLOCK_COUNT, RECORD_PLUGGED };

/* Blocks of one record of the bitmap. */
#define BLOCKS_PER_RECORD 64

static void save_blocks(const struct mem_blocks *blocks, struct state *state)
{
	state_put_int(state, RECORD_BLOCK_SIZE, blocks->size, 8);
	state_put_int(state, RECORD_BLOCK_COUNT, blocks->count, 8);
	for (uint64_t b = 0; b < blocks->count; b += BLOCKS_PER_RECORD) {
		uint64_t bits = 0;

		for (uint64_t i = 0;
		     i < BLOCKS_PER_RECORD && b + i < blocks->count; i++)
			bits |= blocks_plugged(blocks, b + i, 1) << i;
		state_put_int(state, RECORD_PLUGGED + b / BLOCKS_PER_RECORD,
			      bits, 8);
	}
}

static void save_device(struct device *dev, struct state *state)
{
	const char *name = dev->ops->name;
	char padded[16] = "";

	memcpy(padded, name, strnlen(name, sizeof(padded) - 1));
	state_put(state, RECORD_NAME, padded, sizeof(padded));
	GUARD(dev->lock);
	dev->ops->save(dev, state);
}

int machine_check_quiet(const struct machine *machine, struct err *err)
{
	for (size_t i = 0; i < machine->devices.count; i++) {
		const struct device *dev = machine->devices.dev[i];

		if (dev->stalled)
			return err_set(err, -EBUSY,
				       "%s: the host does not answer, so that "
				       "nothing can be saved",
				       dev->ops->name);
	}
	return 0;
}

void machine_save(struct machine *machine, struct state *state)
{
	const struct hotplugs *hotplugs = &machine->hotplugs;

	for (size_t i = 0; i < hotplugs->count; i++) {
		state_section(state, MACHINE_STATE_BLOCKS, (uint32_t)i);
		save_blocks(hotplugs->hotplug[i].blocks, state);
	}
	for (size_t i = 0; i < machine->devices.count; i++) {
		state_section(state, MACHINE_STATE_DEVICE, (uint32_t)i);
		save_device(machine->devices.dev[i], state);
	}
}

/* Plugs or unplugs one block as it was. */
static int load_block(struct machine *machine, struct mem_blocks *blocks,
		      uint64_t block, bool plugged, struct err *err)
{
	const bool is = blocks_plugged(blocks, block, 1) == 1;

	if (plugged && !is &&
	    mem_plug(&machine->mem, blocks, block, 1, err) == 0)
		return err->code;
	if (!plugged && is && blocks_unplug(blocks, block, 1, err) == 0)
		return err->code;
	return 0;
}

static int load_blocks(struct machine *machine, struct mem_blocks *blocks,
		       struct state_records *from, struct err *err)
{
	uint64_t size, count, bits = 0;
	int r = state_get(from, RECORD_BLOCK_SIZE, 8, &size, err);

	if (r == 0)
		r = state_get(from, RECORD_BLOCK_COUNT, 8, &count, err);
	if (r == 0 && (size != blocks->size || count != blocks->count))
		r = err_input(err, -EBADMSG,
			      "memory to plug is in other blocks");
	for (uint64_t b = 0; r == 0 && b < blocks->count; b++) {
		if (b % BLOCKS_PER_RECORD == 0)
			r = state_get(from,
				      RECORD_PLUGGED + b / BLOCKS_PER_RECORD, 8,
				      &bits, err);
		if (r == 0)
			r = load_block(machine, blocks, b,
				       bits >> b % BLOCKS_PER_RECORD & 1, err);
	}
	return r == 0 ? state_records_end(from, err) : r;
}

int machine_load_memory(struct machine *machine, struct state_view *from,
			struct err *err)
{
	const struct hotplugs *hotplugs = &machine->hotplugs;
	int r = 0;

	for (size_t i = 0; r == 0 && i < hotplugs->count; i++) {
		const struct hotplug *hot = &hotplugs->hotplug[i];
		struct state_records records;

		r = state_find(from, MACHINE_STATE_BLOCKS, (uint32_t)i,
			       &records, err);
		if (r == 0)
			r = load_blocks(machine, hot->blocks, &records, err);
		if (r < 0)
			return err_wrap(err, "%s", hot->id);
	}
	return r;
}

static int load_device(struct device *dev, struct state_records *from,
		       struct err *err)
{
	const char *name = dev->ops->name;
	char saved[16];
	int r = state_get_bytes(from, RECORD_NAME, saved, sizeof(saved), err);

	if (r < 0)
		return r;
	if (strncmp(saved, name, sizeof(saved) - 1) != 0)
		return err_input(err, -EXDEV,
				 "another device was saved in its place");
	{
		GUARD(dev->lock);
		r = dev->ops->load(dev, from, err);
	}
	return r == 0 ? state_records_end(from, err) : r;
}

int machine_load_devices(struct machine *machine, struct state_view *from,
			 struct err *err)
{
	for (size_t i = 0; i < machine->devices.count; i++) {
		struct device *dev = machine->devices.dev[i];
		struct state_records records;
		int r = state_find(from, MACHINE_STATE_DEVICE, (uint32_t)i,
				   &records, err);

		if (r == 0)
			r = load_device(dev, &records, err);
		if (r < 0)
			return err_wrap(err, "%s", dev->ops->name);
	}
	return 0;
}
