/* vmm/restart.c - how long a guest waits that restarts again and again. */
#include "vmm/restart.h"

uint64_t restart_next(struct restart *restart, uint64_t now)
{
	const uint64_t start = restart->began + restart->delay;
	const uint64_t ran = now > start ? now - start : 0;
	uint64_t delay = 0;

	if (ran >= RESTART_QUICK_NS)
		restart->quick = 0;
	else if (restart->quick < UINT32_MAX)
		restart->quick++;
	if (restart->quick > RESTART_FREE)
		delay = restart->delay ? restart->delay * 2 : RESTART_FIRST_NS;
	if (delay > RESTART_LONGEST_NS)
		delay = RESTART_LONGEST_NS;
	restart->began = now;
	restart->delay = delay;
	return delay;
}
