/* base/event_fd.h - an eventfd(2) as a bell. */
#ifndef BASE_EVENT_FD_H
#define BASE_EVENT_FD_H

#include <stdint.h>
#include <unistd.h>

/* Wakes who waits for @fd, which does not block, or is read often enough never
 * to be full. Thread: any; signal handlers, too. */
static inline void event_fd_signal(int fd)
{
	const uint64_t one = 1;

	(void)!write(fd, &one, sizeof(one));
}

#endif
