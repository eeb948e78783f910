/* arch/arm64/mte.c - memory tagging (MTE) for guests. */
#include "arch/arm64/mte.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "arch/arch.h"
#include "arch/arm64/machine.h"
#include "arch/arm64/state.h"
#include "arch/arm64/tags.h"
#include "base/cleanup.h"
#include "base/state.h"
#include "mem/backing.h"
#include "mem/contents.h"
#include "mem/residency.h"
#include "vmm/kvm/kvm.h"
#include "vmm/kvm/vm.h"
#include "vmm/machine/machine.h"

/* Makes a slot of the whole region for once. */
static int mte_try_region(const struct mem_region *region, int vm_fd,
			  struct err *err)
{
	struct kvm_userspace_memory_region arg = {
		.flags = region->kind == MEM_ROM ? KVM_MEM_READONLY : 0,
		.guest_phys_addr = region->gpa.start,
		.memory_size = region->gpa.size,
		.userspace_addr = (uintptr_t)region->host,
	};
	int r = kvm_ioctl(vm_fd, KVM_SET_USER_MEMORY_REGION, &arg, err);

	if (r == -EINVAL)
		return err_input(err, -ENOTSUP,
				 "%s at 0x%" PRIx64 ": this host's KVM cannot "
				 "tag memory of this kind: give the guest "
				 "other memory, or --disable-mte",
				 region->name, region->gpa.start);
	if (r < 0)
		return r;
	arg.memory_size = 0;
	r = kvm_ioctl(vm_fd, KVM_SET_USER_MEMORY_REGION, &arg, err);
	return r < 0 ? r : 0;
}

int arm64_mte_enable(const struct machine *machine, int vm_fd, struct err *err)
{
	const struct kvm_enable_cap cap = { .cap = KVM_CAP_ARM_MTE };
	const struct mem_map *mem = &machine->mem;
	int r;

	if (!(machine->limits.features & ARM64_HAS_MTE))
		return 0;
	r = kvm_ioctl(vm_fd, KVM_ENABLE_CAP, &cap, err);
	for (size_t i = 0; r >= 0 && i < mem->count; i++)
		if (mem->region[i].kind != MEM_RESERVED)
			r = mte_try_region(&mem->region[i], vm_fd, err);
	return r < 0 ? r : 0;
}

static bool guest_has_tags(const struct vm *vm)
{
	return vm->machine->limits.features & ARM64_HAS_MTE;
}

/* @size: bytes of memory, whole pages of the host */
static int copy_tags(int vm_fd, uint64_t gpa, uint64_t size, uint8_t *tag,
		     uint64_t flags, struct err *err)
{
	while (size > 0) {
		struct kvm_arm_copy_mte_tags copy = {
			.guest_ipa = gpa,
			.length = size,
			.addr = tag,
			.flags = flags,
		};
		/* How many bytes of memory it has done: never none. */
		const int done = kvm_ioctl(vm_fd, KVM_ARM_MTE_COPY_TAGS, &copy,
					   err);

		if (done < 0)
			return err_wrap(err, "memory tags at 0x%" PRIx64, gpa);
		gpa += (uint64_t)done;
		tag += (uint64_t)done / TAGS_GRANULE;
		size -= (uint64_t)done;
	}
	return 0;
}

/* What the guest cannot write it cannot tag. */
static bool keeps_tags(const struct mem_region *region)
{
	return region->kind == MEM_RAM || region->kind == MEM_SHARED;
}

struct tag_save {
	const struct vm *vm;
	const struct mem_region *region;
	struct state *state;
	struct err *err;
	int code; /* the first failure */
};

static int save_tags(const struct tag_save *save, uint64_t offset, uint64_t len)
{
	uint8_t tag[TAGS_MOST];
	int r = 0;

	/* A state that is too large will not be used. */
	for (uint64_t at = 0, some; r == 0 && at < len && !save->state->failed;
	     at += some) {
		const uint64_t gpa = save->region->gpa.start + offset + at;

		some = len - at < TAGS_MOST_PAGE ? len - at : TAGS_MOST_PAGE;
		r = copy_tags(save->vm->fd, gpa, some, tag,
			      KVM_ARM_TAGS_FROM_GUEST, save->err);
		if (r == 0)
			tags_put(save->state, gpa, tag, some);
	}
	return r;
}

static void save_resident(void *ctx, uintptr_t host, uint64_t size)
{
	struct tag_save *save = ctx;

	if (save->code == 0)
		save->code = save_tags(
			save, host - (uintptr_t)save->region->host, size);
}

