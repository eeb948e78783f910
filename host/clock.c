/* host/clock.c - the host's time of day. */
#include "host/clock.h"

#include <time.h>

int64_t host_clock(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}
