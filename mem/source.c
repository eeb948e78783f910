/* mem/source.c - the memfd or file that a region's memory comes from. */
#include "mem/source.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/size.h"
#include "mem/advise.h"
#include "mem/host.h"
#include "mem/shortage.h"

/* Since Linux 6.3; the headers may be older. Source: linux/memfd.h */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

#define MODE 0600 /* of a file that is made: a guest's memory is its own */

static int set_source_size(int fd, uint64_t size, struct err *err)
{
	if (size > INT64_MAX)
		errno = EFBIG;
	else if (ftruncate(fd, (off_t)size) == 0)
		return 0;
	return err_sys(err, "0x%" PRIx64 " bytes", size);
}

static int create_memfd(unsigned flags)
{
	const unsigned common = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create("guest memory", common | flags | MFD_NOEXEC_SEAL);

	/* Linux 6.3 has the flag, and warns where it is missing. */
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("guest memory", common | flags);
	return fd;
}

static int open_memfd(const struct mem_policy *policy, uint64_t size,
		      int *ret_fd, struct err *err)
{
	_cleanup_(fd_closep) int fd = -1;
	unsigned flags = 0;

	if (policy->huge == MEM_HUGE_TLB)
		flags = MFD_HUGETLB |
			(unsigned)__builtin_ctzll(policy->huge_size)
				<< MFD_HUGE_SHIFT;
	fd = create_memfd(flags);
	if (fd < 0)
		return err_sys(err, "memfd_create");
	if (set_source_size(fd, size, err) < 0)
		return err_wrap(err, "memfd");
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) <
	    0)
		return err_sys(err, "memfd: seals");
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* Adapts @policy to a file system of huge pages. */
static int adopt_pages(struct mem_policy *policy, int fd, struct err *err)
{
	char page[SIZE_TEXT];
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return err_sys(err, "%s: file system", policy->path);
	if ((unsigned long)fs.f_type != HUGETLBFS_MAGIC) {
		if (policy->huge != MEM_HUGE_TLB)
			return 0;
		return err_input(err, -EINVAL,
				 "huge=%s does not go with %s, which is not on "
				 "a hugetlbfs",
				 size_format(page, policy->huge_size),
				 policy->path);
	}
	(void)size_format(page, (uint64_t)fs.f_bsize);
	if (policy->huge != MEM_HUGE_AUTO &&
	    policy->huge_size != (uint64_t)fs.f_bsize)
		return err_input(err, -EINVAL,
				 "%s is on a hugetlbfs of %s pages; huge= says "
				 "something else",
				 policy->path, page);
	if (policy->merge)
		return err_input(err, -EINVAL,
				 "merge=on does not go with %s, which is on a "
				 "hugetlbfs",
				 policy->path);
	if (policy->overcommit)
		return err_input(err, -EINVAL,
				 "reserve=off does not go with %s, which is on "
				 "a hugetlbfs: a page that is missing later "
				 "would end the guest",
				 policy->path);
	policy->huge = MEM_HUGE_TLB;
	policy->huge_size = (uint64_t)fs.f_bsize;
	policy->reserve = true;
	return 0;
}

static int make_file(const char *path, uint64_t size, struct file *ret,
		     struct err *err)
{
	_cleanup_(fd_closep) int fd = open(
		path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, MODE);

	if (fd < 0)
		return err_sys(err, "%s", path);
	if (set_source_size(fd, size, err) < 0) {
		(void)unlink(path);
		return err_wrap(err, "%s", path);
	}
	*ret = (struct file){ .fd = TAKE_FD(fd), .size = size };
	return 0;
}

/* Sets *ret_made if the file is new. */
static int open_or_make(const struct mem_policy *policy, uint64_t size,
			struct file *ret, bool *ret_made, struct err *err)
{
	int r = file_open(ret, policy->path, policy->share ? O_RDWR : O_RDONLY,
			  FILE_REGULAR, err);

	if (r != -ENOENT)
		return r;
	if (!policy->share)
		return err_input(err, r,
				 "%s: does not exist, and with share=off "
				 "nothing would ever fill it",
				 policy->path);
	r = make_file(policy->path, size, ret, err);
	if (r == 0)
		*ret_made = true;
	return r;
}

static int check_source_size(const char *path, uint64_t has, uint64_t size,
			     struct err *err)
{
	char is[SIZE_TEXT];
	char want[SIZE_TEXT];

	if (has == size)
		return 0;
	return err_input(err, -EINVAL,
			 "%s: its size is %s, that of the memory %s", path,
			 size_format(is, has), size_format(want, size));
}

static int allocate_source(const struct mem_policy *policy, int fd,
			   uint64_t size, struct err *err)
{
	int r;

	/* A pool promises pages itself; private pages are not in the file. */
	if (!policy->reserve || !policy->share || policy->huge == MEM_HUGE_TLB)
		return 0;
	r = shortage_check("reserve=on", shortage_of_file(fd, size), err);
	if (r < 0)
		return r;
	r = mem_allocate(fd, 0, 0, size);
	if (r == 0)
		return 0;
	errno = -r;
	return err_sys(err, "reserve=on: %s", policy->path);
}

static int open_source_file(struct mem_policy *policy, uint64_t size,
			    int *ret_fd, bool *ret_made, struct err *err)
{
	_cleanup_(fd_closep) int fd = -1;
	struct file file = { .fd = -1 };
	bool made = false;
	int r;

	r = open_or_make(policy, size, &file, &made, err);
	if (r < 0)
		return r;
	fd = file.fd;
	r = file_lock(fd, policy->path, policy->share, err);
	if (r == 0)
		r = check_source_size(policy->path, file.size, size, err);
	if (r == 0)
		r = adopt_pages(policy, fd, err);
	if (r == 0)
		r = allocate_source(policy, fd, size, err);
	if (r < 0) {
		if (made)
			(void)unlink(policy->path);
		return r;
	}
	*ret_fd = TAKE_FD(fd);
	*ret_made = made;
	return 0;
}

int source_open(struct mem_policy *policy, uint64_t size, int *ret_fd,
		bool *ret_made, struct err *err)
{
	int r = 0;

	*ret_made = false;
	if (policy->huge == MEM_HUGE_TLB)
		r = host_check_huge(HOST_SYSFS, policy->huge_size, err);
	if (policy->huge == MEM_HUGE_THP)
		r = host_check_thp(HOST_SYSFS, policy->source == MEM_MEMFD,
				   err);
	if (r < 0)
		return r;
	if (policy->source == MEM_MEMFD)
		return open_memfd(policy, size, ret_fd, err);
	if (policy->source == MEM_FILE) {
		r = open_source_file(policy, size, ret_fd, ret_made, err);
		return r < 0 ? err_wrap(err, "backing") : 0;
	}
	*ret_fd = -1;
	return 0;
}
