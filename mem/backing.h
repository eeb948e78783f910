/*
 * mem/backing.h - the host memory of a region.
 *
 * By default anonymous and private; zero; populated when it is touched, so that
 * its size costs neither time nor memory until then; not counted against the
 * host's overcommit limit where the host lets it choose. A policy changes any
 * of that. A page that cannot be touched lies on either side, so an overrun of
 * ours ends in a fault.
 */
#ifndef MEM_BACKING_H
#define MEM_BACKING_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/range.h"
#include "mem/policy.h"

struct mem_fill;

struct backing {
	uint8_t *host; /* the region's first byte; NULL: none */
	uint64_t size; /* in bytes */
	uint64_t page; /* what comes and goes as a whole, in bytes: the host's
			  page, or the huge page of a pool */
	struct mem_policy policy; /* as it is carried out; its path is borrowed
				   */
	int fd; /* owned: memfd or file, @host is at its offset 0; -1: none */
	struct mem_fill *fill; /* borrowed; what pages hold that nobody has
				  touched; NULL: zeroes, or a file's content */
	void *reserved; /* the mapping, with what surrounds the region */
	size_t reserved_size;
};

/* Where the kernel is not told which pages to use, it is not asked for larger
 * ones: to zero one for its first byte costs more than its table saves. */
#define BACKING_HUGE_MAX ((uint64_t)32 << 20)

/* A transparent huge page, where the host's are @page: what one entry of the
 * table above the last maps, with entries of 8 bytes. */
static inline uint64_t backing_huge_size(uint64_t page)
{
	return page * (page / 8);
}

/*
 * Makes host memory for the guest's @gpa.
 *
 * @gpa:    start and size are multiples of the host's page
 * @block:  the largest block, in bytes, that a stage 2 (or nested) page table
 *          here can map at once; a power of two, at least the host's page
 * @policy: NULL: the default; its path outlives @ret
 *
 * Host and guest address are equal modulo @block and modulo the policy's huge
 * page (or, in a region that is smaller, modulo the largest power of two that
 * fits in it), so that such a block of the one is a block of the other. Where a
 * transparent huge page is at most 32 MiB and fits, the kernel is asked for
 * them, unless the policy says otherwise.
 *
 * - A memfd is sealed: no holder of the descriptor can change its size.
 * - A shared file is made, of @gpa's size and without content, if it does not
 *   exist, and locked against others; a private one must exist, and is locked
 *   against writers. An existing file must have @gpa's size. A file made here
 *   is removed again on failure.
 * - policy->reserve: anonymous memory counts against the overcommit limit, huge
 *   pages are promised from their pool, a file's blocks are allocated.
 * - policy->lock: touched pages stay (MLOCK_ONFAULT); of policy->prealloc that
 *   is all of them. MADV_DONTNEED then needs MADV_DONTNEED_LOCKED.
 * - policy->prealloc is carried out by mem/populate.h, later.
 *
 * Returns 0 or, with @err naming the policy's word: -EINVAL if @gpa is empty,
 * wraps, or is not aligned, or the file is of another size or kind; -ENOMEM if
 * the host's address space, its limits (ulimit -v, ulimit -l, overcommit) or
 * its pool of huge pages do not allow it; -ENOSPC if the file system is full;
 * -EBUSY if the file is in use; -ENOTSUP or -ENODEV if the host lacks what the
 * policy asks for, with what it has; or the errno of the system call that
 * failed. Thread: any.
 */
int backing_init(struct backing *ret, struct range gpa, uint64_t block,
		 const struct mem_policy *policy, struct err *err);

/*
 * Maps an open file as the memory of the guest's @gpa, read-only. Later writes
 * to the file are visible. Placed as backing_init() places memory.
 *
 * @fd:   a file of @gpa's size; borrowed for the call
 * @path: its name, for messages; outlives @ret
 *
 * Returns 0, or -EINVAL, -ENOMEM, -EMFILE or -ENODEV as backing_init() does.
 * Thread: any.
 */
int backing_init_file(struct backing *ret, struct range gpa, uint64_t block,
		      int fd, const char *path, struct err *err);

/*
 * Puts new memory that is private and zero in the place of a part, by the
 * backing's policy.
 *
 * @offset, @size: in bytes; whole pages, in the backing
 *
 * Returns 0; -ENOMEM if the process has as many mappings as it may
 * (vm.max_map_count); or what backing_init() returns for the policy. Thread:
 * any.
 */
int backing_renew(const struct backing *backing, uint64_t offset, uint64_t size,
		  struct err *err);

/* Applies the policy to a part that was mapped anew. The same otherwise. */
int backing_advise(const struct backing *backing, uint64_t offset,
		   uint64_t size, struct err *err);

/* Gives the memory back. Nothing may use it any more. Zeroed is fine. */
void backing_finish(struct backing *backing);

#endif
