/*
 * tests/bench/floor.c - the least that some work can cost a VMM's user code.
 *
 * Usage: vmm-floor balloon CHAINS
 *
 * balloon: takes so many kicks, each for an array of 256 page numbers (1 MiB),
 * looks at every number, has the host take each 2 MiB, and signals the guest.
 * It has no ring, no lock, no bitmap, no check of where memory is, and no
 * second thread that answers the guest's other accesses. A kick is a write of
 * its own to the eventfd it then waits for, which a VMM does not do.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#define PFNS 256
#define BLOCK ((size_t)2 << 20)

static int signal_fd(int fd)
{
	const uint64_t one = 1;

	return write(fd, &one, sizeof(one)) == sizeof(one) ? 0 : -1;
}

/* True if the numbers are neighbours. */
static int one_run(const volatile uint32_t *pfn)
{
	uint32_t copy[PFNS], off = 0;

	memcpy(copy, (const void *)(uintptr_t)pfn, sizeof(copy));
	for (unsigned i = 1; i < PFNS; i++)
		off |= copy[i] - copy[i - 1] - 1;
	return off == 0;
}

static int balloon(unsigned chains)
{
	static uint32_t pfn[PFNS];
	const int kick = eventfd(0, EFD_NONBLOCK), irq = eventfd(0, 0);
	const int epoll = epoll_create1(0);
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };
	char *memory = mmap(NULL, 2 * BLOCK, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (kick < 0 || irq < 0 || epoll < 0 || memory == MAP_FAILED ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, kick, &ev) < 0)
		return -1;
	for (unsigned i = 0; i < PFNS; i++)
		pfn[i] = i;
	for (unsigned i = 0; i < chains; i++) {
		if (signal_fd(kick) < 0 || epoll_wait(epoll, &ev, 1, -1) != 1 ||
		    !one_run(pfn))
			return -1;
		if (i % 2 && madvise(memory, BLOCK, MADV_DONTNEED) < 0)
			return -1;
		if (signal_fd(irq) < 0)
			return -1;
	}
	return 0;
}

int main(int argc, char *argv[])
{
	if (argc == 3 && !strcmp(argv[1], "balloon"))
		return balloon((unsigned)atoi(argv[2])) < 0;
	fprintf(stderr, "usage: vmm-floor balloon CHAINS\n");
	return 2;
}
