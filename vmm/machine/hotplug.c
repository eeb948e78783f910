/* vmm/machine/hotplug.c - guest memory that comes and goes. */
#include "vmm/machine/hotplug.h"

#include <errno.h>
#include <stdio.h>

#include "devices/virtio/mem.h"
#include "vmm/machine/backings.h"
#include "vmm/machine/slot_view.h"

static int hotplug_make_blocks(struct hotplug *hot, struct backings *backings,
			       struct range at, const struct mem_spec *mem,
			       struct err *err)
{
	struct mem_policy policy = mem->policy;
	const uint64_t page = hot->all->page_size;
	struct backing *backing;
	uint64_t block = 0;
	bool populate;
	int r = blocks_choose(&policy, at.size, page, &block, err);

	if (r < 0)
		return r;
	populate = blocks_policy(&policy, block, page);
	r = backings_make(backings, at, &policy, &backing, err);
	if (r < 0)
		return r;
	return blocks_new(&hot->blocks, at, backing, block, populate, err);
}

int hotplug_add(struct hotplugs *hotplugs, struct backings *backings,
		struct range at, const struct mem_spec *mem, struct err *err)
{
	struct hotplug *hot = &hotplugs->hotplug[hotplugs->count];
	struct mem_region region = { .gpa = at, .kind = MEM_RAM };
	int r;

	*hot = (struct hotplug){ .all = hotplugs };
	(void)snprintf(hot->id, sizeof(hot->id), "mem%u",
		       (unsigned)hotplugs->count % MEM_WORDS_MAX);
	hotplugs->count++;
	r = hotplug_make_blocks(hot, backings, at, mem, err);
	if (r < 0)
		return r;
	region.blocks = hot->blocks;
	region.backing = hot->blocks->backing;
	region.host = region.backing->host;
	(void)snprintf(region.name, sizeof(region.name), "%s", hot->id);
	return mem_add(hotplugs->map, region, err);
}

int hotplug_make(struct virtio **ret, struct hotplugs *hotplugs, size_t index,
		 struct loop *loop, struct err *err)
{
	struct hotplug *hot = &hotplugs->hotplug[index];
	const int r = virtio_mem_new(ret, hotplugs->map, loop, hot->blocks,
				     err);

	if (r == 0)
		hot->dev = *ret;
	return r;
}

static int hotplug_show(void *ctx, uint64_t block, bool show, struct err *err)
{
	const struct hotplug *hot = ctx;
	const struct slot_view *view = hot->all->view;

	return view->show_block(view->ctx, hot->region, block, show, err);
}

static void hotplug_gone(void *ctx, struct range gpa)
{
	const struct hotplug *hot = ctx;

	hot->all->gone(hot->all->ctx, gpa);
}

static const struct blocks_ops hotplug_ops = { .show = hotplug_show,
					       .gone = hotplug_gone };

void hotplug_connect(struct hotplugs *hotplugs, const struct slot_view *view)
{
	const struct mem_map *map = hotplugs->map;

	hotplugs->view = view;
	for (size_t i = 0; i < hotplugs->count; i++) {
		struct hotplug *hot = &hotplugs->hotplug[i];

		hot->region = (size_t)(mem_find(map, hot->blocks->gpa.start) -
				       map->region);
		blocks_connect(hot->blocks, view ? &hotplug_ops : NULL, hot);
	}
}

void hotplug_restart(struct hotplugs *hotplugs)
{
	for (size_t i = 0; i < hotplugs->count; i++)
		virtio_mem_restart(hotplugs->hotplug[i].dev);
}

void hotplug_finish(struct hotplugs *hotplugs)
{
	while (hotplugs->count > 0) {
		struct hotplug *hot = &hotplugs->hotplug[--hotplugs->count];

		hot->blocks = blocks_free(hot->blocks);
	}
}
