/* vmm/kvm/throttle.c - takes a part of their time from vCPUs. */
#include "vmm/kvm/throttle.h"

#include <string.h>

#include "base/clock.h"
#include "vmm/kvm/vm.h"
#include "vmm/machine/machine.h"

/* Long beside what a kick costs, short beside what a guest waits for. */
#define PERIOD_NS (20 * NS_PER_MS)

static uint64_t lost_ns(const struct throttle *throttle, unsigned vcpu)
{
	return PERIOD_NS / 100 * throttle->percent[vcpu];
}

/* Parks those whose part has not passed, and lets the others run. Returns when
 * the next one's ends, or the period does, in ns since it began. */
static uint64_t park_slowed(const struct throttle *throttle, uint64_t passed)
{
	uint64_t next = PERIOD_NS;

	for (unsigned i = 0; i < throttle->vm->vcpus; i++) {
		const uint64_t lost = lost_ns(throttle, i);

		vcpu_slow(&throttle->vm->vcpu[i], passed < lost);
		if (passed < lost && lost < next)
			next = lost;
	}
	return next;
}

static void step_throttle(struct loop_timer *timer)
{
	struct throttle *throttle = container_of(timer, struct throttle, timer);
	const uint64_t now = clock_ns();
	uint64_t next;

	if (now - throttle->began >= PERIOD_NS)
		throttle->began = now;
	next = throttle->began + park_slowed(throttle, now - throttle->began);
	loop_timer_set(timer, next > now ? next - now : 1);
}

int throttle_set(struct throttle *throttle, struct vm *vm,
		 const uint8_t *percent, struct err *err)
{
	memcpy(throttle->percent, percent, vm->vcpus);
	if (throttle->vm)
		return 0;
	throttle->timer.expired = step_throttle;
	throttle->loop = vm->machine->loop;
	if (loop_timer_add(throttle->loop, &throttle->timer, err) < 0)
		return err->code;
	throttle->vm = vm;
	throttle->began = clock_ns();
	loop_timer_set(&throttle->timer, 1);
	return 0;
}

void throttle_end(struct throttle *throttle)
{
	if (!throttle->vm)
		return;
	loop_timer_remove(throttle->loop, &throttle->timer);
	for (unsigned i = 0; i < throttle->vm->vcpus; i++)
		vcpu_slow(&throttle->vm->vcpu[i], false);
	throttle->vm = NULL;
}
