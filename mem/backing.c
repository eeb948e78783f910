/* mem/backing.c - the host memory of a region. */
#include "mem/backing.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/align.h"

#define MIB ((uint64_t)1024 * 1024)

/* Zeroing a larger page for its first byte costs more than its table saves. */
#define HUGE_MAX (32 * MIB)

static uint64_t page_size(void)
{
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

/* What one entry of the table above the last maps, with 8-byte entries. */
static uint64_t huge_size(uint64_t page)
{
	return page * (page / 8);
}

static int out_of_memory(uint64_t size, struct err *err)
{
	if (size % MIB == 0)
		return err_sys(err, "%" PRIu64 " MiB of guest memory",
			       size / MIB);
	return err_sys(err, "0x%" PRIx64 " bytes of guest memory", size);
}

/*
 * How far behind @base the region goes: the first place after a guard page that
 * is @gpa modulo @block.
 */
static size_t place(const void *base, uint64_t page, gpa_t gpa, uint64_t block)
{
	const uint64_t first = (uintptr_t)base + page;

	return (size_t)(page + ((gpa - first) & (block - 1)));
}

/* What the kernel refuses of these is speed, or a smaller core, not memory. */
static void advise(const struct backing *b, uint64_t page, unsigned flags)
{
	const uint64_t huge = huge_size(page);

	if (huge <= HUGE_MAX && b->size >= huge)
		(void)madvise(b->host, (size_t)b->size, MADV_HUGEPAGE);
	if (flags & BACKING_NO_DUMP)
		(void)madvise(b->host, (size_t)b->size, MADV_DONTDUMP);
}

int backing_init(struct backing *ret, struct range gpa, uint64_t block,
		 unsigned flags, struct err *err)
{
	const uint64_t page = page_size();
	struct backing b = { .size = gpa.size };
	uint64_t total;
	void *base;

	assert(is_pow2(block) && block >= page);
	if (!range_valid(gpa) || !is_aligned(gpa.start | gpa.size, page))
		return err_set(err, -EINVAL,
			       "0x%" PRIx64 " bytes at 0x%" PRIx64
			       " are not whole pages of 0x%" PRIx64,
			       gpa.size, gpa.start, page);
	while (block > page && block > gpa.size)
		block /= 2;

	if (__builtin_add_overflow(gpa.size, block + page, &total) ||
	    total > PTRDIFF_MAX) {
		errno = ENOMEM;
		return out_of_memory(gpa.size, err);
	}
	base = mmap(NULL, (size_t)total, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return out_of_memory(gpa.size, err);
	b.reserved = base;
	b.reserved_size = (size_t)total;
	b.host = (uint8_t *)base + place(base, page, gpa.start, block);

	if (mprotect(b.host, (size_t)b.size, PROT_READ | PROT_WRITE) < 0) {
		(void)out_of_memory(gpa.size, err);
		backing_finish(&b);
		return err->code;
	}
	advise(&b, page, flags);
	*ret = b;
	return 0;
}

void backing_finish(struct backing *backing)
{
	if (backing->reserved)
		(void)munmap(backing->reserved, backing->reserved_size);
	*backing = (struct backing){ 0 };
}
