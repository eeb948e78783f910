/* tests/kvm/count.h - what the guest "count" and who watches it agree on. */
#ifndef TESTS_KVM_COUNT_H
#define TESTS_KVM_COUNT_H

#include <stdint.h>

#define COUNT_MARK 0x636f756e74206d65UL
#define COUNT_MAX_CPUS 8

enum count_order { /* what the host may write to count.order */
		   COUNT_GO_ON,
		   COUNT_POWER_OFF,
		   COUNT_RESET,
		   COUNT_PANIC,
};

/* In guest memory, a page before the image; outlives a reset. */
struct count {
	uint64_t mark; /* COUNT_MARK once the guest runs */
	uint64_t lives; /* the first is 1 */
	uint64_t order;
	uint64_t gap; /* the longest time between two looks at the clock, ns */
	uint64_t cpu[COUNT_MAX_CPUS]; /* each counts its own */
	/* Where in memory the word of LPI pending bits is, in bytes from its
	 * start; 0: there is none. */
	uint64_t pending;
};

#endif
