/* vmm/kvm/caps.h - what this VMM needs of KVM, and why. */
#ifndef VMM_KVM_CAPS_H
#define VMM_KVM_CAPS_H

#include <stddef.h>

#include "base/err.h"

struct kvm_limits;

/* A capability without which nothing runs. */
struct cap_need {
	int cap; /* KVM_CAP_* */
	const char *name;
	const char *why; /* what it is for: "... is needed to <why>" */
};

/* The table behind caps_check(), for `vmm doctor`. */
const struct cap_need *caps_needed(size_t *count);

/*
 * Checks the table and fills the limits that every architecture has; then the
 * architecture's own.
 *
 * @kvm: from kvm_open()
 *
 * Returns 0, or -ENOTSUP with @err naming the first capability that is missing.
 * Thread: setup.
 */
int caps_check(int kvm, struct kvm_limits *ret, struct err *err);

#endif
