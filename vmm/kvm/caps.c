/* vmm/kvm/caps.c - what this VMM needs of KVM, and why. */
#include "vmm/kvm/caps.h"

#include <errno.h>
#include <unistd.h>

#include "arch/arch.h"
#include "base/log.h"
#include "vmm/kvm/kvm.h"
#include "vmm/machine/limits.h"

/* Source: Linux, Documentation/virt/kvm/api.rst, section 4 and 6. */
static const struct cap_need needed[] = {
	CAP_NEED(KVM_CAP_USER_MEMORY, "give the guest memory"),
	CAP_NEED(KVM_CAP_IMMEDIATE_EXIT,
		 "stop a vCPU without losing the request"),
};

static const struct cap_need *caps_find_lacking(const struct cap_need *need,
						size_t count, int kvm)
{
	for (size_t i = 0; i < count; i++)
		if (!kvm_cap(kvm, need[i].cap))
			return &need[i];
	return NULL;
}

const struct cap_need *caps_lacking(int kvm)
{
	const struct cap_need *lacking = caps_find_lacking(
		needed, sizeof(needed) / sizeof(*needed), kvm);
	size_t count;
	const struct cap_need *arch = arch_caps_needed(&count);

	return lacking ? lacking : caps_find_lacking(arch, count, kvm);
}

static unsigned or_default(int have, unsigned absent)
{
	return have > 0 ? (unsigned)have : absent;
}

int caps_check(int kvm, struct kvm_limits *ret, struct err *err)
{
	const struct cap_need *lacking = caps_lacking(kvm);

	if (lacking)
		return err_set(err, -ENOTSUP,
			       "this host's KVM lacks %s, needed to %s",
			       lacking->name, lacking->why);

	/* Defaults: what api.rst says an absent answer means. */
	ret->max_slots = or_default(kvm_cap(kvm, KVM_CAP_NR_MEMSLOTS), 32);
	ret->max_vcpus = or_default(
		kvm_cap(kvm, KVM_CAP_MAX_VCPUS),
		or_default(kvm_cap(kvm, KVM_CAP_NR_VCPUS), 4));
	ret->page_size = (uint64_t)sysconf(_SC_PAGESIZE);
	/* A level up from the page, where entries are of 8 bytes; the
	 * architecture may know more. */
	ret->block_size = ret->page_size * (ret->page_size / 8);
	ret->sync_mmu = kvm_cap(kvm, KVM_CAP_SYNC_MMU) != 0;
	if (!ret->sync_mmu)
		log_warn("this host's KVM lacks KVM_CAP_SYNC_MMU: memory the "
			 "guest has touched stays with it");
	return arch_limits(kvm, ret, err);
}
