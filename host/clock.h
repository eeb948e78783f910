/*
 * host/clock.h - the host's time of day.
 *
 * Source: clock_gettime(2), CLOCK_REALTIME.
 */
#ifndef HOST_CLOCK_H
#define HOST_CLOCK_H

#include <stdint.h>

/*
 * Returns nanoseconds since 1970, UTC. It jumps when somebody sets the host's
 * clock. Cannot fail. Thread: any.
 */
int64_t host_clock(void);

#endif
