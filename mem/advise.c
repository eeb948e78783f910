/* mem/advise.c - madvise(2) and fallocate(2), made again when a signal
 * interrupts them. */
#include "mem/advise.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

int mem_advise(void *host, uint64_t size, int advice)
{
	int r;

	do
		r = madvise(host, (size_t)size, advice);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

int mem_allocate(int fd, int mode, uint64_t offset, uint64_t size)
{
	int r;

	do
		r = fallocate(fd, mode, (off_t)offset, (off_t)size);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}
