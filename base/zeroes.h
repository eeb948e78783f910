/* base/zeroes.h - large tables that are zero, and cost memory where they are
 * written. */
#ifndef BASE_ZEROES_H
#define BASE_ZEROES_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

/*
 * Maps @size bytes of zeroes, which munmap(2) releases. Returns NULL, with
 * errno set, if @size is 0 or there is no room for them. Thread: any.
 */
static inline void *map_zeroes(uint64_t size)
{
	void *p = MAP_FAILED;

	errno = ENOMEM;
	if (size <= SIZE_MAX)
		p = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

#endif
