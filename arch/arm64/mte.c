/* arch/arm64/mte.c - memory tagging (MTE) for guests. */
#include "arch/arm64/mte.h"

#include <errno.h>
#include <inttypes.h>

#include "arch/arch.h"
#include "arch/arm64/machine.h"
#include "vmm/kvm/kvm.h"
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

int arch_check_snapshot(const struct machine *machine, struct err *err)
{
	if (!(machine->limits.features & ARM64_HAS_MTE))
		return 0;
	return err_set(
		err, -ENOTSUP,
		"this guest has memory tags, which are not saved (run it "
		"with --disable-mte)");
}
