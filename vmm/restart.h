/*
 * vmm/restart.h - how long a guest waits that restarts again and again. [pure]
 *
 * A kernel that panics early and has panic=-1 restarts many times a second,
 * for ever, and takes a processor. Such a guest is slowed down to about one
 * start a second.
 */
#ifndef VMM_RESTART_H
#define VMM_RESTART_H

#include <stdint.h>

#define RESTART_QUICK_NS UINT64_C(1000000000) /* a cycle shorter than this */
#define RESTART_FREE 50 /* such cycles in a row that nothing comes of */
#define RESTART_FIRST_NS \
	UINT64_C(125000000) /* doubles from restart to restart */
#define RESTART_LONGEST_NS UINT64_C(1000000000)

struct restart {
	uint64_t began; /* when this cycle began, in ns of CLOCK_MONOTONIC */
	uint64_t delay; /* before this cycle, in ns; 0: none */
	unsigned quick; /* cycles in a row that were quick, up to this one */
};

/*
 * Notes that a cycle has ended and the next begins.
 *
 * @now: in ns of CLOCK_MONOTONIC
 *
 * Returns how long the guest has to wait before it runs, in ns; 0: not at all.
 * The wait counts as no part of a cycle. Thread: the loop's.
 */
uint64_t restart_next(struct restart *restart, uint64_t now);

#endif
