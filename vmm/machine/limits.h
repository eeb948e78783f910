/* vmm/machine/limits.h - what this host's KVM can give a machine. */
#ifndef VMM_MACHINE_LIMITS_H
#define VMM_MACHINE_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

/* Filled by caps_check() before anything is laid out. */
struct kvm_limits {
	unsigned address_bits; /* of a guest physical address */
	unsigned max_vcpus;
	unsigned max_slots;
	uint64_t page_size; /* of the host, in bytes */
	uint64_t block_size; /* the largest that stage 2 maps at once, bytes */
	bool sync_mmu; /* host memory may change under a running guest */
	bool tagged; /* guest memory has tags, which files cannot carry */
	unsigned features; /* the architecture's own bits */
};

#endif
