/* mem/backing.c - the host memory of a region. */
#include "mem/backing.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/mempolicy.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/align.h"
#include "base/log.h"
#include "base/size.h"
#include "mem/host.h"
#include "mem/source.h"

#define MIB ((uint64_t)1024 * 1024)

static uint64_t page_size(void)
{
	return (uint64_t)sysconf(_SC_PAGESIZE);
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
static size_t place_in_space(const void *base, uint64_t page, gpa_t gpa,
			     uint64_t block)
{
	const uint64_t first = (uintptr_t)base + page;

	return (size_t)(page + ((gpa - first) & (block - 1)));
}

/* Takes a piece of address space that cannot be touched, for the region and
 * what surrounds it. Sets b->host. */
static int reserve_space(struct backing *b, gpa_t gpa, uint64_t block,
			 struct err *err)
{
	const uint64_t page = page_size();
	uint64_t total;
	void *base;

	while (block > page && block > b->size)
		block /= 2;
	if (__builtin_add_overflow(b->size, block + page, &total) ||
	    total > PTRDIFF_MAX) {
		errno = ENOMEM;
		return out_of_memory(b->size, err);
	}
	base = mmap(NULL, (size_t)total, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return out_of_memory(b->size, err);
	b->reserved = base;
	b->reserved_size = (size_t)total;
	b->host = (uint8_t *)base + place_in_space(base, page, gpa, block);
	return 0;
}

/* Puts memory where reserve_space() has made room. */
static int map_backing(struct backing *b, struct err *err)
{
	const struct mem_policy *policy = &b->policy;
	int flags = MAP_FIXED;

	if (b->fd < 0 && !policy->reserve) {
		if (mprotect(b->host, (size_t)b->size, PROT_READ | PROT_WRITE) <
		    0)
			return out_of_memory(b->size, err);
		return 0;
	}
	flags |= policy->share ? MAP_SHARED : MAP_PRIVATE;
	if (b->fd < 0)
		flags |= MAP_ANONYMOUS;
	if (!policy->reserve)
		flags |= MAP_NORESERVE;
	if (mmap(b->host, (size_t)b->size, PROT_READ | PROT_WRITE, flags, b->fd,
		 0) != MAP_FAILED)
		return 0;
	if (policy->huge == MEM_HUGE_TLB && errno == ENOMEM)
		return host_huge_shortage(HOST_SYSFS, policy->huge_size,
					  b->size, err);
	(void)out_of_memory(b->size, err);
	return policy->reserve ? err_wrap(err, "reserve=on") : err->code;
}

static int bind_node(const struct backing *b, struct err *err)
{
	const unsigned bits = 8 * sizeof(unsigned long);
	unsigned long nodes[MEM_MAX_NODES / 8 / sizeof(unsigned long)] = { 0 };
	const unsigned node = b->policy.node;

	if (!b->policy.bind)
		return 0;
	nodes[node / bits] = 1UL << node % bits;
	/* The kernel takes one bit less than it is told of. */
	if (syscall(SYS_mbind, b->host, (size_t)b->size, MPOL_BIND, nodes,
		    MEM_MAX_NODES + 1UL, 0U) < 0)
		return err_sys(err, "node=%u", node);
	return 0;
}

/* Without the user's wish, a refusal by the kernel costs only speed. */
static int choose_pages(const struct backing *b, struct err *err)
{
	const uint64_t huge = backing_huge_size(page_size());
	const size_t size = (size_t)b->size;

	switch (b->policy.huge) {
	case MEM_HUGE_AUTO:
		if (b->policy.source != MEM_FILE && huge <= BACKING_HUGE_MAX &&
		    b->size >= huge)
			(void)madvise(b->host, size, MADV_HUGEPAGE);
		return 0;
	case MEM_HUGE_OFF:
		(void)madvise(b->host, size, MADV_NOHUGEPAGE);
		return 0;
	case MEM_HUGE_THP:
		if (madvise(b->host, size, MADV_HUGEPAGE) < 0)
			return err_sys(err, "huge=thp");
		return 0;
	default:
		return 0;
	}
}

static int advise_merge(const struct backing *b, struct err *err)
{
	if (!b->policy.merge)
		return 0;
	if (madvise(b->host, (size_t)b->size, MADV_MERGEABLE) < 0)
		return err_set(err, -ENOTSUP,
			       "merge=on: this host's kernel does not merge "
			       "pages (CONFIG_KSM)");
	return 0;
}

static int lock_backing(const struct backing *b, struct err *err)
{
	struct rlimit limit = { 0 };
	char text[SIZE_TEXT];

	/* A pool's pages are never swapped out. */
	if (!b->policy.lock || b->policy.huge == MEM_HUGE_TLB)
		return 0;
	if (mlock2(b->host, (size_t)b->size, MLOCK_ONFAULT) == 0)
		return 0;
	(void)getrlimit(RLIMIT_MEMLOCK, &limit);
	if ((errno != ENOMEM && errno != EPERM) || limit.rlim_cur >= b->size)
		return err_sys(err, "lock=on");
	return err_set(err, -errno,
		       "lock=on: the limit of locked memory is %s; raise it "
		       "(ulimit -l, LimitMEMLOCK=) or grant CAP_IPC_LOCK",
		       size_format(text, limit.rlim_cur));
}

static int apply_backing_policy(const struct backing *b, struct err *err)
{
	int r = bind_node(b, err);

	if (r == 0)
		r = choose_pages(b, err);
	if (r == 0)
		r = advise_merge(b, err);
	if (r == 0)
		r = lock_backing(b, err);
	if (r == 0 && !b->policy.dump)
		(void)madvise(b->host, (size_t)b->size, MADV_DONTDUMP);
	return r;
}

/* What a policy needs of the host, as far as that is known before. */
static int check_backing_host(const struct mem_policy *policy, struct err *err)
{
	return policy->bind ? host_check_node(HOST_SYSFS, policy->node, err)
			    : 0;
}

static void warn_of_policy(const struct mem_policy *policy)
{
	if (policy->merge && !host_ksm_runs(HOST_SYSFS))
		log_warn("merge=on does nothing yet: /sys/kernel/mm/ksm/run is "
			 "not 1");
}

static int init_backing(struct backing *b, gpa_t gpa, uint64_t block,
			bool *made, struct err *err)
{
	int r = source_open(&b->policy, b->size, &b->fd, made, err);

	if (r < 0)
		return r;
	if (b->policy.huge == MEM_HUGE_TLB)
		b->page = b->policy.huge_size;
	if (b->page > block)
		block = b->page;
	/* The word may not have said what the file's pages are. */
	r = mem_policy_fits(&b->policy, (struct range){ gpa, b->size }, true,
			    err);
	if (r == 0)
		r = reserve_space(b, gpa, block, err);
	if (r == 0)
		r = map_backing(b, err);
	if (r == 0)
		r = check_backing_host(&b->policy, err);
	if (r == 0)
		r = apply_backing_policy(b, err);
	if (r == 0)
		warn_of_policy(&b->policy);
	return r;
}

static int check_backing_pages(struct range gpa, uint64_t page, struct err *err)
{
	if (range_valid(gpa) && is_aligned(gpa.start | gpa.size, page))
		return 0;
	return err_set(err, -EINVAL,
		       "0x%" PRIx64 " bytes at 0x%" PRIx64
		       " are not whole pages of 0x%" PRIx64,
		       gpa.size, gpa.start, page);
}

int backing_init(struct backing *ret, struct range gpa, uint64_t block,
		 const struct mem_policy *policy, struct err *err)
{
	const uint64_t page = page_size();
	struct backing b = { .size = gpa.size, .page = page, .fd = -1 };
	bool made = false;
	int r;

	assert(is_pow2(block) && block >= page);
	if (policy)
		b.policy = *policy;
	r = check_backing_pages(gpa, page, err);
	if (r < 0)
		return r;
	r = init_backing(&b, gpa.start, block, &made, err);
	if (r == 0) {
		*ret = b;
		return 0;
	}
	if (made)
		(void)unlink(b.policy.path);
	backing_finish(&b);
	return r;
}

static int map_file(struct backing *b, gpa_t gpa, uint64_t block, int fd,
		    struct err *err)
{
	int r;

	b->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (b->fd < 0)
		return err_sys(err, "%s", b->policy.path);
	r = reserve_space(b, gpa, block, err);
	if (r < 0)
		return r;
	if (mmap(b->host, (size_t)b->size, PROT_READ, MAP_SHARED | MAP_FIXED,
		 fd, 0) == MAP_FAILED)
		return err_sys(err, "%s: mmap", b->policy.path);
	return 0;
}

int backing_init_file(struct backing *ret, struct range gpa, uint64_t block,
		      int fd, const char *path, struct err *err)
{
	const uint64_t page = page_size();
	struct backing b = {
		.size = gpa.size,
		.page = page,
		.policy = { .source = MEM_FILE, .path = path, .share = true },
		.fd = -1
	};
	int r = check_backing_pages(gpa, page, err);

	assert(is_pow2(block) && block >= page);
	if (r == 0)
		r = map_file(&b, gpa.start, block, fd, err);
	if (r < 0)
		backing_finish(&b);
	else
		*ret = b;
	return r;
}

int backing_advise(const struct backing *backing, uint64_t offset,
		   uint64_t size, struct err *err)
{
	struct backing part = *backing;

	assert(offset <= backing->size && size <= backing->size - offset);
	part.host += offset;
	part.size = size;
	return apply_backing_policy(&part, err);
}

int backing_renew(const struct backing *backing, uint64_t offset, uint64_t size,
		  struct err *err)
{
	const int flags = backing->policy.reserve ? 0 : MAP_NORESERVE;

	assert(is_aligned(offset | size, backing->page));
	assert(offset <= backing->size && size <= backing->size - offset);
	if (mmap(backing->host + offset, (size_t)size, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | flags, -1,
		 0) == MAP_FAILED)
		return out_of_memory(size, err);
	return backing_advise(backing, offset, size, err);
}

void backing_finish(struct backing *backing)
{
	/* A zeroed one has descriptor 0, which is not its own. */
	if (backing->reserved)
		(void)munmap(backing->reserved, backing->reserved_size);
	if (backing->page && backing->fd >= 0)
		(void)close(backing->fd);
	*backing = (struct backing){ 0 };
}
