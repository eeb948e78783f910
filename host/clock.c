/* host/clock.c - the host's time of day. */
#include "host/clock.h"

#include <time.h>

#include "base/clock.h"

int64_t host_clock(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * (int64_t)NS_PER_SECOND + ts.tv_nsec;
}