static int save_shared(void *ctx, uint64_t offset, const uint8_t *host,
		       uint64_t len, struct err *err)
{
	(void)host;
	(void)err;
	return save_tags(ctx, offset, len);
}

/*
 * What this process does not have mapped has no tags: the guest's memory is
 * mapped here when it is there. Only a file's pages may be away and keep
 * theirs.
 */
static int save_region(struct tag_save *save,
		       const struct residency_source *pages)
{
	const struct mem_region *region = save->region;
	const struct backing *backing = region->backing;
	const struct contents_part all = { region, 0, region->gpa.size };
	int r;

	if (backing && backing->policy.share && !backing->fill &&
	    backing->policy.huge != MEM_HUGE_TLB)
		return contents_find(pages, &all, save_shared, save, save->err);
	r = residency_find(pages, (uintptr_t)region->host, region->gpa.size,
			   save_resident, save, save->err);
	return r < 0 ? r : save->code;
}

int arm64_mte_save(struct vm *vm, struct state *state, struct err *err)
{
	const struct mem_map *mem = &vm->machine->mem;
	struct residency_source pages;
	int r;

	if (!guest_has_tags(vm))
		return 0;
	r = residency_open(&pages, err);
	if (r < 0)
		return r;
	state_section(state, ARM64_STATE_TAGS, 0);
	for (size_t i = 0; r == 0 && i < mem->count; i++) {
		struct tag_save save = { vm, &mem->region[i], state, err, 0 };

		if (keeps_tags(save.region))
			r = save_region(&save, &pages);
	}
	residency_close(&pages);
	if (r == 0 && state_end(state, err) < 0)
		r = err_wrap(err, "memory tags");
	return r;
}

/*
 * KVM takes no tags while it logs writes, which it may do from the first slot
 * on. Tags are the memory's, not the VM's: another VM over the same memory,
 * which logs nothing, sets them.
 */
struct tag_load {
	const struct machine *machine;
	int fd; /* of that VM */
};

static int add_slots(const struct tag_load *load, struct err *err)
{
	const struct mem_map *mem = &load->machine->mem;
	uint32_t slot = 0;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < mem->count; i++) {
		const struct mem_region *region = &mem->region[i];
		const struct kvm_userspace_memory_region arg = {
			.slot = slot,
			.guest_phys_addr = region->gpa.start,
			.memory_size = region->gpa.size,
			.userspace_addr = (uintptr_t)region->host,
		};

		if (!keeps_tags(region))
			continue;
		slot++;
		r = kvm_ioctl(load->fd, KVM_SET_USER_MEMORY_REGION, &arg, err);
	}
	return r < 0 ? r : 0;
}

static int set_tags(void *ctx, uint64_t gpa, const uint8_t *tag,
		    struct err *err)
{
	const struct tag_load *load = ctx;
	const uint64_t page = load->machine->limits.page_size;
	uint8_t copy[TAGS_MOST];

	if (!mem_ptr(&load->machine->mem, gpa, page, MEM_WRITE))
		return err_input(err, -EBADMSG,
				 "state: memory tags at 0x%" PRIx64
				 ": the guest has no memory there",
				 gpa);
	memcpy(copy, tag, sizeof(copy));
	return copy_tags(load->fd, gpa, page, copy, KVM_ARM_TAGS_TO_GUEST, err);
}

int arm64_mte_load(struct vm *vm, struct state_view *view, struct err *err)
{
	const struct kvm_enable_cap cap = { .cap = KVM_CAP_ARM_MTE };
	_cleanup_(fd_closep) int fd = -1;
	struct tag_load load = { .machine = vm->machine };
	struct state_records records;
	struct err none = { 0 };
	int r;

	if (!guest_has_tags(vm))
		return 0;
	/* Without them its registers tell of a guest that has none. */
	if (state_find(view, ARM64_STATE_TAGS, 0, &records, &none) < 0)
		return 0;
	fd = kvm_ioctl_int(vm->kvm, KVM_CREATE_VM, arch_vm_type(vm->machine),
			   err);
	if (fd < 0)
		return fd;
	load.fd = fd;
	r = kvm_ioctl(fd, KVM_ENABLE_CAP, &cap, err);
	if (r >= 0)
		r = add_slots(&load, err);
	return r < 0 ? r
		     : tags_take(&records, vm->machine->limits.page_size,
				 set_tags, &load, err);
}
