/*
 * mem/advise.h - madvise(2) and fallocate(2), made again when a signal
 * interrupts them.
 *
 * A vCPU is kicked by a signal, and huge amounts of memory take long.
 */
#ifndef MEM_ADVISE_H
#define MEM_ADVISE_H

#include <stdint.h>

/* madvise(2) of @size bytes at @host. Returns 0 or its errno, negative. Thread:
 * any. */
int mem_advise(void *host, uint64_t size, int advice);

/* fallocate(2). Returns 0 or its errno, negative. Thread: any. */
int mem_allocate(int fd, int mode, uint64_t offset, uint64_t size);

#endif
