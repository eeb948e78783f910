/* arch/arm64/machine.h - what an arm64 machine has beside memory and devices.
 */
#ifndef ARCH_ARM64_MACHINE_H
#define ARCH_ARM64_MACHINE_H

#include <stdbool.h>

#include "arch/arm64/layout.h"
#include "base/err.h"
#include "base/range.h"
#include "vmm/boot/tree.h"

struct machine;

/* Bits of kvm_limits.features: what this host's KVM has. */
enum arm64_feature {
	ARM64_HAS_STEAL_TIME = 1 << 0,
	ARM64_HAS_PMU = 1 << 1,
	ARM64_HAS_SVE = 1 << 2,
	ARM64_HAS_PTRAUTH = 1 << 3,
	ARM64_HAS_MTE = 1 << 4, /* and the guest is to have it */
};

struct arch_machine {
	struct tree tree;
	struct arm64_layout layout;
	unsigned transports; /* virtio devices placed */
};

#endif
