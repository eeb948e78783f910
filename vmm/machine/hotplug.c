/* vmm/machine/hotplug.c - guest memory that comes and goes. */
#include "vmm/machine/hotplug.h"

#include <errno.h>
#include <stdio.h>

#include "devices/virtio/balloon.h"
#include "devices/virtio/mem.h"
#include "vmm/kvm/slot.h"
#include "vmm/kvm/vm.h"
#include "vmm/machine/machine.h"

static int make_blocks(struct hotplug *hot, struct range at,
		       const struct mem_spec *mem, struct err *err)
{
	struct machine *machine = hot->machine;
	struct mem_policy policy = mem->policy;
	const uint64_t page = machine->limits.page_size;
	struct backing *backing;
	uint64_t block = 0;
	bool populate;
	int r = blocks_choose(&policy, at.size, page, &block, err);

	if (r < 0)
		return r;
	populate = blocks_policy(&policy, block, page);
	r = machine_make_backing(machine, at, &policy, &backing, err);
	if (r < 0)
		return r;
	return blocks_new(&hot->blocks, at, backing, block, populate, err);
}

int hotplug_add(struct machine *machine, struct range at,
		const struct mem_spec *mem, struct err *err)
{
	struct hotplug *hot = &machine->hotplug[machine->hotplugs];
	struct mem_region region = { .gpa = at, .kind = MEM_RAM };
	int r;

	*hot = (struct hotplug){ .machine = machine };
	(void)snprintf(hot->id, sizeof(hot->id), "mem%u",
		       (unsigned)machine->hotplugs % CONFIG_MAX_MEM);
	machine->hotplugs++;
	r = make_blocks(hot, at, mem, err);
	if (r < 0)
		return r;
	region.blocks = hot->blocks;
	region.backing = hot->blocks->backing;
	region.host = region.backing->host;
	(void)snprintf(region.name, sizeof(region.name), "%s", hot->id);
	return mem_add(&machine->mem, region, err);
}

int hotplug_make(struct virtio **ret, struct machine *machine, size_t index,
		 struct err *err)
{
	struct hotplug *hot = &machine->hotplug[index];
	const int r = virtio_mem_new(ret, &machine->mem, machine->loop,
				     hot->blocks, err);

	if (r == 0)
		hot->dev = *ret;
	return r;
}

static int show(void *ctx, uint64_t block, bool show, struct err *err)
{
	const struct hotplug *hot = ctx;

	return slot_show_block(&hot->vm->slots, hot->region, block, show, err);
}

/* What was in the balloon is no more. */
static void gone(void *ctx, struct range gpa)
{
	const struct hotplug *hot = ctx;

	if (hot->machine->balloon)
		balloon_forget(hot->machine->balloon, gpa);
}

static const struct blocks_ops slots = { .show = show, .gone = gone };

void hotplug_connect(struct machine *machine, struct vm *vm)
{
	const struct mem_map *map = &machine->mem;

	for (size_t i = 0; i < machine->hotplugs; i++) {
		struct hotplug *hot = &machine->hotplug[i];

		hot->vm = vm;
		hot->region = (size_t)(mem_find(map, hot->blocks->gpa.start) -
				       map->region);
		blocks_connect(hot->blocks, vm ? &slots : NULL, hot);
	}
}

void hotplug_restart(struct machine *machine)
{
	for (size_t i = 0; i < machine->hotplugs; i++)
		virtio_mem_restart(machine->hotplug[i].dev);
}

void hotplug_finish(struct machine *machine)
{
	while (machine->hotplugs > 0) {
		struct hotplug *hot = &machine->hotplug[--machine->hotplugs];

		hot->blocks = blocks_free(hot->blocks);
	}
}
