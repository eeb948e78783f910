/* vmm/kvm/caps.h - what this VMM needs of KVM, and why. */
#ifndef VMM_KVM_CAPS_H
#define VMM_KVM_CAPS_H

#include "base/err.h"

struct kvm_limits;

/* A capability without which nothing runs. */
struct cap_need {
	int cap; /* KVM_CAP_* */
	const char *name;
	const char *why; /* what it is for: "... is needed to <why>" */
};

#define CAP_NEED(cap, why)     \
	{                      \
		cap, #cap, why \
	}

/* Returns the first capability that this host's KVM lacks, of those that every
 * architecture needs and of arch_caps_needed(); NULL: none. */
const struct cap_need *caps_lacking(int kvm);

/*
 * Checks what is needed, and fills the limits that every architecture has; then
 * the architecture's own.
 *
 * @kvm: from kvm_open()
 *
 * Returns 0, or -ENOTSUP with @err naming the first capability that is missing.
 * Thread: setup.
 */
int caps_check(int kvm, struct kvm_limits *ret, struct err *err);

#endif
