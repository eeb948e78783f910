/*
 * vmm/kvm/throttle.h - takes a part of their time from vCPUs.
 *
 * In each period a vCPU that is slowed is parked first, for its part of the
 * period, and then runs. A pause need not wait for it. Thread: the loop's.
 */
#ifndef VMM_KVM_THROTTLE_H
#define VMM_KVM_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/loop.h"
#include "vmm/config.h"

struct vm;

/* Zeroed, it slows nobody. */
struct throttle {
	struct vm *vm; /* borrowed; NULL: it slows nobody */
	struct loop *loop; /* borrowed */
	struct loop_timer timer; /* on the loop if there is a VM */
	uint8_t percent[CONFIG_MAX_CPUS];
	uint64_t began; /* the period, by clock_ns() */
};

/*
 * Slows vCPUs from now on.
 *
 * @percent: of its time that each vCPU loses, at most 99; 0: it is not slowed
 *
 * Returns 0, or what loop_timer_add() returns, and nobody is slowed then.
 */
int throttle_set(struct throttle *throttle, struct vm *vm,
		 const uint8_t *percent, struct err *err);

/* Nobody is slowed any more. Before the VM goes. Zeroed is fine. */
void throttle_end(struct throttle *throttle);

#endif
