/* mem/unwritten.c - which pages of host memory were not written for a while. */
#include "mem/unwritten.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "mem/pagemap_scan.h"

/* Older headers lack these. */
#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif
#define WP_HUGETLBFS_SHMEM (UINT64_C(1) << 12)
#define WP_ASYNC (UINT64_C(1) << 15)

/*
 * A vCPU's write faults in the kernel, and a userfaultfd for user mode may not
 * receive such faults. With WP_ASYNC none is delivered, so this suffices and
 * takes no privilege.
 */
static int open_uffd(struct err *err)
{
	struct uffdio_api api = { .api = UFFD_API,
				  .features = WP_ASYNC | WP_HUGETLBFS_SHMEM };
	_cleanup_(fd_closep) int fd = (int)syscall(
		SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);

	if (fd < 0 && errno != ENOSYS && errno != EINVAL)
		return err_sys(err, "userfaultfd");
	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) < 0)
		return err_set(err, -ENOTSUP,
			       "this host's kernel does not tell which pages "
			       "are written (CONFIG_USERFAULTFD, Linux 6.7; "
			       "arm64: 6.10)");
	return TAKE_FD(fd);
}

int unwritten_open(struct unwritten *ret, struct err *err)
{
	_cleanup_(fd_closep) int map = open(PAGEMAP, O_RDONLY | O_CLOEXEC);
	int uffd;

	if (map < 0)
		return err_sys(err, PAGEMAP);
	if (!pagemap_scans(map))
		return err_set(err, -ENOTSUP,
			       "this host's kernel has no PAGEMAP_SCAN "
			       "(Linux 6.7)");
	uffd = open_uffd(err);
	if (uffd < 0)
		return uffd;
	*ret = (struct unwritten){ .pagemap = TAKE_FD(map), .uffd = uffd };
	return 0;
}

void unwritten_close(struct unwritten *u)
{
	fd_closep(&u->pagemap);
	fd_closep(&u->uffd);
	u->pagemap = u->uffd = -1;
}

int unwritten_watch(const struct unwritten *u, uintptr_t host, uint64_t size,
		    struct err *err)
{
	struct uffdio_register arg = {
		.range = { .start = host, .len = size },
		.mode = UFFDIO_REGISTER_MODE_WP,
	};

	if (ioctl(u->uffd, UFFDIO_REGISTER, &arg) == 0)
		return 0;
	if (errno == EBUSY)
		return err_set(err, -EBUSY,
			       "memory is still fetched from the snapshot");
	return err_sys(err, "userfaultfd: 0x%" PRIxPTR, host);
}

/* A scan that is not told what for would mark holes as well, in tables. */
static void ignore_region(void *ctx, const struct scan_region *region)
{
	(void)ctx;
	(void)region;
}

int unwritten_mark(const struct unwritten *u, uintptr_t host, uint64_t size,
		   struct err *err)
{
	/* Not the zero page: nothing is gained by its going. */
	const struct scan_arg arg = {
		.flags = SCAN_WP_MATCHING | SCAN_CHECK_WPASYNC,
		.start = host,
		.end = host + size,
		.category_inverted = IS_ZERO,
		.category_mask = IS_PRESENT | IS_WRITTEN | IS_ZERO,
		.return_mask = IS_PRESENT,
	};

	return pagemap_scan(u->pagemap, &arg, ignore_region, NULL, err);
}

struct finder {
	void (*found)(void *ctx, uintptr_t host, uint64_t size);
	void *ctx;
};

static void pass_region(void *ctx, const struct scan_region *region)
{
	const struct finder *finder = ctx;

	finder->found(finder->ctx, (uintptr_t)region->start,
		      region->end - region->start);
}

int unwritten_find(const struct unwritten *u, uintptr_t host, uint64_t size,
		   void (*found)(void *ctx, uintptr_t host, uint64_t size),
		   void *ctx, struct err *err)
{
	const struct scan_arg arg = {
		.flags = SCAN_CHECK_WPASYNC,
		.start = host,
		.end = host + size,
		.category_inverted = IS_WRITTEN | IS_ZERO,
		.category_mask = IS_PRESENT | IS_WRITTEN | IS_ZERO,
		.return_mask = IS_PRESENT,
	};

	struct finder finder = { found, ctx };

	return pagemap_scan(u->pagemap, &arg, pass_region, &finder, err);
}
