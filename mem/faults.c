/* mem/faults.c - memory whose missing pages somebody else puts in place. */
#include "mem/faults.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

#define DEVICE "/dev/userfaultfd"

/* Older headers lack it. Source: Linux 6.1, linux/userfaultfd.h */
#ifndef USERFAULTFD_IOC_NEW
#define USERFAULTFD_IOC_NEW _IO(0xAA, 0x00)
#endif

static int explain_no_faults(struct err *err)
{
	if (errno == EPERM || errno == EACCES)
		return err_set(err, -errno,
			       "this user may not serve the page faults of KVM "
			       "(userfaultfd): grant access to " DEVICE
			       ", or CAP_SYS_PTRACE, or set the sysctl "
			       "vm.unprivileged_userfaultfd to 1");
	if (errno == ENOSYS)
		return err_set(err, -ENOTSUP,
			       "this host's kernel has no userfaultfd "
			       "(CONFIG_USERFAULTFD)");
	return err_sys(err, "userfaultfd");
}

/* The device's permissions are a file's; the system call wants a privilege. */
int faults_open(struct err *err)
{
	const int flags = O_CLOEXEC | O_NONBLOCK;
	struct uffdio_api api = { .api = UFFD_API };
	_cleanup_(fd_closep) int device = open(DEVICE, O_RDWR | O_CLOEXEC);
	_cleanup_(fd_closep) int fd = -1;

	if (device >= 0)
		fd = ioctl(device, USERFAULTFD_IOC_NEW, flags);
	if (fd < 0)
		fd = (int)syscall(SYS_userfaultfd, flags);
	if (fd < 0)
		return explain_no_faults(err);
	if (ioctl(fd, UFFDIO_API, &api) < 0)
		return err_sys(err, "userfaultfd: UFFDIO_API");
	return TAKE_FD(fd);
}

int faults_catch(int fd, void *host, uint64_t size, struct err *err)
{
	struct uffdio_register arg = {
		.range = { .start = (uintptr_t)host, .len = size },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};

	if (ioctl(fd, UFFDIO_REGISTER, &arg) < 0)
		return err_sys(err, "userfaultfd: 0x%" PRIx64 " bytes", size);
	return 0;
}

void faults_release(int fd, void *host, uint64_t size)
{
	struct uffdio_range range = { .start = (uintptr_t)host, .len = size };

	(void)ioctl(fd, UFFDIO_UNREGISTER, &range);
}

static void wake_page(int fd, uint64_t start, uint64_t page)
{
	struct uffdio_range range = { .start = start, .len = page };

	(void)ioctl(fd, UFFDIO_WAKE, &range);
}

int faults_put(int fd, uint8_t *host, const uint8_t *from, uint64_t size,
	       uint64_t page, struct err *err)
{
	while (size > 0) {
		struct uffdio_copy copy = { .dst = (uintptr_t)host,
					    .src = (uintptr_t)from,
					    .len = size };
		uint64_t put = size;

		if (ioctl(fd, UFFDIO_COPY, &copy) < 0) {
			if (copy.copy > 0)
				put = (uint64_t)copy.copy;
			else if (errno == EAGAIN)
				put = 0;
			else if (errno == EEXIST || errno == ENOENT)
				put = page;
			else
				return err_sys(err, "userfaultfd: UFFDIO_COPY");
			if (put == page)
				wake_page(fd, copy.dst, page);
		}
		host += put;
		from += put;
		size -= put;
	}
	return 0;
}

void faults_put_zero(int fd, uint64_t host, uint64_t page)
{
	struct uffdio_zeropage zero;

	do {
		zero = (struct uffdio_zeropage){ .range = { .start = host,
							    .len = page } };
		if (ioctl(fd, UFFDIO_ZEROPAGE, &zero) == 0)
			return;
	} while (errno == EAGAIN);
	/* It is there, or its memory is as any other. */
	wake_page(fd, host, page);
}
