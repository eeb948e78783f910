/* tests/unit/zero_page.c - what this kernel gives to whom only reads. */
#include "tests/unit/zero_page.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* Source: Documentation/admin-guide/mm/pagemap.rst */
#define EXCLUSIVE (UINT64_C(1) << 56) /* of this process alone */

static void must(bool right)
{
	if (!right)
		abort();
}

bool reads_give_zero_page(void)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;
	volatile uint8_t *at;
	void *map = mmap(NULL, page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	must(map != MAP_FAILED && fd >= 0);
	(void)madvise(map, page, MADV_NOHUGEPAGE);
	at = map;
	must(*at == 0);
	must(pread(fd, &entry, sizeof(entry),
		   (off_t)((uintptr_t)map / page * sizeof(entry))) ==
	     (ssize_t)sizeof(entry));
	(void)close(fd);
	(void)munmap(map, page);
	return !(entry & EXCLUSIVE);
}
