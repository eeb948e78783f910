/* vmm/kvm/slot.c - hands the memory map's regions to KVM. */
#include "vmm/kvm/slot.h"

#include "base/cleanup.h"
#include "mem/blocks.h"
#include "mem/slots.h"
#include "vmm/kvm/kvm.h"

static int slot_change(struct slots *slots,
		       const struct kvm_userspace_memory_region *arg,
		       struct err *err)
{
	int r;
	GUARD(&slots->lock);

	r = kvm_ioctl(slots->fd, KVM_SET_USER_MEMORY_REGION, arg, err);
	return r < 0 ? r : 0;
}

static int slot_set_flags(struct slots *slots, uint32_t slot,
			  const struct mem_region *region, uint32_t flags,
			  struct err *err)
{
	const struct kvm_userspace_memory_region arg = {
		.slot = slot,
		.flags = flags,
		.guest_phys_addr = region->gpa.start,
		.memory_size = region->gpa.size,
		.userspace_addr = (uintptr_t)region->host,
	};

	return slot_change(slots, &arg, err);
}

static int slot_set(void *ctx, uint32_t slot, const struct mem_region *region,
		    struct err *err)
{
	return slot_set_flags(ctx, slot, region,
			      region->kind == MEM_ROM ? KVM_MEM_READONLY : 0,
			      err);
}

static void slot_clear(void *ctx, uint32_t slot)
{
	const struct kvm_userspace_memory_region none = { .slot = slot };
	struct err unused = { 0 };

	(void)slot_change(ctx, &none, &unused);
}

int slots_install(struct slots *slots, uint64_t align, uint32_t max,
		  struct err *err)
{
	const struct mem_slot_ops ops = {
		.set = slot_set,
		.clear = slot_clear,
		.ctx = slots,
		.align = align,
		.max = max,
		.rom = kvm_cap(slots->fd, KVM_CAP_READONLY_MEM) > 0,
	};

	return mem_install(slots->map, &ops, err);
}

bool slot_is_logged(const struct slots *slots, size_t region)
{
	const enum mem_kind kind = slots->map->region[region].kind;

	return kind == MEM_RAM || kind == MEM_SHARED;
}

static uint32_t slot_log_flag(const struct slots *slots)
{
	return __atomic_load_n(&slots->logged, __ATOMIC_RELAXED)
		     ? KVM_MEM_LOG_DIRTY_PAGES
		     : 0;
}

static int slot_log_region(struct slots *slots, size_t region, struct err *err)
{
	const struct mem_map *map = slots->map;
	const uint32_t count = mem_slots_of(&map->region[region]);
	const uint32_t first = mem_slot(map, region);
	int r = 0;
	/* Blocks plugged from here on are logged when they are shown. */
	GUARD_BLOCKS(map->region[region].blocks);

	for (uint32_t i = 0; r == 0 && i < count; i++) {
		struct mem_region part;

		if (mem_slot_part(map, region, i, &part))
			r = slot_set_flags(slots, first + i, &part,
					   slot_log_flag(slots), err);
	}
	return r;
}

int slots_log(struct slots *slots, bool on, struct err *err)
{
	const struct mem_map *map = slots->map;
	int ret = 0;

	__atomic_store_n(&slots->logged, on, __ATOMIC_RELAXED);
	for (size_t i = 0; i < map->count; i++) {
		const struct mem_region *region = &map->region[i];
		int r;

		if (!slot_is_logged(slots, i))
			continue;
		r = slot_log_region(slots, i, err);
		if (r == 0)
			continue;
		ret = err_wrap(err, "memory region %s", region->name);
		if (!on)
			continue;
		(void)slots_log(slots, false, &(struct err){ 0 });
		break;
	}
	return ret;
}

static int slot_show_block(void *ctx, size_t region, uint64_t block, bool show,
			   struct err *err)
{
	struct slots *slots = ctx;
	const struct mem_map *map = slots->map;
	const uint32_t slot = mem_slot(map, region) + (uint32_t)block;
	struct mem_region part;

	(void)mem_slot_part(map, region, (uint32_t)block, &part);
	if (!show)
		part.gpa.size = 0;
	return slot_set_flags(slots, slot, &part,
			      show ? slot_log_flag(slots) : 0, err);
}

static int slot_show_rom(void *ctx, size_t region, bool show, struct err *err)
{
	struct slots *slots = ctx;
	struct mem_region part = slots->map->region[region];

	if (!show)
		part.gpa.size = 0;
	return slot_set_flags(slots, mem_slot(slots->map, region), &part,
			      show ? KVM_MEM_READONLY : 0, err);
}

struct slot_view slots_view(struct slots *slots)
{
	return (struct slot_view){ slot_show_rom, slot_show_block, slots };
}
